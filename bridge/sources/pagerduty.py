"""PagerDuty's V3 webhooks: one event in each, of which the state it carries counts, not the change it is named after.

Every event about an incident carries the whole incident, so what is wanted is read from its status, service, priority
and so on; any field that PagerDuty's "Webhooks Overview" does not call required may be null or missing.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.config.schema import PagerDuty
from bridge.model import Alert, AlertStatus, Remark
from bridge.sources.delivery import Delivery, Dismissal, NotUnderstood, Unusable
from bridge.sources.fields import at, instant, items, text
from bridge.sources.pagerduty_events import EVENTS, ID_CHARS, incident_id
from bridge.sources.remark import written_for_the_public

SOURCE: Final = "pagerduty"

_STATUSES = {
    "triggered": AlertStatus.FIRING,
    "acknowledged": AlertStatus.ACKNOWLEDGED,
    "resolved": AlertStatus.RESOLVED,
}
_MERGES = frozenset({"merge_resolve_reason", "merged"})  # the second is how V2 said it
_LEGACY = 'V1 and V2 webhooks have "messages" and no signature: create a V3 webhook subscription in their place'


class _Problem(Exception):
    """What makes an event unusable: the JSON path below ``$.event``, and the problem."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


def parse(body: bytes, meaning: PagerDuty) -> Delivery:
    """Read one webhook body: one alert, one remark, one unusable event, or the reason why it says nothing that counts.

    Raises:
        NotUnderstood: not JSON, or no object with an ``event``; for the older formats it says what to do.
    """
    event = _event(body)
    try:
        return _delivery(event, meaning)
    except _Problem as error:
        unusable = Unusable(index=0, path=f"$.event{error.path}", problem=error.problem)
        return Delivery(alerts=[], unusable=[unusable])


def _event(body: bytes) -> dict[str, Any]:
    try:
        payload = msgspec.json.decode(body)
    except RecursionError:
        raise NotUnderstood("$: nested too deeply") from None
    except UnicodeDecodeError:
        raise NotUnderstood("$: a string is not UTF-8") from None
    except ValueError as error:
        raise NotUnderstood(f"$: {error}") from None
    event = at(payload, "event")
    if not isinstance(event, dict):
        raise NotUnderstood(_LEGACY if isinstance(at(payload, "messages"), list) else "$.event: expected an object")
    return event


def _delivery(event: dict[str, Any], meaning: PagerDuty) -> Delivery:
    event_type = text(event, "event_type")
    if event_type is None:
        raise _Problem(".event_type", "expected an event type")
    if event_type == "pagey.ping":
        return _dismiss(event, "ping")
    if event_type not in EVENTS:
        return _dismiss(event, "event_type")
    match text(event, "data", "type"):
        case "incident":
            return _from_incident(event, meaning)
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
    words = written_for_the_public(event["data"], meaning)
    if words is None:
        return _dismiss(event, "note")
    fingerprint, occurred_at = _identity(event, ".data.incident.id"), _occurred_at(event)
    remark = Remark(
        source=SOURCE,
        fingerprint=fingerprint,
        text=words,
        observed_at=occurred_at,
        event_id=_event_id(event) or f"{fingerprint}@{occurred_at}",
    )
    return Delivery(alerts=[], unusable=[], remarks=(remark,))


def _from_incident(event: dict[str, Any], meaning: PagerDuty) -> Delivery:
    identity = _identity(event, ".data.id")
    data = event["data"]
    status = _STATUSES.get(text(data, "status") or "")
    if status is None:
        raise _Problem(".data.status", 'expected "triggered", "acknowledged" or "resolved"')
    merged_into = None
    if status is AlertStatus.RESOLVED:
        if _is_merge(data):
            merged_into = _target(data, identity, meaning)
        elif meaning.resolve_by == "person" and text(event, "agent", "type") != "user_reference":
            return _dismiss(event, "resolve_by")
    return Delivery(alerts=[_alert(event, identity, status, merged_into, meaning)], unusable=[])


def _alert(
    event: dict[str, Any], identity: str, status: AlertStatus, merged_into: str | None, meaning: PagerDuty
) -> Alert:
    data = event["data"]
    labels = _labels(data)
    is_over = status is AlertStatus.RESOLVED
    if not is_over and not labels.keys() >= {"service", "service_id", "urgency"}:
        raise _Problem(".data", "expected the incident's service, with id and summary, and urgency")
    occurred_at = _occurred_at(event)
    complete = status is not AlertStatus.FIRING or meaning.open_on == "triggered"
    if status is AlertStatus.ACKNOWLEDGED and meaning.acknowledged == "ignore":
        status = AlertStatus.FIRING
    return Alert(
        source=SOURCE,
        fingerprint=identity,
        status=status,
        labels=labels,
        starts_at=instant(data, "reopened_at") or instant(data, "created_at") or occurred_at,
        ends_at=occurred_at if is_over else None,
        observed_at=occurred_at,
        event_id=_event_id(event),
        merged_into=merged_into,
        keep_if_orphaned=meaning.merge_unknown_target == "keep_open",
        complete=complete,
    )


def _labels(data: Any) -> dict[str, str]:
    """What matchers can read; what the incident does not have is left out."""
    found = {
        "service": text(data, "service", "summary"),
        "service_id": text(data, "service", "id"),
        "priority": text(data, "priority", "summary"),
        "urgency": text(data, "urgency"),
        "team": ", ".join(sorted(name for team in items(data, "teams") if (name := text(team, "summary")))),
        "escalation_policy": text(data, "escalation_policy", "summary"),
        "incident_type": text(data, "incident_type", "name"),
        "title": text(data, "title"),
        "__source__": SOURCE,
    }
    return {name: value for name, value in found.items() if value}


def _is_merge(data: Any) -> bool:
    reason = at(data, "resolve_reason")
    kind = reason if isinstance(reason, str) else text(reason, "type")
    return kind in _MERGES or (kind is None and at(reason, "incident") is not None)


def _target(data: Any, identity: str, meaning: PagerDuty) -> str | None:
    """The incident that this one was merged into; None where it is not said and the merge is to count as a resolve."""
    target = text(data, "resolve_reason", "incident", "id")
    if target is not None and target != identity and len(target) <= ID_CHARS:
        return target
    if meaning.merge_unknown_target == "keep_open":
        raise _Problem(".data.resolve_reason.incident.id", "expected the incident it was merged into: it stays open")
    return None


def _identity(event: dict[str, Any], path: str) -> str:
    identity = incident_id(at(event, "data"))
    if identity is None:
        raise _Problem(path, f"expected the incident's id, at most {ID_CHARS} characters")
    return identity


def _occurred_at(event: dict[str, Any]) -> int:
    occurred_at = instant(event, "occurred_at")
    if occurred_at is None:
        raise _Problem(".occurred_at", "expected an RFC 3339 timestamp: without it, newer and older cannot be told")
    return occurred_at


def _event_id(event: dict[str, Any]) -> str | None:
    found = text(event, "id")
    return found if found and len(found) <= ID_CHARS else None
