from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.config.schema import Budget
from bridge.core.gate import BUDGETS, MAILS, OPEN, OPENS, Ask, Spent, Word, asked, gate, limit, paid, tokens, unused_end
from bridge.core.planning import PlannedWrite
from bridge.core.results import NotFound, Sent
from bridge.model import Intent, Phase, Post, Severity, UpdateKind, Write
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
    decision = gate(Ask(severity=Severity.MAJOR, mails=1), BUDGET, full, alone=False)
    assert (decision.word, decision.take, decision.tripped) == (Word.QUIET, (), MAILS)


def test_an_opening_without_mail_tokens_goes_out_quiet_and_its_end_pays_for_itself():
    decision = gate(
        Ask(severity=Severity.MAJOR, opens=True, mails=2), BUDGET, {**NOTHING, MAILS: Spent(15)}, alone=True
    )
    assert [take.budget for take in decision.take] == [OPEN, OPENS]
    quiet = paid(intent(), decision, EVERY, "ID")
    assert (quiet.notify, quiet.end_token, quiet.is_end_unpaid) == (False, "", True)


def test_an_opening_that_mails_has_the_token_of_its_end():
    decision = gate(Ask(severity=Severity.MAJOR, opens=True, mails=2), BUDGET, NOTHING, alone=True)
    told = paid(intent(), decision, EVERY, "ID")
    assert (told.notify, told.end_token, told.is_end_unpaid) == (True, "ID.7.end", False)


def test_a_repeated_opening_goes_by_the_tokens_of_the_first_try():
    decision = gate(Ask(severity=Severity.MAJOR, opens=True, mails=2), BUDGET, NOTHING, alone=True)
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
)
def test_whatever_is_spent_the_gate_keeps_every_bound(severity, opens, mails, used, alone, observes):
    spent = {name: Spent(max(pair), min(pair)) for name, pair in used.items()}
    budget = Budget(mode="observe" if observes else "enforce")
    decision = gate(Ask(severity=severity, opens=opens, mails=mails), budget, spent, alone=alone)
    assert opens or decision.word is not Word.WITHHOLD
    assert not (observes and (decision.withholds or decision.is_quiet))
    if not observes:
        for take in decision.take:
            allowed = limit(budget, take.budget, severity, alone=alone)
            assert spent[take.budget].by_all + take.count <= allowed.of_all
            assert spent[take.budget].by_route + take.count <= allowed.of_route
    higher = gate(Ask(severity=Severity.CRITICAL, opens=opens, mails=mails), budget, spent, alone=alone)
    assert decision.word is not Word.GO or higher.word is Word.GO
