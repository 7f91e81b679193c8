"""A page that refuses dates before its incident: what has one goes again at once without it, and is known without."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model import V1_PAGE, Phase, v3_page
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness, names
from tests.unit.reconciler.test_trouble import of_generation

STATUS = v3_page("status")
LEARNED_MS = LEASE_MS + 2 * SETTLE_MS
pages = pytest.mark.parametrize("page_name", [V1_PAGE, STATUS])
refusals = pytest.mark.parametrize("status", [400, 422])
outcomes = pytest.mark.parametrize(
    "outcome",
    [Outcome.DONE, Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.LATE, Outcome.CRASH_AFTER, Outcome.CRASH_BEFORE],
)


def strict(page_name: str, status: int = 422, **checkly: Any) -> PageHarness:
    """Checkout is out for a minute, on a page that refuses dates before now."""
    harness = of_generation(page_name)(POLICY, **checkly)
    harness.page.early_date = status
    harness.page.late_ms = SETTLE_MS - 1
    harness.fire()
    return harness


def dates_rise(harness: PageHarness) -> bool:
    dates = [update.public_at for update in reversed(harness.page.only.updates)]
    return dates == sorted(set(dates)) and dates[0] >= harness.page.only.created_at


@pages
@refusals
def test_an_opening_goes_at_once_without_its_date(page_name: str, status: int, logged: list[Any]) -> None:
    harness = strict(page_name, status)
    harness.after(MINUTE)
    assert (harness.page.writes, harness.post.retry.parked) == (["open MAJOR"], None)
    assert harness.page.only.updates[0].public_at == harness.post.public_at == harness.now
    assert harness.post.undated == ("start",)
    assert names(logged).count("date_rejected") == 1
    harness.after(MINUTE)
    harness.clear()
    harness.after(5 * MINUTE)
    assert harness.page.writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]
    assert dates_rise(harness)
    assert harness.post.undated == ("start",), "the end has its true date"


@pages
def test_an_end_before_the_page_s_own_date_of_the_start_comes_after_it(page_name: str) -> None:
    harness = strict(page_name)
    harness.page.is_down = True
    harness.after(MINUTE)
    harness.page.is_down = False
    harness.after(MINUTE)
    harness.clear()
    harness.after(5 * MINUTE)
    assert harness.page.only.status is Phase.RESOLVED
    assert dates_rise(harness)


@pages
def test_what_is_refused_without_a_date_too_is_parked(page_name: str, logged: list[Any]) -> None:
    harness = strict(page_name)
    harness.page.outcomes.append(Outcome.REJECTED)
    harness.after(MINUTE)
    assert (harness.page.writes, harness.post.retry.parked, harness.post.intent) == ([], "413", None)
    assert names(logged).count("incident_parked") == 1
    harness.after(20 * MINUTE)
    assert harness.page.writes == ["open MAJOR"]


@pages
def test_another_refusal_than_of_a_date_is_not_tried_without(page_name: str) -> None:
    harness = strict(page_name, 413)
    harness.after(MINUTE)
    assert (harness.page.writes, harness.post.retry.parked) == ([], "earlier than the incident")


@pages
@outcomes
@pytest.mark.parametrize("reference", [True, False])
class TestUnknownOutcome:
    def test_an_undated_opening_stands_there_once(self, page_name: str, outcome: Outcome, reference: bool) -> None:
        harness = strict(page_name, reference=reference)
        harness.page.opening.append(outcome)
        harness.after(MINUTE + LEARNED_MS)
        (incident,) = harness.page.standing
        assert (harness.post.remote_id, harness.post.undated) == (incident.id, ("start",))
        assert harness.post.public_at == incident.updates[0].public_at
        assert len(harness.page.incidents) == 1
        harness.clear()
        harness.after(10 * MINUTE)
        assert [update.status for update in harness.page.only.updates] == [
            Phase.RESOLVED,
            Phase.MONITORING,
            Phase.INVESTIGATING,
        ]
        assert dates_rise(harness)

    def test_an_undated_end_is_told_once(self, page_name: str, outcome: Outcome, reference: bool) -> None:
        harness = strict(page_name, reference=reference)
        harness.page.early_date = None
        harness.after(MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        harness.fire()
        harness.after(MINUTE)
        harness.clear()
        harness.page.edit(harness.page.only.id, created_at=harness.now + 60 * MINUTE)  # so that all dates are too early
        harness.page.early_date = 400
        harness.page.outcomes.append(outcome)
        harness.after(10 * MINUTE)
        statuses = [update.status for update in harness.page.only.updates]
        assert (statuses[0], statuses.count(Phase.RESOLVED), statuses.count(Phase.MONITORING)) == (Phase.RESOLVED, 2, 2)
        assert "end" in harness.post.undated


@pages
def test_a_bridge_that_dies_between_the_refusal_and_the_second_try_posts_once(page_name: str) -> None:
    harness = strict(page_name)
    harness.page.outcomes.append(Outcome.CRASH_BEFORE)
    harness.after(MINUTE)
    intent = harness.post.intent
    assert intent is not None
    assert not intent.is_dated, "what is recorded tells what was being sent"
    harness.after(LEARNED_MS)
    assert harness.page.writes == ["open MAJOR"]


@pages
def test_a_duplicate_is_closed_though_its_date_is_refused(page_name: str) -> None:
    harness = strict(page_name)
    harness.page.late_ms = SETTLE_MS + 2 * SECOND
    harness.page.opening.append(Outcome.LATE)
    harness.after(MINUTE)
    while len(harness.page.incidents) < 2:
        harness.after(SECOND)
    for each in harness.page.incidents:
        harness.page.edit(each.id, created_at=harness.now + 60 * MINUTE)  # so that all dates are too early
    harness.after(10 * MINUTE)
    assert len(harness.page.standing) == 1
