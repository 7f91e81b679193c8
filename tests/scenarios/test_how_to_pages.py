"""What the how-to pages and the reference print of the bridge's commands is what they answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.scenarios.transcript import ROOT
from tests.scenarios.vocabulary import Outage, Page, logged
from tests.servers import Alertmanager, Bridge, Sandbox, eventually, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenarios.transcript import Transcript

ACCOUNT, CONFIGURATION, _ = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "tutorial" / "first-outage.md").read_text(), re.DOTALL
)
QUICK = re.sub(r"publish_after: \w+", "publish_after: 1s", CONFIGURATION) + 'people: {look_every: "1s"}\n'


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The account of the tutorial."""
    (tmp_path / "account.yaml").write_text(ACCOUNT)
    with Sandbox(tmp_path / "sandbox", account=tmp_path / "account.yaml") as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of the tutorial, but for a shorter wait, and a look each second."""
    path = tmp_path / "bridge.yaml"
    path.write_text(QUICK)
    return path


@pytest.fixture
def typed(bridge: Bridge, config: Path, transcript: Callable[..., Transcript]) -> Transcript:
    """Types as a person who asks this bridge."""
    environment = {**bridge.environment(), "BRIDGE_URL": bridge.url, "TOKEN": bridge.alertmanager_token}
    replaced = {
        "bridge.yaml": str(config),
        "http://127.0.0.1:8080": bridge.url,
        "http://checkly-bridge:8080": bridge.url,
    }
    return transcript({**environment, "PID": str(bridge.pid)}, replaced)


@pytest.mark.needs("alertmanager")
@pytest.mark.needs("amtool")
class TestAlertmanager:
    """The how-to on connecting Alertmanager."""

    PAGE = "how-to/alertmanager.md"

    @pytest.fixture
    def alertmanager(self, tmp_path: Path, bridge: Bridge) -> Iterator[Alertmanager]:
        with Alertmanager(tmp_path / "am", webhook=bridge.webhook, token=bridge.alertmanager_token) as server:
            yield server

    @pytest.fixture
    def typed(self, tmp_path: Path, typed: Transcript, alertmanager: Alertmanager) -> Transcript:
        (tmp_path / "typed" / "amtool").write_text(
            f'#!/bin/sh\nexec {programs.require("amtool")} --alertmanager.url={alertmanager.url} "$@"\n'
        )
        (tmp_path / "typed" / "amtool").chmod(0o755)
        return typed

    @pytest.mark.types(PAGE, "Try it")
    def test_a_try(self, config: Path, tmp_path: Path, typed: Transcript):
        errors = {"alertname": "HighErrorRate", "region": "eu-west-1", "service": "checkout", "severity": "critical"}
        full = {"alertname": "DiskFull", "service": "warehouse", "severity": "warning"}
        body = {
            "version": "4",
            "receiver": "checkly-bridge",
            "alerts": [
                {"status": "firing", "labels": errors, "fingerprint": "91cb8d0acfaff32e"},
                {"status": "firing", "labels": full, "fingerprint": "5a3c0ffee0ddba11"},
            ],
        }
        (tmp_path / "typed" / "payload.json").write_bytes(httpx.Request("POST", "http://x", json=body).read())
        config.write_text(CONFIGURATION)
        typed.goes_on(3)

    @pytest.mark.types(PAGE, "What Alertmanager does not report")
    def test_a_silence(self, alertmanager: Alertmanager, page: Page, typed: Transcript):
        slow = {"alertname": "Slow", "service": "payments", "region": "us-east-1", "severity": "warning"}
        alertmanager.post({"labels": slow})
        page.shows(status="INVESTIGATING")
        matchers = [{"name": "alertname", "value": "Slow", "isRegex": False, "isEqual": True}]
        silence = {
            "matchers": matchers,
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "a person",
            "comment": "quiet",
        }
        httpx.post(f"{alertmanager.url}/api/v2/silences", json=silence).raise_for_status()
        alertmanager.post({"labels": slow, "endsAt": "2026-01-01T00:00:00Z"})
        typed.goes_on(4)


class TestOperate:
    """The how-to on operating the bridge."""

    PAGE = "how-to/operate.md"

    @pytest.mark.types(PAGE, "What it lacks at the start")
    def test_a_strict_start(self, config: Path, typed: Transcript):
        config.write_text(f"{QUICK}pagerduty: {{open_on: acknowledged}}\n")
        typed.goes_on(code=1)

    @pytest.mark.types(PAGE, "Redis")
    def test_a_second_bridge_on_the_files_of_the_first(
        self, tmp_path: Path, config: Path, start_bridge: Any, transcript: Any
    ):
        first = start_bridge(redis_url=None)
        at = first.directory / "data"
        (tmp_path / "typed" / "data").symlink_to(at)
        environment = {**first.environment(), "ALERTMANAGER_TOKENS": "x"}
        typed = transcript(environment, {"bridge.yaml": str(config), "/srv/bridge/data": str(at)})
        for _ in range(3):
            typed.skips()
        typed.goes_on(code=1)

    @pytest.mark.types(PAGE, "Changing the configuration")
    def test_a_reload(self, bridge: Bridge, config: Path, typed: Transcript):
        config.write_text(config.read_text().replace("MINOR", "MEDIUM"))
        typed.goes_on(2)
        logged(bridge, "config_loaded", times=2)

    @pytest.mark.types(PAGE, "An audit")
    def test_an_export(self, bridge: Bridge, tmp_path: Path, typed: Transcript):
        outage = Outage(bridge)
        outage.fires()
        eventually(lambda: bridge.incidents()["incidents"][0]["phase"] == "INVESTIGATING", "an outage")
        typed.goes_on()
        assert len((tmp_path / "typed" / "outages.csv").read_text().splitlines()) == 2


class TestV3:
    """The how-to on moving to v3 pages: one outage of a page that moves."""

    PAGE = "how-to/v3.md"
    HEADINGS = ("Before", "Migrate the page", "Change the configuration", "What happens to open incidents")

    @pytest.mark.types(PAGE, *HEADINGS)
    def test_a_page_moves(self, bridge: Bridge, config: Path, page: Page, typed: Transcript):
        config.write_text(QUICK.replace("    group_by: [region]\n", ""))
        logged(bridge, "config_loaded", times=2)
        typed.goes_on()
        Outage(bridge).fires(severity="critical")
        page.shows(status="INVESTIGATING")
        page.sandbox.control("POST", "pages/acme/migrate", ids="new", incidents="copied")
        typed.goes_on(code=1)
        typed.goes_on()
        moved = config.read_text()
        for name in ("checkout", "payments"):
            moved = moved.replace(f"{name}: {name.title()}", f"{name}: {{page: acme, component: {name.title()}}}")
        config.write_text(moved)
        typed.goes_on(2)


@pytest.mark.types("reference/command-line.md", "Environment")
def test_wrong_variables(config: Path, transcript: Any):
    transcript({}, {"bridge.yaml": str(config)}).goes_on(code=2)
