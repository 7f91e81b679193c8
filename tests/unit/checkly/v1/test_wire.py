from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.checkly.errors import UnknownOutcome
from bridge.checkly.v1 import wire
from bridge.core.remote import RemoteIncident
from bridge.json_values import from_ms
from bridge.model import Phase, Severity

NOON = 1_781_006_400_000  # 2026-06-09T12:00:00Z
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["name", "severity", "services", "incidentUpdates", "lastUpdateStatus", "created_at", "duration"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-09T12:00:00.000Z", NOON),
        ("2026-06-09T12:00:00Z", NOON),
        ("2026-06-09T14:00:00+02:00", NOON),
        ("2026-06-09T12:00:00", NOON),
        ("2026-06-09 12:00:00.123456789Z", NOON + 123),
        ("2026-06-09", NOON - 12 * 3_600_000),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
        (NOON, 0),
    ],
)
def test_dates_and_instants_are_read(text: object, at: int) -> None:
    assert wire.from_iso(text) == at


def test_instants_are_written_with_milliseconds_in_utc() -> None:
    assert from_ms(NOON) == "2026-06-09T12:00:00.000Z"
    assert from_ms(NOON + 7) == "2026-06-09T12:00:00.007Z"


@given(st.integers(0, 4_000_000_000_000))
def test_an_instant_survives_the_way_there_and_back(at: int) -> None:
    assert wire.from_iso(from_ms(at)) == at


def test_an_incident_needs_no_more_than_an_id() -> None:
    assert wire.incident({"id": "1"}) == RemoteIncident(
        id="1", name="", status=Phase.INVESTIGATING, severity=None, services=(), created_at=0, updates=()
    )


@pytest.mark.parametrize("data", [None, [], "x", {}, {"id": ""}, {"id": 1}])
def test_what_has_no_id_is_no_incident(data: object) -> None:
    with pytest.raises(UnknownOutcome):
        wire.incident(data)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_field_of_an_incident_can_make_reading_fail(fields: dict[str, Any]) -> None:
    assert wire.incident({"id": "1", **fields}).id == "1"


def test_a_whole_incident_is_read() -> None:
    read = wire.incident(
        {
            "id": "1",
            "name": "Down",
            "severity": "MAJOR",
            "lastUpdateStatus": "MONITORING",
            "services": [{"id": "s1"}, {"id": "s2", "name": "x"}, {"id": "s1"}, {"name": "no id"}],
            "created_at": "2026-06-09",
            "duration": None,
            "novelty": {},
        }
    )
    assert (read.name, read.severity, read.status) == ("Down", Severity.MAJOR, Phase.MONITORING)
    assert read.services == ("s1", "s2")
    assert read.created_at == NOON - 12 * 3_600_000


def test_updates_come_newest_first_by_public_date_then_by_creation() -> None:
    updates = [
        {"id": "b", "publicIncidentUpdateDate": "2026-06-09T12:00:00Z", "created_at": "2026-06-09T12:00:01Z"},
        {"id": "d", "publicIncidentUpdateDate": "2026-06-09T13:00:00Z", "created_at": "2026-06-09T12:00:00Z"},
        {"id": "c", "publicIncidentUpdateDate": "2026-06-09T12:00:00Z", "created_at": "2026-06-09T12:00:02Z"},
        {"id": "a", "created_at": "2026-06-09T11:00:00Z"},
    ]
    read = wire.incident({"id": "1", "incidentUpdates": updates})
    assert [update.id for update in read.updates] == ["d", "c", "b", "a"]
    assert read.updates[3].public_at == read.updates[3].created_at == NOON - 3_600_000


@pytest.mark.parametrize(
    ("last", "of_updates", "status"),
    [
        ("RESOLVED", ["MONITORING"], Phase.RESOLVED),
        ("ARCHIVED", ["POSTMORTEM", "RESOLVED", "IDENTIFIED"], Phase.RESOLVED),
        (None, [None, "IDENTIFIED"], Phase.IDENTIFIED),
        ("PENDING", [], Phase.INVESTIGATING),
        ("DISCARDED", ["PENDING"], Phase.INVESTIGATING),
    ],
)
def test_an_unknown_status_falls_back_to_the_newest_known(
    last: str | None, of_updates: list[str | None], status: Phase
) -> None:
    updates = [{"id": str(n), "status": word} for n, word in enumerate(of_updates)]
    assert wire.incident({"id": "1", "lastUpdateStatus": last, "incidentUpdates": updates}).status is status


def test_an_update_without_an_id_is_one() -> None:
    read = wire.update({"description": "We look", "status": "NEW"})
    assert (read.id, read.status, read.text) == ("", None, "We look")
    with pytest.raises(UnknownOutcome):
        wire.update(None)
