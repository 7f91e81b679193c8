from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.incidents import Incident, Update
from bridge.sandbox.uptime import DAY_MS, DAYS, last_days, percentage

HOUR_MS = 3_600_000
TODAY = 20_000 * DAY_MS
NOW = TODAY + 12 * HOUR_MS


def incident(begin: int, end: int | None, severity: str = "MAJOR") -> Incident:
    updates = [Update("u", "x", "INVESTIGATING", begin, begin, notify=False)]
    if end is not None:
        updates.append(Update("v", "x", "RESOLVED", end, end, notify=False))
    return Incident("i", "x", severity, (), begin, begin, updates)  # type: ignore[arg-type]


def test_without_incidents_every_day_is_good() -> None:
    days = last_days([], NOW)
    assert (len(days), days[-1].starts_at, percentage(days)) == (DAYS, TODAY, 100)
    assert not any(day.severity or day.down_ms for day in days)


def test_an_incident_over_midnight_counts_on_both_days() -> None:
    *_, before, today = last_days([incident(TODAY - 2 * HOUR_MS, TODAY + HOUR_MS)], NOW)
    assert (before.down_ms, today.down_ms) == (2 * HOUR_MS, HOUR_MS)


def test_a_running_incident_counts_until_now_and_the_worst_colors_the_day() -> None:
    open_one, over = incident(TODAY, None, "MINOR"), incident(TODAY, TODAY + HOUR_MS, "CRITICAL")
    today = last_days([open_one, over], NOW)[-1]
    assert (today.down_ms, today.severity) == (12 * HOUR_MS, "CRITICAL")


@given(
    st.lists(
        st.tuples(st.integers(-100 * 24, 12), st.integers(0, 100)).map(
            lambda hours: (TODAY + hours[0] * HOUR_MS, min(NOW, TODAY + (hours[0] + hours[1]) * HOUR_MS))
        ),
        max_size=8,
    )
)
def test_overlaps_count_once(spans: list[tuple[int, int]]) -> None:
    days = last_days([incident(begin, end) for begin, end in spans], NOW)
    first = TODAY - (DAYS - 1) * DAY_MS
    hours = {hour for begin, end in spans for hour in range(begin, end, HOUR_MS) if hour >= first}
    assert sum(day.down_ms for day in days) == len(hours) * HOUR_MS
