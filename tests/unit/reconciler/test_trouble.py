"""A page that loses answers, delays writes and refuses, and a bridge that dies at the worst moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import V1_PAGE, Phase, Policy, Severity, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, SERVICES, Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, SECOND, SETTLE_MS, World

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


def play(world: World, acts: Sequence[Act]) -> None:
    for act, *arguments in acts:
        getattr(world, act)(*arguments)


def of_generation(name: str) -> type[World]:
    class Other(World):
        page_name = name

    return Other


def check_converged(world: World) -> None:
    assert world.post.intent is None
    if not world.alerts.firing:
        assert world.page.standing == []
        return
    (incident,) = world.page.standing
    assert incident.id == world.post.remote_id
    assert incident.status is (Phase.IDENTIFIED if world.alerts.acknowledged else Phase.INVESTIGATING)
    assert incident.severity is max(world.alerts.firing.values())
    assert set(incident.services) >= set(world.alerts.firing)
    if not shows_impacts(world.page_name):
        assert set(incident.services) == set(world.post.services)
        return
    shown = {name: impact for name, impact in incident.impacts.items() if impact}
    assert shown == {name: IMPACTS[level] for name, level in world.alerts.firing.items()}
    assert shown == {name: impact for name, impact in world.post.impacts.items() if impact}


@pytest.mark.parametrize("page_name", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=12), outcomes=OUTCOMES, lag_ms=st.sampled_from([0, SETTLE_MS - 1]))
def test_there_are_never_two_open_incidents_of_ours(
    policy: Policy, acts: list[Act], outcomes: list[Outcome], lag_ms: int, page_name: str
) -> None:
    world = of_generation(page_name)(policy, outcomes)
    world.page.lag_ms, world.page.late_ms = lag_ms, SETTLE_MS - lag_ms - 1
    play(world, acts)
    world.after(30 * MINUTE)
    assert world.page.most_standing <= 1
    check_converged(world)


@pytest.mark.parametrize("page_name", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=12), opens=st.lists(UNKNOWN, max_size=4), late=st.integers(1, 12))
def test_a_post_that_arrives_long_after_the_settle_time_is_found_and_resolved(
    policy: Policy, acts: list[Act], opens: list[Outcome], late: int, page_name: str
) -> None:
    world = of_generation(page_name)(policy)
    world.page.opening.extend(opens)
    world.page.late_ms = late * SETTLE_MS
    play(world, acts)
    world.after(30 * MINUTE)
    check_converged(world)


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
    world = of_generation(page_name)(POLICY)
    world.page.late_ms = SETTLE_MS - 1
    world.fire()
    world.page.outcomes.extend(outcomes)
    play(world, acts)
    world.after(30 * MINUTE)
    check_converged(world)
