from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.conditions import IMPACTS, OPERATIONAL, SEVERITIES, Condition
from bridge.sandbox.uptime import DAY_MS, DAYS, Span, last_days, percentage

HOUR_MS = 3_600_000
TODAY = 20_000 * DAY_MS
NOW = TODAY + 12 * HOUR_MS


def test_without_incidents_every_day_is_good() -> None:
    days = last_days([], NOW)
    assert (len(days), days[-1].starts_at, percentage(days)) == (DAYS, TODAY, 100)
    assert {(day.condition, day.down_ms) for day in days} == {(OPERATIONAL, 0)}


def test_an_incident_over_midnight_counts_on_both_days() -> None:
    *_, before, today = last_days([Span(SEVERITIES["MAJOR"], TODAY - 2 * HOUR_MS, TODAY + HOUR_MS)], NOW)
    assert (before.down_ms, today.down_ms) == (2 * HOUR_MS, HOUR_MS)


def test_the_worst_colors_the_day() -> None:
    spans = [Span(SEVERITIES["MINOR"], TODAY, NOW), Span(SEVERITIES["CRITICAL"], TODAY, TODAY + HOUR_MS)]
    today = last_days(spans, NOW)[-1]
    assert (today.down_ms, today.condition) == (12 * HOUR_MS, SEVERITIES["CRITICAL"])


def test_impacts_count_by_their_share_and_overlaps_by_the_worst() -> None:
    spans = [
        Span(IMPACTS["PARTIAL_OUTAGE"], TODAY, TODAY + 10 * HOUR_MS),
        Span(IMPACTS["MAJOR_OUTAGE"], TODAY + HOUR_MS, TODAY + 2 * HOUR_MS),
        Span(IMPACTS["DEGRADED_PERFORMANCE"], TODAY, NOW),
        Span(IMPACTS["UNDER_MAINTENANCE"], TODAY - DAY_MS, TODAY - HOUR_MS),
    ]
    *_, before, today = last_days(spans, NOW)
    assert today.down_ms == HOUR_MS + 9 * HOUR_MS * 30 // 100
    assert (before.down_ms, before.condition.words) == (0, "Under maintenance")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*SEVERITIES.values(), *IMPACTS.values()]), st.integers(-100 * 24, 12), st.integers(0, 100)
        ),
        max_size=8,
    )
)
def test_every_hour_counts_once_by_the_worst_in_it(drawn: list[tuple[Condition, int, int]]) -> None:
    spans = [
        Span(condition, TODAY + begin * HOUR_MS, min(NOW, TODAY + (begin + length) * HOUR_MS))
        for condition, begin, length in drawn
    ]
    expected: dict[int, int] = {}
    for span in spans:
        for hour in range(max(span.begins_at, TODAY - (DAYS - 1) * DAY_MS), span.ends_at, HOUR_MS):
            expected[hour] = max(expected.get(hour, 0), span.condition.downtime)
    assert sum(day.down_ms for day in last_days(spans, NOW)) == sum(expected.values()) * HOUR_MS // 100
