"""What operators order of an incident that stands on a page, or is tried to, on a page that fails by script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.outcomes import PARK_RETRY_MS
from bridge.model import Phase, Progress, PublicNote, Severity
from bridge.orders import Order, Orders
from bridge.store.posts import tally
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness, names, published

HOUR = 60 * MINUTE
DAY = 24 * HOUR
pytestmark = pytest.mark.usefixtures("generation")


def test_what_is_parked_is_tried_at_once_and_once() -> None:
    harness = published(Outcome.REJECTED, Outcome.REJECTED)
    harness.after(MINUTE)
    assert (bool(harness.post.retry.parked), harness.post.retry.attempts) == (True, 1)
    harness.order("retry")
    assert harness.post.retry.attempts == 2
    assert harness.store.orders.retry is None
    harness.after(PARK_RETRY_MS - SECOND)
    assert harness.post.retry.parked
    harness.after(2 * SECOND)
    assert harness.post.remote_id


def test_a_try_for_which_nothing_waits_is_over_at_once() -> None:
    harness = published()
    harness.after(MINUTE)
    harness.order("retry")
    assert harness.store.orders == Orders()


class TestResolve:
    def test_the_end_is_posted_now_dated_now_and_stays_until_all_is_clear(self) -> None:
        harness = published()
        harness.after(5 * MINUTE)
        harness.order("resolve")
        assert harness.page.writes == ["open MAJOR", "update RESOLVED"]
        assert harness.post.public_at == harness.now
        assert harness.post.closed_at == harness.now
        harness.fire("payments", Severity.CRITICAL)
        harness.after(5 * MINUTE)
        assert len(harness.page.writes) == 2
        assert harness.store.orders == Orders()
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.progress.phase is Phase.RESOLVED
        harness.fire()
        harness.after(MINUTE)
        assert harness.page.standing

    def test_an_alert_that_starts_much_later_is_another_outage_as_after_an_end_by_hand(self) -> None:
        harness = published()
        harness.order("resolve")
        harness.after(11 * MINUTE)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(MINUTE)
        assert "update INVESTIGATING" in harness.page.writes
        harness.after(20 * MINUTE)
        assert harness.page.writes.count("update RESOLVED") == 1

    def test_an_end_whose_answer_is_lost_is_not_posted_twice(self) -> None:
        harness = published(Outcome.DONE, Outcome.LOST_AFTER)
        harness.order("resolve")
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR", "update RESOLVED"]
        assert harness.post.closed_at is not None

    def test_what_is_monitored_already_ends_with_its_true_date(self) -> None:
        harness = published()
        harness.after(5 * MINUTE)
        harness.clear()
        cleared_at = harness.now
        harness.after(MINUTE)
        harness.order("resolve")
        assert harness.page.writes[-1] == "update RESOLVED"
        assert harness.post.public_at <= cleared_at + 2 * SECOND
        harness.after(10 * MINUTE)
        assert harness.page.writes.count("update RESOLVED") == 1


class TestTakeOver:
    def test_nothing_more_is_written_until_it_is_handed_back_and_then_what_is_true(self) -> None:
        harness = published()
        harness.order("take_over")
        harness.fire("payments", Severity.CRITICAL)
        harness.after(HOUR)
        assert harness.page.writes == ["open MAJOR"]
        assert harness.post.withheld is not None
        assert harness.post.withheld.reason == "taken_over"
        assert harness.store.due is None, "it costs nothing"
        harness.clear()
        harness.after(HOUR)
        assert harness.page.writes == ["open MAJOR"]
        assert harness.progress.note is None
        harness.order("take_over", back=True)
        assert harness.page.writes[1:] == ["update RESOLVED"]
        assert harness.post.withheld is None

    def test_what_is_not_on_the_page_yet_stays_off_it(self) -> None:
        harness = PageHarness(POLICY)
        harness.fire()
        harness.order("take_over")
        harness.after(HOUR)
        assert (harness.page.writes, tally(harness.progress)) == ([], "INVESTIGATING+withheld:taken_over")
        harness.clear()
        harness.after(HOUR)
        assert (harness.page.writes, harness.progress.note) == ([], "not published: taken_over")
        assert harness.store.orders == Orders(), "or the next one could not be taken over"
        harness.after(HOUR)
        harness.fire()
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR"], "another outage is the bridge's"

    def test_resolved_on_the_page_it_is_as_after_a_resolve_by_hand(self) -> None:
        harness = published()
        harness.order("take_over")
        harness.page.edit(harness.page.only.id, status=Phase.RESOLVED)
        asyncio.run(harness.reconciler.looks.look())
        assert harness.post.closed_at == harness.now
        assert harness.store.orders == Orders()
        harness.after(5 * MINUTE)
        assert harness.page.writes == ["open MAJOR"]
        harness.clear()
        harness.after(30 * MINUTE)
        harness.fire()
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR", "open MAJOR"]

    def test_a_write_of_unknown_outcome_is_looked_for_and_not_repeated(self) -> None:
        harness = published(Outcome.DONE, Outcome.LOST_BEFORE)
        harness.fire("payments", Severity.CRITICAL)
        harness.order("take_over")
        harness.after(HOUR)
        assert harness.post.intent is None
        assert harness.page.writes == ["open MAJOR"]

    def test_what_fires_again_is_taken_over_before_it_is_old_enough_to_be_opened_again(self) -> None:
        harness = published()
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.progress.phase is Phase.RESOLVED
        harness.fire()
        harness.after(10 * SECOND)
        assert harness.progress.phase is Phase.RESOLVED, "it waits for publish_after"
        writes = [*harness.page.writes]
        harness.order("take_over")
        harness.after(HOUR)
        assert harness.page.writes == writes
        harness.order("take_over", back=True)
        harness.after(MINUTE)
        assert len(harness.page.standing) == 1

    def test_a_late_duplicate_is_left_alone_until_it_is_handed_back(self) -> None:
        harness = published(Outcome.LATE)
        harness.page.late_ms = 3 * SETTLE_MS
        harness.after(2 * SETTLE_MS)
        assert harness.page.writes == ["open MAJOR"], "it was repeated"
        harness.order("take_over")
        harness.after(10 * MINUTE)
        assert len(harness.page.standing) == 2
        harness.after(10 * MINUTE)
        assert harness.page.writes == ["open MAJOR", "open MAJOR"]
        harness.order("take_over", back=True)
        harness.after(10 * MINUTE)
        assert (harness.page.writes[2:], len(harness.page.standing)) == (["update RESOLVED"], 1)


class TestWhileAWriteIsPrepared:
    """The page is read before a write, which may take long: what is ordered meanwhile is obeyed."""

    def order(self, harness: PageHarness, verb: str, **more: Any) -> None:
        """Given as the page is read the next time."""

        def give() -> None:
            harness.page.on_read = lambda: None
            order = Order(by="alice", at=harness.now, reason="because", **more)
            harness.store.orders = replace(harness.store.orders, **{verb: order})
            harness.alerts.revision += 1

        harness.page.on_read = give

    @pytest.mark.parametrize("verb", ["hold", "dismiss", "take_over"])
    def test_what_is_not_to_be_opened_is_not(self, verb: str) -> None:
        harness = PageHarness(POLICY)
        harness.fire()
        self.order(harness, verb)
        harness.after(HOUR)
        assert harness.page.writes == []
        assert harness.post.withheld is not None
        assert harness.post.intent is None

    @pytest.mark.parametrize("fires", [True, False])
    def test_nothing_is_written_to_what_is_taken_over(self, *, fires: bool) -> None:
        harness = published()
        self.order(harness, "take_over")
        if fires:
            harness.fire("payments", Severity.CRITICAL)
        else:
            harness.clear()
        harness.after(HOUR)
        assert harness.page.writes == ["open MAJOR"]
        assert harness.post.intent is None
        harness.order("take_over", back=True)
        assert len(harness.page.writes) > 1

    def test_published_without_a_mail_it_mails_nobody(self) -> None:
        harness = PageHarness(POLICY)
        harness.fire()
        self.order(harness, "publish", quiet=True)
        harness.after(HOUR)
        assert (harness.page.writes, harness.page.mails) == (["open MAJOR"], [])


def test_what_operators_write_for_colleagues_is_not_logged(logged: list[Any]) -> None:
    harness = PageHarness(POLICY)
    harness.fire()
    harness.order("hold")
    harness.after(HOUR)
    assert "incident_withheld" in names(logged)
    assert "because" not in str(logged)


class TestSay:
    def say(self, harness: PageHarness, text: str, **more: Any) -> None:
        event = f"operator/{text}"
        note = PublicNote(
            source="operator",
            fingerprint="",
            text=text,
            observed_at=harness.now,
            event_id=event,
            kept_at=harness.now,
            **more,
        )
        harness.alerts.public_notes = (*harness.alerts.public_notes, note)
        harness.order("publish", back=True)

    @pytest.mark.parametrize("status", [Phase.IDENTIFIED, Phase.MONITORING])
    def test_a_status_that_was_said_is_shown_until_more_fires(self, status: Phase) -> None:
        harness = published()
        harness.after(MINUTE)
        self.say(harness, "Found it.", status=status)
        assert harness.page.writes[1:] == [f"update {status}"]
        harness.after(HOUR)
        assert len(harness.page.writes) == 2
        harness.fire("payments")
        assert harness.page.writes[-1] == "update INVESTIGATING"

    def test_it_ends_as_ever(self) -> None:
        harness = published()
        self.say(harness, "Found it.", status=Phase.MONITORING)
        harness.clear()
        harness.after(10 * MINUTE)
        assert harness.page.writes[1:] == ["update MONITORING", "update RESOLVED"]

    def test_it_mails_if_it_is_to(self) -> None:
        harness = published(notify=frozenset())
        self.say(harness, "Found it.")
        harness.after(MINUTE)
        assert harness.page.mails == []
        self.say(harness, "Fixed it.", notify=True)
        assert len(harness.page.mails) == 1


def test_what_has_a_muted_alert_is_not_forgotten_while_that_is_muted() -> None:
    harness = published()
    until = harness.now + 20 * DAY
    harness.store.orders = Orders(mutes={"alertmanager/a": Order(by="alice", at=harness.now, until=until)})
    harness.clear()
    harness.after(19 * DAY)
    assert harness.progress.phase is Phase.RESOLVED
    harness.after(2 * DAY)
    assert harness.progress == Progress()
