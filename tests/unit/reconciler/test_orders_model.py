"""Orders of operators in any sequence, amid alerts, time, and a page that loses answers: what none may break."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SECOND, PageHarness

SERVICES = ("checkout", "payments")
ORDERS = ("hold", "publish", "dismiss", "resolve", "take_over", "retry")
TROUBLE = st.sampled_from([Outcome.DONE, Outcome.NOT_SENT, Outcome.LOST_BEFORE, Outcome.LOST_AFTER, Outcome.REJECTED])
STEP = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(SERVICES)),
    st.tuples(st.just("clear"), st.sampled_from(SERVICES)),
    st.tuples(st.just("clear"), st.none()),
    st.tuples(st.just("after"), st.sampled_from([SECOND, MINUTE, 3 * MINUTE, 20 * MINUTE])),
    st.tuples(st.just("order"), st.sampled_from(ORDERS)),
    st.tuples(st.just("back"), st.sampled_from(["hold", "take_over"])),
)


class Watched:
    """A harness, and what must hold at each of its steps."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.harness = PageHarness(POLICY, outcomes)

    def take(self, what: str, of: object) -> None:
        harness = self.harness
        given, before = harness.store.orders, list(harness.page.writes)
        was_shown = bool(harness.page.standing)
        match what:
            case "fire":
                harness.fire(str(of), Severity.MAJOR)
            case "clear":
                harness.clear(None if of is None else str(of))
            case "after":
                assert isinstance(of, int)
                harness.after(of)
            case "order":
                may_resolve = of != "resolve" or harness.post.is_open
                may_decide = of not in {"publish", "dismiss"} or bool(harness.alerts.firing)
                if may_resolve and may_decide and not (of == "dismiss" and harness.post.is_open):
                    harness.order(str(of))
            case "back":
                harness.order(str(of), back=True)
        written = harness.page.writes[len(before) :]
        if given.take_over and harness.store.orders.take_over:
            assert written == [], "nothing is written to what is taken over"
        if given.hold and given.publish is None and harness.store.orders.hold and what != "order" and not was_shown:
            assert not any(each.startswith("open") for each in written), "what is on hold is not opened"
        assert len(harness.page.standing) <= 1


@settings(deadline=None)
@given(steps=st.lists(STEP, max_size=25), outcomes=st.lists(TROUBLE, max_size=8))
def test_whatever_is_ordered_the_page_comes_to_show_what_is_true_once_nothing_stands_any_more(steps, outcomes):
    watched = Watched(outcomes)
    harness = watched.harness
    for what, of in steps:
        watched.take(what, of)
    for verb in ("take_over", "hold"):
        harness.order(verb, back=True)
    harness.page.outcomes.clear()
    harness.clear()
    harness.after(60 * MINUTE)
    assert harness.page.standing == [], "no end is withheld"
    assert harness.progress.phase in {Phase.RESOLVED, Phase.DISCARDED, Phase.PENDING}
    harness.after(60 * MINUTE)
    harness.fire()
    harness.after(20 * MINUTE)
    assert len(harness.page.standing) == 1, "what fires anew is judged anew"
    assert harness.page.most_standing == 1
