"""What is read of v3's JSON, whatever it looks like."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.checkly.errors import UnknownOutcome
from bridge.checkly.v3 import wire as wire_v3
from bridge.model import Impact, Phase

AT = "2026-09-21T14:13:20.000Z"


def incident(**fields: Any) -> Any:
    return wire_v3.incident({"id": "1", "name": "n", "lastUpdateStatus": "IDENTIFIED", "updated_at": AT, **fields})


def impact(id_: str, status: object, ended_at: object = None) -> dict[str, object]:
    return {"componentId": id_, "status": status, "startedAt": AT, "endedAt": ended_at}


def test_what_it_does_to_components_now():
    found = incident(
        componentImpacts=[
            impact("over", "MAJOR_OUTAGE", AT),
            impact("worse", "PARTIAL_OUTAGE"),
            impact("worse", "MAJOR_OUTAGE"),
            impact("worse", "DEGRADED_PERFORMANCE"),
            impact("fine", "OPERATIONAL"),
            impact("again", "MAJOR_OUTAGE", AT),
            impact("again", "UNDER_MAINTENANCE"),
        ]
    )
    assert found.components == {"worse": Impact.MAJOR_OUTAGE, "again": Impact.UNDER_MAINTENANCE}
    assert (found.status, found.severity) == (Phase.IDENTIFIED, None)


@pytest.mark.parametrize(
    "impacts",
    [None, "x", {}, [None, 3, {}], [{"componentId": 3, "status": "MAJOR_OUTAGE"}], [impact("a", "ON_FIRE")]],
)
def test_what_is_not_understood_is_no_impact(impacts):
    assert incident(componentImpacts=impacts).components == {}


def test_an_incident_is_whole_if_its_updates_are_told():
    assert incident(incidentUpdates=[]).is_whole
    assert not incident().is_whole


@pytest.mark.parametrize(
    "change",
    [
        {"updated_at": "2026-09-21"},
        {"name": "m"},
        {"lastUpdateStatus": "RESOLVED"},
        {"componentImpacts": [impact("a", "MAJOR_OUTAGE")]},
    ],
)
def test_a_change_makes_another_version(change):
    assert incident().version == incident().version != incident(**change).version


@pytest.mark.parametrize("updated_at", [None, ""])
def test_of_one_that_does_not_say_when_it_changed_no_version_is_known(updated_at):
    assert incident(updated_at=updated_at).version == ""


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"id": 3}, {"id": ""}])
def test_what_has_no_id_is_no_incident(answer):
    with pytest.raises(UnknownOutcome):
        wire_v3.incident(answer)


def test_impacts_are_sent_by_id_in_a_fixed_order():
    assert wire_v3.impacts_body({"b": Impact.OPERATIONAL, "a": Impact.MAJOR_OUTAGE}) == [
        {"componentId": "a", "status": "MAJOR_OUTAGE"},
        {"componentId": "b", "status": "OPERATIONAL"},
    ]
