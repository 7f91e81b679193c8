"""Dates that cannot be true, and events that are told again long after."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.pager import ENVIRONMENT, PagedIncident, delivered
from tests.scenarios.vocabulary import INCIDENTS, alert, iso, metric, milliseconds, now_ms, payload, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.vocabulary import Page
    from tests.servers import Bridge

DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
WEEK_MS = 7 * DAY_MS
SOON_MS = 60_000


def test_a_start_from_the_future_hides_no_end_and_one_from_long_ago_is_not_published(bridge: Bridge, page: Page):
    first_at = now_ms()
    odd = [
        {**alert(pod="ahead"), "startsAt": "2099-01-01T00:00:00Z"},
        {**alert(pod="behind"), "startsAt": "2020-01-01T00:00:00Z"},
    ]
    assert bridge.deliver(payload(*odd)).status_code == 202
    incident = page.shows(status="INVESTIGATING")
    assert 0 <= incident.messages[0].public_at - (first_at - DAY_MS) < SOON_MS
    (listed,) = bridge.incidents()["incidents"]
    alerts = bridge.incident(listed["id"])["alerts"]
    behind, ahead = sorted(alerts, key=lambda each: milliseconds(each["starts_at"]))
    assert "lies in the future" in ahead["why"][-1]
    assert "checkly.backdate" in behind["why"][-1]
    assert bridge.deliver(
        payload(*({**each, "status": "resolved", "endsAt": iso(now_ms())} for each in odd))
    ).is_success
    assert page.shows(status="RESOLVED").messages[-1].public_at <= now_ms()


@pytest.mark.parametrize("age_ms", [WEEK_MS + SOON_MS, 365 * DAY_MS], ids=["eight days old", "a year old"])
def test_an_event_that_is_told_again_when_it_is_forgotten_opens_nothing(
    start_bridge: Callable[..., Bridge], page: Page, tmp_path, age_ms: int
):
    write_configuration(tmp_path / "bridge.yaml", routes=[{"name": "all", "services": ["checkout"]}])
    bridge = start_bridge(environment=ENVIRONMENT)
    old = PagedIncident("QOLD01", starts_at=now_ms() - age_ms)
    delivered(bridge, old.triggered(), old.acknowledged())
    assert metric(bridge, "bridge_alerts_total", source="pagerduty", outcome="stale") == 2
    delivered(bridge, PagedIncident("QNEW01").triggered())
    page.shows(status="INVESTIGATING")
    assert [each["firing"] for each in bridge.incidents()["incidents"]] == [1]


def test_an_event_from_the_future_does_not_hide_the_end(start_bridge: Callable[..., Bridge], page: Page, tmp_path):
    write_configuration(tmp_path / "bridge.yaml", routes=[{"name": "all", "services": ["checkout"]}])
    bridge = start_bridge(environment=ENVIRONMENT)
    ahead = PagedIncident("QNEXT1", starts_at=now_ms() + 365 * DAY_MS)
    delivered(bridge, ahead.triggered())
    assert page.shows(status="INVESTIGATING").messages[0].public_at <= now_ms()
    ahead.clock_is_right()
    delivered(bridge, ahead.resolved())
    page.shows(status="RESOLVED")


def test_an_incident_that_could_not_be_opened_counts_as_parked_until_its_alerts_are_over(bridge: Bridge, page: Page):
    page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
    began = alert()
    assert bridge.deliver(payload(began)).is_success
    eventually(lambda: metric(bridge, "bridge_incidents_parked") == 1, "it to be parked")
    assert bridge.deliver(payload({**began, "status": "resolved", "endsAt": iso(now_ms())})).is_success
    eventually(lambda: metric(bridge, "bridge_incidents_parked") == 0, "nothing to be left to do")
    (listed,) = bridge.incidents()["incidents"]
    (post,) = listed["posts"]
    assert post["parked"]
    assert not post["ongoing"]
