"""What the how-to for the night shows of the commands is what they answer, with the configuration that it prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.transcript import ROOT
from tests.scenarios.vocabulary import INCIDENTS, Page, alert, iso, logged, now_ms, payload
from tests.servers import Bridge, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.scenarios.transcript import Transcript

HOW_TO = "how-to/find-out-why.md"
TEXT = (ROOT / "docs" / HOW_TO).read_text()
(CONFIGURATION,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
EU_ID = "6MDQJYNPGN"
EU, US = "eu-west-1", "us-east-1"
ERRORS, DOWN, FULL = "91cb8d0acfaff32e", "c32b6c574b1f37b2", "5a3c0ffee0ddba11"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """As printed, but for no wait before an incident is public, and a look each second instead of each minute."""
    return write(tmp_path / "bridge.yaml", publish_after="0s")


def write(path: Path, **times: str) -> Path:
    """The configuration of the page with other times."""
    text = CONFIGURATION
    for key, value in times.items():
        text = re.sub(rf"\b{key}: \w+", f"{key}: {value}", text)
    path.write_text(text + 'people: {look_every: "1s"}\n')
    return path


class Shop:
    """The alerts of the examples, delivered to a bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._sent: dict[str, dict[str, Any]] = {}

    def fires(self, name: str, fingerprint: str, **labels: str) -> None:
        """One more alert fires."""
        sent = {**alert(alertname=name, **labels), "fingerprint": fingerprint}
        self._sent[fingerprint] = sent
        self._deliver(sent)

    def ends(self, fingerprint: str) -> None:
        """It is over."""
        self._deliver({**self._sent[fingerprint], "status": "resolved", "endsAt": iso(now_ms())})

    def errors(self, region: str = EU) -> None:
        """Checkout answers with errors."""
        self.fires("HighErrorRate", ERRORS, service="checkout", region=region, severity="critical")

    def payments(self, region: str = EU, fingerprint: str = DOWN) -> None:
        """Payments are down."""
        self.fires("PaymentsDown", fingerprint, service="payments", region=region, severity="warning")

    def misspelled(self, times: int = 1) -> None:
        """Alerts that are not published."""
        for _ in range(times):
            self.fires("DiskFull", FULL, service="chekout")
        self.fires("QueueLong", "1633464b934786ef", team="shopp")

    def _deliver(self, *alerts: dict[str, Any]) -> None:
        body = payload(*alerts, externalURL="http://alertmanager.example.com:9093")
        assert self._bridge.deliver(body).status_code == 202


@pytest.fixture
def shop(bridge: Bridge) -> Shop:
    return Shop(bridge)


@pytest.fixture
def typed(bridge: Bridge, config: Path, transcript: Callable[..., Transcript]) -> Transcript:
    return transcript(*around(bridge, config))


def around(bridge: Bridge, config: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of a person who asks this bridge, and what stands here for the page's files."""
    replaced = {"bridge.log": str(bridge.log_path), "bridge.yaml": str(config)}
    return {"BRIDGE_URL": bridge.url, "ADMIN_TOKENS": bridge.admin_token}, replaced


@pytest.mark.types(HOW_TO, "What is on the page now?")
def test_what_is_on_the_page(bridge: Bridge, shop: Shop, page: Page, typed: Transcript):
    shop.errors()
    page.shows(status="INVESTIGATING")
    page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
    shop.payments(US, "0c8e1a5a2d6b7f34")
    logged(bridge, "incident_parked")
    typed.goes_on(3)


@pytest.mark.types(HOW_TO, "Why is it there?")
def test_why_it_is_there(shop: Shop, page: Page, typed: Transcript):
    shop.errors()
    page.shows(status="INVESTIGATING")
    shop.payments()
    page.shows(services=("Checkout", "Payments"))
    typed.goes_on()


@pytest.mark.types(HOW_TO, "Why is it *not* there?")
def test_why_it_is_not_there(shop: Shop, typed: Transcript):
    shop.misspelled(12)
    typed.goes_on(3)


@pytest.mark.types(HOW_TO, "What happens next, when, and who is mailed?")
def test_what_happens_next(config: Path, start_bridge: Any, page: Page, transcript: Any):
    write(config, publish_after="10s")
    bridge = start_bridge()
    typed = transcript(*around(bridge, config))
    shop = Shop(bridge)
    page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
    shop.payments(US, "0c8e1a5a2d6b7f34")
    logged(bridge, "incident_parked")
    shop.errors()
    typed.goes_on(2)


@pytest.mark.types(HOW_TO, "Who did what?")
def test_who_did_what(bridge: Bridge, shop: Shop, page: Page, typed: Transcript):
    shop.errors()
    public = page.shows(status="INVESTIGATING")
    page.sandbox.control("PATCH", f"incidents/{public.id}", status="IDENTIFIED", description="A cable was cut.")
    eventually(
        lambda: "person" in {each["by"] for each in bridge.incident(EU_ID)["history"]}, "the edit in the history"
    )
    shop.ends(ERRORS)
    typed.goes_on()


@pytest.mark.types(HOW_TO, "Before it happens: will this alert be published?")
def test_explained_before_it_happens(tmp_path: Path, transcript: Any):
    typed = transcript({})
    (tmp_path / "typed" / "bridge.yaml").write_text(CONFIGURATION)
    errors = alert(alertname="HighErrorRate", region=EU, severity="critical") | {"fingerprint": ERRORS}
    full = alert(alertname="DiskFull", service="warehouse") | {"fingerprint": FULL}
    (tmp_path / "typed" / "payload.json").write_bytes(payload(errors, full, receiver="checkly-bridge"))
    typed.goes_on()


@pytest.mark.types(HOW_TO, "In the log")
def test_the_log(bridge: Bridge, shop: Shop, page: Page, typed: Transcript):
    shop.errors()
    page.shows(status="INVESTIGATING")
    shop.misspelled()
    shop.ends(ERRORS)
    page.shows(status="MONITORING")
    page.fault("answer", method="POST", path=INCIDENTS, status=401, count=2)
    shop.payments(US, "0c8e1a5a2d6b7f34")
    logged(bridge, "writes_resumed")
    typed.goes_on(4)
