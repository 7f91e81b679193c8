"""What is said to happen next happens then, and nothing before: the lifecycle, stepped there, is asked."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.lifecycle import ENDED
from bridge.core.next_step import NOBODY, NextStep
from bridge.core.page_word import PageWord
from bridge.core.planning import DATE_STEP_MS
from bridge.model import V1_PAGE, Phase, Policy, Severity, UpdateKind, Write, v3_page
from tests.unit.core.configured import MINUTE
from tests.unit.core.test_lifecycle_properties import ACTS, POLICIES
from tests.unit.core.watched_harness import WatchedHarness

if TYPE_CHECKING:
    from bridge.core.foresight import Foreseen

Act: TypeAlias = tuple[Any, ...]
PAGES = (V1_PAGE, v3_page("status"))
DAY = 24 * 60 * MINUTE
STATES = [
    "works",
    "is down",
    "loses answers",
    "refuses",
    "refuses changes",
    "refuses all",
    "is another's",
    "has no room",
]
MORE_ACTS = st.one_of(
    ACTS,
    st.tuples(st.just("is_"), st.sampled_from(STATES)),
    st.just(("close",)),
    st.just(("reopen",)),
)
STORIES = st.builds(
    lambda state, acts: [("is_", state), ("fire", "checkout", Severity.MAJOR), ("after", MINUTE), *acts],
    st.sampled_from(STATES),
    st.lists(MORE_ACTS, max_size=12),
)


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None, max_examples=150)
@given(policy=POLICIES, acts=st.one_of(STORIES, st.lists(MORE_ACTS, max_size=12)))
def test_what_is_foreseen_happens_then_and_nothing_before(policy: Policy, acts: list[Act], page: str) -> None:
    harness = WatchedHarness(policy, page)
    harness.settle()
    for act, *arguments in acts:
        getattr(harness, act)(*arguments)
        if not harness.is_forgotten:
            follow(harness)
            assert harness.word != PageWord.OPEN or harness.post.is_open
            assert harness.word != PageWord.NOT_YET or not harness.post.is_open


def follow(harness: WatchedHarness) -> None:
    told, said = harness.foresee(), harness.next
    assert told.at == said.at
    later = copy.copy(harness)
    later.alerts, later.written, later.episodes = copy.copy(harness.alerts), [], []
    later.tries, later.reads_back, was = [], [], later.phase
    until = later.now + DAY if told.at is None else told.at
    assert until > later.now, "all that is due was done"
    wake(later, until - 1)
    assert (later.tries, later.reads_back) == ([], []), f"before {said}"
    assert later.phase not in ENDED or was in ENDED
    assert not later.is_forgotten
    if told.at is None:
        return
    wake(later, told.at)
    assert later.is_forgotten == told.is_forgotten == said.what.startswith("forgotten")
    assert later.reads_back[:1] == ([told.at] if told.reads_back else [])
    if told.reads_back:
        return
    assert told.ends == (not told.writes and later.phase in ENDED and was not in ENDED)
    if told.writes:
        follow_writes(later, told, said)


def wake(harness: WatchedHarness, until: int) -> None:
    """Let time pass as the store does: the incident is looked at when it asked for it, and at no other time."""
    while harness.next_at is not None and harness.next_at <= until:
        harness.now = harness.next_at
        harness.settle()


def follow_writes(later: WatchedHarness, told: Foreseen, said: NextStep) -> None:
    assert later.tries[0].planned == told.writes[0].planned
    if later.state != "works":
        return
    wake(later, later.now + DATE_STEP_MS)  # an update that announces a change may have to wait so long
    tries = later.tries[: len(told.writes)]
    assert [each.planned for each in tries] == [each.planned for each in told.writes]
    assert said.text == next((each.text for each in tries if each.text), None)
    assert (said.mails != NOBODY) == any(each.notify for each in tries)
    if "withheld: " in said.what:
        return
    assert ("publishes" in said.what) == any(each.planned.write is Write.OPEN for each in tries)
    opens_again = any(each.planned.write is Write.UPDATE and each.planned.kind is UpdateKind.OPEN for each in tries)
    assert ("opens it again" in said.what) == opens_again
    assert ("resolves" in said.what) == any(
        each.planned.status is Phase.RESOLVED and each.planned.write is Write.UPDATE for each in tries
    )
