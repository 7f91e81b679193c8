"""The bars and the percentage beside a service: which of the last 90 days (UTC) were bad, and how bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from bridge.sandbox.incidents import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.sandbox.incidents import Incident

DAY_MS = 86_400_000
DAYS = 90
WORST_FIRST: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a service. ``severity`` is the worst of the incidents that touched it, ``down_ms`` their union."""

    starts_at: int
    severity: Severity | None
    down_ms: int


def worst(incidents: Iterable[Incident]) -> Severity | None:
    """The highest severity among ``incidents``; None without any."""
    found = {incident.severity for incident in incidents}
    return next((severity for severity in WORST_FIRST if severity in found), None)


def last_days(incidents: Sequence[Incident], now: int) -> list[Day]:
    """The last 90 days, today last, given all incidents of one service. A running incident counts until ``now``."""
    today = now // DAY_MS * DAY_MS
    return [_day(incidents, today - ago * DAY_MS, now) for ago in reversed(range(DAYS))]


def percentage(days: Iterable[Day]) -> float:
    """The share of the 90 days without an incident; every severity counts in full, as on Checkly's pages of cards."""
    return 100 * (1 - sum(day.down_ms for day in days) / (DAYS * DAY_MS))


def _day(incidents: Sequence[Incident], starts_at: int, now: int) -> Day:
    until = starts_at + DAY_MS
    touching = [one for one in incidents if one.started_at < until and _end(one, now) >= starts_at]
    spans = sorted((max(one.started_at, starts_at), min(_end(one, now), until)) for one in touching)
    down, reached = 0, starts_at
    for begin, end in spans:
        down += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return Day(starts_at, worst(touching), down)


def _end(incident: Incident, now: int) -> int:
    return now if incident.ended_at is None else incident.ended_at
