"""Someone else's incident is open for the same: Checkly's own automation, or a person."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import LEFT_TO_ANOTHER
from bridge.core.outcomes.failures import HOLD_MS
from bridge.core.remote import RemoteIncident
from bridge.model import Phase, Severity
from bridge.store.posts import tally
from tests.unit.reconciler.page import IMPACTS
from tests.unit.reconciler.page_harness import MINUTE, POLICY, World, names, published

pytestmark = pytest.mark.usefixtures("generation")
OPEN = Phase.INVESTIGATING


def rival(world: World, service: str = "checkout") -> RemoteIncident:
    return RemoteIncident(
        id="theirs",
        name="By a rule",
        status=Phase.INVESTIGATING,
        severity=Severity.MINOR,
        services=(service,),
        created_at=world.now,
        impacts={service: IMPACTS[Severity.MINOR]},
    )


def rivaled(service: str = "checkout", **checkly: Any) -> World:
    """Checkout has been out for a minute; before that, someone else opened an incident on ``service``."""
    world = World(POLICY, **checkly)
    world.page.put(rival(world, service))
    world.fire()
    world.after(MINUTE)
    return world


def test_nothing_is_posted_beside_it_and_that_is_said_once(logged: list[Any]) -> None:
    world = rivaled()
    theirs = world.page.only
    world.after(30 * MINUTE)
    assert (world.page.writes, world.post.held_by) == ([], "theirs")
    assert tally(world.progress) == "INVESTIGATING+held"
    assert names(logged).count("incident_withheld") == 1
    assert world.page.incidents == [theirs], "never touched"


def test_it_is_looked_for_now_and_then(logged: list[Any]) -> None:
    world = rivaled()
    lists = world.page.lists
    world.after(10 * HOLD_MS)
    assert world.page.lists - lists == 10
    assert "write_retried" not in names(logged)


def test_when_it_is_over_and_the_alerts_still_fire_ours_is_posted() -> None:
    world = rivaled()
    world.page.edit("theirs", status=Phase.RESOLVED)
    world.after(HOLD_MS)
    assert (world.page.writes, world.post.held_by) == (["open MAJOR"], "")
    assert tally(world.progress) == "INVESTIGATING"
    world.clear()
    world.after(10 * MINUTE)
    assert world.page.standing == []


def test_what_clears_meanwhile_is_never_posted_and_says_why() -> None:
    world = rivaled()
    world.clear()
    world.after(10 * MINUTE)
    assert (world.page.writes, world.progress.note, tally(world.progress)) == ([], LEFT_TO_ANOTHER, "RESOLVED")
    world.page.edit("theirs", status=Phase.RESOLVED)
    world.after(30 * MINUTE)
    assert world.page.writes == []


def test_the_next_outage_is_posted() -> None:
    world = rivaled()
    world.clear()
    world.page.edit("theirs", status=Phase.RESOLVED)
    world.after(30 * MINUTE)
    world.fire()
    world.after(MINUTE)
    assert world.page.writes == ["open MAJOR"]


def test_another_rival_in_its_place_holds_as_well(logged: list[Any]) -> None:
    world = rivaled()
    theirs = world.page.only
    world.page.edit("theirs", status=Phase.RESOLVED)
    world.page.put(replace(theirs, id="others"))
    world.after(HOLD_MS)
    assert (world.page.writes, world.post.held_by) == ([], "others")
    assert names(logged).count("incident_withheld") == 2


def test_one_on_another_service_holds_nothing_until_the_outage_reaches_that() -> None:
    assert rivaled("search").page.writes == ["open MAJOR"]
    world = rivaled("payments")
    world.fire("payments")
    assert world.page.writes == ["open MAJOR", "change MAJOR", "update INVESTIGATING"], "ours is open already"


def test_it_may_be_ignored() -> None:
    world = rivaled(second_writer="ignore")
    assert (world.page.writes, world.post.held_by) == (["open MAJOR"], "")


def test_a_held_post_counts_as_no_failure_of_the_page() -> None:
    world = rivaled()
    assert (world.post.attempts, world.post.parked, world.post.retry_at) == (0, None, world.now + HOLD_MS)


def status_of_ours(world: World) -> Phase:
    return next(each.status for each in world.page.incidents if each.id == world.post.remote_id)


@pytest.mark.parametrize("second_writer", ["hold", "ignore"])
def test_ours_is_not_re_opened_beside_it(second_writer: str) -> None:
    world = published(second_writer=second_writer)
    world.clear()
    world.after(3 * MINUTE)
    world.page.put(rival(world))
    world.fire()
    world.after(5 * MINUTE)
    held = second_writer == "hold"
    assert (status_of_ours(world), world.post.held_by) == ((Phase.RESOLVED, "theirs") if held else (OPEN, ""))
    world.page.edit("theirs", status=Phase.RESOLVED)
    world.after(HOLD_MS)
    assert (status_of_ours(world), world.post.held_by) == (OPEN, "")
    world.clear()
    world.after(10 * MINUTE)
    assert (len(world.page.incidents), world.page.standing) == (2, [])


def test_ours_that_turns_up_while_it_is_held_is_taken_over() -> None:
    ours = published().page.only
    world = rivaled()
    world.page.put(ours)
    world.after(HOLD_MS)
    assert (world.post.remote_id, world.post.held_by) == (ours.id, "")
    assert [write for write in world.page.writes if write.startswith("open")] == []
