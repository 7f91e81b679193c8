"""An outage on several pages, over on one while it goes on elsewhere: each page lives by what it shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.outcomes import PARK_RETRY_MS
from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, PageHarness
from tests.unit.reconciler.test_impacts import BAD, SHOP, WEB, shown, statuses, two_pages

INVESTIGATING, MONITORING, RESOLVED = Phase.INVESTIGATING, Phase.MONITORING, Phase.RESOLVED


def half_over() -> PageHarness:
    """Checkout fires on; search, on the other page, has just recovered."""
    harness = two_pages()
    harness.fire("checkout")
    harness.fire("search")
    harness.after(10 * MINUTE)
    harness.clear("search")
    return harness


def newest(harness: PageHarness, page: str) -> RemoteUpdate:
    return harness.pages[page].incidents[-1].updates[0]


def test_a_page_whose_components_have_recovered_goes_through_monitoring_to_resolved() -> None:
    harness = half_over()
    ended_at = harness.now - 200
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [MONITORING])
    harness.after(POLICY.resolve_after_ms - 1)
    assert statuses(harness, WEB) == [MONITORING]
    harness.after(1)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED])
    assert [update.public_at for update in newest_two(harness, WEB)] == [ended_at + SECOND, ended_at]
    harness.after(60 * MINUTE)
    harness.clear()
    harness.after(5 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED])
    assert harness.pages[WEB].writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]


def newest_two(harness: PageHarness, page: str) -> tuple[RemoteUpdate, ...]:
    return harness.pages[page].only.updates[:2]


def test_each_page_is_resolved_in_its_own_time_when_the_other_ends_as_well() -> None:
    harness = half_over()
    harness.after(POLICY.resolve_after_ms - SECOND)
    harness.clear()
    harness.after(SECOND)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([MONITORING], [RESOLVED])
    harness.after(POLICY.resolve_after_ms)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED])


def test_what_fires_again_while_its_page_is_monitored_goes_on_at_once() -> None:
    harness = half_over()
    harness.after(MINUTE)
    harness.fire("search", Severity.CRITICAL)
    harness.after(SECOND)
    assert statuses(harness, WEB) == [INVESTIGATING]
    harness.after(10 * MINUTE)
    harness.clear("search")
    harness.after(POLICY.resolve_after_ms - 1)
    assert statuses(harness, WEB) == [MONITORING], "its time counts anew"


def test_what_fires_again_soon_re_opens_its_page_s_incident_after_publish_after() -> None:
    harness = half_over()
    harness.after(POLICY.resolve_after_ms + POLICY.reopen_after_ms)
    fired_at = harness.now
    harness.fire("search")
    harness.after(POLICY.publish_after_ms - 1)
    assert statuses(harness, WEB) == [RESOLVED]
    harness.after(SECOND)
    assert (statuses(harness, WEB), shown(harness, WEB)) == ([INVESTIGATING], {"search": BAD})
    assert newest(harness, WEB).public_at == fired_at
    harness.clear("search")
    harness.after(POLICY.resolve_after_ms)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED])


def test_what_fires_again_later_gets_an_incident_of_its_own_while_the_other_page_s_goes_on() -> None:
    harness = half_over()
    harness.after(POLICY.resolve_after_ms + POLICY.reopen_after_ms + 1)
    fired_at = harness.now
    harness.fire("search", Severity.CRITICAL)
    harness.after(POLICY.publish_after_ms - 1)
    assert statuses(harness, WEB) == [RESOLVED]
    harness.after(1)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])
    assert newest(harness, WEB).public_at == fired_at, "not as old as the other page's"
    references = {each.updates[-1].text.rpartition("Reference: ")[2] for each in harness.pages[WEB].incidents}
    assert len(references) == 1
    assert harness.store.episode == 1
    harness.after(30 * MINUTE)
    harness.clear()
    harness.after(5 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


@pytest.mark.parametrize("lag", [SECOND // 2, 5 * SECOND])
def test_the_next_incident_of_a_page_is_none_that_a_read_still_shows_open(lag: int) -> None:
    harness = two_pages()
    policy = replace(POLICY, publish_after_ms=0, resolve_after_ms=0, reopen_after_ms=0)
    harness.live.current = replace(harness.live.current, defaults=policy)
    harness.fire("checkout")
    harness.fire("search")
    harness.after(MINUTE)
    harness.pages[WEB].lag_ms = harness.pages[WEB].read_lag_ms = lag
    harness.clear("search")
    harness.after(SECOND // 10)
    assert statuses(harness, WEB) == [RESOLVED]
    harness.fire("search", Severity.CRITICAL)
    harness.after(MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])
    harness.clear()
    harness.after(MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


def test_what_fires_again_for_less_than_publish_after_is_told_to_nobody() -> None:
    harness = half_over()
    harness.after(POLICY.resolve_after_ms)
    writes = list(harness.pages[WEB].writes)
    for _ in range(3):
        harness.fire("search")
        harness.after(POLICY.publish_after_ms - 1)
        harness.clear("search")
        harness.after(MINUTE)
    assert harness.pages[WEB].writes == writes


@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.CRASH_AFTER, Outcome.NOT_SENT])
def test_a_second_incident_on_the_page_is_posted_once_whatever_becomes_of_its_opening(outcome: Outcome) -> None:
    harness = half_over()
    harness.after(20 * MINUTE)
    harness.pages[WEB].opening.append(outcome)
    harness.fire("search")
    harness.after(5 * MINUTE)
    assert statuses(harness, WEB) == [RESOLVED, INVESTIGATING]
    harness.clear()
    harness.after(5 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED, RESOLVED])


def test_an_end_that_its_page_did_not_take_yet_is_overtaken_by_what_fires_again() -> None:
    harness = half_over()
    harness.pages[WEB].outcomes.append(Outcome.REJECTED)
    harness.after(POLICY.resolve_after_ms + MINUTE)
    assert statuses(harness, WEB) == [MONITORING]
    harness.fire("search")
    assert statuses(harness, WEB) == [INVESTIGATING]
    harness.clear()
    harness.after(2 * PARK_RETRY_MS)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED])


def test_while_something_is_held_no_page_is_said_to_be_over() -> None:
    harness = half_over()
    harness.alerts.hold(1)
    harness.settle()
    harness.after(10 * MINUTE)
    assert statuses(harness, WEB) == [MONITORING]
    harness.alerts.hold(0)
    harness.settle()
    assert statuses(harness, WEB) == [RESOLVED]


def test_words_for_the_public_go_where_the_incident_is_open() -> None:
    harness = half_over()
    harness.after(10 * MINUTE)
    harness.public_note("We are on it.")
    assert "We are on it." in newest(harness, SHOP).text
    assert statuses(harness, WEB) == [RESOLVED]
    harness.after(10 * MINUTE)
    harness.fire("search")
    harness.after(5 * MINUTE)
    assert statuses(harness, WEB) == [RESOLVED, INVESTIGATING]
    assert "We are on it." not in newest(harness, WEB).text, "that was of another outage"
    harness.public_note("Search is slow.")
    harness.after(SECOND)
    assert all("Search is slow." in newest(harness, page).text for page in (SHOP, WEB))


def test_what_a_person_closed_on_one_page_is_opened_there_once_it_cleared_and_fires_anew() -> None:
    harness = two_pages()
    harness.fire("checkout")
    harness.fire("search")
    harness.after(10 * MINUTE)
    close_by_hand(harness)
    harness.fire("search", Severity.CRITICAL)
    harness.after(10 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED])
    harness.clear("search")
    harness.after(4 * MINUTE)
    harness.fire("search")
    harness.after(2 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [INVESTIGATING])


def close_by_hand(harness: PageHarness) -> None:
    incident = harness.pages[WEB].only
    update = RemoteUpdate(id="by-hand", status=RESOLVED, text="Over.", public_at=harness.now, created_at=harness.now)
    harness.pages[WEB].edit(incident.id, status=RESOLVED, updates=(update, *incident.updates))


def test_after_the_whole_outage_each_page_counts_from_its_own_end() -> None:
    harness = half_over()
    harness.after(20 * MINUTE)
    harness.clear("checkout")
    harness.after(5 * MINUTE)
    harness.fire("checkout")
    harness.fire("search")
    harness.after(5 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([INVESTIGATING], [RESOLVED, INVESTIGATING])


def test_a_page_that_the_configuration_names_no_more_follows_the_whole_incident() -> None:
    harness = half_over()
    harness.pages_of = {"checkout": (SHOP,), "payments": (SHOP,)}
    harness.restart()
    harness.live.current = replace(harness.live.current, digest="other")
    harness.after(10 * MINUTE)
    assert statuses(harness, WEB) == [MONITORING]
    harness.clear()
    harness.after(5 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [RESOLVED])


def test_what_was_recorded_without_a_page_s_clocks_ends_as_well() -> None:
    """An older release loses them, whenever it records."""
    harness = two_pages()
    harness.fire("checkout")
    harness.fire("search")
    harness.after(10 * MINUTE)
    harness.clear("search")
    post = harness.progress.posts[WEB]
    assert post.clocks.quiet_at
    lost = replace(post, clocks=replace(post.clocks, quiet_at=0, quiet_ends_at=0))
    harness.store.progress = replace(harness.progress, posts={**harness.progress.posts, WEB: lost})
    harness.settle()
    harness.after(POLICY.resolve_after_ms)
    assert statuses(harness, WEB) == [RESOLVED]


def test_resolved_by_order_it_is_not_opened_later_where_it_could_not_be_before() -> None:
    harness = two_pages()
    harness.pages[WEB].is_down = True
    harness.fire("checkout")
    harness.fire("search")
    harness.after(5 * MINUTE)
    harness.order("resolve")
    harness.pages[WEB].is_down = False
    harness.after(60 * MINUTE)
    assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([RESOLVED], [])
    harness.clear()
    harness.after(5 * MINUTE)
    harness.fire("search")
    harness.after(5 * MINUTE)
    assert statuses(harness, WEB) == [INVESTIGATING]
