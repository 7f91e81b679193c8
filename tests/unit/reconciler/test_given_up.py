"""What someone else closed, or the page refused to end, is looked at again: it has a way to its end."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.lifecycle import CHECK_CLOSED_MS
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Severity
from bridge.store import posts
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, PageHarness, names, published

pytestmark = pytest.mark.usefixtures("generation")
DAY = 24 * 60 * MINUTE


def posted_by_hand(harness: PageHarness, status: Phase) -> None:
    """A person posts an update."""
    incident = harness.page.only
    id_ = f"by-hand-{len(incident.updates)}"
    update = RemoteUpdate(id=id_, status=status, text="By hand.", public_at=harness.now, created_at=harness.now)
    harness.page.edit(incident.id, status=status, updates=(update, *incident.updates))


def closed() -> PageHarness:
    """A person has resolved it, and the bridge has noticed."""
    harness = published()
    harness.after(MINUTE)
    posted_by_hand(harness, Phase.RESOLVED)
    harness.fire("payments")
    harness.after(SECOND)
    assert harness.post.closed_at is not None
    return harness


def test_what_is_open_by_an_update_of_ours_is_ours_again_and_ends(logged: list[Any]) -> None:
    harness = closed()
    harness.page.edit(harness.page.only.id, status=Phase.INVESTIGATING, updates=harness.page.only.updates[1:])
    harness.after(CHECK_CLOSED_MS)
    assert "incident_reclaimed" in names(logged)
    assert set(harness.post.services) == {"checkout", "payments"}
    harness.clear()
    harness.after(5 * MINUTE)
    assert harness.page.standing == []


def test_after_the_end_of_its_alerts_too() -> None:
    harness = closed()
    updates = harness.page.only.updates
    harness.clear()
    harness.after(3 * MINUTE)
    harness.page.edit(harness.page.only.id, status=Phase.INVESTIGATING, updates=updates[1:])
    harness.after(CHECK_CLOSED_MS)
    assert harness.page.standing == []


def test_what_a_person_opened_again_stays_theirs_and_is_counted_until_it_ends() -> None:
    harness = closed()
    posted_by_hand(harness, Phase.IDENTIFIED)
    writes = list(harness.page.writes)
    harness.after(CHECK_CLOSED_MS)
    assert posts.tally(harness.progress) == "INVESTIGATING+theirs"
    harness.clear()
    harness.after(9 * DAY)
    assert posts.tally(harness.progress) == "RESOLVED+theirs", "however long ago the alerts ended"
    assert (harness.page.writes, harness.page.only.status) == (writes, Phase.IDENTIFIED)
    posted_by_hand(harness, Phase.RESOLVED)
    harness.after(CHECK_CLOSED_MS)
    assert harness.store.due is None, "forgotten"


def test_what_a_person_opened_again_is_ours_again_once_another_outage_begins() -> None:
    harness = closed()
    posted_by_hand(harness, Phase.IDENTIFIED)
    harness.clear()
    harness.after(30 * MINUTE)
    harness.fire("search", Severity.CRITICAL)
    harness.after(2 * MINUTE)
    assert len(harness.page.standing) == 1, "at most one a key and page"
    assert (harness.store.episode, harness.post.closed_at, harness.post.theirs_at) == (2, None, None)
    harness.clear()
    harness.after(5 * MINUTE)
    assert harness.page.standing == []


def test_looks_are_rare_and_end_with_the_incident() -> None:
    harness = closed()
    calls = harness.page.calls
    harness.after(DAY)
    assert harness.page.calls - calls <= DAY // CHECK_CLOSED_MS
    harness.clear()
    harness.after(10 * MINUTE)
    calls = harness.page.calls
    harness.after(DAY)
    assert harness.page.calls == calls


def test_what_is_out_of_reach_is_looked_at_later() -> None:
    harness = closed()
    harness.page.edit(harness.page.only.id, status=Phase.INVESTIGATING, updates=harness.page.only.updates[1:])
    harness.clear()
    harness.page.is_down = True
    harness.after(DAY)
    harness.page.is_down = False
    harness.after(5 * MINUTE)
    assert harness.page.standing == []


def test_what_was_deleted_since_is_looked_at_no_more(logged: list[Any]) -> None:
    harness = closed()
    harness.page.delete(harness.page.only.id)
    harness.after(2 * CHECK_CLOSED_MS)
    assert (harness.post.remote_id, harness.store.due) == (None, None)
    assert names(logged).count("closed_by_others") == 1


def test_what_an_older_release_has_given_up_for_good_is_looked_at_too() -> None:
    harness = closed()
    harness.page.edit(harness.page.only.id, status=Phase.INVESTIGATING, updates=harness.page.only.updates[1:])
    harness.store.due, harness.store.digest = None, harness.live.current.digest
    harness.restart()
    harness.after(CHECK_CLOSED_MS)
    assert harness.post.closed_at is None


def test_an_end_that_the_page_refuses_is_tried_again() -> None:
    harness = published()
    harness.page.outcomes.extend([Outcome.REJECTED] * 3)
    harness.clear()
    harness.after(PARK_RETRY_MS * 4)
    assert harness.page.standing == []


def test_a_look_holds_up_no_write() -> None:
    harness = closed()
    harness.clear()
    harness.after(POLICY.resolve_after_ms - SECOND)
    harness.fire()
    harness.page.outcomes.append(Outcome.NOT_SENT)
    harness.after(MINUTE)
    assert harness.page.only.status is Phase.INVESTIGATING
