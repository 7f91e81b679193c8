"""PagerDuty as the scenarios tell of it: incidents with a life of their own, and signed deliveries of their events."""

from __future__ import annotations

import copy
import hmac
import json
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from tests.scenarios.vocabulary import iso, milliseconds, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers import Bridge

SECRET = "a-secret-of-the-subscription"
ENVIRONMENT = {"PAGERDUTY_SIGNING_SECRETS": SECRET}
PERSON = {"id": "PUSER01", "type": "user_reference", "summary": "Robin Doe"}

_NUMBERS: Iterator[int] = count(1)


class PagedIncident:
    """An incident of PagerDuty. Each method makes the event of one change, for ``deliver``."""

    def __init__(self, id_: str, service: str = "checkout", *, starts_at: int | None = None) -> None:
        self.id = id_
        self.agent: Mapping[str, Any] | None = PERSON
        self._occurred_at = now_ms() if starts_at is None else starts_at
        self._data: dict[str, Any] = {
            "id": id_,
            "type": "incident",
            "number": 1,
            "status": "triggered",
            "incident_key": None,
            "created_at": iso(self._occurred_at),
            "title": f"Incident {id_}",
            "service": {"id": f"P{service.upper()}", "type": "service_reference", "summary": service},
            "assignees": [],
            "teams": [],
            "priority": None,
            "urgency": "high",
            "resolve_reason": None,
        }

    def clock_is_right(self) -> None:
        """What comes next occurs now."""
        self._occurred_at = now_ms()

    def triggered(self, *, priority: str | None = None) -> bytes:
        return self._event("triggered", **_priority(priority))

    def acknowledged(self) -> bytes:
        return self._event("acknowledged", status="acknowledged")

    def unacknowledged(self) -> bytes:
        return self._event("unacknowledged", status="triggered")

    def prioritized(self, priority: str | None) -> bytes:
        return self._event("priority_updated", **_priority(priority))

    def moved(self, service: str) -> bytes:
        reference = {"id": f"P{service.upper()}", "type": "service_reference", "summary": service}
        return self._event("service_updated", service=reference)

    def escalated(self) -> bytes:
        return self._event("escalated")

    def resolved(self) -> bytes:
        return self._event("resolved", status="resolved")

    def merged_into(self, target: PagedIncident) -> bytes:
        incident = {"id": target.id, "type": "incident_reference", "summary": None}
        reason = {"type": "merge_resolve_reason", "incident": incident}
        return self._event("resolved", status="resolved", resolve_reason=reason)

    def reopened(self) -> bytes:
        return self._event(
            "reopened", status="triggered", resolve_reason=None, reopened_at=iso(self._occurred_at + 200)
        )

    def shown(self) -> Mapping[str, Any]:
        """The incident as the REST API shows it: other names than in a webhook, and times by the second."""
        data = self._data
        is_over = data["status"] == "resolved"
        changed_at = iso(self._occurred_at // 1000 * 1000).replace("+00:00", "Z")
        return {
            "id": self.id,
            "type": "incident",
            "summary": f"[#{data['number']}] {data['title']}",
            "self": f"https://api.pagerduty.com/incidents/{self.id}",
            "html_url": f"https://shop.pagerduty.com/incidents/{self.id}",
            "incident_number": data["number"],
            "title": data["title"],
            "created_at": iso(milliseconds(data["created_at"]) // 1000 * 1000).replace("+00:00", "Z"),
            "updated_at": changed_at,
            "status": data["status"],
            "incident_key": None,
            "service": data["service"],
            "assignments": [],
            "assigned_via": "escalation_policy",
            "last_status_change_at": changed_at,
            "resolved_at": changed_at if is_over else None,
            "alert_counts": {"all": 1, "triggered": 0 if is_over else 1, "resolved": 1 if is_over else 0},
            "is_mergeable": not is_over,
            "teams": data["teams"],
            "pending_actions": [],
            "acknowledgements": [],
            "last_status_change_by": self.agent,
            "priority": data["priority"],
            "resolve_reason": data["resolve_reason"],
            "urgency": data["urgency"],
        }

    def _event(self, name: str, **changes: Any) -> bytes:
        """The next event, 200 ms after the one before."""
        self._occurred_at += 200
        self._data |= changes
        event = {
            "id": f"01SCENARIO{next(_NUMBERS):016d}",
            "event_type": f"incident.{name}",
            "resource_type": "incident",
            "occurred_at": iso(self._occurred_at),
            "agent": self.agent,
            "client": None,
            "data": copy.deepcopy(self._data),
        }
        return json.dumps({"event": event}).encode()


def deliver(bridge: Bridge, body: bytes, *, secret: str = SECRET) -> httpx.Response:
    """Deliver an event as PagerDuty does, which waits five seconds for an answer."""
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    headers = {
        "X-PagerDuty-Signature": f"v1={signature}",
        "Content-Type": "application/json",
        "User-Agent": "PagerDuty-Webhook/V3.0",
    }
    return httpx.post(f"{bridge.url}/webhooks/pagerduty", content=body, headers=headers, timeout=5)


def delivered(bridge: Bridge, *bodies: bytes) -> None:
    """Deliver events that the bridge must take, one after the other."""
    for body in bodies:
        answer = deliver(bridge, body)
        assert answer.status_code == 202, answer.text


def _priority(name: str | None) -> Mapping[str, Any]:
    return {"priority": None if name is None else {"id": f"PPRIO{name}", "type": "priority_reference", "summary": name}}
