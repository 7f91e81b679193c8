"""What holds of an incident's life whatever happens, and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.flapping import flapping
from bridge.core.lifecycle import ENDED, Forget, Wait, decide
from bridge.core.page_phase import phase_on
from bridge.core.planning import DATE_STEP_MS
from bridge.core.view import Case
from bridge.flap import Flap
from bridge.model import (
    IMPACTS,
    V1_PAGE,
    Impact,
    Incident,
    Phase,
    Policy,
    Post,
    Progress,
    Retry,
    Severity,
    Summary,
    Write,
    shows_impacts,
    v3_page,
)
from tests.unit.core.lifecycle_harness import (
    MINUTE,
    POLICY,
    RETENTION_MS,
    SERVICES,
    START,
    LifecycleHarness,
)

Act: TypeAlias = tuple[Any, ...]
PAGES = (V1_PAGE, v3_page("status"))
SERVICE = st.sampled_from(SERVICES)
ACTS = st.one_of(
    st.tuples(st.just("fire"), SERVICE, st.sampled_from(Severity)),
    st.tuples(st.just("clear"), SERVICE),
    st.just(("clear",)),
    st.just(("acknowledge",)),
    st.tuples(st.just("hold"), st.integers(0, 2)),
    st.tuples(st.just("after"), st.integers(0, 15 * MINUTE)),
    st.tuples(st.just("after"), st.sampled_from([1, 999, 1_000, MINUTE, 2 * MINUTE, 10 * MINUTE])),
)
FLAPS = st.builds(
    Flap,
    returns=st.sampled_from([2, 3]),
    within_ms=st.sampled_from([10 * MINUTE, 60 * MINUTE]),
    settle_ms=st.sampled_from([1, MINUTE, 15 * MINUTE]),
    blips=st.sampled_from(["ignore", "publish"]),
)
POLICIES = st.builds(
    Policy,
    publish_after_ms=st.sampled_from([0, 1, MINUTE]),
    resolve_after_ms=st.sampled_from([0, 1, 2 * MINUTE]),
    reopen_after_ms=st.sampled_from([0, 1, 10 * MINUTE]),
    flap=st.none() | FLAPS,
)
LEGAL = {
    (Phase.INVESTIGATING, Phase.IDENTIFIED),
    (Phase.INVESTIGATING, Phase.MONITORING),
    (Phase.INVESTIGATING, Phase.RESOLVED),
    (Phase.IDENTIFIED, Phase.MONITORING),
    (Phase.IDENTIFIED, Phase.RESOLVED),
    (Phase.IDENTIFIED, Phase.INVESTIGATING),  # cleared and fired anew before the page could be told
    (Phase.MONITORING, Phase.RESOLVED),
    (Phase.MONITORING, Phase.INVESTIGATING),
    (Phase.MONITORING, Phase.IDENTIFIED),
    (Phase.RESOLVED, Phase.INVESTIGATING),
    (Phase.RESOLVED, Phase.IDENTIFIED),
}


def play(harness: LifecycleHarness, acts: list[Act]) -> Iterator[Act]:
    for act, *arguments in acts:
        getattr(harness, act)(*arguments)
        yield act, *arguments


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=30))
def test_whatever_happens_the_page_comes_to_show_what_the_alerts_say(
    policy: Policy, acts: list[Act], page: str
) -> None:
    harness = LifecycleHarness(policy, page=page)
    for _ in play(harness, acts):
        pass
    harness.hold(0).after(60 * MINUTE)
    if harness.alerts.firing:
        assert harness.phase is (Phase.IDENTIFIED if harness.alerts.acknowledged else Phase.INVESTIGATING)
        assert (harness.post.status, harness.post.severity) == (harness.phase, max(harness.alerts.firing.values()))
        assert set(harness.post.services) >= set(harness.alerts.firing)
        assert harness.post.announced_severity is harness.post.severity
        assert harness.post.announced_services == harness.post.services
        if shows_impacts(page):
            firing = {name: IMPACTS[level] for name, level in harness.alerts.firing.items()}
            assert harness.post.impacts == dict.fromkeys(harness.post.services, Impact.OPERATIONAL) | firing
    else:
        assert harness.phase in ENDED
        assert not harness.post.is_open
        assert not any(harness.post.impacts.values())
    assert harness.incident.progress.posts.keys() <= {page}
    before = len(harness.written)
    assert len(harness.after(6 * 60 * MINUTE).written) == before


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=30))
def test_whatever_happens_each_incident_is_a_sound_sequence_of_updates(
    policy: Policy, acts: list[Act], page: str
) -> None:
    harness = LifecycleHarness(policy, page=page)
    told_at: dict[int, int] = {}
    changes = 0
    for act, *_ in play(harness, acts):
        changes += act != "after"
        for planned in harness.written:
            told_at.setdefault(id(planned), harness.now)
    for episode in [*harness.episodes, harness.written]:
        updates = [planned for planned in episode if planned.write is not Write.CHANGE]
        assert [planned.write for planned in updates[:1]] in ([], [Write.OPEN])
        assert all(planned.write is Write.UPDATE for planned in updates[1:])
        assert all(later.public_at >= earlier.public_at + DATE_STEP_MS for earlier, later in pairwise(updates))
        assert all(planned.public_at <= told_at.get(id(planned), harness.now) for planned in updates)
        steps = {(one.status, other.status) for one, other in pairwise(updates) if one.status is not other.status}
        assert steps <= LEGAL
    updates = [planned for episode in [*harness.episodes, harness.written] for planned in episode]
    assert len(updates) <= 4 * changes, "a change of the facts is told at once, and at most once more after quiet"


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None)
@given(policy=POLICIES, acts=st.lists(ACTS, max_size=30))
def test_on_its_only_page_an_incident_is_where_its_alerts_are(policy: Policy, acts: list[Act], page: str) -> None:
    harness = LifecycleHarness(policy, page=page)
    for _ in play(harness, acts):
        summary, fires = harness.alerts.summary, bool(harness.alerts.firing)
        case = Case(
            progress=harness.incident.progress,
            summary=summary,
            policy=policy,
            now=harness.now,
            today=harness.now,
            pages_of={},
            retention_ms=RETENTION_MS,
            flapping=flapping(summary, policy, harness.now, retention_ms=RETENTION_MS),
        )
        assert phase_on(harness.post, case, fires=fires)[0] is harness.phase


MOMENTS = st.sampled_from([-10 * MINUTE, -1, 0, 1, 10 * MINUTE]).map(lambda ms: START + ms)
SOMETIMES = st.one_of(st.none(), MOMENTS)
RETRIES = st.builds(
    Retry,
    attempts=st.integers(0, 20),
    at=st.one_of(st.just(0), MOMENTS),
    parked=st.sampled_from([None, "400"]),
    parked_write=st.sampled_from(["", "update RESOLVED MINOR checkout", "change INVESTIGATING MINOR checkout"]),
    missing_at=SOMETIMES,
)
POSTS = st.builds(
    Post,
    remote_id=st.just("remote"),
    status=st.sampled_from([Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING, Phase.RESOLVED]),
    services=st.just(("checkout",)),
    severity=st.one_of(st.none(), st.sampled_from(Severity)),
    announced_severity=st.sampled_from(Severity),
    announced_services=st.just(("checkout",)),
    public_at=MOMENTS,
    retry=RETRIES,
    closed_at=SOMETIMES,
    checked_at=st.one_of(st.just(0), MOMENTS),
    theirs_at=SOMETIMES,
    stale_at=SOMETIMES,
    check_duplicates_at=SOMETIMES,
    find_existing_at=SOMETIMES,
    second_writer=st.sampled_from(["", "theirs"]),
)


@settings(deadline=None, max_examples=300)
@given(
    phase=st.sampled_from(Phase),
    posts=st.dictionaries(st.sampled_from([*PAGES, v3_page("dropped")]), POSTS, min_size=1),
    since=st.one_of(MOMENTS, st.just(START - 2 * RETENTION_MS)),
    cleared=st.sampled_from([0, 1, MINUTE]),
)
def test_what_is_open_on_a_page_has_a_way_to_its_end(
    phase: Phase, posts: dict[str, Post], since: int, cleared: int
) -> None:
    """Whatever is recorded of a post: once nothing fires, it is due, until it is over."""
    summary = Summary(firing_since=since, last_fired_at=since, cleared_at=since + cleared, eased_at=since + cleared)
    progress = Progress(phase=phase, phase_since=since, posts=posts)
    incident = Incident(id="0123456789", key="checkout", route="checkout", summary=summary, progress=progress)
    step = decide(incident, POLICY, START, retention_ms=RETENTION_MS, pages_of=dict.fromkeys(SERVICES, PAGES))
    may_be_open = [post for post in posts.values() if post.is_open or (post.closed_at and post.theirs_at)]
    assert not may_be_open or not isinstance(step, Forget)
    if isinstance(step, Wait):
        assert step.until is not None
        assert not may_be_open or step.until <= START + 30 * MINUTE
