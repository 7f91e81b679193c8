"""A page that loses answers, delays writes and refuses, and a bridge that dies at the worst moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import V1_PAGE, Phase, Policy, Severity, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, SERVICES, Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, SECOND, SETTLE_MS, PageHarness

Act: TypeAlias = tuple[Any, ...]
PAGES = (V1_PAGE, v3_page("status"))
POLICY = Policy(publish_after_ms=0, resolve_after_ms=MINUTE, reopen_after_ms=5 * MINUTE)
UNKNOWN = st.sampled_from([Outcome.LOST_BEFORE, Outcome.LOST_AFTER, Outcome.LATE])
PLAIN = st.sampled_from([Outcome.DONE, Outcome.NOT_SENT, Outcome.RATE_LIMITED, Outcome.REFUSED])
CRASHES = st.sampled_from([Outcome.CRASH_BEFORE, Outcome.CRASH_AFTER])
OUTCOMES = st.lists(st.one_of(PLAIN, UNKNOWN, CRASHES), max_size=12)
ACTS = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(SERVICES), st.sampled_from(Severity)),
    st.tuples(st.just("clear"), st.sampled_from(SERVICES)),
    st.just(("clear",)),
    st.just(("acknowledge",)),
    st.tuples(st.just("after"), st.sampled_from([1, SECOND, SETTLE_MS, LEASE_MS, MINUTE, 2 * MINUTE, 6 * MINUTE])),
)
POLICIES = st.builds(
    Policy,
    publish_after_ms=st.sampled_from([0, MINUTE]),
    resolve_after_ms=st.sampled_from([0, MINUTE]),
    reopen_after_ms=st.sampled_from([0, 5 * MINUTE]),
)


def play(harness: PageHarness, acts: Sequence[Act]) -> None:
    for act, *arguments in acts:
        getattr(harness, act)(*arguments)


def of_generation(name: str) -> type[PageHarness]:
    class Other(PageHarness):
        page_name = name

    return Other


def check_converged(harness: PageHarness) -> None:
    assert harness.post.intent is None
    if not harness.alerts.firing:
        assert harness.page.standing == []
        return
    (incident,) = harness.page.standing
    assert incident.id == harness.post.remote_id
    assert incident.status is (Phase.IDENTIFIED if harness.alerts.acknowledged else Phase.INVESTIGATING)
    assert incident.severity is max(harness.alerts.firing.values())
    assert set(incident.services) >= set(harness.alerts.firing)
    if not shows_impacts(harness.page_name):
        assert set(incident.services) == set(harness.post.services)
        return
    shown = {name: impact for name, impact in incident.impacts.items() if impact}
    assert shown == {name: IMPACTS[level] for name, level in harness.alerts.firing.items()}
    assert shown == {name: impact for name, impact in harness.post.impacts.items() if impact}


@pytest.mark.parametrize("page_name", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=12), outcomes=OUTCOMES, lag_ms=st.sampled_from([0, SETTLE_MS - 1]))
def test_there_are_never_two_open_incidents_of_ours(
    policy: Policy, acts: list[Act], outcomes: list[Outcome], lag_ms: int, page_name: str
) -> None:
    harness = of_generation(page_name)(policy, outcomes)
    harness.page.lag_ms, harness.page.late_ms = lag_ms, SETTLE_MS - lag_ms - 1
    play(harness, acts)
    harness.after(30 * MINUTE)
    assert harness.page.most_standing <= 1
    check_converged(harness)


@pytest.mark.parametrize("page_name", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=12), opens=st.lists(UNKNOWN, max_size=4), late=st.integers(1, 12))
def test_a_post_that_arrives_long_after_the_settle_time_is_found_and_resolved(
    policy: Policy, acts: list[Act], opens: list[Outcome], late: int, page_name: str
) -> None:
    harness = of_generation(page_name)(policy)
    harness.page.opening.extend(opens)
    harness.page.late_ms = late * SETTLE_MS
    play(harness, acts)
    harness.after(30 * MINUTE)
    check_converged(harness)


@pytest.mark.parametrize("page_name", PAGES)
@settings(deadline=None)
@given(
    acts=st.lists(
        st.one_of(
            st.tuples(st.just("fire"), st.sampled_from(SERVICES), st.sampled_from(Severity)),
            st.tuples(st.just("clear"), st.sampled_from(SERVICES[1:])),
            st.tuples(st.just("after"), st.sampled_from([1, SECOND, SETTLE_MS, LEASE_MS])),
        ),
        min_size=2,
        max_size=8,
    ),
    outcomes=st.lists(st.one_of(UNKNOWN, CRASHES), min_size=1, max_size=4),
)
def test_whatever_unknown_changes_brought_the_page_comes_to_show_what_fires(
    acts: list[Act], outcomes: list[Outcome], page_name: str
) -> None:
    harness = of_generation(page_name)(POLICY)
    harness.page.late_ms = SETTLE_MS - 1
    harness.fire()
    harness.page.outcomes.extend(outcomes)
    play(harness, acts)
    harness.after(30 * MINUTE)
    check_converged(harness)
