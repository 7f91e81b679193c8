"""What someone else closed, or the page refused to end, is looked at again: it has a way to its end."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.lifecycle import LOOK_AGAIN_MS
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Severity
from bridge.store import posts
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, World, names, published

pytestmark = pytest.mark.usefixtures("generation")
DAY = 24 * 60 * MINUTE


def posted_by_hand(world: World, status: Phase) -> None:
    """A person posts an update."""
    incident = world.page.only
    id_ = f"by-hand-{len(incident.updates)}"
    update = RemoteUpdate(id=id_, status=status, text="By hand.", public_at=world.now, created_at=world.now)
    world.page.edit(incident.id, status=status, updates=(update, *incident.updates))


def closed() -> World:
    """A person has resolved it, and the bridge has noticed."""
    world = published()
    world.after(MINUTE)
    posted_by_hand(world, Phase.RESOLVED)
    world.fire("payments")
    world.after(SECOND)
    assert world.post.closed_at is not None
    return world


def test_what_is_open_by_an_update_of_ours_is_ours_again_and_ends(logged: list[Any]) -> None:
    world = closed()
    world.page.edit(world.page.only.id, status=Phase.INVESTIGATING, updates=world.page.only.updates[1:])
    world.after(LOOK_AGAIN_MS)
    assert "incident_reclaimed" in names(logged)
    assert set(world.post.services) == {"checkout", "payments"}
    world.clear()
    world.after(5 * MINUTE)
    assert world.page.standing == []


def test_after_the_end_of_its_alerts_too() -> None:
    world = closed()
    updates = world.page.only.updates
    world.clear()
    world.after(3 * MINUTE)
    world.page.edit(world.page.only.id, status=Phase.INVESTIGATING, updates=updates[1:])
    world.after(LOOK_AGAIN_MS)
    assert world.page.standing == []


def test_what_a_person_opened_again_stays_theirs_and_is_counted_until_it_ends() -> None:
    world = closed()
    posted_by_hand(world, Phase.IDENTIFIED)
    writes = list(world.page.writes)
    world.after(LOOK_AGAIN_MS)
    assert posts.tally(world.progress) == "INVESTIGATING+theirs"
    world.clear()
    world.after(9 * DAY)
    assert posts.tally(world.progress) == "RESOLVED+theirs", "however long ago the alerts ended"
    assert (world.page.writes, world.page.only.status) == (writes, Phase.IDENTIFIED)
    posted_by_hand(world, Phase.RESOLVED)
    world.after(LOOK_AGAIN_MS)
    assert world.store.due is None, "forgotten"


def test_what_a_person_opened_again_is_ours_again_once_another_outage_begins() -> None:
    world = closed()
    posted_by_hand(world, Phase.IDENTIFIED)
    world.clear()
    world.after(30 * MINUTE)
    world.fire("search", Severity.CRITICAL)
    world.after(2 * MINUTE)
    assert len(world.page.standing) == 1, "at most one a key and page"
    assert (world.store.episode, world.post.closed_at, world.post.theirs_at) == (2, None, None)
    world.clear()
    world.after(5 * MINUTE)
    assert world.page.standing == []


def test_looks_are_rare_and_end_with_the_incident() -> None:
    world = closed()
    calls = world.page.calls
    world.after(DAY)
    assert world.page.calls - calls <= DAY // LOOK_AGAIN_MS
    world.clear()
    world.after(10 * MINUTE)
    calls = world.page.calls
    world.after(DAY)
    assert world.page.calls == calls


def test_what_is_out_of_reach_is_looked_at_later() -> None:
    world = closed()
    world.page.edit(world.page.only.id, status=Phase.INVESTIGATING, updates=world.page.only.updates[1:])
    world.clear()
    world.page.is_down = True
    world.after(DAY)
    world.page.is_down = False
    world.after(5 * MINUTE)
    assert world.page.standing == []


def test_what_was_deleted_since_is_looked_at_no_more(logged: list[Any]) -> None:
    world = closed()
    world.page.delete(world.page.only.id)
    world.after(2 * LOOK_AGAIN_MS)
    assert (world.post.remote_id, world.store.due) == (None, None)
    assert names(logged).count("closed_by_others") == 1


def test_what_an_older_release_has_given_up_for_good_is_looked_at_too() -> None:
    world = closed()
    world.page.edit(world.page.only.id, status=Phase.INVESTIGATING, updates=world.page.only.updates[1:])
    world.store.due, world.store.digest = None, world.live.current.digest
    world.restart()
    world.after(LOOK_AGAIN_MS)
    assert world.post.closed_at is None


def test_an_end_that_the_page_refuses_is_tried_again() -> None:
    world = published()
    world.page.outcomes.extend([Outcome.REJECTED] * 3)
    world.clear()
    world.after(PARK_RETRY_MS * 4)
    assert world.page.standing == []


def test_a_look_holds_up_no_write() -> None:
    world = closed()
    world.clear()
    world.after(POLICY.resolve_after_ms - SECOND)
    world.fire()
    world.page.outcomes.append(Outcome.NOT_SENT)
    world.after(MINUTE)
    assert world.page.only.status is Phase.INVESTIGATING
