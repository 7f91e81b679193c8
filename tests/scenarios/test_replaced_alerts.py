"""An outage whose alerts replace each other, a new pod's for an old pod's, within one delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.scenarios.vocabulary import alert, iso, metric, milliseconds, now_ms, payload, write_configuration
from tests.servers import Alertmanager, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.vocabulary import Page
    from tests.servers import Bridge

PUBLISH_AFTER_MS = 3_000
SWAPS = 30  # far more than fit into publish_after


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """What fires is published after five seconds."""
    times = {"publish_after": "5s", "resolve_after": "1s", "reopen_after": "60s", "hold_refire": "2s"}
    return write_configuration(tmp_path / "bridge.yaml", defaults=times)


@pytest.fixture
def alertmanager(tmp_path: Path, bridge: Bridge) -> Iterator[Alertmanager]:
    """It delivers its one group each second, if something of it changed."""
    with Alertmanager(
        tmp_path / "alertmanager",
        webhook=bridge.webhook,
        token=bridge.alertmanager_token,
        route={"group_by": ["service"]},
    ) as server:
        yield server


def pod(number: int, **times: str) -> dict[str, Any]:
    labels = {"alertname": "Down", "team": "shop", "service": "checkout", "severity": "warning", "pod": f"{number:03}"}
    return {"labels": labels, **times}


def deliveries(bridge: Bridge) -> float:
    return metric(bridge, "bridge_deliveries_total", code="202")


def swap(alertmanager: Alertmanager, bridge: Bridge, page: Page, number: int) -> None:
    """The next pod's alert takes the place of this one's, in one delivery; or the outage is published meanwhile."""
    before, shown = deliveries(bridge), len(page.incidents)
    alertmanager.post(pod(number, endsAt=iso(now_ms())), pod(number + 1))
    eventually(lambda: deliveries(bridge) > before or len(page.incidents) > shown, "the next delivery")


@pytest.mark.needs("alertmanager")
def test_an_outage_whose_alerts_replace_each_other_is_published_on_time(
    alertmanager: Alertmanager, bridge: Bridge, page: Page
):
    alertmanager.post(pod(0))
    eventually(lambda: deliveries(bridge) == 1, "the first delivery")
    (first,) = httpx.get(f"{alertmanager.url}/api/v2/alerts").raise_for_status().json()
    swaps = 0
    while not page.incidents and swaps < SWAPS:
        swap(alertmanager, bridge, page, swaps)
        swaps += 1
    assert 1 < swaps < SWAPS, "it is published while its alerts replace each other"
    incident = page.shows(status="INVESTIGATING")
    assert incident.messages[0].public_at == milliseconds(first["startsAt"])

    for number in range(swaps, swaps + 3):
        swap(alertmanager, bridge, page, number)
    alertmanager.post(pod(swaps + 3, endsAt=iso(now_ms())))
    over = page.shows(status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"], "no all-clear in between"
    assert page.opened == 1


@pytest.mark.parametrize("is_end_first", [True, False], ids=["the end first", "the start first"])
def test_a_published_outage_goes_on_when_an_alert_takes_the_place_of_another(
    bridge: Bridge, page: Page, is_end_first: bool
):
    """A thousand each: more than one call to Redis takes."""
    old = [alert(pod=f"old-{number}") for number in range(1_000)]
    bridge.deliver(payload(*old))
    page.shows(status="INVESTIGATING")
    ended = [{**each, "status": "resolved", "endsAt": iso(now_ms())} for each in old]
    new = [alert(pod=f"new-{number}") for number in range(1_000)]
    assert bridge.deliver(payload(*(ended + new if is_end_first else new + ended))).status_code == 202
    bridge.deliver(payload(*({**each, "status": "resolved", "endsAt": iso(now_ms())} for each in new)))
    assert page.shows(status="RESOLVED").statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
