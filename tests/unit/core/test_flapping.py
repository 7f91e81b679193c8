"""Alerts that come and go: the public is told once, and then of the end, which comes by the clock alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.flapping import CALM, Flapping, flapping
from bridge.core.lifecycle import ENDED
from bridge.flap import Flap, Span
from bridge.model import V1_PAGE, Phase, Policy, Post, Severity, Summary, UpdateKind, Write, v3_page
from tests.unit.core.lifecycle_harness import MINUTE, POLICY, RETENTION_MS, SECOND, START, LifecycleHarness
from tests.unit.core.test_foresight_properties import follow
from tests.unit.core.test_lifecycle_properties import ACTS, POLICIES, play
from tests.unit.core.watched_harness import WatchedHarness

HOUR = 60 * MINUTE
DEFAULT = Flap()
STEADY = replace(POLICY, flap=None)
BLIPS = replace(POLICY, flap=Flap(blips="publish"))


def story(*spans: tuple[float, float], fires: bool = False) -> Summary:
    """An incident that fired in these spans of minutes; in the last one it still does, if it ``fires``."""
    *earlier, last = [Span(START + int(since * MINUTE), START + int(until * MINUTE)) for since, until in spans]
    return Summary(firing=int(fires), firing_since=last.since, cleared_at=last.until, earlier=tuple(earlier))


def as_of(summary: Summary, minute: float, policy: Policy = POLICY, retention_ms: int = RETENTION_MS) -> Flapping:
    return flapping(summary, policy, START + int(minute * MINUTE), retention_ms=retention_ms)


class TestWhetherItFlaps:
    def test_it_does_from_the_third_return_within_an_hour(self) -> None:
        assert as_of(story((0, 1), (10, 11), fires=True), 10.5) == CALM
        third = as_of(story((0, 1), (10, 11), (59, 60), fires=True), 59.5)
        assert third == Flapping(
            is_on=True, has_returned=True, settle_ms=15 * MINUTE, calm_at=START + 74 * MINUTE, blips_ms=0
        )
        assert as_of(story((0, 1), (10, 11), (60, 61), fires=True), 60) == CALM, "the first is an hour ago"

    def test_it_goes_on_with_returns_that_would_not_begin_it(self) -> None:
        policy = replace(POLICY, flap=Flap(within_ms=10 * MINUTE))
        spans = ((0, 1), (4, 5), (8, 9), (22, 23))
        assert as_of(story(*spans, fires=True), 22, policy).is_on
        assert not as_of(story(*spans[1:], fires=True), 22, policy).is_on

    def test_something_that_fires_for_long_enough_ends_it_and_the_next_return_may_begin_it_again(self) -> None:
        spans = ((0, 1), (4, 5), (8, 23))
        assert as_of(story(*spans, fires=True), 22.9).is_on
        steady = as_of(story(*spans, fires=True), 23)
        assert (steady.is_on, steady.has_returned, steady.settle_ms, steady.calm_at) == (False, True, 0, None)
        assert as_of(story(*spans, (40, 41), fires=True), 40).is_on, "the fourth within an hour"
        assert not as_of(story(*spans, (65, 66), fires=True), 65).is_on

    def test_a_quiet_time_ends_it(self) -> None:
        policy = replace(POLICY, flap=Flap(within_ms=10 * MINUTE))
        spans = ((0, 1), (4, 5), (8, 9), (25, 26))
        assert not as_of(story(*spans, fires=True), 25, policy).is_on

    @pytest.mark.parametrize("policy", [STEADY, replace(POLICY, flap=Flap(returns=4))])
    def test_it_does_not_where_it_is_off_or_comes_too_seldom(self, policy: Policy) -> None:
        assert as_of(story((0, 1), (4, 5), (8, 9), fires=True), 8, policy) == CALM

    def test_returns_older_than_the_retention_are_forgotten(self) -> None:
        spans = story((0, 1), (4, 5), (8, 9), fires=True)
        assert as_of(spans, 8, retention_ms=9 * MINUTE).is_on
        assert as_of(spans, 8, retention_ms=8 * MINUTE) == CALM

    def test_what_counts_as_blips_is_short_and_recent(self) -> None:
        spans = ((0, 0.5), (10, 10.8), (20, 22), (61, 61.1))
        assert as_of(story(*spans, fires=True), 61, BLIPS).blips_ms == 48 * SECOND, "one is too old, one too long"
        assert as_of(story(*spans, fires=True), 61).blips_ms == 0


def come_and_go(harness: LifecycleHarness, times: int, on_ms: int = 2 * MINUTE, off_ms: int = 2 * MINUTE) -> None:
    for _ in range(times):
        harness.fire().after(on_ms)
        harness.clear().after(off_ms)


def updates(harness: LifecycleHarness) -> list[str]:
    return [f"{each.status}{' flapping' * each.tells_of_flapping}" for each in harness.written]


class TestThePage:
    def test_the_third_return_is_told_as_flapping_and_then_only_the_end(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 30)
        ended_at = harness.alerts.outage_ended_at
        first = ["INVESTIGATING", "MONITORING", "RESOLVED"]
        assert updates(harness) == [*first, *first, "INVESTIGATING flapping"]
        assert (harness.phase, harness.post.is_open) == (Phase.INVESTIGATING, True)
        harness.after(13 * MINUTE - 1)
        assert harness.post.is_open
        harness.after(1)
        assert updates(harness)[7:] == ["RESOLVED"]
        assert harness.written[-1].public_at == ended_at, "the true last end"
        assert harness.episodes == []

    def test_a_monitored_incident_goes_back_with_the_text(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 4, off_ms=MINUTE)
        assert updates(harness) == [
            "INVESTIGATING",
            "MONITORING",
            "INVESTIGATING",
            "MONITORING",
            "INVESTIGATING flapping",
        ]

    def test_what_first_becomes_public_as_it_flaps_opens_with_the_text(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 2, on_ms=30 * SECOND)
        assert harness.phase is Phase.DISCARDED
        harness.fire().after(MINUTE)
        assert updates(harness) == ["INVESTIGATING flapping"]
        assert harness.written[0].write is Write.OPEN

    def test_once_something_fires_without_a_break_it_is_as_ever(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 3)
        harness.fire().after(15 * MINUTE)
        told = len(harness.written)
        harness.clear()
        assert updates(harness)[told:] == ["MONITORING"]
        harness.after(2 * MINUTE)
        assert updates(harness)[told:] == ["MONITORING", "RESOLVED"]

    def test_an_acknowledged_one_stays_identified_until_another_fires_steadily(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 3)
        harness.fire().acknowledge().clear().after(MINUTE).fire().after(MINUTE)
        assert harness.phase is Phase.IDENTIFIED
        harness.after(14 * MINUTE - 1)
        assert harness.phase is Phase.IDENTIFIED
        harness.after(1)
        assert updates(harness)[-2:] == ["IDENTIFIED", "INVESTIGATING"]

    def test_with_a_longer_resolve_after_it_is_over_after_that(self) -> None:
        harness = LifecycleHarness(replace(POLICY, resolve_after_ms=20 * MINUTE))
        come_and_go(harness, 3)
        harness.after(18 * MINUTE - 1)
        assert harness.post.is_open
        assert harness.after(1).phase is Phase.RESOLVED

    def test_one_that_comes_every_25_minutes_is_one_incident(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 5, off_ms=23 * MINUTE)
        assert [len(each) for each in harness.episodes] == [3], "the second outage is too late, the third flaps"
        assert updates(harness)[3:] == ["INVESTIGATING flapping", "RESOLVED"] * 3
        assert {each.kind for each in harness.written[3::2]} == {UpdateKind.OPEN}
        harness.after(40 * MINUTE).fire().after(MINUTE)
        assert len(harness.episodes) == 2, "more than an hour after the third last"

    def test_no_mail_but_for_a_higher_severity_and_for_the_end(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 3)
        told = len(harness.written)
        harness.fire().fire("search", Severity.MINOR).fire("checkout", Severity.CRITICAL).public_note("We restart it.")
        harness.clear("checkout").after(14 * MINUTE).clear().after(15 * MINUTE)
        tells = [each for each in harness.written[told:] if each.write is not Write.CHANGE]
        assert [(str(each.kind), each.is_quiet) for each in tells] == [
            ("update", True), ("severity", False), ("update", True), ("resolved", False)
        ]  # fmt: skip

    def test_the_components_of_a_page_stay_as_they_are_in_between(self) -> None:
        harness = LifecycleHarness(POLICY, page=v3_page("status"))
        come_and_go(harness, 4)
        told = len(harness.written)
        assert any(harness.post.impacts.values())
        harness.after(12 * MINUTE)
        assert (len(harness.written), any(harness.post.impacts.values())) == (told, True)
        assert not any(harness.after(MINUTE).post.impacts.values())

    def test_a_doubtful_alert_keeps_it_open_as_ever(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 3)
        harness.hold().after(20 * MINUTE)
        assert (harness.phase, harness.next_at) == (Phase.INVESTIGATING, None)
        assert harness.hold(0).phase is Phase.RESOLVED

    def test_switched_off_it_is_as_ever_at_once(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 3)
        harness.policy = STEADY
        assert harness.settle().phase is Phase.RESOLVED


class TestBlips:
    def test_many_short_outages_are_never_published(self) -> None:
        harness = LifecycleHarness(POLICY)
        come_and_go(harness, 60, 50 * SECOND, 10 * SECOND)
        assert harness.written == []

    def test_they_are_published_once_they_add_up_where_that_is_wanted(self) -> None:
        harness = LifecycleHarness(BLIPS)
        come_and_go(harness, 1, 50 * SECOND, 10 * SECOND)
        harness.fire().after(10 * SECOND - 1)
        assert harness.written == []
        harness.after(1)
        assert updates(harness) == ["INVESTIGATING"]

    def test_those_that_were_seen_too_late_are_a_missed_outage(self) -> None:
        harness = LifecycleHarness(BLIPS)
        come_and_go(harness, 1, 50 * SECOND, 10 * SECOND)
        harness.fire()
        harness.now += 11 * SECOND
        assert harness.clear().phase is Phase.RESOLVED


TIMES = st.sampled_from([SECOND, 30 * SECOND, 2 * MINUTE, 4 * MINUTE, 9 * MINUTE, 16 * MINUTE, 25 * MINUTE])
FLIPS = st.lists(st.tuples(TIMES, TIMES), max_size=10).map(
    lambda pairs: [
        act for on_ms, off_ms in pairs for act in (("fire",), ("after", on_ms), ("clear",), ("after", off_ms))
    ]
)
STORIES = st.builds(lambda flips, acts, more: [*flips, *acts, *more], FLIPS, st.lists(ACTS, max_size=6), FLIPS)
PAGES = (V1_PAGE, v3_page("status"))
FLAPPY = POLICIES.filter(lambda policy: policy.flap is not None)


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None, max_examples=60)
@given(policy=FLAPPY, acts=STORIES)
def test_flapping_ends_by_the_clock_alone(policy: Policy, acts: list[Any], page: str) -> None:
    """Whatever came and went: left alone, it is over when it may be, and calm when something goes on firing."""
    assert policy.flap is not None
    harness = LifecycleHarness(policy, page=page)
    for _ in play(harness, acts):
        pass
    harness.hold(0)
    if harness.alerts.firing:
        harness.after(max(policy.flap.settle_ms, policy.publish_after_ms))
        assert not flapping(harness.alerts.summary, policy, harness.now, retention_ms=RETENTION_MS).is_on
        is_acknowledged = harness.alerts.acknowledged
        assert harness.phase is (Phase.IDENTIFIED if is_acknowledged else Phase.INVESTIGATING) or harness.is_forgotten
        harness.clear().after(policy.resolve_after_ms)
    else:
        harness.after(max(policy.flap.settle_ms, policy.resolve_after_ms))
    assert harness.phase in ENDED
    assert not harness.post.is_open


@settings(deadline=None, max_examples=100)
@given(policy=FLAPPY, acts=STORIES)
def test_nothing_stays_open_without_an_alert_for_longer_than_it_may(policy: Policy, acts: list[Any]) -> None:
    assert policy.flap is not None
    longest = max(policy.flap.settle_ms, policy.resolve_after_ms)
    harness = LifecycleHarness(policy)
    for _ in play(harness, acts):
        alerts = harness.alerts
        if harness.post.is_open and not alerts.firing and not alerts.held:
            assert harness.now < alerts.cleared_at + longest


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None, max_examples=60)
@given(policy=FLAPPY, acts=STORIES)
def test_what_is_foreseen_of_alerts_that_come_and_go_happens_then(policy: Policy, acts: list[Any], page: str) -> None:
    harness = WatchedHarness(policy, page)
    harness.settle()
    for act, *arguments in acts:
        getattr(harness, act)(*arguments)
        if not harness.is_forgotten:
            follow(harness)


def test_what_comes_next_speaks_of_flapping() -> None:
    harness = WatchedHarness(POLICY, V1_PAGE)
    come_and_go(harness, 2)
    harness.fire()
    assert harness.next.what == "flapping: opens it again in 60 s unless it clears"
    assert harness.next.text is not None
    assert harness.next.text.startswith("An issue affecting Checkout comes and goes.")
    harness.after(MINUTE)
    assert harness.next.what == "flapping: nothing until its alerts change"
    harness.clear()
    assert harness.next.what == "flapping: resolves at 14:37 UTC unless something fires"
    assert harness.next.at == harness.now + 15 * MINUTE
    assert harness.next.mails == "the subscribers of v1"
    harness.after(15 * MINUTE)
    assert harness.next.what.startswith("forgotten")


def test_a_return_keeps_the_key_of_what_was_not_published_for_as_long_as_it_counts() -> None:
    harness = LifecycleHarness(replace(POLICY, flap=Flap(within_ms=3 * HOUR)))
    harness.fire().clear().after(3 * HOUR - 1)
    assert not harness.is_forgotten
    assert harness.after(1).is_forgotten
    assert harness.post == Post()
