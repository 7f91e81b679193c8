"""An incident with all of its alerts, those that keep it open first: a person asks for these, however many flapped."""

from __future__ import annotations

from typing import Any, Final

from bridge.cli.client import get, incident_path, query

MOST_AT_ONCE: Final = 1_000  # alerts, of the API
_MOST_PARTS: Final = 10
_COUNTING: Final = ("firing", "held")


def whole(url: str, id_: str) -> Any:
    """What the API has of it; the alerts that count first, of each kind the last seen first.

    Of more than ten thousand alerts, some are left out: ``alerts_after`` is not null then. Raises CommandError.
    """
    found: dict[str, Any] = {}
    alerts: dict[tuple[Any, ...], Any] = {}
    following = None
    for _ in range(_MOST_PARTS):
        asked = {"alerts": MOST_AT_ONCE} | ({"after": following} if following else {})
        part = get(url, query(incident_path(id_), asked))
        found = found or part
        alerts |= {_identity(each): each for each in part["alerts"]}
        following = part.get("alerts_after")  # an older bridge gives all
        if not following:
            break
    last_seen_first = sorted(alerts.values(), key=lambda each: each.get("seen_at") or "", reverse=True)
    return {**found, "alerts": sorted(last_seen_first, key=lambda each: not counts(each)), "alerts_after": following}


def counts(alert: Any) -> bool:
    """Whether an alert keeps its incident open."""
    return alert.get("status") in _COUNTING


def _identity(alert: Any) -> tuple[Any, ...]:
    return tuple(alert.get(name) for name in ("source", "sender", "fingerprint"))
