"""How late readers see an outage's start and end: observed once for each, whatever became of the write's answer."""

from __future__ import annotations

import pytest

from bridge.model import Phase, Post, Severity, UpdateKind
from bridge.telemetry import PUBLISH_DELAY, RESOLVE_DELAY
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness, published
from tests.unit.reconciler.test_impacts import WEB, two_pages

pytestmark = pytest.mark.usefixtures("generation")

QUIET_MS = POLICY.resolve_after_ms
OPENED_S = 60.5  # publish_after, and an alert is delivered half a second after its start
ENDED_S = 120.2  # resolve_after, and an end a fifth of a second after it


class Observed:
    """What the two histograms have seen since the test began: how many, and the sum of their seconds."""

    def __init__(self) -> None:
        self._before = self._read()

    @staticmethod
    def _read() -> list[float]:
        return [
            round(
                sum(
                    sample.value
                    for family in metric.collect()
                    for sample in family.samples
                    if sample.name.endswith(end)
                ),
                3,
            )
            for metric in (PUBLISH_DELAY, RESOLVE_DELAY)
            for end in ("_count", "_sum")
        ]

    def __call__(self) -> tuple[tuple[float, float], tuple[float, float]]:
        openings, opening_s, ends, end_s = (
            round(now - before, 3) for now, before in zip(self._read(), self._before, strict=True)
        )
        return (openings, opening_s), (ends, end_s)


@pytest.fixture
def observed() -> Observed:
    return Observed()


def ended(harness: PageHarness) -> Post:
    """Clear all, and wait for the end on the page."""
    harness.clear()
    harness.after(QUIET_MS + MINUTE)
    return harness.post


def test_an_outage_is_observed_once_when_the_page_took_it_and_once_when_it_took_its_end(observed: Observed) -> None:
    harness = published()
    assert observed() == ((1, OPENED_S), (0, 0))
    harness.after(10 * MINUTE)
    harness.fire("search", Severity.CRITICAL)
    harness.acknowledge()
    assert observed() == ((1, OPENED_S), (0, 0))
    publication = ended(harness).publication
    assert observed() == ((1, OPENED_S), (1, ENDED_S))
    assert (publication.publish_delay_ms, publication.resolve_delay_ms) == (OPENED_S * 1000, ENDED_S * 1000)
    assert publication.worst is Severity.CRITICAL


@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.CRASH_AFTER])
def test_an_opening_whose_answer_was_lost_counts_once_when_it_is_found_and_from_when_it_was_taken(
    outcome: Outcome, observed: Observed
) -> None:
    harness = published(outcome)
    assert observed() == ((0, 0), (0, 0))
    harness.after(LEASE_MS + 10 * MINUTE)
    assert observed() == ((1, OPENED_S), (0, 0))


@pytest.mark.parametrize("outcome", [Outcome.LOST_BEFORE, Outcome.CRASH_BEFORE, Outcome.NOT_SENT])
def test_an_opening_that_is_repeated_counts_once_and_from_when_the_page_took_it(
    outcome: Outcome, observed: Observed
) -> None:
    harness = published(outcome)
    assert observed() == ((0, 0), (0, 0))
    harness.after(LEASE_MS + SETTLE_MS + MINUTE)
    (openings, seconds), _ = observed()
    assert openings == 1
    assert OPENED_S < seconds <= OPENED_S + (LEASE_MS + SETTLE_MS) / SECOND


def test_an_end_whose_answer_was_lost_counts_once(observed: Observed) -> None:
    harness = published(Outcome.DONE, Outcome.DONE, Outcome.LOST_AFTER)
    ended(harness)
    assert observed()[1] == (1, ENDED_S)


def test_a_late_duplicate_is_not_observed(observed: Observed) -> None:
    harness = published(Outcome.LATE, notify=frozenset(UpdateKind))
    harness.page.late_ms = SETTLE_MS * 3 // 2
    harness.after(10 * MINUTE)
    assert len(harness.page.incidents) == 2
    assert observed()[0][0] == 1


def test_what_a_lost_store_finds_on_the_page_is_not_observed_again(observed: Observed) -> None:
    harness = published()
    harness.store.progress = type(harness.progress)()
    harness.restart()
    harness.settle()
    harness.after(5 * MINUTE)
    assert harness.post.remote_id == harness.page.only.id
    assert observed()[0] == (1, OPENED_S)
    assert harness.post.publication.publish_delay_ms is None, "nothing is known of it"


def test_what_is_opened_again_counts_from_its_own_start_and_keeps_when_it_was_first_public(observed: Observed) -> None:
    harness = published()
    first = harness.post.publication
    ended(harness)
    harness.fire()
    harness.after(2 * MINUTE)
    assert harness.post.is_open
    assert observed() == ((2, 2 * OPENED_S), (1, ENDED_S))
    again = harness.post.publication
    assert (again.opened_at, again.publish_delay_ms) == (first.opened_at, OPENED_S * 1000)
    assert again.resolve_delay_ms is None
    ended(harness)
    assert observed() == ((2, 2 * OPENED_S), (2, 2 * ENDED_S))


def test_an_outage_that_a_person_closed_and_that_grows_later_counts_from_its_growth(observed: Observed) -> None:
    harness = published()
    harness.page.edit(harness.page.only.id, status=Phase.RESOLVED)
    harness.fire(severity=Severity.CRITICAL)  # which finds it closed
    harness.after(POLICY.reopen_after_ms + MINUTE)
    assert observed()[0] == (1, OPENED_S)
    harness.fire("search")
    assert harness.post.is_open
    assert observed()[0] == (2, OPENED_S)


def test_a_page_that_the_outage_reaches_later_counts_from_what_brought_it_there(observed: Observed) -> None:
    harness = two_pages()
    harness.fire("checkout")
    harness.after(MINUTE)
    assert observed()[0] == (1, OPENED_S)
    harness.after(10 * MINUTE)
    harness.fire("search")
    assert harness.pages[WEB].only.status is Phase.INVESTIGATING
    assert observed()[0] == (2, OPENED_S), "at once: the outage is public already"


def test_mails_are_counted(observed: Observed) -> None:
    harness = published(notify=frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED}))
    post = ended(harness)
    assert post.publication.mails == len(harness.page.mails) == 2
    assert observed()[1] == (1, ENDED_S)
