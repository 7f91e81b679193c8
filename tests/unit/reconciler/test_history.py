"""What a history tells of steps on a page: each write with its outcome, and what people did."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.core.history import By, What
from bridge.model import Phase, Severity, UpdateKind
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, POLICY, SETTLE_MS, PageHarness, published
from tests.unit.reconciler.test_given_up import posted_by_hand


def words(harness: PageHarness) -> list[What]:
    return [each.what for each in harness.store.told]


def test_an_outage_is_told_from_its_first_phase_to_its_end() -> None:
    harness = published()
    harness.clear()
    harness.after(10 * MINUTE)
    write = [What.WRITE_BEGUN, What.WRITE_DONE]
    assert words(harness) == [What.PHASE, *write, What.PHASE, *write, What.PHASE, *write]
    done = [each.detail for each in harness.store.told if each.what is What.WRITE_DONE]
    assert [each["status"] for each in done] == ["INVESTIGATING", "MONITORING", "RESOLVED"]


def test_a_lost_answer_is_told_and_that_the_write_was_found() -> None:
    harness = published(Outcome.LOST_AFTER)
    harness.after(SETTLE_MS)
    assert words(harness)[1:4] == [What.WRITE_BEGUN, What.WRITE_UNKNOWN, What.WRITE_FOUND]


def test_a_lost_write_is_told_and_that_it_is_repeated() -> None:
    harness = published(Outcome.LOST_BEFORE)
    harness.after(3 * SETTLE_MS)
    told = words(harness)
    assert told[1:6] == [What.WRITE_BEGUN, What.WRITE_UNKNOWN, What.WRITE_MISSING, What.WRITE_LOST, What.WRITE_BEGUN]
    assert What.WRITE_DONE in told


def test_a_process_that_dies_after_a_write_leaves_its_beginning_and_the_next_one_tells_the_outcome() -> None:
    harness = published(Outcome.CRASH_AFTER)
    harness.after(2 * MINUTE)
    assert words(harness)[1:3] == [What.WRITE_BEGUN, What.WRITE_FOUND]
    assert What.WRITE_DONE not in words(harness)


def test_a_late_duplicate_that_is_closed_is_told() -> None:
    harness = published(Outcome.LATE, notify=frozenset(UpdateKind))
    harness.page.late_ms = SETTLE_MS * 3 // 2
    harness.after(10 * SETTLE_MS)
    (closed,) = (each for each in harness.store.told if each.what is What.DUPLICATES_CLOSED)
    assert closed.detail["ids"] == (harness.page.incidents[1].id,)


def test_what_people_do_on_the_page_is_told_of_them() -> None:
    harness = published()
    harness.after(2 * SETTLE_MS)
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
    harness.fire("payments")
    harness.after(2 * SETTLE_MS)
    posted_by_hand(harness, Phase.RESOLVED)
    harness.fire("search")
    harness.after(SETTLE_MS)
    posted_by_hand(harness, Phase.IDENTIFIED)
    harness.after(10 * MINUTE)
    by_people = [each for each in harness.store.told if each.by is By.PERSON]
    seen = list(dict.fromkeys(each.what for each in by_people))
    assert seen == [What.EDITED_BY_HAND, What.CLOSED_BY_HAND, What.REOPENED_BY_HAND]
    assert by_people[0].detail == {"page": harness.page_name, "severity": "CRITICAL"}


def test_what_is_deleted_is_told_once_it_is_believed() -> None:
    harness = published()
    harness.page.delete(harness.page.only.id)
    harness.fire("payments", Severity.CRITICAL)
    harness.after(5 * SETTLE_MS)
    told = words(harness)
    assert What.MISSING in told
    assert told.count(What.DELETED_BY_HAND) == 1


def test_a_second_outage_begins_its_own_history() -> None:
    harness = PageHarness(replace(POLICY, reopen_after_ms=0))
    harness.fire()
    harness.after(MINUTE)
    harness.clear()
    harness.after(10 * MINUTE)
    harness.store.told.clear()
    harness.fire()
    harness.after(MINUTE)
    assert words(harness)[0] is What.EPISODE_BEGAN
