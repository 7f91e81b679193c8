"""A page that refuses dates before its incident: what has one goes again at once without it, and is known without."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model import V1_PAGE, Phase, v3_page
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, World, names
from tests.unit.reconciler.test_trouble import of_generation

STATUS = v3_page("status")
LEARNED_MS = LEASE_MS + 2 * SETTLE_MS
pages = pytest.mark.parametrize("page_name", [V1_PAGE, STATUS])
refusals = pytest.mark.parametrize("status", [400, 422])
outcomes = pytest.mark.parametrize(
    "outcome",
    [Outcome.DONE, Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.LATE, Outcome.CRASH_AFTER, Outcome.CRASH_BEFORE],
)


def strict(page_name: str, status: int = 422, **checkly: Any) -> World:
    """Checkout is out for a minute, on a page that refuses dates before now."""
    world = of_generation(page_name)(POLICY, **checkly)
    world.page.early_date = status
    world.page.late_ms = SETTLE_MS - 1
    world.fire()
    return world


def dates_rise(world: World) -> bool:
    dates = [update.public_at for update in reversed(world.page.only.updates)]
    return dates == sorted(set(dates)) and dates[0] >= world.page.only.created_at


@pages
@refusals
def test_an_opening_goes_at_once_without_its_date(page_name: str, status: int, logged: list[Any]) -> None:
    world = strict(page_name, status)
    world.after(MINUTE)
    assert (world.page.writes, world.post.parked) == (["open MAJOR"], None)
    assert world.page.only.updates[0].public_at == world.post.public_at == world.now
    assert world.post.undated == ("start",)
    assert names(logged).count("date_rejected") == 1
    world.after(MINUTE)
    world.clear()
    world.after(5 * MINUTE)
    assert world.page.writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]
    assert dates_rise(world)
    assert world.post.undated == ("start",), "the end has its true date"


@pages
def test_an_end_before_the_page_s_own_date_of_the_start_comes_after_it(page_name: str) -> None:
    world = strict(page_name)
    world.page.is_down = True
    world.after(MINUTE)
    world.page.is_down = False
    world.after(MINUTE)
    world.clear()
    world.after(5 * MINUTE)
    assert world.page.only.status is Phase.RESOLVED
    assert dates_rise(world)


@pages
def test_what_is_refused_without_a_date_too_is_parked(page_name: str, logged: list[Any]) -> None:
    world = strict(page_name)
    world.page.outcomes.append(Outcome.REJECTED)
    world.after(MINUTE)
    assert (world.page.writes, world.post.parked, world.post.intent) == ([], "413", None)
    assert names(logged).count("incident_parked") == 1
    world.after(20 * MINUTE)
    assert world.page.writes == ["open MAJOR"]


@pages
def test_another_refusal_than_of_a_date_is_not_tried_without(page_name: str) -> None:
    world = strict(page_name, 413)
    world.after(MINUTE)
    assert (world.page.writes, world.post.parked) == ([], "earlier than the incident")


@pages
@outcomes
@pytest.mark.parametrize("reference", [True, False])
class TestUnknownOutcome:
    def test_an_undated_opening_stands_there_once(self, page_name: str, outcome: Outcome, reference: bool) -> None:
        world = strict(page_name, reference=reference)
        world.page.opening.append(outcome)
        world.after(MINUTE + LEARNED_MS)
        (incident,) = world.page.standing
        assert (world.post.remote_id, world.post.undated) == (incident.id, ("start",))
        assert world.post.public_at == incident.updates[0].public_at
        assert len(world.page.incidents) == 1
        world.clear()
        world.after(10 * MINUTE)
        assert [update.status for update in world.page.only.updates] == [
            Phase.RESOLVED,
            Phase.MONITORING,
            Phase.INVESTIGATING,
        ]
        assert dates_rise(world)

    def test_an_undated_end_is_told_once(self, page_name: str, outcome: Outcome, reference: bool) -> None:
        world = strict(page_name, reference=reference)
        world.page.early_date = None
        world.after(MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        world.fire()
        world.after(MINUTE)
        world.clear()
        world.page.edit(world.page.only.id, created_at=world.now + 60 * MINUTE)  # so that all dates are too early
        world.page.early_date = 400
        world.page.outcomes.append(outcome)
        world.after(10 * MINUTE)
        statuses = [update.status for update in world.page.only.updates]
        assert (statuses[0], statuses.count(Phase.RESOLVED), statuses.count(Phase.MONITORING)) == (Phase.RESOLVED, 2, 2)
        assert "end" in world.post.undated


@pages
def test_a_bridge_that_dies_between_the_refusal_and_the_second_try_posts_once(page_name: str) -> None:
    world = strict(page_name)
    world.page.outcomes.append(Outcome.CRASH_BEFORE)
    world.after(MINUTE)
    intent = world.post.intent
    assert intent is not None
    assert not intent.is_dated, "what is recorded tells what was being sent"
    world.after(LEARNED_MS)
    assert world.page.writes == ["open MAJOR"]


@pages
def test_a_duplicate_is_closed_though_its_date_is_refused(page_name: str) -> None:
    world = strict(page_name)
    world.page.late_ms = SETTLE_MS + 2 * SECOND
    world.page.opening.append(Outcome.LATE)
    world.after(MINUTE)
    while len(world.page.incidents) < 2:
        world.after(SECOND)
    for each in world.page.incidents:
        world.page.edit(each.id, created_at=world.now + 60 * MINUTE)  # so that all dates are too early
    world.after(10 * MINUTE)
    assert len(world.page.standing) == 1
