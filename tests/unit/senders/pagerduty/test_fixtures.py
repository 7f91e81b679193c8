"""The invented deliveries are as PagerDuty documents them, and there is one for every event."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bridge.senders.pagerduty.events import EVENTS
from tests.unit.senders.pagerduty.fixtures import BODIES, NAMES, fixture
from tests.unit.senders.pagerduty.tables import DATA, body_schema

HOW_TO = (Path(__file__).parents[4] / "docs" / "how-to" / "pagerduty.md").read_text()
OF_USE = {"incident", "incident_note", "incident_status_update"}


@pytest.mark.parametrize("name", NAMES)
def test_each_fixture_is_as_documented(name):
    event = BODIES[name]["event"]
    assert event["data"]["type"] == EVENTS[event["event_type"]]
    Draft202012Validator(body_schema(event["event_type"], event["data"]["type"])).validate(BODIES[name])


def test_every_event_and_every_type_of_data_is_there():
    assert {body["event"]["event_type"] for body in BODIES.values()} == set(EVENTS)
    assert {body["event"]["data"]["type"] for body in BODIES.values()} == set(DATA) == set(EVENTS.values())


def test_no_two_events_share_an_id():
    assert len({body["event"]["id"] for body in BODIES.values()}) == len(BODIES)


@pytest.mark.parametrize(
    "changes",
    [
        {"data__status": "snoozed"},
        {"data__severity": "critical"},
        {"data__service": None},
        {"data__resolve_reason": "fixed"},
        {"occurred_at": "yesterday"},
        {"resource_type": "alert"},
        {"agent__type": "robot_reference"},
    ],
    ids=str,
)
def test_the_tables_tell_right_from_wrong(changes):
    body = fixture("incident-triggered", **changes)
    assert not Draft202012Validator(body_schema("incident.triggered", "incident")).is_valid(body)


def test_the_how_to_subscribes_to_every_event_of_use_both_times():
    subscribed = re.findall(r'"(incident\.[a-z_.]+)"', HOW_TO)
    assert sorted(subscribed) == sorted([name for name, data in EVENTS.items() if data in OF_USE] * 2)
