from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.config.schema import Budget, Budgets
from bridge.core.compose import reference_line
from bridge.core.next_step import NOBODY, NextStep, next_step
from bridge.core.results import Closed, Seen
from bridge.model import V1_PAGE, Phase, PublicNote, Severity, Withheld, v3_page
from bridge.orders import Order, Orders
from tests.unit.core.configured import ID, MINUTE, SECOND
from tests.unit.core.lifecycle_harness import POLICY
from tests.unit.core.watched_harness import WatchedHarness
from tests.unit.transitions import after

V3 = v3_page("status")
MAILED = "the subscribers of v1"
INVESTIGATING = (
    "We are investigating an issue affecting Checkout. We will share more information as soon as we have it."
    f"\n\n{reference_line(ID)}"
)


@pytest.fixture
def pending() -> WatchedHarness:
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.fire()
    return harness


@pytest.fixture
def public(pending: WatchedHarness) -> WatchedHarness:
    pending.after(MINUTE)
    return pending


def test_before_it_is_public_it_is_said_when_it_will_be_in_which_words_and_who_is_mailed(pending):
    pending.after(18 * SECOND)
    said = pending.next
    assert said.what == "publishes in 42 s unless it clears"
    assert (said.at, said.mails, said.text) == (pending.now + 42 * SECOND, MAILED, INVESTIGATING)
    assert said.name == "Issue affecting Checkout"


def test_what_is_due_happens_now(pending):
    pending.now += MINUTE
    assert pending.next.what == "publishes now"
    assert pending.next.at == pending.now


def test_once_it_is_public_only_its_alerts_can_change_it(public):
    assert public.next == replace(public.next, at=None, what="nothing until its alerts change", mails=NOBODY, text=None)


def test_after_the_all_clear_the_end_is_said_with_its_time_of_day(public):
    said = public.after(MINUTE).clear().next
    assert public.phase is Phase.MONITORING
    assert said.what == "resolves at 14:17 UTC unless something fires"
    assert said.at == public.now + 2 * MINUTE
    assert (said.mails, said.text) == (MAILED, "The issue affecting Checkout has been resolved.")


def test_a_time_on_another_day_is_said_with_its_date(public):
    assert public.after(MINUTE).clear().after(2 * MINUTE).next.what == (
        "forgotten at 2026-09-28 14:17 UTC unless something fires"
    )


def test_what_falls_is_said_with_the_words_that_tell_of_it(public):
    said = public.fire(severity=Severity.MINOR).after(20 * SECOND).next
    assert said.what == "changes the severity to MINOR in 100 s unless its alerts change"
    assert said.text == "We are still working on an issue affecting Checkout. Its current severity is minor."
    assert said.mails == NOBODY


def test_words_of_a_person_are_said_as_they_will_stand(public):
    public.alerts.public_note(public.now, "We restart it.")
    public.now += SECOND
    public.decide()
    assert (public.next.what, public.next.text) == ("posts a person's words now", "We restart it.")


def test_a_failed_write_is_said_to_be_tried_again_and_when():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("is down").fire().after(MINUTE + 30 * SECOND)
    said = harness.next
    assert said.what == "tried again in 1 s, after 31 failures in a row: publishes"
    assert (said.at, said.mails, said.text) == (harness.post.retry.at, MAILED, INVESTIGATING)


def test_a_refused_write_needs_a_person():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("refuses").fire().after(MINUTE)
    said = harness.next
    assert said.what == "refused by the page: 400: no; a person must act; tried again at 14:24 UTC: publishes"
    assert said.text == INVESTIGATING


def test_beside_the_incident_of_someone_else_it_is_withheld():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("is another's").fire().after(MINUTE)
    said = harness.next
    assert said.what == "withheld: theirs is open for the same service; looked at again in 30 s"
    assert said.text == INVESTIGATING


def test_without_room_it_waits_and_the_text_is_what_would_be_published():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("has no room").fire().after(MINUTE)
    said = harness.next
    assert (said.at, said.what) == (None, "waits until there is room in the budget: full")
    assert (said.mails, said.text) == (MAILED, INVESTIGATING)


def test_while_the_gate_keeps_one_page_back_what_comes_on_another_is_said():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("has no room").fire().after(MINUTE).clear()
    assert harness.next.what == (
        "is over at 14:16 UTC unless something fires, and nothing is written: not published: budget"
    )


def test_a_write_without_an_answer_is_looked_for():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.is_("loses answers").fire().after(MINUTE)
    said = harness.next
    assert said.what == "looks in 1 s whether the write arrived whose answer was lost: publishes"
    assert (said.mails, said.text) == ("the subscribers of v1, unless they were already", INVESTIGATING)


def test_what_a_person_closed_stays_closed(public):
    public.close()
    assert (public.next.at, public.next.what) == (
        None,
        "nothing: closed by hand, until all of its alerts have cleared and one fires anew",
    )


def test_what_someone_else_opened_again_is_theirs(public):
    public.put(after(public.post, Closed(), Seen(is_theirs=True), now=public.now))
    assert public.next.what == "nothing: closed by hand, and opened again by someone else, who is to end it"


def test_held_alerts_are_waited_for(public):
    assert public.hold().clear().next.what == "waits until the alerts that are held fire or resolve"


def test_an_outage_that_clears_before_it_is_public_is_discarded_now(pending):
    pending.alerts.clear(pending.now)
    pending.decide()
    assert pending.next.what == "is discarded now, and nothing is written: cleared within publish_after"


def test_while_checkly_refuses_the_key_nothing_is_written(pending):
    said = next_step(pending.incident, pending.config, pending.now, pages_of=pending.pages_of, paused=True)
    assert (said.at, said.what) == (None, "waits: Checkly refuses the key; a person must renew it")
    assert said.text == INVESTIGATING


@pytest.mark.parametrize(
    ("mode", "mails"), [("enforce", f"{MAILED}, if the mail budget has room"), ("observe", MAILED)]
)
def test_a_mail_that_a_budget_may_keep_back_is_said_to_depend_on_it(pending, mode, mails):
    pending.config = replace(pending.config, budgets=Budgets(every=Budget(mode=mode)))
    assert pending.next.mails == mails


def test_a_mail_that_was_paid_for_with_the_opening_is_certain(public):
    public.config = replace(public.config, budgets=Budgets())
    assert public.after(MINUTE).clear().next.mails == MAILED


def test_pages_are_named_where_there_are_several():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.fire()
    pages_of = {"checkout": (V1_PAGE, V3)}
    said = next_step(harness.incident, harness.config, harness.now, pages_of=pages_of)
    assert said.what == "on v1, v3:status: publishes in 60 s unless it clears"
    assert said.mails == "the subscribers of v1 and v3:status"


def test_a_note_that_is_kept_is_not_said_before_the_opening(pending):
    pending.alerts.public_notes = (
        PublicNote(source="pagerduty", fingerprint="a", text="Hm.", observed_at=1, event_id="e", kept_at=pending.now),
    )
    pending.decide()
    assert pending.next.text == INVESTIGATING


def ordered(harness: WatchedHarness, orders: Orders) -> NextStep:
    incident = replace(harness.incident, orders=orders)
    return next_step(incident, harness.config, harness.now, pages_of=harness.pages_of)


def test_what_is_on_hold_is_published_when_its_time_is_over(pending):
    def hold(until: int = 0) -> Orders:
        return Orders(hold=Order(by="alice", at=pending.now, reason="a drill", until=until))

    said = ordered(pending, hold(until=pending.now + 30 * MINUTE))
    assert said.what == "publishes at 14:43 UTC unless it clears: on hold by alice: a drill"
    assert (said.at, said.mails, said.text) == (pending.now + 30 * MINUTE, MAILED, INVESTIGATING)
    assert ordered(pending, hold(until=pending.now + SECOND)) == pending.next
    said = ordered(pending, hold())
    assert (said.at, said.what) == (None, "nothing until an operator releases it: alice: a drill")


def test_nothing_is_to_come_of_what_is_dismissed_and_nobody_is_mailed(pending):
    said = ordered(pending, Orders(dismiss=Order(by="alice", at=pending.now, reason="a drill")))
    assert said == NextStep(at=None, what="nothing: dismissed by alice: a drill")


def test_nothing_is_to_be_written_to_what_is_taken_over(public):
    public.after(MINUTE).clear()
    said = ordered(public, Orders(take_over=Order(by="alice", at=public.now, reason="a drill")))
    assert (said.at, said.what) == (None, "nothing until it is handed back: alice has taken it over: a drill")
    public.put(replace(public.post, withheld=Withheld(reason="taken_over", since=public.now, by="alice")))
    said = ordered(public, Orders(take_over=Order(by="alice", at=public.now)))
    assert said.what == "nothing until it is handed back: alice has taken it over"
