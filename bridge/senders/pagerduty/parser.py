"""PagerDuty's V3 webhooks: one event in each, of which the state it carries counts, not the change it is named after.

Every event about an incident carries the whole incident, so what is wanted is read from its status, service, priority
and so on. Any field that PagerDuty's "Webhooks Overview" does not call required may be null or missing: nothing is
concluded from that, so an event without something that the configuration reads is unusable.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from bridge.json_values import at
from bridge.model import SENDER_LABEL, SOURCE_LABEL, Alert, AlertStatus, PublicNote
from bridge.senders.delivery import Delivery, Dismissal, NotUnderstood, Unusable
from bridge.senders.fields import instant, is_unreadable, is_unreadable_instant, text
from bridge.senders.lenient import DAMAGED, decode, mend
from bridge.senders.links import page_link
from bridge.senders.pagerduty.events import EVENTS, ID_CHARS, incident_id
from bridge.senders.pagerduty.labels import PATHS, labels, unsaid
from bridge.senders.pagerduty.public_notes import read_public_note

if TYPE_CHECKING:
    from bridge.config.senders import PagerDuty

SOURCE: Final = "pagerduty"

_STATUSES = {
    "triggered": AlertStatus.FIRING,
    "acknowledged": AlertStatus.ACKNOWLEDGED,
    "resolved": AlertStatus.RESOLVED,
}
_MERGES = frozenset({"merge_resolve_reason", "merged"})  # the second is how V2 said it
_MOST_NUMBER = 1 << 53
_TIMES = ("created_at", "reopened_at")
_LEGACY = 'V1 and V2 webhooks have "messages" and no signature: create a V3 webhook subscription in their place'


class _Problem(Exception):
    """What makes an event unusable: the JSON path below ``$.event``, and the problem."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


def parse(body: bytes, meaning: PagerDuty, labels_read: Container[str], sender: str = "") -> Delivery:
    """Read one webhook body: one alert, one public note, one unusable event, or why nothing in it counts.

    ``labels_read`` are the labels that the configuration reads: an incident that is not over must say what they are.
    Everything is its ``sender``'s, if that has a name: also the ids of events.

    Raises:
        NotUnderstood: not JSON, or no object with an ``event``; for the older formats it says what to do.
    """
    event, is_whole = _event(body)
    try:
        delivery = _delivery(event, meaning, labels_read)
    except _Problem as error:
        delivery = Delivery(alerts=[], unusable=[_unusable(event, error)])
    unread = _unread(event) | ({} if is_whole else {"body": 1})
    if not sender and not unread:
        return delivery
    return replace(
        delivery,
        alerts=[_sent_by(sender, alert) for alert in delivery.alerts],
        public_notes=tuple(
            replace(each, sender=sender, event_id=_named(sender, each.event_id)) for each in delivery.public_notes
        ),
        unread=unread,
    )


def _unusable(event: dict[str, Any], error: _Problem) -> Unusable:
    return Unusable(
        index=0,
        path=f"$.event{error.path}",
        problem=error.problem,
        fingerprint=incident_id(at(event, "data")) or "",
        name=_name(at(event, "data")),
    )


def _sent_by(sender: str, alert: Alert) -> Alert:
    if not sender:
        return alert
    event_id = alert.event_id and _named(sender, alert.event_id)
    return replace(alert, sender=sender, event_id=event_id, labels=alert.labels | {SENDER_LABEL: sender})


def _named(sender: str, event_id: str) -> str:
    return f"@{sender}/{event_id}" if sender else event_id


def _event(body: bytes) -> tuple[dict[str, Any], bool]:
    """The event, and whether every value in the body was whole."""
    is_whole = True
    try:
        payload = msgspec.json.decode(body)
    except RecursionError:
        raise NotUnderstood("$: nested too deeply") from None
    except ValueError as error:
        is_whole, payload = False, _read_damaged(body, error)
    event = at(payload, "event")
    if not isinstance(event, dict):
        raise NotUnderstood(_LEGACY if isinstance(at(payload, "messages"), list) else "$.event: expected an object")
    return event, is_whole


def _read_damaged(body: bytes, strict: ValueError) -> Any:
    """What can be read of a body that was refused for its texts or numbers; NotUnderstood where that was not why."""
    try:
        return decode(mend(body))
    except (ValueError, RecursionError):
        is_bytes = isinstance(strict, UnicodeDecodeError)
        raise NotUnderstood("$: a string is not UTF-8" if is_bytes else f"$: {strict}") from None


def _unread(event: dict[str, Any]) -> dict[str, int]:
    """The fields of an incident that are there, may be missing, and cannot be read."""
    if text(event, "data", "type") != "incident":
        return {}
    found = [name for name in _TIMES if is_unreadable_instant(event, "data", name)]
    found += [".".join(path) for path in PATHS.values() if is_unreadable(event, "data", *path)]
    found += ["id"] if at(event, "id") not in (None, "") and _id(event) is None else []
    return dict.fromkeys(found, 1)


def _delivery(event: dict[str, Any], meaning: PagerDuty, labels_read: Container[str]) -> Delivery:
    event_type = text(event, "event_type")
    if event_type is None:
        raise _Problem(".event_type", "expected an event type")
    if event_type == "pagey.ping":
        return _dismiss(event, "ping")
    if event_type not in EVENTS:
        return _dismiss(event, "event_type")
    match text(event, "data", "type"):
        case "incident":
            return _from_incident(event, meaning, labels_read)
        case "incident_note" | "incident_status_update":
            return _from_words(event, meaning)
        case None:
            raise _Problem(".data.type", "expected the type of the data")
    return _dismiss(event, "event_type")


def _dismiss(event: dict[str, Any], reason: str) -> Delivery:
    event_type = text(event, "event_type")
    dismissal = Dismissal(
        reason=reason,
        event_type=event_type if event_type in EVENTS else "unknown",
        fingerprint=incident_id(at(event, "data")),
    )
    return Delivery(alerts=[], unusable=[], dismissal=dismissal)


def _from_words(event: dict[str, Any], meaning: PagerDuty) -> Delivery:
    words = read_public_note(event["data"], meaning)
    if words is None:
        return _dismiss(event, "note")
    fingerprint, occurred_at = _identity(event, ".data.incident.id"), _occurred_at(event)
    public_note = PublicNote(
        source=SOURCE,
        fingerprint=fingerprint,
        text=words,
        observed_at=occurred_at,
        event_id=_words_id(event["data"]) or _id(event) or f"{fingerprint}@{occurred_at}",
    )
    return Delivery(alerts=[], unusable=[], public_notes=(public_note,))


def _words_id(data: Any) -> str | None:
    """Names the note itself, which two subscriptions tell of in two events."""
    found = _id(data)
    return found and f"{data['type']}/{found}"


def _from_incident(event: dict[str, Any], meaning: PagerDuty, labels_read: Container[str]) -> Delivery:
    identity = _identity(event, ".data.id")
    data = event["data"]
    status = _STATUSES.get(text(data, "status") or "")
    if status is None:
        raise _Problem(".data.status", 'expected "triggered", "acknowledged" or "resolved"')
    merged_into = None
    if status is AlertStatus.RESOLVED:
        if _is_merge(data):
            merged_into = _target(data, identity, meaning)
        elif meaning.resolve_by == "person" and not _is_resolved_by_person(event):
            return _dismiss(event, "resolve_by")
    if status is not AlertStatus.RESOLVED or merged_into is not None:
        _check_labels(data, labels_read)
    return Delivery(alerts=[_alert(event, identity, status, merged_into, meaning)], unusable=[])


def _is_resolved_by_person(event: dict[str, Any]) -> bool:
    """Whether this tells of a person's resolve: a person may also change what monitoring has resolved."""
    return text(event, "event_type") == "incident.resolved" and text(event, "agent", "type") == "user_reference"


def _check_labels(data: Any, labels_read: Container[str]) -> None:
    name = unsaid(data, labels_read)
    if name is not None:
        path = ".".join(("", "data", *PATHS[name]))
        raise _Problem(path, f'expected the value of the label "{name}", which the configuration reads')


def _alert(
    event: dict[str, Any], identity: str, status: AlertStatus, merged_into: str | None, meaning: PagerDuty
) -> Alert:
    data = event["data"]
    occurred_at = _occurred_at(event)
    is_over = status is AlertStatus.RESOLVED
    is_end = is_over and merged_into is None
    complete = meaning.open_on == "triggered" or status is AlertStatus.ACKNOWLEDGED or is_end
    if status is AlertStatus.ACKNOWLEDGED and meaning.acknowledged == "ignore":
        status = AlertStatus.FIRING
    return Alert(
        source=SOURCE,
        fingerprint=identity,
        status=status,
        labels=labels(data) | {SOURCE_LABEL: SOURCE},
        starts_at=instant(data, "reopened_at") or instant(data, "created_at") or occurred_at,
        ends_at=occurred_at if is_over else None,
        observed_at=occurred_at,
        event_id=_id(event),
        merged_into=merged_into,
        keep_if_orphaned=meaning.merge_unknown_target == "keep_open",
        complete=complete,
        name=_name(data),
        link=page_link(text(data, "html_url") or ""),
    )


def _name(data: Any) -> str:
    """The incident's number and title, as far as they are said: the number first, for a title may be long."""
    number = at(data, "number")
    numbered = isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < _MOST_NUMBER
    return " ".join(filter(None, (f"#{int(number)}" if numbered else "", text(data, "title"))))


def _is_merge(data: Any) -> bool:
    reason = at(data, "resolve_reason")
    kind = reason if isinstance(reason, str) else text(reason, "type")
    return kind in _MERGES or (kind is None and at(reason, "incident") is not None)


def _target(data: Any, identity: str, meaning: PagerDuty) -> str | None:
    """The incident that this one was merged into.

    Where that is not said, it is one that nobody will ever hear of, so that the merge counts as orphaned and is seen
    to; no id of PagerDuty's has a hyphen. Or None, if such a merge is to count as a resolve.
    """
    target = text(data, "resolve_reason", "incident", "id")
    if target is not None and target != identity and len(target) <= ID_CHARS:
        return target
    return f"{identity}-unknown-target" if meaning.merge_unknown_target == "keep_open" else None


def _identity(event: dict[str, Any], path: str) -> str:
    identity = incident_id(at(event, "data"))
    if identity is None:
        raise _Problem(path, f"expected the incident's id, at most {ID_CHARS} characters")
    return identity


def _occurred_at(event: dict[str, Any]) -> int:
    occurred_at = instant(event, "occurred_at")
    if occurred_at is None:
        raise _Problem(".occurred_at", "expected an RFC 3339 timestamp: without it, the bridge cannot order events")
    return occurred_at


def _id(value: Any) -> str | None:
    """An id; none that is damaged, for the next event's may be so, too, and an end must not pass for a repeat."""
    found = text(value, "id")
    return found if found and len(found) <= ID_CHARS and DAMAGED not in found else None
