"""One reading of the page serves all who come at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from bridge.checkly.errors import UnknownOutcome
from bridge.model import Impact, Phase, Priority, Progress, shows_impacts, v3_page
from bridge.reconciler.details import READS_AT_A_TIME, UNVERSIONED_S, Unfinished
from bridge.reconciler.open_incidents import SEARCH_SHARED_S, OpenIncidents
from tests.unit.reconciler.page import Page
from tests.unit.reconciler.page_harness import SECOND, PageHarness, no_limit, published

if TYPE_CHECKING:
    from bridge.checkly.port import Guard
    from bridge.core.remote import RemoteIncident


class SlowPage(Page):
    """Its list takes ``list_ms``, in which others get their turn."""

    def __init__(self, harness: PageHarness) -> None:
        super().__init__(lambda: harness.now, has_impacts=shows_impacts(harness.page_name))
        self.harness = harness
        self.list_ms = 0

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        listed = await super().open_incidents(guard=guard)
        await asyncio.sleep(0)
        self.harness.now += self.list_ms
        return listed


@pytest.mark.usefixtures("generation")
class TestSharedReading:
    @pytest.fixture(autouse=True)
    def _prepare(self) -> None:
        self.harness = published()
        self.page = SlowPage(self.harness)
        self.reserved: list[int] = []
        self.open_incidents = OpenIncidents(
            self.page, self.harness.store, reserve=self._reserve, monotonic=lambda: self.harness.now / 1000
        )

    async def _reserve(self, count: int, priority: Priority | None = None) -> None:  # noqa: ARG002
        self.reserved.append(count)

    async def find(self, incident_id: str = "0123456789") -> list[RemoteIncident]:
        return await self.open_incidents.find_before_create(incident_id, guard=lambda: True)

    async def test_hundreds_that_come_together_cost_one_reading_and_the_next_second_another(self) -> None:
        for _ in range(3):
            await asyncio.gather(*(self.find(f"{number:010}") for number in range(300)))
            self.harness.now += SECOND
        assert (self.page.lists, self.reserved) == (3, [2, 2, 2])

    async def test_a_long_reading_serves_for_as_long_as_it_took(self) -> None:
        self.page.list_ms = 10 * SECOND
        await self.find("A")
        self.harness.now += 10 * SECOND - 1
        await self.find("B")
        assert self.page.lists == 1
        self.harness.now += 1
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
            self.page.put(replace(self.harness.page.only, id=remote_id))
        await self.find("another")
        self.page.edit("gone", status=Phase.RESOLVED)
        assert [each.id for each in await self.find()] == ["here"]
        assert self.page.lists == 1

    async def test_what_cannot_be_read_is_neither_there_nor_absent(self) -> None:
        self.page.put(self.harness.page.only)

        async def fails(*_: object, **__: object) -> RemoteIncident:
            raise UnknownOutcome("503")

        self.page.read = fails  # type: ignore[method-assign]
        with pytest.raises(UnknownOutcome):
            await self.find()


class TestIncompleteLists:
    """A v3 page's list tells no updates, and so no references: each incident must be read by itself."""

    @pytest.fixture(autouse=True)
    def _prepare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PageHarness, "page_name", v3_page("status"))
        self.harness = published()
        self.page = SlowPage(self.harness)
        self.open_incidents = OpenIncidents(
            self.page, self.harness.store, reserve=no_limit, monotonic=lambda: self.harness.now / 1000
        )
        self.ours = self.harness.page.only

    def put(self, count: int, prefix: str = "other", text: str = "By hand.", service: str = "search") -> None:
        updates = (replace(self.ours.updates[0], text=text),)
        for number in range(count):
            impacts = {service: Impact.MAJOR_OUTAGE}
            self.page.put(replace(self.ours, id=f"{prefix}-{number}", updates=updates, impacts=impacts))

    async def read(self) -> int:
        """Read the list; how many calls that took beside the list's own."""
        calls = self.page.calls
        await self.open_incidents.find("0000000000", None, guard=lambda: True)
        return self.page.calls - calls - 1

    async def test_each_is_read_once_until_it_changes(self) -> None:
        self.put(3)
        assert [await self.read(), await self.read()] == [3, 0]
        self.page.edit("other-1", status=Phase.IDENTIFIED)
        self.put(1, "new")
        assert [await self.read(), await self.read()] == [2, 0]

    async def test_one_whose_version_nobody_knows_is_read_again_after_a_while(self) -> None:
        self.put(2)
        self.page.is_versioned = False
        assert [await self.read(), await self.read()] == [2, 0]
        self.harness.now += int(UNVERSIONED_S * SECOND)
        assert [await self.read(), await self.read()] == [2, 0]

    async def test_what_the_store_knows_is_not_read(self) -> None:
        self.put(3)
        self.harness.store.others["other-0"] = "9999999999"
        assert await self.read() == 2

    async def test_many_are_read_in_several_goes_and_until_then_nothing_is_known(self) -> None:
        self.put(2 * READS_AT_A_TIME + 1)
        for left in (READS_AT_A_TIME + 1, 1):
            calls = self.page.calls
            with pytest.raises(Unfinished, match=f"nothing was written: {left} open incidents"):
                await self.read()
            assert self.page.calls - calls == READS_AT_A_TIME + 1
        assert [await self.read(), await self.read()] == [1, 0]

    async def test_one_that_is_gone_by_the_time_it_is_read_stops_nothing(self) -> None:
        self.put(2)
        self.page.hidden.add("other-0")
        assert [await self.read(), await self.read()] == [2, 1]

    async def test_ours_is_found_whether_the_store_knows_it_or_not(self) -> None:
        self.put(1)
        self.page.put(self.ours)

        async def found() -> list[str]:
            open_incidents = OpenIncidents(
                self.page, self.harness.store, reserve=no_limit, monotonic=lambda: self.harness.now / 1000
            )
            ways = (
                await open_incidents.find_before_create("0123456789", guard=lambda: True),
                await open_incidents.find_existing("0123456789", guard=lambda: True),
                await open_incidents.find("0123456789", None, guard=lambda: True),
            )
            return [each.id for way in ways for each in way]

        assert await found() == [self.ours.id] * 3
        self.harness.store.progress = Progress()
        assert await found() == [self.ours.id] * 3
        self.harness.store.others[self.ours.id] = "9999999999"
        assert await found() == []

    async def test_a_search_shares_a_reading_of_the_last_minute(self) -> None:
        for lists in (1, 1, 1, 2):
            await self.open_incidents.find_existing("0123456789", guard=lambda: True)
            assert self.page.lists == lists
            self.harness.now += int(SEARCH_SHARED_S * SECOND) // 3

    async def test_a_rival_is_open_for_the_same_without_a_reference_and_nobodys(self) -> None:
        self.put(1, "mine")
        self.put(1, "bridge", "Down.\n\nReference: ABCDEFGHJK")
        self.put(1, "elsewhere", service="payments")
        self.harness.store.others["mine-0"] = "9999999999"
        await self.read()
        assert await self.open_incidents.conflicting(["search"]) is None
        self.put(1, "theirs")
        await self.read()
        assert [
            rival.id for name in ("search", "checkout") if (rival := await self.open_incidents.conflicting([name]))
        ] == ["theirs-0"]
        self.page.edit("theirs-0", impacts={"search": Impact.OPERATIONAL})
        await self.read()
        assert await self.open_incidents.conflicting(["search"]) is None
