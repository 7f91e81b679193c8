from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Container, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.loader import load
from bridge.config.senders import PagerDuty
from bridge.core.routing import labels_read, route
from bridge.json_values import to_ms
from bridge.model import Alert, AlertStatus, Link, PublicNote
from bridge.senders.delivery import Delivery, Dismissal, NotUnderstood
from bridge.senders.pagerduty.events import EVENTS, incident_id
from bridge.senders.pagerduty.labels import PATHS
from bridge.senders.pagerduty.parser import parse
from tests.unit.senders.pagerduty.fixtures import BODIES, DIRECTORY, NAMES, fixture

INCIDENT = "Q1SAMPLE000001"
TARGET = "Q1SAMPLE000002"
NOBODY = "Q1SAMPLE000001-unknown-target"
CREATED = to_ms("2026-11-20T09:00:00Z")
FIRING, ACKNOWLEDGED, RESOLVED = AlertStatus.FIRING, AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED
DEFAULT = PagerDuty()
IDENTIFIED = PagerDuty(acknowledged="identified")
ON_ACKNOWLEDGED = PagerDuty(open_on="acknowledged")
BY_PERSON = PagerDuty(resolve_by="person")
MERGE_RESOLVES = PagerDuty(merge_unknown_target="resolve")
LABELS = {
    "service": "Checkout API",
    "service_id": "PSERV01",
    "urgency": "high",
    "team": "Storefront",
    "escalation_policy": "Storefront on call",
    "incident_type": "incident_default",
    "title": "Checkout error rate above 5%",
    "__source__": "pagerduty",
}


ALL = frozenset(PATHS)


def read(body: Any, meaning: PagerDuty = DEFAULT, labels_read: Container[str] = ALL) -> Delivery:
    return parse(json.dumps(body).encode(), meaning, labels_read)


def read_alert(name: str, meaning: PagerDuty = DEFAULT, /, **changes: Any) -> Alert:
    delivery = read(fixture(name, **changes), meaning)
    (alert,) = delivery.alerts
    assert (delivery.unusable, delivery.public_notes, delivery.dismissal) == ([], (), None)
    return alert


def read_unusable(name: str, meaning: PagerDuty = DEFAULT, /, **changes: Any) -> str:
    delivery = read(fixture(name, **changes), meaning)
    (unusable,) = delivery.unusable
    assert (delivery.alerts, delivery.public_notes, delivery.dismissal) == ([], (), None)
    return unusable.path


def read_dismissal(body: Any, meaning: PagerDuty = DEFAULT) -> Dismissal:
    delivery = read(body, meaning)
    assert delivery.dismissal is not None
    assert (delivery.alerts, delivery.unusable, delivery.public_notes) == ([], [], ())
    return delivery.dismissal


def test_every_field_of_an_incident_is_read():
    assert read_alert("incident-triggered") == Alert(
        source="pagerduty",
        fingerprint=INCIDENT,
        status=FIRING,
        labels=LABELS,
        starts_at=CREATED,
        observed_at=to_ms("2026-11-20T09:00:00.001Z"),
        event_id="01SAMPLE000000000000000001",
        name="#4711 Checkout error rate above 5%",
        link=Link("https://harbor.pagerduty.example/incidents", INCIDENT),
    )


@pytest.mark.parametrize(
    ("number", "title", "name"),
    [
        (1, "Down\nfor all", "#1 Down\nfor all"),
        (None, "Down", "Down"),
        (7, None, "#7"),
        ("7", ["Down"], ""),
        (True, "Down", "Down"),
        (-1, "Down", "Down"),
        (1.0, "Down", "#1 Down"),
        (10**400, "Down", "Down"),
    ],
)
def test_a_name_is_what_is_said_of_number_and_title(number, title, name):
    assert read_alert("incident-resolved-by-person", data__number=number, data__title=title).name == name


@pytest.mark.parametrize("url", [None, 7, "", "javascript:alert(1)", "https://user:secret@acme.example/incidents/Q1"])
def test_an_address_that_is_not_to_be_followed_is_no_link(url):
    assert read_alert("incident-triggered", data__html_url=url).link is None


@pytest.mark.parametrize(
    ("name", "status", "labels"),
    [
        ("incident-triggered", FIRING, {}),
        ("incident-triggered-by-hand", FIRING, {"priority": "P3", "team": "Platform, Storefront"}),
        ("incident-acknowledged", ACKNOWLEDGED, {}),
        ("incident-unacknowledged", FIRING, {}),
        ("incident-priority-updated", ACKNOWLEDGED, {"priority": "P1"}),
        ("incident-priority-cleared", ACKNOWLEDGED, {"priority": None}),
        (
            "incident-service-updated",
            ACKNOWLEDGED,
            {"service": "Payments API", "service_id": "PSERV02", "escalation_policy": "Platform on call"},
        ),
        ("incident-type-changed", ACKNOWLEDGED, {"incident_type": "major_default"}),
        ("incident-escalated", FIRING, {}),
        ("incident-delegated", FIRING, {"escalation_policy": "Platform on call"}),
        ("incident-reassigned", FIRING, {}),
        ("incident-reopened", FIRING, {}),
        ("incident-resolved-by-person", RESOLVED, {}),
        ("incident-resolved-by-monitoring", RESOLVED, {}),
        ("incident-resolved-by-timeout", RESOLVED, {}),
        ("incident-merged", RESOLVED, {}),
    ],
)
def test_status_and_labels_come_from_the_data(name, status, labels):
    alert = read_alert(name, IDENTIFIED)
    assert (alert.fingerprint, alert.status, alert.complete) == (INCIDENT, status, True)
    assert alert.labels == {name: value for name, value in (LABELS | labels).items() if value}
    assert alert.observed_at == to_ms(BODIES[name]["event"]["occurred_at"])
    assert alert.ends_at == (alert.observed_at if status is RESOLVED else None)
    assert alert.event_id == BODIES[name]["event"]["id"]
    assert alert.merged_into == (TARGET if name == "incident-merged" else None)


def test_an_incident_of_2021_has_no_type():
    name = "incident-triggered-of-2021"
    (alert,) = read(BODIES[name], DEFAULT, ALL - {"incident_type"}).alerts
    assert alert.labels == {name: value for name, value in LABELS.items() if name != "incident_type"}
    assert read_unusable(name) == "$.event.data.incident_type.name"


@pytest.mark.parametrize("event_type", [name for name, data in EVENTS.items() if data == "incident"])
@pytest.mark.parametrize("status", ["triggered", "acknowledged", "resolved"])
def test_the_events_name_is_only_a_hint(event_type, status):
    alert = read_alert("incident-triggered", IDENTIFIED, event_type=event_type, data__status=status)
    assert alert.status == {"triggered": FIRING, "acknowledged": ACKNOWLEDGED, "resolved": RESOLVED}[status]


@pytest.mark.parametrize(
    ("changes", "starts_at"),
    [
        ({}, CREATED),
        ({"data__reopened_at": "2026-11-20T10:00:00Z"}, to_ms("2026-11-20T10:00:00Z")),
        ({"data__created_at": None}, to_ms("2026-11-20T09:00:00.001Z")),
        ({"data__created_at": "canary"}, to_ms("2026-11-20T09:00:00.001Z")),
        ({"data__created_at": 1795459627}, to_ms("2026-11-20T09:00:00.001Z")),
        ({"data__created_at": "2026-11-20T10:00:00+01:00"}, CREATED),
    ],
    ids=str,
)
def test_an_incident_starts_when_it_was_created_or_reopened(changes, starts_at):
    assert read_alert("incident-triggered", **changes).starts_at == starts_at


@pytest.mark.parametrize("key", ["a", None])
def test_the_incident_key_is_no_identity(key):
    assert read_alert("incident-triggered", data__incident_key=key).fingerprint == INCIDENT


def test_acknowledging_changes_nothing_unless_asked_for():
    assert read_alert("incident-acknowledged").status is FIRING
    assert read_alert("incident-acknowledged", IDENTIFIED).status is ACKNOWLEDGED


@pytest.mark.parametrize(
    ("name", "complete"),
    [
        ("incident-triggered", False),
        ("incident-unacknowledged", False),
        ("incident-reopened", False),
        ("incident-acknowledged", True),
        ("incident-priority-updated", True),
        ("incident-resolved-by-person", True),
        ("incident-merged", False),
    ],
)
def test_what_nobody_acknowledged_opens_nothing_if_so_configured(name, complete):
    assert read_alert(name, ON_ACKNOWLEDGED).complete is complete
    assert read_alert(name).complete


def test_only_a_person_resolves_if_so_configured():
    assert read_alert("incident-resolved-by-person", BY_PERSON).status is RESOLVED
    for name in ("incident-resolved-by-monitoring", "incident-resolved-by-timeout"):
        dismissal = read_dismissal(BODIES[name], BY_PERSON)
        assert dismissal == Dismissal(reason="resolve_by", event_type="incident.resolved", fingerprint=INCIDENT)
    assert read_alert("incident-merged", BY_PERSON, agent=None).merged_into == TARGET


@pytest.mark.parametrize("event_type", ["incident.priority_updated", "incident.escalated", "incident.reopened"])
def test_a_person_who_changes_what_monitoring_resolved_resolves_nothing(event_type):
    body = fixture("incident-resolved-by-person", event_type=event_type)
    assert read_dismissal(body, BY_PERSON).reason == "resolve_by"
    assert read(body).alerts[0].status is RESOLVED


class TestMerge:
    """A merge ends nothing: the incident goes on as another."""

    @pytest.mark.parametrize("meaning", [DEFAULT, MERGE_RESOLVES])
    def test_a_merge_into_a_named_incident_keeps_its_target(self, meaning):
        alert = read_alert("incident-merged", meaning)
        assert (alert.status, alert.merged_into) == (RESOLVED, TARGET)
        assert alert.keep_if_orphaned is (meaning is DEFAULT)

    @pytest.mark.parametrize("target", [None, "", " ", 7, INCIDENT, "x" * 129])
    def test_a_merge_without_a_readable_target_has_none(self, target):
        changes = {"data__resolve_reason__incident__id": target}
        alert = read_alert("incident-merged", **changes)
        assert (alert.status, alert.merged_into) == (RESOLVED, NOBODY)
        assert alert.keep_if_orphaned
        alert = read_alert("incident-merged", MERGE_RESOLVES, **changes)
        assert (alert.status, alert.merged_into) == (RESOLVED, None)

    @pytest.mark.parametrize("reason", ["merged", "merge_resolve_reason", {"type": "merged"}, {"incident": {}}])
    def test_the_older_ways_to_say_it(self, reason):
        assert read_alert("incident-merged", data__resolve_reason=reason).merged_into == NOBODY
        assert read_alert("incident-merged", MERGE_RESOLVES, data__resolve_reason=reason).merged_into is None

    @pytest.mark.parametrize(
        "reason", [None, "fixed", {}, {"type": None}, {"type": "fixed", "incident": {"id": TARGET}}, 7, [], ["merged"]]
    )
    def test_any_other_reason_is_a_resolve(self, reason):
        alert = read_alert("incident-merged", data__resolve_reason=reason)
        assert (alert.status, alert.merged_into) == (RESOLVED, None)

    def test_a_reason_left_over_from_before_a_reopening_counts_for_nothing(self):
        assert read_alert("incident-merged", data__status="triggered").merged_into is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"event_type": None}, ".event_type"),
        ({"event_type": 7}, ".event_type"),
        ({"occurred_at": None}, ".occurred_at"),
        ({"occurred_at": "canary"}, ".occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00Z"}, ".occurred_at"),
        ({"data": None}, ".data.type"),
        ({"data": ["canary"]}, ".data.type"),
        ({"data__type": None}, ".data.type"),
        ({"data__id": None}, ".data.id"),
        ({"data__id": 7}, ".data.id"),
        ({"data__id": "canary" * 99}, ".data.id"),
        ({"data__status": None}, ".data.status"),
        ({"data__status": "canary"}, ".data.status"),
        ({"data__service": None}, ".data.service.summary"),
        ({"data__service": "canary"}, ".data.service.summary"),
        ({"data__service__id": None}, ".data.service.id"),
        ({"data__service__summary": None}, ".data.service.summary"),
        ({"data__priority": "canary"}, ".data.priority.summary"),
        ({"data__priority": {"id": "canary", "summary": None}}, ".data.priority.summary"),
        ({"data__urgency": None}, ".data.urgency"),
        ({"data__teams": None}, ".data.teams"),
        ({"data__teams": [{"summary": "canary"}, {"summary": None}]}, ".data.teams"),
        ({"data__teams": ["canary"]}, ".data.teams"),
        ({"data__escalation_policy": None}, ".data.escalation_policy.summary"),
        ({"data__incident_type": None}, ".data.incident_type.name"),
        ({"data__title": None}, ".data.title"),
    ],
    ids=str,
)
def test_an_event_without_a_needed_field_is_unusable(changes, path):
    (unusable,) = read(fixture("incident-triggered", **changes)).unusable
    assert unusable.path == f"$.event{path}"
    assert "canary" not in repr(unusable)


@pytest.mark.parametrize("key", ["service", "urgency", "teams", "escalation_policy", "incident_type", "title"])
@pytest.mark.parametrize("name", ["incident-triggered", "incident-acknowledged", "incident-merged"])
def test_what_the_configuration_does_not_read_need_not_be_said(name, key):
    body = fixture(name, **{f"data__{key}": None})
    unread = {"service": {"service", "service_id"}, "teams": {"team"}}.get(key, {key})
    assert len(read(body, DEFAULT, ALL - unread).alerts) == 1
    assert read(body).alerts == []
    assert read(body, DEFAULT, unread).alerts == []


def test_the_service_s_id_is_enough_where_only_that_is_read():
    body = fixture("incident-triggered", data__service__summary=None)
    (alert,) = read(body, DEFAULT, {"service_id"}).alerts
    assert (alert.labels["service_id"], "service" in alert.labels) == ("PSERV01", False)


def test_an_incident_may_have_neither_priority_nor_team():
    assert read_alert("incident-triggered-by-hand").labels.keys() >= {"priority", "team"}
    alert = read_alert("incident-triggered-by-hand", data__priority=None, data__teams=[])
    assert not alert.labels.keys() & {"priority", "team"}


def test_a_resolve_needs_no_labels():
    changes = {"data__service": None, "data__urgency": None, "data__title": None}
    assert read_alert("incident-resolved-by-person", **changes).status is RESOLVED


@pytest.mark.parametrize(
    "name", [name for name in NAMES if EVENTS[BODIES[name]["event"]["event_type"]] not in {"incident", "ping"}]
)
def test_the_other_events_change_nothing(name):
    event = BODIES[name]["event"]
    is_word = event["event_type"] in {"incident.annotated", "incident.status_update_published"}
    assert read_dismissal(BODIES[name]) == Dismissal(
        reason="note" if is_word else "event_type",
        event_type=event["event_type"],
        fingerprint=None if event["event_type"].startswith("service.") else INCIDENT,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_incidents_id_wherever_it_stands(name):
    data = BODIES[name]["event"]["data"]
    assert incident_id(data) == (None if data["type"] in {"ping", "service", "service_field_values"} else INCIDENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "canary"},
        {"event_type": "incident.canary"},
        {"event_type": "alert.triggered", "data__type": "alert"},
        {"data__type": "canary"},
    ],
    ids=str,
)
def test_unknown_types_change_nothing(changes):
    dismissal = read_dismissal(fixture("incident-triggered", **changes))
    assert dismissal.reason == "event_type"
    assert "canary" not in repr(dismissal)


@pytest.mark.parametrize("changes", [{}, {"data": None}, {"data": {}}, {"agent": None}, {"occurred_at": None}], ids=str)
def test_a_ping_changes_nothing(changes):
    assert read_dismissal(fixture("ping", **changes)).reason == "ping"


def test_what_is_written_for_the_public_is_a_public_note():
    meaning = PagerDuty(note_marker="PUBLIC:", status_updates=True)
    assert read(BODIES["incident-annotated"], meaning).public_notes == (
        PublicNote(
            source="pagerduty",
            fingerprint=INCIDENT,
            text="Some payments fail. We are rolling back.",
            observed_at=to_ms(BODIES["incident-annotated"]["event"]["occurred_at"]),
            event_id="incident_note/PNOTE01",
        ),
    )
    (update,) = read(BODIES["incident-status-update"], meaning).public_notes
    assert update.text == "Checkout works again for most customers …"
    assert update.event_id == "incident_status_update/PSTAT01"
    assert read_dismissal(BODIES["incident-annotated-by-resolution"], meaning).reason == "note"
    path = "$.event.data.incident.id"
    assert read_unusable("incident-annotated", meaning, data__incident=None) == path


def test_a_note_has_the_same_name_in_every_subscription():
    meaning = PagerDuty(note_marker="PUBLIC:")
    names = [read(fixture("incident-annotated", id=id_), meaning).public_notes[0].event_id for id_ in ("E1", "E2")]
    assert names == ["incident_note/PNOTE01"] * 2
    for id_ in (None, "", "x" * 129):
        (public_note,) = read(fixture("incident-annotated", data__id=id_), meaning).public_notes
        assert public_note.event_id == BODIES["incident-annotated"]["event"]["id"]
    (public_note,) = read(fixture("incident-annotated", data__id=None, id=None), meaning).public_notes
    assert public_note.event_id == f"{INCIDENT}@{public_note.observed_at}"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_formats_are_told_where_to_go(version):
    with pytest.raises(NotUnderstood, match="create a V3 webhook subscription"):
        parse((DIRECTORY / "legacy" / f"{version}.json").read_bytes(), DEFAULT, ALL)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"canary",
        b'{"event":',
        b"[]",
        b"null",
        b"{}",
        b'{"event":null}',
        b'{"event":[]}',
        b'{"event":"canary"}',
        b'{"messages":"canary"}',
        b'\xff {"event":{"id":"canary"}}',
        b'{"event":{"id":"\\ud80 canary"}}',
        b'{"event":{"id":NaN, "title": "canary"}}',
        b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
def test_a_body_that_is_not_an_event_is_refused(body):
    with pytest.raises(NotUnderstood) as refusal:
        parse(body, DEFAULT, ALL)
    assert "canary" not in str(refusal.value)


def test_an_id_that_is_missing_or_endless_is_none():
    for event_id in (None, "", 7, "x" * 129):
        assert read_alert("incident-triggered", id=event_id).event_id is None
    assert read_alert("incident-triggered", id="26000000000000000000000000000000000001").event_id is not None


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\ude00x", b"\xff", b"\xed\xa0\xbd"], ids=repr)
@pytest.mark.parametrize("place", ["unknown", "agent", "data.title", "data.nobody.reads.it", "data.teams"])
def test_half_a_character_anywhere_spoils_no_more_than_its_own_text(half, place):
    body: dict[str, Any] = fixture("incident-resolved-by-person")
    target, (*above, last) = body["event"], place.split(".")
    for key in above:
        target = target.setdefault(key, {})
    target[last] = "@half@"
    delivery = parse(json.dumps(body).encode().replace(b"@half@", half), DEFAULT, ALL)
    (alert,) = delivery.alerts
    assert (alert.status, alert.ends_at) == (RESOLVED, read(fixture("incident-resolved-by-person")).alerts[0].ends_at)
    assert delivery.unread["body"] == 1


def test_a_number_without_end_that_nobody_reads_spoils_nothing():
    body = json.dumps(fixture("incident-triggered") | {"number": "@"}).encode()
    for number in (b"9" * 5000, b"1e999"):
        (alert,) = parse(body.replace(b'"@"', number), DEFAULT, ALL).alerts
        assert alert == read(fixture("incident-triggered")).alerts[0]


@pytest.mark.parametrize("value", [5, ["2021"], "1795459627", "2026-01-02 15:04:05 +0000 UTC", "2026-01-02T15:04:05"])
@pytest.mark.parametrize("field", ["created_at", "reopened_at"])
def test_a_start_that_cannot_be_read_is_taken_as_missing_and_counted(field, value):
    delivery = read(fixture("incident-reopened", **{f"data__{field}": value}))
    assert delivery.alerts == read(fixture("incident-reopened", **{f"data__{field}": None})).alerts
    assert delivery.unread == {field: 1}


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value within a value stands, the root's apart."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*above, key)
        yield from paths(child, (*above, key))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The body with what stands at a path replaced."""
    body = copy.deepcopy(body)
    target = body
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PLACES = [(name, path) for name in NAMES for path in paths(BODIES[name])]
MEANINGS = st.builds(
    PagerDuty,
    open_on=st.sampled_from(["triggered", "acknowledged"]),
    acknowledged=st.sampled_from(["ignore", "identified"]),
    resolve_by=st.sampled_from(["anyone", "person"]),
    merge_unknown_target=st.sampled_from(["keep_open", "resolve"]),
    note_marker=st.sampled_from([None, "PUBLIC:"]),
    status_updates=st.booleans(),
)


def says_one_thing(delivery: Delivery) -> bool:
    said = len(delivery.alerts) + len(delivery.unusable) + len(delivery.public_notes)
    return said + (delivery.dismissal is not None) == 1


def null_changes(name: str, path: tuple[Any, ...]) -> str | None:
    """What a null at a path of a documented event changes although it must not, or None."""
    delivery = read(changed(BODIES[name], path, None))
    if not says_one_thing(delivery):
        return f"is read as {delivery}"
    for alert, before in itertools.product(delivery.alerts, read(BODIES[name]).alerts):
        for field in ("fingerprint", "status", "observed_at", "ends_at"):
            if getattr(alert, field) != getattr(before, field):
                return f"{field} becomes {getattr(alert, field)!r}"
        if path[-1] == "resolve_reason":
            continue
        if (alert.merged_into is None) != (before.merged_into is None):
            return f"merged_into becomes {alert.merged_into!r}"
        ends = alert.status is RESOLVED and alert.merged_into is None
        if not ends and alert.labels != before.labels and path[-1] != "priority":
            return f"labels become {alert.labels}"
    return None


def test_a_null_in_any_field_of_any_event_changes_nothing_but_what_that_field_says():
    places = [place for place in PLACES if place[1] != ("event",)]
    assert len(places) > 1_000
    found = {f"{name} {path}": null_changes(name, path) for name, path in places}
    assert {place: change for place, change in found.items() if change is not None} == {}


def test_an_event_without_a_time_is_unusable_and_says_so():
    delivery = read(changed(BODIES["incident-triggered"], ("event", "occurred_at"), None))
    assert ([each.path for each in delivery.unusable], delivery.alerts) == (["$.event.occurred_at"], [])


@pytest.mark.parametrize("field", ["agent", "client", "resource_type"])
def test_an_event_with_a_null_beside_its_data_still_fires(field):
    delivery = read(changed(BODIES["incident-triggered"], ("event", field), None))
    assert [(each.fingerprint, each.status) for each in delivery.alerts] == [(INCIDENT, FIRING)]


@pytest.mark.parametrize(
    "field", ["service", "assignees", "escalation_policy", "teams", "priority", "urgency", "title"]
)
def test_an_incident_with_a_null_field_still_ends(field):
    delivery = read(changed(BODIES["incident-resolved-by-person"], ("event", "data", field), None))
    assert [(each.fingerprint, each.status) for each in delivery.alerts] == [(INCIDENT, RESOLVED)]


EVERY_LABEL = """\
version: 1
services: {checkout: Checkout}
severity: [{match: urgency = low, is: MINOR}, {match: priority = P1, is: CRITICAL}, {is: MAJOR}]
public_labels: [incident_type]
routes:
  - {name: security, match: incident_type = security_default, ignore: true}
  - name: all
    match: [service != "", 'escalation_policy != ""', 'title != ""']
    services: [checkout]
    group_by: [service_id, team]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "bridge.yaml"
    path.write_text(EVERY_LABEL)
    return load(path)


@pytest.mark.parametrize("name", [name for name in NAMES if EVENTS[BODIES[name]["event"]["event_type"]] == "incident"])
@pytest.mark.parametrize("incident_type", ["incident_default", "security_default"])
def test_no_null_but_that_of_the_priority_sends_an_incident_elsewhere(config, name, incident_type):
    wanted = labels_read(config)
    assert wanted == ALL
    body = fixture(name, data__incident_type={"name": incident_type})
    (before,) = read(body, DEFAULT, wanted).alerts
    for path in set(paths(body)) - {("event",), ("event", "data", "priority"), ("event", "data", "resolve_reason")}:
        for alert in read(changed(body, path, None), DEFAULT, wanted).alerts:
            if alert.status is RESOLVED and alert.merged_into is None:
                assert before.status is RESOLVED
                assert before.merged_into is None
            else:
                assert route(alert.labels, config) == route(before.labels, config), path


@given(st.sampled_from(PLACES), JSON, MEANINGS)
def test_any_field_may_be_anything(place, value, meaning):
    name, path = place
    try:
        assert says_one_thing(read(changed(BODIES[name], path, value), meaning))
    except NotUnderstood:
        assert path == ("event",)


@given(st.binary() | st.builds(lambda value: json.dumps({"event": value}).encode(), JSON), MEANINGS)
def test_any_body_is_read_or_refused(body, meaning):
    with suppress(NotUnderstood):
        assert says_one_thing(parse(body, meaning, ALL))


def test_what_a_sender_with_a_name_says_is_its_own():
    body = json.dumps(fixture("incident-merged")).encode()
    (plain,), (named,) = parse(body, DEFAULT, ALL).alerts, parse(body, DEFAULT, ALL, "eu").alerts
    assert (named.sender, named.labels) == ("eu", plain.labels | {"__sender__": "eu"})
    assert named.event_id == f"@eu/{plain.event_id}"
    assert (named.fingerprint, named.merged_into) == (plain.fingerprint, plain.merged_into)


def test_notes_of_two_senders_are_two_notes():
    marked = PagerDuty(note_marker="PUBLIC:")
    body = json.dumps(fixture("incident-annotated", data__content="PUBLIC: Hm.")).encode()
    (plain,), (named,) = parse(body, marked, ALL).public_notes, parse(body, marked, ALL, "eu").public_notes
    assert (plain.sender, named.sender) == ("", "eu")
    assert named.event_id == f"@eu/{plain.event_id}"
