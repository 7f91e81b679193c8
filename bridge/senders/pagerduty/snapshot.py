"""An incident as PagerDuty's REST API shows it, read as the webhook would tell of it that was lost."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any, Final

from bridge.json_values import at, from_ms, text
from bridge.senders.delivery import Delivery, Unusable
from bridge.senders.fields import instant
from bridge.senders.pagerduty.parser import parse

if TYPE_CHECKING:
    from bridge.config.senders import PagerDuty

_SECOND_MS: Final = 1_000
_PERSON: Final = {"user": "user_reference"}  # a whole user stands where a reference may


def is_over(incident: Mapping[str, Any]) -> bool:
    """Whether PagerDuty says of it that it is resolved, be it by a merge."""
    return text(incident, "status") == "resolved"


def read_end(
    incident: Mapping[str, Any], known_at: int, meaning: PagerDuty, labels_read: Container[str], sender: str = ""
) -> Delivery:
    """What the webhook of its end would have said: one alert, one unusable event, or a resolve that does not count.

    ``known_at`` is the time of what is known of it here, by PagerDuty's clock. The API tells the end by the second, so
    that the end of a second in which something else happened comes right after that, as it did; one that is earlier
    stays earlier, and changes nothing.
    """
    ended_at = _ended_at(incident)
    if ended_at is None:
        problem = "expected when it was resolved: without that, the bridge cannot order events"
        return Delivery(alerts=[], unusable=[Unusable(index=0, path="$.incident.resolved_at", problem=problem)])
    if ended_at % _SECOND_MS == 0:
        ended_at = max(ended_at, min(known_at, ended_at + _SECOND_MS - 1))
    event = {
        "event_type": "incident.resolved",
        "occurred_at": from_ms(ended_at),
        "agent": _agent(incident),
        "data": {**incident, "type": "incident", "number": incident.get("incident_number")},
    }
    return parse(json.dumps({"event": event}).encode(), meaning, labels_read, sender)


def _ended_at(incident: Mapping[str, Any]) -> int | None:
    return instant(incident, "resolved_at") or instant(incident, "last_status_change_at")


def _agent(incident: Mapping[str, Any]) -> dict[str, str]:
    kind = text(at(incident, "last_status_change_by"), "type")
    return {"type": _PERSON.get(kind, kind)}
