"""Reads that are older than what the bridge itself has written, at every boundary of an outage: nobody's edit."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Policy, Severity
from tests.unit.reconciler.page import IMPACTS, Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness, names, published

pytestmark = pytest.mark.usefixtures("generation")

LAGS = [0, SECOND // 2, SECOND, 2 * SECOND, 5 * SECOND]
GAPS = [0, SECOND // 2, SECOND, 3 * SECOND]


def lagging(ms: int) -> PageHarness:
    harness = PageHarness(POLICY)
    harness.page.lag_ms = harness.page.read_lag_ms = ms
    return harness


def shown(harness: PageHarness) -> tuple[Any, ...]:
    """Severity of what stands, and what is amiss with each service where the page tells."""
    (incident,) = harness.page.standing
    return incident.severity, {name: impact for name, impact in incident.impacts.items() if impact}


def statuses(harness: PageHarness) -> list[Phase]:
    return [incident.status for incident in harness.page.incidents]


def expected(harness: PageHarness, firing: dict[str, Severity]) -> tuple[Any, ...]:
    severity = max(firing.values())
    has_impacts = harness.page_name != "v1"
    return severity, {name: IMPACTS[level] for name, level in firing.items()} if has_impacts else {}


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("gaps", list(product(GAPS, repeat=2)), ids=str)
def test_fired_again_and_joined_within_the_lag_nobody_is_taken_to_have_closed_it(
    lag: int, gaps: tuple[int, int], logged: list[Any]
) -> None:
    harness = fired_again_and_joined(lag, gaps)
    assert shown(harness) == expected(harness, {"checkout": Severity.MAJOR, "payments": Severity.CRITICAL})
    assert statuses(harness) == [Phase.INVESTIGATING]
    promptly = fired_again_and_joined(0, gaps).page.writes
    assert len(harness.page.writes) <= len(promptly), "nothing is told twice"
    harness.clear()
    harness.after(5 * MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]
    assert "closed_by_others" not in names(logged)


def fired_again_and_joined(lag: int, gaps: tuple[int, int]) -> PageHarness:
    """It fires, ends, fires again, and another, that is worse, joins."""
    harness = lagging(lag)
    harness.fire()
    harness.after(MINUTE)
    harness.clear()
    harness.after(POLICY.resolve_after_ms + gaps[0])
    harness.fire()
    harness.after(MINUTE + gaps[1])
    harness.fire("payments", Severity.CRITICAL)
    harness.after(3 * MINUTE)
    return harness


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("gap", GAPS)
def test_fired_again_just_as_it_was_said_to_be_over_it_shows_what_fires(lag: int, gap: int) -> None:
    harness = lagging(lag)
    harness.fire()
    harness.after(MINUTE)
    harness.clear()
    harness.after(gap)
    harness.fire("payments")
    harness.after(gap)
    harness.fire("search", Severity.CRITICAL)
    harness.after(3 * MINUTE)
    assert statuses(harness) == [Phase.INVESTIGATING]
    harness.clear("search")
    harness.after(gap)
    harness.fire("search", Severity.MINOR)
    harness.after(10 * MINUTE)
    assert shown(harness) == expected(harness, {"payments": Severity.MAJOR, "search": Severity.MINOR})
    harness.clear()
    harness.after(5 * MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]


@pytest.mark.parametrize("lag", LAGS)
def test_a_severity_that_has_fallen_is_not_raised_again_by_an_older_read(lag: int) -> None:
    harness = lagging(lag)
    harness.fire(severity=Severity.CRITICAL)
    harness.after(MINUTE)
    harness.fire(severity=Severity.MINOR)
    harness.after(POLICY.resolve_after_ms)
    harness.fire("payments", Severity.MEDIUM)
    harness.after(10 * MINUTE)
    assert shown(harness) == expected(harness, {"checkout": Severity.MINOR, "payments": Severity.MEDIUM})


@pytest.mark.parametrize("lag", LAGS)
def test_an_impact_that_was_just_ended_is_not_a_person_s_when_a_lesser_one_follows(lag: int) -> None:
    harness = lagging(lag)
    harness.fire("payments", Severity.CRITICAL)
    harness.fire("checkout", Severity.CRITICAL)
    harness.after(MINUTE)
    harness.clear("checkout")
    harness.after(POLICY.resolve_after_ms)
    harness.fire("checkout", Severity.MINOR)
    harness.after(10 * MINUTE)
    assert shown(harness) == expected(harness, {"checkout": Severity.MINOR, "payments": Severity.CRITICAL})


@pytest.mark.parametrize("lag", LAGS)
def test_a_severity_that_falls_back_at_once_is_written_though_an_older_read_shows_it(lag: int) -> None:
    harness = PageHarness(Policy(publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0))
    harness.page.lag_ms = harness.page.read_lag_ms = lag
    harness.fire()
    harness.after(MINUTE)
    harness.fire(severity=Severity.CRITICAL)
    harness.after(SECOND // 4)
    harness.fire(severity=Severity.MAJOR)
    harness.after(MINUTE)
    assert shown(harness) == expected(harness, {"checkout": Severity.MAJOR})


def test_an_update_that_stays_away_for_the_settle_time_was_removed_and_what_is_read_counts(logged: list[Any]) -> None:
    harness = published()
    harness.clear()
    harness.after(2 * MINUTE)
    before = harness.page.only
    harness.fire()
    harness.after(MINUTE)
    harness.page.edit(before.id, status=before.status, updates=before.updates)  # a person deletes the re-opening
    harness.fire("payments")
    harness.after(SETTLE_MS - 1)
    assert harness.post.is_open
    harness.after(2)
    assert (harness.post.is_open, names(logged).count("closed_by_others")) == (False, 1)


def test_what_a_person_closes_while_reads_lag_is_noticed_and_stays(logged: list[Any]) -> None:
    harness = lagging(5 * SECOND)
    harness.fire()
    harness.after(2 * MINUTE)
    resolve(harness)
    harness.after(5 * SECOND)
    harness.fire("payments", Severity.CRITICAL)
    harness.after(MINUTE)
    harness.clear("payments")
    harness.after(10 * MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]
    assert names(logged).count("closed_by_others") == 1


def test_an_edit_right_after_a_change_of_ours_is_respected(logged: list[Any]) -> None:
    harness = published()
    harness.fire("payments", Severity.MEDIUM)
    harness.fire("payments", Severity.MAJOR)
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
    harness.fire("search", Severity.MEDIUM)
    harness.after(30 * MINUTE)
    assert harness.page.only.severity is Severity.CRITICAL
    assert "closed_by_others" not in names(logged)


def resolve(harness: PageHarness) -> None:
    """What a person does."""
    incident = harness.page.only
    update = RemoteUpdate(
        id="by-hand", status=Phase.RESOLVED, text="All is well.", public_at=harness.now, created_at=harness.now
    )
    harness.page.edit(incident.id, status=Phase.RESOLVED, updates=(update, *incident.updates))


def test_an_update_that_a_person_removed_is_missed_once() -> None:
    harness = published()
    before = harness.page.only
    harness.acknowledge()
    harness.page.edit(before.id, status=before.status, updates=before.updates)
    harness.fire("payments")
    harness.after(2 * SETTLE_MS)
    assert "payments" in harness.post.services
    writes = len(harness.page.writes)
    harness.fire("search")
    assert len(harness.page.writes) == writes + 2, "at once"


def test_one_that_is_older_than_the_newest_hundred_proves_nothing() -> None:
    harness = published()
    incident = harness.page.only
    later = [
        RemoteUpdate(id=f"{number}", status=incident.status, text="Yes.", public_at=harness.now, created_at=harness.now)
        for number in range(100)
    ]
    harness.after(SECOND)
    harness.page.edit(incident.id, updates=tuple(later))
    harness.fire("payments")
    assert "payments" in harness.post.services


def test_an_end_of_ours_that_nobody_recorded_is_no_person_s(logged: list[Any]) -> None:
    """Redis lost its last write; or a list that lagged had us take over what was over."""
    harness = published()
    kept = harness.store.progress
    harness.clear()
    harness.after(5 * MINUTE)
    harness.store.progress = kept
    harness.fire("payments")
    harness.after(2 * MINUTE)
    assert statuses(harness) == [Phase.INVESTIGATING]
    harness.clear()
    harness.after(5 * MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]
    assert "closed_by_others" not in names(logged)


def test_an_end_in_our_words_while_it_fires_is_a_person_s(logged: list[Any]) -> None:
    harness = published()
    harness.clear()
    harness.after(5 * MINUTE)
    words = harness.page.only.updates[0].text
    harness = published()
    incident = harness.page.only
    harness.after(MINUTE)
    end = replace(incident.updates[0], id="theirs", status=Phase.RESOLVED, text=words, public_at=harness.now)
    end = replace(end, created_at=harness.now)
    harness.page.edit(incident.id, status=Phase.RESOLVED, updates=(end, *incident.updates))
    harness.fire("payments")
    harness.after(2 * MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]
    assert "closed_by_others" in names(logged)


NEW_EACH_TIME = Policy(publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0)


def over_and_out_again(*outcomes: Outcome, lag: int) -> PageHarness:
    """One outage has just been said to be over, and another begins, too late to re-open: reads still show the first."""
    harness = PageHarness(NEW_EACH_TIME)
    harness.fire()
    harness.after(MINUTE)
    harness.clear()
    harness.after(1)
    assert statuses(harness) == [Phase.RESOLVED]
    harness.page.lag_ms = harness.page.read_lag_ms = lag
    harness.page.opening.extend(outcomes)
    harness.fire("payments", Severity.CRITICAL)
    return harness


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize(
    "outcome", [Outcome.DONE, Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.LATE, Outcome.CRASH_AFTER]
)
def test_what_was_just_ended_is_not_taken_over_by_the_next_outage_for_an_older_read(
    lag: int, outcome: Outcome, logged: list[Any]
) -> None:
    harness = over_and_out_again(outcome, lag=lag)
    harness.after(MINUTE)
    assert statuses(harness) == [Phase.RESOLVED, Phase.INVESTIGATING]
    assert shown(harness) == expected(harness, {"payments": Severity.CRITICAL})
    harness.clear()
    harness.after(MINUTE)
    assert statuses(harness) == [Phase.RESOLVED] * 2
    assert {"closed_by_others", "duplicate_found"}.isdisjoint(names(logged))


def test_what_is_open_since_a_person_removed_our_end_is_taken_over_after_the_settle_time() -> None:
    harness = PageHarness(NEW_EACH_TIME)
    harness.fire()
    harness.after(MINUTE)
    before = harness.page.only
    harness.clear()
    harness.after(1)
    harness.page.edit(before.id, status=before.status, updates=before.updates, impacts=before.impacts)
    harness.fire()
    harness.after(SETTLE_MS + SECOND)
    assert statuses(harness) == [Phase.INVESTIGATING], "at most one a key and page"
    harness.clear()
    harness.after(MINUTE)
    assert statuses(harness) == [Phase.RESOLVED]
