"""What the README says under "Use it" works as it is typed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.servers import Sandbox
from tests.servers.process import Process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTION = README.partition("\n## Use it\n")[2].partition("\n## ")[0]
INSTALL, *COMMANDS = [
    re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .*\n)+", SECTION, re.MULTILINE)
]
SCRIPT = "\n".join(("set -eu", *COMMANDS))


class Typed(Process):
    """A person who types all of it, and leaves the last command running."""

    name = "readme"

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        super().__init__(directory)
        self._sandbox = sandbox

    def command(self) -> Sequence[str | Path]:
        account = {"CHECKLY_API_KEY": "sandbox", "CHECKLY_ACCOUNT_ID": self._sandbox.account_id}
        typed = re.sub(r"(?m)^(export (CHECKLY_\w+)=).*", lambda found: found[1] + account[found[2]], SCRIPT)
        return ["bash", "-c", typed.replace("bridge serve", "exec bridge serve").rstrip() + f" --port {self.port}"]

    def environment(self) -> Mapping[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "CHECKLY_API_URL": self._sandbox.url, "PYTHONPATH": str(ROOT)}

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz").is_success


def test_it_installs_from_the_clone_and_names_the_variables():
    assert "pip install '.[embedded]'" in INSTALL
    for name in ("CHECKLY_API_KEY", "CHECKLY_ACCOUNT_ID", "ALERTMANAGER_TOKENS", "ADMIN_TOKENS"):
        assert re.search(rf"^export .*\b{name}=", SCRIPT, re.MULTILINE)


def test_every_command_works_as_it_is_typed(tmp_path):
    with Sandbox(tmp_path / "sandbox", services=["Checkout"]) as sandbox, Typed(tmp_path / "typed", sandbox) as typed:
        assert "  checkout: Checkout  # shown on " in typed.output
        assert "bridge.yaml is valid: 2 routes, 1 service." in typed.output
        assert "Note:" not in typed.output
        assert "counts for incident" in typed.output
        token = re.search("ALERTMANAGER_TOKENS=([^ ]+)", SCRIPT)
        assert token
        answer = httpx.post(
            f"{typed.url}/webhooks/alertmanager",
            content=(tmp_path / "typed" / "payload.json").read_bytes(),
            headers={"Authorization": f"Bearer {token[1]}"},
        )
        assert answer.status_code == 202
