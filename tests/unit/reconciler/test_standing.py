"""One reading of the page serves all who come at the same time."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from bridge.checkly.errors import UnknownOutcome
from bridge.checkly.port import Guard, RemoteIncident
from bridge.model import Phase
from bridge.reconciler.standing import Standing
from tests.unit.reconciler.page import Page
from tests.unit.reconciler.world import SECOND, World, published


class SlowPage(Page):
    """Its list takes ``list_ms``, in which others get their turn."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.now)
        self.world = world
        self.list_ms = 0

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        listed = await super().open_incidents(guard=guard)
        await asyncio.sleep(0)
        self.world.now += self.list_ms
        return listed


class TestSharedReading:
    @pytest.fixture(autouse=True)
    def _prepare(self) -> None:
        self.world = published()
        self.page = SlowPage(self.world)
        self.reserved: list[int] = []
        self.standing = Standing(
            self.page, self.world.store, reserve=self._reserve, monotonic=lambda: self.world.now / 1000
        )

    async def _reserve(self, count: int) -> None:
        self.reserved.append(count)

    async def find(self, incident_id: str = "0123456789") -> list[RemoteIncident]:
        return await self.standing.before_opening(incident_id, guard=lambda: True)

    async def test_hundreds_that_come_together_cost_one_reading_and_the_next_second_another(self) -> None:
        for _ in range(3):
            await asyncio.gather(*(self.find(f"{number:010}") for number in range(300)))
            self.world.now += SECOND
        assert (self.page.lists, self.reserved) == (3, [2, 2, 2])

    async def test_a_long_reading_serves_for_as_long_as_it_took(self) -> None:
        self.page.list_ms = 10 * SECOND
        await self.find("A")
        self.world.now += 10 * SECOND - 1
        await self.find("B")
        assert self.page.lists == 1
        self.world.now += 1
        await self.find("C")
        assert self.page.lists == 2

    async def test_a_reading_serves_nobody_twice(self) -> None:
        for incident_id, lists in (("A", 1), ("B", 1), ("A", 2), ("B", 2), ("B", 3)):
            await self.find(incident_id)
            assert self.page.lists == lists

    async def test_a_reading_that_failed_is_no_reading(self) -> None:
        self.page.is_down = True
        failures = await asyncio.gather(self.find(), self.find(), return_exceptions=True)
        assert [type(each).__name__ for each in failures] == ["NotSent", "NotSent"]
        self.page.is_down = False
        assert await self.find() == []

    async def test_what_ended_since_the_reading_is_not_found(self) -> None:
        for remote_id in ("here", "gone"):
            self.page._put(replace(self.world.page.only, id=remote_id))
        await self.find("another")
        self.page.edit("gone", status=Phase.RESOLVED)
        assert [each.id for each in await self.find()] == ["here"]
        assert self.page.lists == 1

    async def test_what_cannot_be_read_is_neither_there_nor_absent(self) -> None:
        self.page._put(self.world.page.only)

        async def fails(*_: object, **__: object) -> RemoteIncident:
            raise UnknownOutcome("503")

        self.page.read = fails  # type: ignore[method-assign]
        with pytest.raises(UnknownOutcome):
            await self.find()
