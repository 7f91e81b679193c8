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
    World,
    names,
    published,
    value_of,
)

pytestmark = pytest.mark.usefixtures("generation")


class TestLostStore:
    @staticmethod
    def forgetful(page: Page) -> World:
        """A bridge whose store was lost, at a page that remembers."""
        world = World(POLICY)
        page.clock = lambda: world.now
        world.now = page_time(page)
        world.page = page
        world.restart()
        return world

    def test_it_takes_over_what_stands_with_our_reference(self, logged: list[Any]) -> None:
        world = self.forgetful(published().page)
        world.fire("payments", Severity.CRITICAL)
        world.after(2 * MINUTE)
        assert world.page.only.severity is Severity.CRITICAL
        assert set(world.page.only.services) == {"checkout", "payments"}
        assert "open CRITICAL" not in world.page.writes
        assert "write_adopted" in names(logged)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.standing == []

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
        world = self.forgetful(before.page)
        world.fire()
        world.after(2 * MINUTE)
        assert world.post.remote_id == world.page.only.id

    def test_what_it_takes_over_shows_the_reference_again_with_the_next_update(self) -> None:
        world = self.forgetful(published().page)
        world.fire()
        world.after(2 * MINUTE)
        world.public_note("One.")
        world.after(SECOND)
        world.public_note("Two.")
        world.after(SECOND)
        assert [ID in update.text for update in world.page.only.updates[:2]] == [False, True]

    @pytest.mark.parametrize("later_ms", [0, 500, MINUTE])
    def test_an_old_store_that_lost_its_last_writes_posts_nothing_twice(self, later_ms: int) -> None:
        world = World(POLICY)
        world.after(30 * 24 * 60 * MINUTE)
        world.fire()
        world.after(MINUTE)
        world.store.progress = Progress()  # a failover to a replica that was a little behind
        world.after(later_ms)
        world.settle()
        assert [each for each in world.page.writes if each.startswith("open")] == ["open MAJOR"]
        assert world.post.remote_id == world.page.only.id
        world.after(MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.standing == []

    def test_of_two_that_stand_it_takes_over_the_older_and_resolves_the_other(self) -> None:
        before = published()
        before.page.put(replace(before.page.only, id="duplicate", created_at=before.now + 1))
        world = self.forgetful(before.page)
        world.fire()
        world.after(2 * MINUTE)
        assert [each.id for each in world.page.standing] == [world.post.remote_id] == ["remote-1"]

    def test_what_another_incident_holds_is_not_taken_over_whatever_it_shows(self) -> None:
        before = published()
        world = self.forgetful(before.page)
        world.store.others[before.page.only.id] = "9999999999"
        world.fire()
        world.after(30 * MINUTE)
        first, second = world.page.standing
        assert world.post.remote_id == second.id != first.id

    def test_every_first_post_is_preceded_by_one_reading(self) -> None:
        world = World(POLICY)
        for _ in range(3):
            world.fire()
            world.after(MINUTE)
            world.clear()
            world.after(30 * MINUTE)
        assert (len(world.page.incidents), world.page.lists) == (3, 3)

    def test_it_posts_nothing_while_the_list_cannot_be_read(self) -> None:
        world = World(POLICY)
        world.page.is_down = True
        world.fire()
        world.after(5 * MINUTE)
        assert world.post.attempts > 1
        world.page.is_down = False
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR"]

    def test_nor_while_what_the_list_shows_cannot_be_read(self) -> None:
        world = self.forgetful(published().page)
        world.page.hidden.add(world.page.only.id)
        world.fire()
        world.after(5 * MINUTE)
        assert (world.page.writes, world.post.remote_id) == (["open MAJOR"], None)
        world.page.hidden.clear()
        world.after(MINUTE)
        assert (len(world.page.incidents), world.post.remote_id) == (1, world.page.only.id)

    def test_what_stands_with_a_reference_that_nobody_knows_is_reported_once_and_left_alone(
        self, logged: list[Any]
    ) -> None:
        before = published()
        ours = before.page.only
        text = ours.updates[0].text.replace("0123456789", "ABCDEFGHJK")
        orphan = replace(ours, id="orphan", updates=(replace(ours.updates[0], text=text),))
        shown = value_of(INCIDENTS_UNKNOWN)
        world = World(POLICY, [Outcome.LOST_BEFORE])
        world.page.put(replace(orphan, created_at=START))
        world.fire()
        world.after(10 * MINUTE)
        reports = [each for each in logged if each["event"] == "incident_unknown"]
        assert [(each["incident_id"], each["remote_id"]) for each in reports] == [("ABCDEFGHJK", "orphan")]
        assert value_of(INCIDENTS_UNKNOWN) == shown + 1
        world.clear()
        world.after(30 * MINUTE)
        assert [each.id for each in world.page.standing] == ["orphan"]
        world.page.edit("orphan", status=Phase.RESOLVED)
        world.fire()
        world.after(MINUTE + SETTLE_MS)
        assert value_of(INCIDENTS_UNKNOWN) == shown


def page_time(page: Page) -> int:
    return page.changed_at + MINUTE
