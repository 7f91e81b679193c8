"""How late readers saw the starts and the ends of listed incidents: two figures each."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Final

from bridge.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIAN: Final = 0.5
HIGH: Final = 0.95


def figures(incidents: Sequence[Any]) -> str:
    """One line for people, of the incidents as the API gives them; empty where none was public."""
    parts = [
        _figure("from start to public", "publish_delay_seconds", incidents),
        _figure("from end to resolved", "resolve_delay_seconds", incidents),
    ]
    said = "; ".join(part for part in parts if part)
    return f"Of those shown, {said}" if said else ""


def _figure(what: str, field: str, incidents: Sequence[Any]) -> str:
    delays = sorted(each[field] for each in incidents if each.get(field) is not None)
    if not delays:
        return ""
    median, high = (_duration(percentile(delays, part)) for part in (MEDIAN, HIGH))
    return f"{what}: median {median}, 95th percentile {high} ({len(delays)})"


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest of these that this part of them does not exceed."""
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def _duration(seconds: float) -> str:
    return "0s" if seconds < 1 else format_duration(round(seconds) * 1000)
