"""The v1 API's JSON: what we send, exactly; what we read, with tolerance.

Checkly declares dates where it sends instants, does not promise an order of updates, and may add fields and values.
Only an incident without an id is unusable.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from bridge.checkly.errors import UnknownOutcome
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.json_values import dicts, from_ms, text, to_ms
from bridge.model import Intent, Phase, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.checkly.v1.services import RemoteService

_STATUSES = {phase.value: phase for phase in (Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING, Phase.RESOLVED)}


def incident_body(name: str, severity: Severity, services: Iterable[RemoteService]) -> dict[str, Any]:
    """What creating and replacing an incident have in common: all three fields are required."""
    return {
        "name": name,
        "severity": severity.name,
        "services": [{"id": service.id, "name": service.name, "accountId": service.account_id} for service in services],
    }


def update_body(intent: Intent) -> dict[str, Any]:
    """An incident update. Every field is sent: Checkly's defaults for the optional ones are not ours, or unknown.

    But for a date that it refused: then it takes its own time.
    """
    body = {"description": intent.text, "status": intent.status.value, "notifySubscribers": intent.notify}
    return body | {"publicIncidentUpdateDate": from_ms(intent.public_at)} if intent.is_dated else body


def incident(data: object) -> RemoteIncident:
    """An incident as Checkly describes it.

    An unknown status counts as that of the newest update that has a known one, else as INVESTIGATING: unresolved.

    Raises:
        UnknownOutcome: ``data`` is not an incident with an id.
    """
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not data["id"]:
        raise UnknownOutcome("the answer is not an incident with an id")
    updates = sorted(
        (_update(item) for item in dicts(data.get("incidentUpdates"))),
        key=lambda update: (update.public_at, update.created_at),
        reverse=True,
    )
    known = (_status(data.get("lastUpdateStatus")), *(update.status for update in updates))
    return RemoteIncident(
        id=data["id"],
        name=text(data, "name"),
        status=next((status for status in known if status), Phase.INVESTIGATING),
        severity=Severity.__members__.get(text(data, "severity")),
        services=tuple(
            dict.fromkeys(item["id"] for item in dicts(data.get("services")) if isinstance(item.get("id"), str))
        ),
        created_at=from_iso(data.get("created_at")),
        updates=tuple(updates),
    )


def update(data: object) -> RemoteUpdate:
    """An incident update as Checkly describes it, of which only being an object is required.

    Raises:
        UnknownOutcome: ``data`` is not an object.
    """
    if not isinstance(data, dict):
        raise UnknownOutcome("the answer is not an incident update")
    return _update(data)


def from_iso(value: object) -> int:
    """A date or an instant (in UTC, unless it says otherwise) as milliseconds since the epoch; 0 if it is neither."""
    try:
        return to_ms(text(value), default_zone=UTC)
    except ValueError:
        return 0


def _update(data: dict[str, Any]) -> RemoteUpdate:
    created_at = from_iso(data.get("created_at"))
    return RemoteUpdate(
        id=text(data, "id"),
        status=_status(data.get("status")),
        text=text(data, "description"),
        public_at=from_iso(data.get("publicIncidentUpdateDate")) or created_at,
        created_at=created_at,
    )


def _status(value: object) -> Phase | None:
    return _STATUSES.get(text(value))
