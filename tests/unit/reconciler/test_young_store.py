"""A store that was lost, at a page that remembers."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Page
from tests.unit.reconciler.world import MINUTE, POLICY, START, World, names, published


class TestYoungStore:
    @staticmethod
    def forgetful(page: Page, born: int) -> World:
        """A bridge whose store was lost, at a page that remembers."""
        world = World(POLICY, born=born)
        page._clock = lambda: world.now
        world.now = page_time(page)
        world.page = page
        world.restart()
        return world

    def test_it_takes_over_what_stands_with_our_reference(self, logged: list[Any]) -> None:
        before = published()
        world = self.forgetful(before.page, born=before.now)
        world.fire("payments", Severity.CRITICAL)
        world.after(2 * MINUTE)
        assert world.page.only.severity is Severity.CRITICAL
        assert set(world.page.only.services) == {"checkout", "payments"}
        assert "open CRITICAL" not in world.page.writes
        assert "write_adopted" in names(logged)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.standing == []

    def test_it_does_not_take_over_what_ended_since_it_read_the_list(self) -> None:
        world = World(replace(POLICY, reopen_after_ms=0), born=START)
        world.fire()
        world.after(MINUTE)
        world.restart()  # another process reads the list while the incident stands, and remembers that
        world.page.delete(world.page.only.id)
        first = published()
        world.page._put(replace(first.page.only, created_at=START))
        assert asyncio.run(find(world)) is not None
        world.page.edit(world.page.only.id, status=Phase.RESOLVED)
        assert asyncio.run(find(world)) is None

    def test_an_old_store_knows_what_it_posted_and_reads_no_list(self) -> None:
        world = published()
        assert world.page.lists == 0

    def test_it_reads_the_list_once(self) -> None:
        world = World(POLICY, born=START)
        for _ in range(3):
            world.fire()
            world.after(MINUTE)
            world.clear()
            world.after(30 * MINUTE)
        assert (len(world.page.incidents), world.page.lists) == (3, 1)

    def test_it_posts_nothing_while_the_list_cannot_be_read(self) -> None:
        world = World(POLICY, born=START)
        world.page.is_down = True
        world.fire()
        world.after(5 * MINUTE)
        assert world.post.attempts > 1
        world.page.is_down = False
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR"]


def page_time(page: Page) -> int:
    return max(at for states in page._states.values() for at, _ in states) + MINUTE


async def find(world: World) -> Any:
    return await world.reconciler._standing.find("page", "0123456789", born=START, now=world.now, guard=lambda: True)
