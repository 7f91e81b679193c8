"""Reads that are older than what the bridge itself has written, at every boundary of an outage: nobody's edit."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Policy, Severity
from tests.unit.reconciler.page import IMPACTS, Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, SETTLE_MS, World, names, published

pytestmark = pytest.mark.usefixtures("generation")

LAGS = [0, SECOND // 2, SECOND, 2 * SECOND, 5 * SECOND]
GAPS = [0, SECOND // 2, SECOND, 3 * SECOND]


def lagging(ms: int) -> World:
    world = World(POLICY)
    world.page.lag_ms = world.page.read_lag_ms = ms
    return world


def shown(world: World) -> tuple[Any, ...]:
    """Severity of what stands, and what is amiss with each service where the page tells."""
    (incident,) = world.page.standing
    return incident.severity, {name: impact for name, impact in incident.impacts.items() if impact}


def statuses(world: World) -> list[Phase]:
    return [incident.status for incident in world.page.incidents]


def expected(world: World, firing: dict[str, Severity]) -> tuple[Any, ...]:
    severity = max(firing.values())
    has_impacts = world.page_name != "v1"
    return severity, {name: IMPACTS[level] for name, level in firing.items()} if has_impacts else {}


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("gaps", list(product(GAPS, repeat=2)), ids=str)
def test_fired_again_and_joined_within_the_lag_nobody_is_taken_to_have_closed_it(
    lag: int, gaps: tuple[int, int], logged: list[Any]
) -> None:
    world = fired_again_and_joined(lag, gaps)
    assert shown(world) == expected(world, {"checkout": Severity.MAJOR, "payments": Severity.CRITICAL})
    assert statuses(world) == [Phase.INVESTIGATING]
    promptly = fired_again_and_joined(0, gaps).page.writes
    assert len(world.page.writes) <= len(promptly), "nothing is told twice"
    world.clear()
    world.after(5 * MINUTE)
    assert statuses(world) == [Phase.RESOLVED]
    assert "closed_by_others" not in names(logged)


def fired_again_and_joined(lag: int, gaps: tuple[int, int]) -> World:
    """It fires, ends, fires again, and another, that is worse, joins."""
    world = lagging(lag)
    world.fire()
    world.after(MINUTE)
    world.clear()
    world.after(POLICY.resolve_after_ms + gaps[0])
    world.fire()
    world.after(MINUTE + gaps[1])
    world.fire("payments", Severity.CRITICAL)
    world.after(3 * MINUTE)
    return world


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("gap", GAPS)
def test_fired_again_just_as_it_was_said_to_be_over_it_shows_what_fires(lag: int, gap: int) -> None:
    world = lagging(lag)
    world.fire()
    world.after(MINUTE)
    world.clear()
    world.after(gap)
    world.fire("payments")
    world.after(gap)
    world.fire("search", Severity.CRITICAL)
    world.after(3 * MINUTE)
    assert statuses(world) == [Phase.INVESTIGATING]
    world.clear("search")
    world.after(gap)
    world.fire("search", Severity.MINOR)
    world.after(10 * MINUTE)
    assert shown(world) == expected(world, {"payments": Severity.MAJOR, "search": Severity.MINOR})
    world.clear()
    world.after(5 * MINUTE)
    assert statuses(world) == [Phase.RESOLVED]


@pytest.mark.parametrize("lag", LAGS)
def test_a_severity_that_has_fallen_is_not_raised_again_by_an_older_read(lag: int) -> None:
    world = lagging(lag)
    world.fire(severity=Severity.CRITICAL)
    world.after(MINUTE)
    world.fire(severity=Severity.MINOR)
    world.after(POLICY.resolve_after_ms)
    world.fire("payments", Severity.MEDIUM)
    world.after(10 * MINUTE)
    assert shown(world) == expected(world, {"checkout": Severity.MINOR, "payments": Severity.MEDIUM})


@pytest.mark.parametrize("lag", LAGS)
def test_an_impact_that_was_just_ended_is_not_a_person_s_when_a_lesser_one_follows(lag: int) -> None:
    world = lagging(lag)
    world.fire("payments", Severity.CRITICAL)
    world.fire("checkout", Severity.CRITICAL)
    world.after(MINUTE)
    world.clear("checkout")
    world.after(POLICY.resolve_after_ms)
    world.fire("checkout", Severity.MINOR)
    world.after(10 * MINUTE)
    assert shown(world) == expected(world, {"checkout": Severity.MINOR, "payments": Severity.CRITICAL})


@pytest.mark.parametrize("lag", LAGS)
def test_a_severity_that_falls_back_at_once_is_written_though_an_older_read_shows_it(lag: int) -> None:
    world = World(Policy(publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0))
    world.page.lag_ms = world.page.read_lag_ms = lag
    world.fire()
    world.after(MINUTE)
    world.fire(severity=Severity.CRITICAL)
    world.after(SECOND // 4)
    world.fire(severity=Severity.MAJOR)
    world.after(MINUTE)
    assert shown(world) == expected(world, {"checkout": Severity.MAJOR})


def test_an_update_that_stays_away_for_the_settle_time_was_removed_and_what_is_read_counts(logged: list[Any]) -> None:
    world = published()
    world.clear()
    world.after(2 * MINUTE)
    before = world.page.only
    world.fire()
    world.after(MINUTE)
    world.page.edit(before.id, status=before.status, updates=before.updates)  # a person deletes the re-opening
    world.fire("payments")
    world.after(SETTLE_MS - 1)
    assert world.post.is_open
    world.after(2)
    assert (world.post.is_open, names(logged).count("closed_by_others")) == (False, 1)


def test_what_a_person_closes_while_reads_lag_is_noticed_and_stays(logged: list[Any]) -> None:
    world = lagging(5 * SECOND)
    world.fire()
    world.after(2 * MINUTE)
    resolve(world)
    world.after(5 * SECOND)
    world.fire("payments", Severity.CRITICAL)
    world.after(MINUTE)
    world.clear("payments")
    world.after(10 * MINUTE)
    assert statuses(world) == [Phase.RESOLVED]
    assert names(logged).count("closed_by_others") == 1


def test_an_edit_right_after_a_change_of_ours_is_respected(logged: list[Any]) -> None:
    world = published()
    world.fire("payments", Severity.MEDIUM)
    world.fire("payments", Severity.MAJOR)
    world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
    world.fire("search", Severity.MEDIUM)
    world.after(30 * MINUTE)
    assert world.page.only.severity is Severity.CRITICAL
    assert "closed_by_others" not in names(logged)


def resolve(world: World) -> None:
    """What a person does."""
    incident = world.page.only
    update = RemoteUpdate(
        id="by-hand", status=Phase.RESOLVED, text="All is well.", public_at=world.now, created_at=world.now
    )
    world.page.edit(incident.id, status=Phase.RESOLVED, updates=(update, *incident.updates))


def test_an_update_that_a_person_removed_is_missed_once() -> None:
    world = published()
    before = world.page.only
    world.acknowledge()
    world.page.edit(before.id, status=before.status, updates=before.updates)
    world.fire("payments")
    world.after(2 * SETTLE_MS)
    assert "payments" in world.post.services
    writes = len(world.page.writes)
    world.fire("search")
    assert len(world.page.writes) == writes + 2, "at once"


def test_one_that_is_older_than_the_newest_hundred_proves_nothing() -> None:
    world = published()
    incident = world.page.only
    later = [
        RemoteUpdate(id=f"{number}", status=incident.status, text="Yes.", public_at=world.now, created_at=world.now)
        for number in range(100)
    ]
    world.after(SECOND)
    world.page.edit(incident.id, updates=tuple(later))
    world.fire("payments")
    assert "payments" in world.post.services


def test_an_end_of_ours_that_nobody_recorded_is_no_person_s(logged: list[Any]) -> None:
    """Redis lost its last write; or a list that lagged had us take over what was over."""
    world = published()
    kept = world.store.progress
    world.clear()
    world.after(5 * MINUTE)
    world.store.progress = kept
    world.fire("payments")
    world.after(2 * MINUTE)
    assert statuses(world) == [Phase.INVESTIGATING]
    world.clear()
    world.after(5 * MINUTE)
    assert statuses(world) == [Phase.RESOLVED]
    assert "closed_by_others" not in names(logged)


def test_an_end_in_our_words_while_it_fires_is_a_person_s(logged: list[Any]) -> None:
    world = published()
    world.clear()
    world.after(5 * MINUTE)
    words = world.page.only.updates[0].text
    world = published()
    incident = world.page.only
    world.after(MINUTE)
    end = replace(incident.updates[0], id="theirs", status=Phase.RESOLVED, text=words, public_at=world.now)
    end = replace(end, created_at=world.now)
    world.page.edit(incident.id, status=Phase.RESOLVED, updates=(end, *incident.updates))
    world.fire("payments")
    world.after(2 * MINUTE)
    assert statuses(world) == [Phase.RESOLVED]
    assert "closed_by_others" in names(logged)


NEW_EACH_TIME = Policy(publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0)


def over_and_out_again(*outcomes: Outcome, lag: int) -> World:
    """One outage has just been said to be over, and another begins, too late to re-open: reads still show the first."""
    world = World(NEW_EACH_TIME)
    world.fire()
    world.after(MINUTE)
    world.clear()
    world.after(1)
    assert statuses(world) == [Phase.RESOLVED]
    world.page.lag_ms = world.page.read_lag_ms = lag
    world.page.opening.extend(outcomes)
    world.fire("payments", Severity.CRITICAL)
    return world


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize(
    "outcome", [Outcome.DONE, Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.LATE, Outcome.CRASH_AFTER]
)
def test_what_was_just_ended_is_not_taken_over_by_the_next_outage_for_an_older_read(
    lag: int, outcome: Outcome, logged: list[Any]
) -> None:
    world = over_and_out_again(outcome, lag=lag)
    world.after(MINUTE)
    assert statuses(world) == [Phase.RESOLVED, Phase.INVESTIGATING]
    assert shown(world) == expected(world, {"payments": Severity.CRITICAL})
    world.clear()
    world.after(MINUTE)
    assert statuses(world) == [Phase.RESOLVED] * 2
    assert {"closed_by_others", "duplicate_found"}.isdisjoint(names(logged))


def test_what_is_open_since_a_person_removed_our_end_is_taken_over_after_the_settle_time() -> None:
    world = World(NEW_EACH_TIME)
    world.fire()
    world.after(MINUTE)
    before = world.page.only
    world.clear()
    world.after(1)
    world.page.edit(before.id, status=before.status, updates=before.updates, impacts=before.impacts)
    world.fire()
    world.after(SETTLE_MS + SECOND)
    assert statuses(world) == [Phase.INVESTIGATING], "at most one a key and page"
    world.clear()
    world.after(MINUTE)
    assert statuses(world) == [Phase.RESOLVED]
