"""What holds of every policy: it ends without a trace on the page, and keeps no end back."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import V1_PAGE, UpdateKind, v3_page
from bridge.orders import Verb
from tests.unit.core.lifecycle_harness import MINUTE
from tests.unit.core.policy_harness import BUDGET_STATES, TwoRuns
from tests.unit.core.test_flapping import FLIPS
from tests.unit.core.test_lifecycle_properties import ACTS, POLICIES

Act: TypeAlias = tuple[Any, ...]
VERBS = st.sampled_from([verb for verb in Verb if verb not in {Verb.SAY, Verb.MUTE, Verb.UNMUTE}])
CAUSES = st.one_of(
    st.tuples(st.just("order"), VERBS),
    st.tuples(st.just("order"), st.just(Verb.HOLD), st.sampled_from([1, MINUTE, 5 * MINUTE])),
    st.tuples(st.just("budget"), st.sampled_from(sorted(BUDGET_STATES))),
    st.tuples(st.sampled_from(["theirs", "page_works"]), st.booleans()),
)
BEGINNINGS: list[list[Act]] = [[], [("fire",)], [("fire",), ("after", MINUTE)], [("fire",), ("acknowledge",)]]
HISTORIES = st.builds(
    lambda before, flips, first, acts: [*before, *flips, *first, *acts],
    st.lists(CAUSES, max_size=2),
    st.just([]) | FLIPS,
    st.sampled_from(BEGINNINGS),
    st.lists(st.one_of(ACTS, CAUSES), max_size=12),
)
MAILED = st.sampled_from([frozenset({UpdateKind.RESOLVED}), frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED})])
RUNS = st.builds(TwoRuns, POLICIES, st.sampled_from([V1_PAGE, v3_page("status")]), MAILED)


def play(runs: TwoRuns, history: list[Act]) -> None:
    for act, *arguments in history:
        getattr(runs, act)(*arguments)


@settings(deadline=None, max_examples=600)
@given(runs=RUNS, history=HISTORIES)
def test_once_all_causes_have_ended_the_page_is_as_without_a_policy(runs: TwoRuns, history: list[Act]) -> None:
    play(runs, history)
    runs.end_all_causes()
    assert runs.shown(runs.kept) == runs.shown(runs.free)


@settings(deadline=None, max_examples=600)
@given(runs=RUNS, history=HISTORIES)
def test_no_end_is_delayed_but_by_flapping_and_a_take_over(runs: TwoRuns, history: list[Act]) -> None:
    """At each instant: what is over without a policy is over with it, but until `settle`, or till it is handed back."""
    play(runs, history)
    runs.clear()
    runs.after(15 * MINUTE)
    assert runs.late == []
