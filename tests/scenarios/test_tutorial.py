"""The tutorial, typed from its first command to its last, with its own files and a real Alertmanager."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.scenarios.transcript import ROOT, all_steps
from tests.servers import eventually, free_ports, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.scenarios.transcript import Transcript

PAGE = "tutorial/first-outage.md"
TUTORIAL = (ROOT / "docs" / PAGE).read_text()
HEADINGS = dict.fromkeys(heading for heading, _ in all_steps(TUTORIAL))
FILES = dict(
    zip(
        ("account.yaml", "bridge.yaml", "alertmanager.yml"),
        re.findall(r"```yaml\n(.*?)```", TUTORIAL, re.DOTALL),
        strict=True,
    )
)
EXPORTED = dict(re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^    export (.*)$", TUTORIAL, re.MULTILINE))))
PROGRAMS = {"prometheus-alertmanager": "alertmanager", "amtool": "amtool"}


@pytest.fixture
def replaced() -> dict[str, str]:
    """Each of the tutorial's addresses, and the one that stands for it here."""
    return {
        f"127.0.0.1:{port}": f"127.0.0.1:{here}" for port, here in zip((8080, 8090, 9093), free_ports(3), strict=True)
    }


@pytest.fixture
def typed(tmp_path: Path, replaced: Mapping[str, str], transcript: Callable[..., Transcript]) -> Transcript:
    """Types in a folder with the tutorial's files, where no look is long in coming."""
    at = tmp_path / "typed"
    for name, program in PROGRAMS.items():
        (at / name).symlink_to(programs.require(program))
    exported = {name: replaced_in(value, replaced) for name, value in EXPORTED.items()}
    environment = {"BRIDGE_URL": f"http://{replaced['127.0.0.1:8080']}", "LOG_FORMAT": "text", **exported}
    for name, text in FILES.items():
        (at / name).write_text(replaced_in(text, replaced))
    return transcript(environment, replaced)


def replaced_in(text: str, replaced: Mapping[str, str]) -> str:
    for shown, here in replaced.items():
        text = text.replace(shown, here)
    return text


@pytest.mark.needs("alertmanager")
@pytest.mark.needs("amtool")
@pytest.mark.needs("jq")
@pytest.mark.types(PAGE, *HEADINGS)
def test_every_command_answers_as_it_is_printed(tmp_path: Path, replaced: Mapping[str, str], typed: Transcript):
    port, sandbox_port, _ = (each.partition(":")[2] for each in replaced.values())
    typed.goes_on()
    typed.starts("--port", sandbox_port)
    assert typed.here(EXPORTED["CHECKLY_ACCOUNT_ID"]) == EXPORTED["CHECKLY_ACCOUNT_ID"]
    typed.goes_on(2)
    config = tmp_path / "typed" / "bridge.yaml"
    config.write_text(config.read_text() + 'people: {look_every: "1s"}\n')
    typed.starts("--port", port)
    typed.starts()
    alertmanager = f"http://{replaced['127.0.0.1:9093']}/-/ready"
    eventually(lambda: httpx.get(alertmanager).is_success, "Alertmanager to be ready")
    typed.goes_on(12)
