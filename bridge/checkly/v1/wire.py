"""The v1 API's JSON: what we send, exactly; what we read, with tolerance.

Checkly declares dates where it sends instants, does not promise an order of updates, and may add fields and values.
Only an incident without an id is unusable.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.checkly.errors import UnknownOutcome
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import Intent, Phase, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.checkly.v1.services import RemoteService

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    return body | {"publicIncidentUpdateDate": to_iso(intent.public_at)} if intent.is_dated else body


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
        name=_text(data.get("name")),
        status=next((status for status in known if status), Phase.INVESTIGATING),
        severity=Severity.__members__.get(_text(data.get("severity"))),
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


def to_iso(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, with milliseconds and ``Z``."""
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(value: object) -> int:
    """A date or an instant (in UTC, unless it says otherwise) as milliseconds since the epoch; 0 if it is neither."""
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        return 0
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def _update(data: dict[str, Any]) -> RemoteUpdate:
    created_at = from_iso(data.get("created_at"))
    return RemoteUpdate(
        id=_text(data.get("id")),
        status=_status(data.get("status")),
        text=_text(data.get("description")),
        public_at=from_iso(data.get("publicIncidentUpdateDate")) or created_at,
        created_at=created_at,
    )


def _status(value: object) -> Phase | None:
    return _STATUSES.get(_text(value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
