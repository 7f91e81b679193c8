from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.config.schema import Budget
from bridge.core.gate import (
    BUDGETS,
    MAILS,
    OPEN,
    OPENS,
    OPERATOR,
    REASON,
    REASONS,
    TAKEN_OVER,
    Ask,
    Spent,
    Word,
    asked,
    gate,
    limit,
    paid,
    tokens,
    unused_end,
)
from bridge.core.planning import PlannedWrite
from bridge.core.results import NotFound, Sent
from bridge.model import Intent, Phase, Post, Severity, UpdateKind, Write
from bridge.orders import Order, Orders
from tests.unit.transitions import after

NOTHING = dict.fromkeys(BUDGETS, Spent())
BUDGET = Budget()
EVERY = frozenset(UpdateKind)


def planned(write: Write, kind: UpdateKind, status: Phase = Phase.INVESTIGATING) -> PlannedWrite:
    return PlannedWrite(
        write=write, status=status, kind=kind, severity=Severity.MAJOR, services=("a",), labels={}, public_at=1
    )


def intent(kind: UpdateKind = UpdateKind.OPEN, *, notify: bool = True) -> Intent:
    return Intent(
        write=Write.OPEN if kind is UpdateKind.OPEN else Write.UPDATE,
        status=Phase.RESOLVED if kind is UpdateKind.RESOLVED else Phase.INVESTIGATING,
        kind=kind,
        severity=Severity.MAJOR,
        services=("a",),
        labels={},
        name="n",
        text="t",
        notify=notify,
        public_at=1,
        recorded_at=7,
    )


@pytest.mark.parametrize(
    ("severity", "alone", "of_all", "of_route"),
    [
        (Severity.CRITICAL, False, 30, 15),
        (Severity.MAJOR, False, 24, 12),
        (Severity.MAJOR, True, 24, 24),
        (Severity.CRITICAL, True, 30, 30),
    ],
)
def test_what_is_reserved_is_taken_off_first_and_then_comes_the_share(severity, alone, of_all, of_route):
    found = limit(BUDGET, OPEN, severity, alone=alone)
    assert (found.of_all, found.of_route) == (of_all, of_route)


def test_a_share_is_exactly_as_written():
    assert limit(Budget(open=100, share=Fraction("0.29"), reserve={}), OPEN, Severity.MINOR, alone=False).of_route == 29


def test_an_opening_pays_for_the_mail_of_its_end():
    opening = planned(Write.OPEN, UpdateKind.OPEN)
    assert asked(Post(), opening, EVERY) == Ask(severity=Severity.MAJOR, opens=True, mails=2)
    assert asked(Post(), opening, {UpdateKind.OPEN}) == Ask(severity=Severity.MAJOR, opens=True, mails=1)
    assert asked(Post(), opening, {UpdateKind.RESOLVED}) == Ask(severity=Severity.MAJOR, opens=True)


def test_an_end_asks_for_nothing_but_a_mail_that_is_not_paid():
    end = planned(Write.UPDATE, UpdateKind.RESOLVED, Phase.RESOLVED)
    assert asked(Post(remote_id="r"), end, EVERY) is None
    assert asked(Post(remote_id="r", is_end_unpaid=True), end, EVERY) == Ask(severity=Severity.MAJOR, mails=1)


def test_a_change_asks_only_where_it_comes_before_a_reopening():
    change = planned(Write.CHANGE, UpdateKind.UPDATE)
    assert asked(Post(remote_id="r", status=Phase.INVESTIGATING), change, EVERY) is None
    assert asked(Post(remote_id="r", status=Phase.RESOLVED), change, EVERY) == Ask(severity=Severity.MAJOR, opens=True)


def test_an_update_without_a_token_goes_out_quiet():
    full = {**NOTHING, MAILS: Spent(16, 8)}
    decision = gate(Ask(severity=Severity.MAJOR, mails=1), Orders(), BUDGET, full, alone=False)
    assert (decision.word, decision.take, decision.tripped) == (Word.QUIET, (), MAILS)


def test_an_end_goes_out_though_nothing_may_be_opened_any_more():
    full = {OPEN: Spent(30, 30), OPENS: Spent(60, 60), MAILS: Spent(20, 20)}
    for ask in (None, Ask(severity=Severity.MAJOR, mails=1)):
        assert not gate(ask, Orders(), BUDGET, full, alone=False).withholds


def test_an_opening_without_mail_tokens_goes_out_quiet_and_its_end_pays_for_itself():
    decision = gate(
        Ask(severity=Severity.MAJOR, opens=True, mails=2), Orders(), BUDGET, {**NOTHING, MAILS: Spent(15)}, alone=True
    )
    assert [take.budget for take in decision.take] == [OPEN, OPENS]
    quiet = paid(intent(), decision, EVERY, "ID")
    assert (quiet.notify, quiet.end_token, quiet.is_end_unpaid) == (False, "", True)


@pytest.mark.parametrize(("full", "name"), [({OPEN: Spent(24)}, OPEN), ({OPENS: Spent(48)}, OPENS)])
def test_beyond_a_budget_that_is_quiet_an_opening_goes_and_takes_no_mail(full, name):
    ask = Ask(severity=Severity.MAJOR, opens=True, mails=2)
    decision = gate(ask, Orders(), replace(BUDGET, over="quiet"), {**NOTHING, **full}, alone=True)
    assert (decision.word, decision.withholds, decision.is_quiet, decision.tripped) == (Word.QUIET, False, True, name)
    assert [(each.name, each.word) for each in decision.reasons] == [(REASON, Word.QUIET)]
    assert [(take.budget, take.limit.of_all) for take in decision.take] == [(OPEN, -1), (OPENS, -1)]
    quiet = paid(intent(), decision, EVERY, "ID")
    assert (quiet.notify, quiet.end_token, quiet.is_end_unpaid) == (False, "", True)


@pytest.mark.parametrize("budget", [BUDGET, replace(BUDGET, over="quiet"), replace(BUDGET, mode="observe")])
def test_where_budgets_are_lifted_everything_goes_and_takes_its_tokens(budget):
    full = dict.fromkeys(BUDGETS, Spent(99, 99))
    opening = gate(Ask(severity=Severity.MINOR, opens=True, mails=2), Orders(), budget, full, alone=False, lifted=True)
    assert (opening.word, opening.reasons, opening.tripped, opening.observed) == (Word.GO, (), "", False)
    assert [(take.budget, take.count, take.limit.of_all) for take in opening.take] == [
        (OPEN, 1, -2),
        (OPENS, 1, -2),
        (MAILS, 2, -2),
    ]
    update = gate(Ask(severity=Severity.MINOR, mails=1), Orders(), budget, full, alone=False, lifted=True)
    assert (update.word, [take.budget for take in update.take]) == (Word.GO, [MAILS])
    held = gate(
        Ask(severity=Severity.MINOR, opens=True),
        Orders(hold=Order(by="a", at=1)),
        budget,
        full,
        alone=True,
        lifted=True,
    )
    assert [each.name for each in held.reasons] == [OPERATOR]
    assert held.withholds


def test_within_a_budget_that_is_quiet_all_goes_as_ever():
    ask = Ask(severity=Severity.MAJOR, opens=True, mails=2)
    assert gate(ask, Orders(), replace(BUDGET, over="quiet"), NOTHING, alone=True) == gate(
        ask, Orders(), BUDGET, NOTHING, alone=True
    )


def test_an_opening_that_mails_has_the_token_of_its_end():
    decision = gate(Ask(severity=Severity.MAJOR, opens=True, mails=2), Orders(), BUDGET, NOTHING, alone=True)
    told = paid(intent(), decision, EVERY, "ID")
    assert (told.notify, told.end_token, told.is_end_unpaid) == (True, "ID.7.end", False)


def test_a_repeated_opening_goes_by_the_tokens_of_the_first_try():
    decision = gate(Ask(severity=Severity.MAJOR, opens=True, mails=2), Orders(), BUDGET, NOTHING, alone=True)
    first = replace(paid(intent(), decision, EVERY, "ID"), read_backs=9)
    lost = after(Post(intent=first), NotFound(), now=1, settle_ms=0)
    again = paid(replace(intent(), recorded_at=8), decision, EVERY, "ID", lost.paid_at)
    assert again.end_token == first.end_token == "ID.7.end"
    assert [tokens(take, "ID", again) for take in decision.take] == [
        tokens(take, "ID", first) for take in decision.take
    ]
    found = after(Post(intent=again), Sent(remote_id="r"))
    assert found.paid_at == 0


def test_the_token_of_an_end_is_free_again_unless_its_mail_went_out():
    before = Post(end_token="x")
    assert unused_end(before, Post()) == "x"
    assert unused_end(before, before) == ""
    mailed = Post(end_token="x", intent=intent(UpdateKind.RESOLVED))
    assert unused_end(mailed, Post()) == ""
    quiet = Post(end_token="x", intent=intent(UpdateKind.RESOLVED, notify=False))
    assert unused_end(quiet, Post()) == "x"


@given(
    severity=st.sampled_from(Severity),
    opens=st.booleans(),
    mails=st.integers(0, 2),
    used=st.fixed_dictionaries({name: st.tuples(st.integers(0, 70), st.integers(0, 70)) for name in BUDGETS}),
    alone=st.booleans(),
    observes=st.booleans(),
    over=st.sampled_from(["withhold", "quiet"]),
)
def test_whatever_is_spent_the_gate_keeps_every_bound(severity, opens, mails, used, alone, observes, over):
    spent = {name: Spent(max(pair), min(pair)) for name, pair in used.items()}
    budget = Budget(mode="observe" if observes else "enforce", over=over)
    decision = gate(Ask(severity=severity, opens=opens, mails=mails), Orders(), budget, spent, alone=alone)
    assert opens or decision.word is not Word.WITHHOLD
    assert not (observes and (decision.withholds or decision.is_quiet))
    assert not (over == "quiet" and decision.withholds)
    if not observes:
        for take in decision.take:
            if decision.is_quiet and decision.tripped in {OPEN, OPENS}:
                assert over == "quiet"
                assert take.budget != MAILS
                continue
            allowed = limit(budget, take.budget, severity, alone=alone)
            assert spent[take.budget].by_all + take.count <= allowed.of_all
            assert spent[take.budget].by_route + take.count <= allowed.of_route
    higher = gate(Ask(severity=Severity.CRITICAL, opens=opens, mails=mails), Orders(), budget, spent, alone=alone)
    assert decision.word is not Word.GO or higher.word is Word.GO


GIVEN = {"by": st.just("alice"), "at": st.just(1), "until": st.sampled_from([0, 9]), "quiet": st.booleans()}
ORDER = st.none() | st.builds(Order, **GIVEN)
ORDERS = st.builds(Orders, hold=ORDER, publish=ORDER, dismiss=ORDER, resolve=ORDER, take_over=ORDER, retry=ORDER)


@given(
    severity=st.sampled_from(Severity),
    opens=st.booleans(),
    mails=st.integers(0, 2),
    used=st.integers(0, 70),
    orders=ORDERS,
    budget=st.none() | st.sampled_from([Budget(), Budget(mode="observe"), Budget(over="quiet")]),
)
def test_whatever_operators_order_the_gate_keeps_to_the_order_of_reasons(severity, opens, mails, used, orders, budget):
    spent = dict.fromkeys(BUDGETS, Spent(used, used))
    ask = Ask(severity=severity, opens=opens, mails=mails)
    decision = gate(ask, orders, budget, spent, alone=True)
    withholding = [each.name for each in decision.reasons if each.word is Word.WITHHOLD]
    assert withholding == sorted(withholding, key=REASONS.index)
    assert (orders.take_over is not None) == (TAKEN_OVER in withholding)
    says_no = opens and orders.publish is None and (orders.hold or orders.dismiss)
    assert (OPERATOR in withholding) == bool(says_no)
    if orders.take_over is None and not says_no:
        without = gate(ask, Orders(), budget, spent, alone=True)
        assert decision.withholds == (without.withholds and (orders.publish is None or not opens))
    if not opens:  # an end, or an update: only who has taken over keeps it back
        assert decision.withholds == (orders.take_over is not None)
    if decision.withholds:
        assert decision.take == ()
    elif opens and orders.publish is not None and budget is not None:
        assert {take.budget for take in decision.take} >= {OPEN, OPENS}
        assert all(take.limit.of_all < 0 for take in decision.take), "it takes what is not there"
        assert (MAILS in {take.budget for take in decision.take}) == (mails > 0 and not orders.publish.quiet)
        assert decision.is_quiet == orders.publish.quiet


def test_all_reasons_are_told_and_the_first_is_shown():
    alice, bob = Order(by="alice", at=1, reason="first"), Order(by="bob", at=2, reason="second", until=9)
    full = dict.fromkeys(BUDGETS, Spent(99, 99))
    ask = Ask(severity=Severity.MAJOR, opens=True)
    decision = gate(ask, Orders(take_over=alice, hold=bob), BUDGET, full, alone=True)
    assert [each.name for each in decision.reasons] == [TAKEN_OVER, OPERATOR, REASON]
    assert (decision.detail, decision.until, decision.tripped, decision.take) == ("first", 9, "", ())
    decision = gate(ask, Orders(dismiss=alice), BUDGET, NOTHING, alone=True)
    assert (decision.detail, decision.until) == ("first", 0)


def test_nothing_that_asks_for_nothing_is_kept_back_but_by_who_took_over():
    order = Order(by="alice", at=1)
    assert not gate(None, Orders(hold=order, dismiss=order, resolve=order), BUDGET, {}, alone=True).withholds
    assert gate(None, Orders(take_over=order, publish=order), BUDGET, {}, alone=True).withholds
