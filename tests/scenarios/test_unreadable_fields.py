"""A field that cannot be read is taken as missing where it is not needed: an outage is published, and it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.pager import ENVIRONMENT, PagedIncident, deliver
from tests.scenarios.vocabulary import alert, iso, log_of, logged, metric, now_ms, payload, write_configuration

if TYPE_CHECKING:
    from tests.servers import Bridge

SHOP = {"name": "shop", "match": 'service != ""', "services": {"label": "service"}}
HALF = rb"\ud83d"
TIMES: dict[str, Any] = {
    "epoch seconds": now_ms() // 1000,
    "epoch seconds in a text": str(now_ms() // 1000),
    "no zone": iso(now_ms()).removesuffix("+00:00"),
    "as Go prints it": "2026-11-30 09:30:35 +0000 UTC m=+12.3",
    "half an emoji": "@half@",
}


@pytest.fixture
def bridge(start_bridge, config):
    """It listens to both senders."""
    write_configuration(config, routes=[SHOP], defaults={"publish_after": "0", "resolve_after": "1s"})
    return start_bridge(environment=ENVIRONMENT)


def takes(bridge: Bridge, *alerts: dict[str, Any]) -> None:
    answer = bridge.deliver(payload(*alerts).replace(b"@half@", HALF))
    assert answer.status_code == 202
    assert answer.json()["delivery"]["unusable"] == 0


@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_an_end_whose_time_cannot_be_read_is_an_end(bridge, page, time):
    started = alert()
    takes(bridge, started)
    page.shows(status="INVESTIGATING")
    takes(bridge, started | {"status": "resolved", "endsAt": time})
    page.shows(status="RESOLVED")
    assert metric(bridge, "bridge_fields_unreadable_total", source="alertmanager", field="endsAt") == 1
    (line,) = [line for line in logged(bridge, "field_unreadable") if line["field"] == "endsAt"]
    assert str(time) not in json.dumps(line)


@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_an_outage_whose_start_cannot_be_read_is_published_as_of_now(bridge, page, time):
    before = now_ms()
    takes(bridge, alert() | {"startsAt": time})
    assert page.shows(status="INVESTIGATING").messages[0].public_at >= before - 1_000


def test_an_end_counts_with_its_fingerprint_alone(bridge, page):
    started = alert()
    takes(bridge, started)
    page.shows(status="INVESTIGATING")
    takes(bridge, {"status": "resolved", "fingerprint": started["fingerprint"], "labels": {"service": None}})
    page.shows(status="RESOLVED")


def test_half_an_emoji_where_nobody_reads_refuses_nothing(bridge, page):
    started = alert() | {"annotations": {"summary": "@half@"}}
    takes(bridge, started)
    page.shows(status="INVESTIGATING")
    takes(bridge, started | {"status": "resolved", "endsAt": iso(now_ms())})
    page.shows(status="RESOLVED")


def test_a_pagerduty_incident_opens_and_ends_whatever_its_optional_fields_hold(bridge, page):
    incident = PagedIncident("Q1UNREAD0000001")

    def garbled(body: bytes) -> bytes:
        event = json.loads(body)
        event["event"] |= {"agent": 5, "client": "@half@", "id": "@half@"}
        event["event"]["data"] |= {"created_at": 1796031035, "title": "@half@", "teams": "none", "urgency": 7}
        return json.dumps(event).encode().replace(b"@half@", HALF)

    assert deliver(bridge, garbled(incident.triggered())).status_code == 202
    page.shows(status="INVESTIGATING")
    assert deliver(bridge, garbled(incident.resolved())).status_code == 202
    page.shows(status="RESOLVED")
    fields = {line["field"] for line in log_of(bridge, "field_unreadable")}
    assert fields == {"body", "created_at", "id", "teams", "urgency"}
