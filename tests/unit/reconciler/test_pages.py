"""An outage on several pages, over on one while it goes on elsewhere: each page lives by what it shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.outcomes import PARK_RETRY_MS
from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, World
from tests.unit.reconciler.test_impacts import BAD, SHOP, WEB, shown, statuses, two_pages

INVESTIGATING, MONITORING, RESOLVED = Phase.INVESTIGATING, Phase.MONITORING, Phase.RESOLVED


def half_over() -> World:
    """Checkout fires on; search, on the other page, has just recovered."""
    world = two_pages()
    world.fire("checkout")
    world.fire("search")
    world.after(10 * MINUTE)
    world.clear("search")
    return world


def newest(world: World, page: str) -> RemoteUpdate:
    return world.pages[page].incidents[-1].updates[0]


def test_a_page_whose_components_have_recovered_goes_through_monitoring_to_resolved() -> None:
    world = half_over()
    ended_at = world.now - 200
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [MONITORING])
    world.after(POLICY.resolve_after_ms - 1)
    assert statuses(world, WEB) == [MONITORING]
    world.after(1)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED])
    assert [update.public_at for update in newest_two(world, WEB)] == [ended_at + SECOND, ended_at]
    world.after(60 * MINUTE)
    world.clear()
    world.after(5 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED])
    assert world.pages[WEB].writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]


def newest_two(world: World, page: str) -> tuple[RemoteUpdate, ...]:
    return world.pages[page].only.updates[:2]


def test_each_page_is_resolved_in_its_own_time_when_the_other_ends_as_well() -> None:
    world = half_over()
    world.after(POLICY.resolve_after_ms - SECOND)
    world.clear()
    world.after(SECOND)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([MONITORING], [RESOLVED])
    world.after(POLICY.resolve_after_ms)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED])


def test_what_fires_again_while_its_page_is_monitored_goes_on_at_once() -> None:
    world = half_over()
    world.after(MINUTE)
    world.fire("search", Severity.CRITICAL)
    world.after(SECOND)
    assert statuses(world, WEB) == [INVESTIGATING]
    world.after(10 * MINUTE)
    world.clear("search")
    world.after(POLICY.resolve_after_ms - 1)
    assert statuses(world, WEB) == [MONITORING], "its time counts anew"


def test_what_fires_again_soon_re_opens_its_page_s_incident_after_publish_after() -> None:
    world = half_over()
    world.after(POLICY.resolve_after_ms + POLICY.reopen_after_ms)
    fired_at = world.now
    world.fire("search")
    world.after(POLICY.publish_after_ms - 1)
    assert statuses(world, WEB) == [RESOLVED]
    world.after(SECOND)
    assert (statuses(world, WEB), shown(world, WEB)) == ([INVESTIGATING], {"search": BAD})
    assert newest(world, WEB).public_at == fired_at
    world.clear("search")
    world.after(POLICY.resolve_after_ms)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED])


def test_what_fires_again_later_gets_an_incident_of_its_own_while_the_other_page_s_goes_on() -> None:
    world = half_over()
    world.after(POLICY.resolve_after_ms + POLICY.reopen_after_ms + 1)
    fired_at = world.now
    world.fire("search", Severity.CRITICAL)
    world.after(POLICY.publish_after_ms - 1)
    assert statuses(world, WEB) == [RESOLVED]
    world.after(1)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])
    assert newest(world, WEB).public_at == fired_at, "not as old as the other page's"
    references = {each.updates[-1].text.rpartition("Reference: ")[2] for each in world.pages[WEB].incidents}
    assert len(references) == 1
    assert world.store.episode == 1
    world.after(30 * MINUTE)
    world.clear()
    world.after(5 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


@pytest.mark.parametrize("lag", [SECOND // 2, 5 * SECOND])
def test_the_next_incident_of_a_page_is_none_that_a_read_still_shows_open(lag: int) -> None:
    world = two_pages()
    policy = replace(POLICY, publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0)
    world.live.current = replace(world.live.current, defaults=policy)
    world.fire("checkout")
    world.fire("search")
    world.after(MINUTE)
    world.pages[WEB].lag_ms = world.pages[WEB].read_lag_ms = lag
    world.clear("search")
    world.after(SECOND // 10)
    assert statuses(world, WEB) == [RESOLVED]
    world.fire("search", Severity.CRITICAL)
    world.after(MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])
    world.clear()
    world.after(MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


def test_what_fires_again_for_less_than_publish_after_is_told_to_nobody() -> None:
    world = half_over()
    world.after(POLICY.resolve_after_ms)
    writes = list(world.pages[WEB].writes)
    for _ in range(3):
        world.fire("search")
        world.after(POLICY.publish_after_ms - 1)
        world.clear("search")
        world.after(MINUTE)
    assert world.pages[WEB].writes == writes


@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.CRASH_AFTER, Outcome.NOT_SENT])
def test_a_second_incident_on_the_page_is_posted_once_whatever_becomes_of_its_opening(outcome: Outcome) -> None:
    world = half_over()
    world.after(20 * MINUTE)
    world.pages[WEB].opening.append(outcome)
    world.fire("search")
    world.after(5 * MINUTE)
    assert statuses(world, WEB) == [RESOLVED, INVESTIGATING]
    world.clear()
    world.after(5 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


def test_an_end_that_its_page_did_not_take_yet_is_overtaken_by_what_fires_again() -> None:
    world = half_over()
    world.pages[WEB].outcomes.append(Outcome.REJECTED)
    world.after(POLICY.resolve_after_ms + MINUTE)
    assert statuses(world, WEB) == [MONITORING]
    world.fire("search")
    assert statuses(world, WEB) == [INVESTIGATING]
    world.clear()
    world.after(2 * PARK_RETRY_MS)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED])


def test_while_something_is_held_no_page_is_said_to_be_over() -> None:
    world = half_over()
    world.alerts.hold(1)
    world.settle()
    world.after(10 * MINUTE)
    assert statuses(world, WEB) == [MONITORING]
    world.alerts.hold(0)
    world.settle()
    assert statuses(world, WEB) == [RESOLVED]


def test_words_for_the_public_go_where_the_incident_is_open() -> None:
    world = half_over()
    world.after(10 * MINUTE)
    world.public_note("We are on it.")
    assert "We are on it." in newest(world, SHOP).text
    assert statuses(world, WEB) == [RESOLVED]
    world.after(10 * MINUTE)
    world.fire("search")
    world.after(5 * MINUTE)
    assert statuses(world, WEB) == [RESOLVED, INVESTIGATING]
    assert "We are on it." not in newest(world, WEB).text, "that was of another outage"
    world.public_note("Search is slow.")
    world.after(SECOND)
    assert all("Search is slow." in newest(world, page).text for page in (SHOP, WEB))


def test_what_a_person_closed_on_one_page_is_opened_there_once_it_cleared_and_fires_anew() -> None:
    world = two_pages()
    world.fire("checkout")
    world.fire("search")
    world.after(10 * MINUTE)
    close_by_hand(world)
    world.fire("search", Severity.CRITICAL)
    world.after(10 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED])
    world.clear("search")
    world.after(4 * MINUTE)
    world.fire("search")
    world.after(2 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [INVESTIGATING])


def close_by_hand(world: World) -> None:
    incident = world.pages[WEB].only
    update = RemoteUpdate(id="by-hand", status=RESOLVED, text="Over.", public_at=world.now, created_at=world.now)
    world.pages[WEB].edit(incident.id, status=RESOLVED, updates=(update, *incident.updates))


def test_after_the_whole_outage_each_page_counts_from_its_own_end() -> None:
    world = half_over()
    world.after(20 * MINUTE)
    world.clear("checkout")
    world.after(5 * MINUTE)
    world.fire("checkout")
    world.fire("search")
    world.after(5 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])


def test_a_page_that_the_configuration_names_no_more_follows_the_whole_incident() -> None:
    world = half_over()
    world.pages_of = {"checkout": (SHOP,), "payments": (SHOP,)}
    world.restart()
    world.live.current = replace(world.live.current, digest="other")
    world.after(10 * MINUTE)
    assert statuses(world, WEB) == [MONITORING]
    world.clear()
    world.after(5 * MINUTE)
    assert (statuses(world, SHOP), statuses(world, WEB)) == ([RESOLVED], [RESOLVED])


def test_what_was_recorded_without_a_page_s_clocks_ends_as_well() -> None:
    """An older release loses them, whenever it records."""
    world = two_pages()
    world.fire("checkout")
    world.fire("search")
    world.after(10 * MINUTE)
    world.clear("search")
    post = world.progress.posts[WEB]
    assert post.quiet_at
    lost = replace(post, quiet_at=0, quiet_ends_at=0)
    world.store.progress = replace(world.progress, posts={**world.progress.posts, WEB: lost})
    world.settle()
    world.after(POLICY.resolve_after_ms)
    assert statuses(world, WEB) == [RESOLVED]
