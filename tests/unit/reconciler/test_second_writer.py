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
from tests.unit.reconciler.page_harness import MINUTE, POLICY, PageHarness, names, published

pytestmark = pytest.mark.usefixtures("generation")
OPEN = Phase.INVESTIGATING


def rival(harness: PageHarness, service: str = "checkout") -> RemoteIncident:
    return RemoteIncident(
        id="theirs",
        name="By a rule",
        status=Phase.INVESTIGATING,
        severity=Severity.MINOR,
        services=(service,),
        created_at=harness.now,
        impacts={service: IMPACTS[Severity.MINOR]},
    )


def rivaled(service: str = "checkout", **checkly: Any) -> PageHarness:
    """Checkout has been out for a minute; before that, someone else opened an incident on ``service``."""
    harness = PageHarness(POLICY, **checkly)
    harness.page.put(rival(harness, service))
    harness.fire()
    harness.after(MINUTE)
    return harness


def test_nothing_is_posted_beside_it_and_that_is_said_once(logged: list[Any]) -> None:
    harness = rivaled()
    theirs = harness.page.only
    harness.after(30 * MINUTE)
    assert (harness.page.writes, harness.post.second_writer) == ([], "theirs")
    assert tally(harness.progress) == "INVESTIGATING+withheld:second_writer"
    assert names(logged).count("incident_withheld") == 1
    assert harness.page.incidents == [theirs], "never touched"


def test_the_other_writers_incident_is_looked_for_now_and_then(logged: list[Any]) -> None:
    harness = rivaled()
    lists = harness.page.lists
    harness.after(10 * HOLD_MS)
    assert harness.page.lists - lists == 10
    assert "write_retried" not in names(logged)


def test_when_it_is_over_and_the_alerts_still_fire_ours_is_posted() -> None:
    harness = rivaled()
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.after(HOLD_MS)
    assert (harness.page.writes, harness.post.second_writer) == (["open MAJOR"], "")
    assert tally(harness.progress) == "INVESTIGATING"
    harness.clear()
    harness.after(10 * MINUTE)
    assert harness.page.standing == []


def test_what_clears_meanwhile_is_never_posted_and_says_why() -> None:
    harness = rivaled()
    harness.clear()
    harness.after(10 * MINUTE)
    assert (harness.page.writes, harness.progress.note, tally(harness.progress)) == ([], LEFT_TO_ANOTHER, "RESOLVED")
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.after(30 * MINUTE)
    assert harness.page.writes == []


def test_the_next_outage_is_posted() -> None:
    harness = rivaled()
    harness.clear()
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.after(30 * MINUTE)
    harness.fire()
    harness.after(MINUTE)
    assert harness.page.writes == ["open MAJOR"]


def test_another_rival_in_its_place_holds_as_well(logged: list[Any]) -> None:
    harness = rivaled()
    theirs = harness.page.only
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.page.put(replace(theirs, id="others"))
    harness.after(HOLD_MS)
    assert (harness.page.writes, harness.post.second_writer) == ([], "others")
    assert names(logged).count("incident_withheld") == 2


def test_one_on_another_service_holds_nothing_until_the_outage_reaches_that() -> None:
    assert rivaled("search").page.writes == ["open MAJOR"]
    harness = rivaled("payments")
    harness.fire("payments")
    assert harness.page.writes == ["open MAJOR", "change MAJOR", "update INVESTIGATING"], "ours is open already"


def test_the_other_writers_incident_may_be_ignored() -> None:
    harness = rivaled(second_writer="ignore")
    assert (harness.page.writes, harness.post.second_writer) == (["open MAJOR"], "")


def test_a_held_post_counts_as_no_failure_of_the_page() -> None:
    harness = rivaled()
    assert (harness.post.retry.attempts, harness.post.retry.parked, harness.post.retry.at) == (
        0,
        None,
        harness.now + HOLD_MS,
    )


def status_of_ours(harness: PageHarness) -> Phase:
    return next(each.status for each in harness.page.incidents if each.id == harness.post.remote_id)


def test_no_order_to_publish_passes_it() -> None:
    harness = rivaled()
    harness.order("publish")
    harness.after(10 * MINUTE)
    assert (harness.page.writes, harness.post.second_writer) == ([], "theirs")
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.after(HOLD_MS)
    assert harness.page.writes == ["open MAJOR"]


@pytest.mark.parametrize("second_writer", ["hold", "ignore"])
def test_ours_is_not_re_opened_beside_it(second_writer: str) -> None:
    harness = published(second_writer=second_writer)
    harness.clear()
    harness.after(3 * MINUTE)
    harness.page.put(rival(harness))
    harness.fire()
    harness.after(5 * MINUTE)
    held = second_writer == "hold"
    assert (status_of_ours(harness), harness.post.second_writer) == ((Phase.RESOLVED, "theirs") if held else (OPEN, ""))
    harness.page.edit("theirs", status=Phase.RESOLVED)
    harness.after(HOLD_MS)
    assert (status_of_ours(harness), harness.post.second_writer) == (OPEN, "")
    harness.clear()
    harness.after(10 * MINUTE)
    assert (len(harness.page.incidents), harness.page.standing) == (2, [])


def test_ours_that_turns_up_while_it_is_held_is_taken_over() -> None:
    ours = published().page.only
    harness = rivaled()
    harness.page.put(ours)
    harness.after(HOLD_MS)
    assert (harness.post.remote_id, harness.post.second_writer) == (ours.id, "")
    assert [write for write in harness.page.writes if write.startswith("open")] == []
