"""A store that was lost or thrown back, at a page that remembers."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.model import Phase, Progress, Severity
from bridge.telemetry import INCIDENTS_UNKNOWN
from tests.unit.reconciler.page import Outcome, Page
from tests.unit.reconciler.page_harness import (
    ID,
    MINUTE,
    POLICY,
    SECOND,
    SETTLE_MS,
    START,
    PageHarness,
    names,
    published,
    value_of,
)

pytestmark = pytest.mark.usefixtures("generation")


class TestLostStore:
    @staticmethod
    def forgetful(page: Page) -> PageHarness:
        """A bridge whose store was lost, at a page that remembers."""
        harness = PageHarness(POLICY)
        page.clock = lambda: harness.now
        harness.now = page_time(page)
        harness.page = page
        harness.restart()
        return harness

    def test_it_takes_over_what_stands_with_our_reference(self, logged: list[Any]) -> None:
        harness = self.forgetful(published().page)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(2 * MINUTE)
        assert harness.page.only.severity is Severity.CRITICAL
        assert set(harness.page.only.services) == {"checkout", "payments"}
        assert "open CRITICAL" not in harness.page.writes
        assert "write_adopted" in names(logged)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.standing == []

    @pytest.mark.parametrize("told", [1, 49, 50, 99, 100, 101, 149, 150, 200])
    def test_it_takes_over_what_was_told_of_a_hundred_times_and_more(self, told: int) -> None:
        before = published()
        for number in range(1, told):
            before.public_note(f"Note {number}.")
            before.after(SECOND)
        texts = [update.text for update in before.page.only.updates]
        assert [len(texts) - at for at, text in enumerate(texts) if ID in text] == [
            *range(told // 50 * 50, 0, -50),
            1,
        ]
        harness = self.forgetful(before.page)
        harness.fire()
        harness.after(2 * MINUTE)
        assert harness.post.remote_id == harness.page.only.id

    def test_what_it_takes_over_shows_the_reference_again_with_the_next_update(self) -> None:
        harness = self.forgetful(published().page)
        harness.fire()
        harness.after(2 * MINUTE)
        harness.public_note("One.")
        harness.after(SECOND)
        harness.public_note("Two.")
        harness.after(SECOND)
        assert [ID in update.text for update in harness.page.only.updates[:2]] == [False, True]

    @pytest.mark.parametrize("later_ms", [0, 500, MINUTE])
    def test_an_old_store_that_lost_its_last_writes_posts_nothing_twice(self, later_ms: int) -> None:
        harness = PageHarness(POLICY)
        harness.after(30 * 24 * 60 * MINUTE)
        harness.fire()
        harness.after(MINUTE)
        harness.store.progress = Progress()  # a failover to a replica that was a little behind
        harness.after(later_ms)
        harness.settle()
        assert [each for each in harness.page.writes if each.startswith("open")] == ["open MAJOR"]
        assert harness.post.remote_id == harness.page.only.id
        harness.after(MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.standing == []

    def test_of_two_that_stand_it_takes_over_the_older_and_resolves_the_other(self) -> None:
        before = published()
        before.page.put(replace(before.page.only, id="duplicate", created_at=before.now + 1))
        harness = self.forgetful(before.page)
        harness.fire()
        harness.after(2 * MINUTE)
        assert [each.id for each in harness.page.standing] == [harness.post.remote_id] == ["remote-1"]

    def test_what_another_incident_holds_is_not_taken_over_whatever_it_shows(self) -> None:
        before = published()
        harness = self.forgetful(before.page)
        harness.store.others[before.page.only.id] = "9999999999"
        harness.fire()
        harness.after(30 * MINUTE)
        first, second = harness.page.standing
        assert harness.post.remote_id == second.id != first.id

    def test_every_first_post_is_preceded_by_one_reading(self) -> None:
        harness = PageHarness(POLICY)
        for _ in range(3):
            harness.fire()
            harness.after(MINUTE)
            harness.clear()
            harness.after(30 * MINUTE)
        assert (len(harness.page.incidents), harness.page.lists) == (3, 3)

    def test_it_posts_nothing_while_the_list_cannot_be_read(self) -> None:
        harness = PageHarness(POLICY)
        harness.page.is_down = True
        harness.fire()
        harness.after(5 * MINUTE)
        assert harness.post.retry.attempts > 1
        harness.page.is_down = False
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR"]

    def test_nor_while_what_the_list_shows_cannot_be_read(self) -> None:
        harness = self.forgetful(published().page)
        harness.page.hidden.add(harness.page.only.id)
        harness.fire()
        harness.after(5 * MINUTE)
        assert (harness.page.writes, harness.post.remote_id) == (["open MAJOR"], None)
        harness.page.hidden.clear()
        harness.after(MINUTE)
        assert (len(harness.page.incidents), harness.post.remote_id) == (1, harness.page.only.id)

    def test_what_stands_with_a_reference_that_nobody_knows_is_reported_once_and_left_alone(
        self, logged: list[Any]
    ) -> None:
        before = published()
        ours = before.page.only
        text = ours.updates[0].text.replace("0123456789", "ABCDEFGHJK")
        orphan = replace(ours, id="orphan", updates=(replace(ours.updates[0], text=text),))
        shown = value_of(INCIDENTS_UNKNOWN)
        harness = PageHarness(POLICY, [Outcome.LOST_BEFORE])
        harness.page.put(replace(orphan, created_at=START))
        harness.fire()
        harness.after(10 * MINUTE)
        reports = [each for each in logged if each["event"] == "incident_unknown"]
        assert [(each["incident_id"], each["remote_id"]) for each in reports] == [("ABCDEFGHJK", "orphan")]
        assert value_of(INCIDENTS_UNKNOWN) == shown + 1
        harness.clear()
        harness.after(30 * MINUTE)
        assert [each.id for each in harness.page.standing] == ["orphan"]
        harness.page.edit("orphan", status=Phase.RESOLVED)
        harness.fire()
        harness.after(MINUTE + SETTLE_MS)
        assert value_of(INCIDENTS_UNKNOWN) == shown


def page_time(page: Page) -> int:
    return page.changed_at + MINUTE
