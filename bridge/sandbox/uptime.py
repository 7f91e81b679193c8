"""The bars and the percentage beside a name: which of the last 90 days (UTC) were bad, and how bad."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from bridge.sandbox.conditions import OPERATIONAL, Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DAY_MS = 86_400_000
DAYS = 90


class Span(NamedTuple):
    """From when to when something was in a condition."""

    condition: Condition
    begins_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day. ``condition`` is the worst that touched it; ``down_ms`` is its downtime, overlaps counted once."""

    starts_at: int
    condition: Condition
    down_ms: int


def last_days(spans: Sequence[Span], now: int) -> list[Day]:
    """The last 90 days, today last."""
    today = now // DAY_MS * DAY_MS
    return [_day(spans, today - ago * DAY_MS) for ago in reversed(range(DAYS))]


def percentage(days: Iterable[Day]) -> float:
    """The share of the 90 days that was no downtime."""
    return 100 * (1 - sum(day.down_ms for day in days) / (DAYS * DAY_MS))


def _day(spans: Sequence[Span], starts_at: int) -> Day:
    until = starts_at + DAY_MS
    touching = [span for span in spans if span.begins_at < until and span.ends_at >= starts_at]
    edges = sorted({min(max(edge, starts_at), until) for span in touching for edge in (span.begins_at, span.ends_at)})
    down = 0
    for begin, end in pairwise(edges):
        here = [span.condition.downtime for span in touching if span.begins_at <= begin and span.ends_at >= end]
        down += (end - begin) * max(here, default=0)
    return Day(starts_at, max((span.condition for span in touching), default=OPERATIONAL), down // 100)
