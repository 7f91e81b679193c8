"""A v3 page with many open incidents of others: its list tells no references, so finding a post takes reading them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from bridge.checkly.errors import RateLimited
from bridge.model import Impact, Phase, Priority, Progress, Severity, v3_page
from bridge.reconciler import Budget, acting
from bridge.reconciler.details import READING_S, READS_AT_A_TIME, Clues, Unfinished
from bridge.reconciler.open_incidents import SEARCH_SHARED_S, OpenIncidents
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import ID, MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness, no_limit, published

if TYPE_CHECKING:
    from bridge.checkly.port import Guard
    from bridge.core.remote import RemoteIncident

MANY = [150, 1_000]


@pytest.fixture(autouse=True)
def _on_v3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PageHarness, "page_name", v3_page("status"))


def crowd(harness: PageHarness, count: int, *, name: str = "By hand", every_ms: int = SECOND) -> None:
    """So many open incidents of others, made one after the other until now."""
    pattern = published().page.only
    updates = (replace(pattern.updates[0], text="We are looking into it."),)
    for number in range(count):
        made = replace(pattern, id=f"other-{number}", name=name, updates=updates, impacts={"search": Impact(1)})
        harness.page.put(replace(made, created_at=harness.now - (count - number) * every_ms))


def lost(count: int, outcome: Outcome, **others: Any) -> PageHarness:
    """Checkout is out, and the answer to its post was just lost, on a page with that many other incidents."""
    harness = PageHarness(POLICY)
    crowd(harness, count, **others)
    harness.fire()
    harness.page.opening.append(outcome)
    for _ in range(MINUTE + count * SECOND):
        if harness.post.intent is not None:
            return harness
        harness.after(100)
    raise AssertionError("nothing was posted")


def another_bridge(harness: PageHarness) -> None:
    """Nothing is remembered but what the store keeps."""
    harness.restart()


def forget(harness: PageHarness) -> None:
    """Not even that."""
    harness.restart()
    harness.store.kept.clear()


@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("of", [None, another_bridge, forget], ids=["same", "another bridge", "nothing is remembered"])
def test_a_lost_post_is_found_by_its_name_and_date_within_four_reads(count: int, of: Any) -> None:
    harness = lost(count, Outcome.LOST_AFTER)
    if of:
        of(harness)
    calls = harness.page.calls
    harness.after(2 * SECOND)
    assert harness.post.remote_id is not None
    assert harness.page.calls - calls <= 4
    assert harness.page.writes == ["open MAJOR"]


@pytest.mark.parametrize("count", MANY)
def test_a_lost_post_among_others_of_its_name_is_found_by_its_date(count: int) -> None:
    name = published().page.only.name
    harness = lost(count, Outcome.LOST_AFTER, name=name, every_ms=10 * SECOND)
    forget(harness)
    calls = harness.page.calls
    harness.after(2 * SECOND)
    assert harness.post.remote_id is not None
    assert harness.page.calls - calls <= 4


@pytest.mark.parametrize("outcome", [Outcome.LOST_BEFORE, Outcome.LATE])
@pytest.mark.parametrize("late_ms", [5 * SECOND, SETTLE_MS - SECOND])
def test_a_lost_post_that_is_not_there_yet_is_posted_once(outcome: Outcome, late_ms: int) -> None:
    harness = lost(150, outcome)
    harness.page.late_ms = late_ms
    forget(harness)
    looks = []
    while harness.post.remote_id is None:
        harness.after(100)
        looks.append(harness.post.intent.read_backs if harness.post.intent else None)
        assert len(looks) < 10_000
    assert len(harness.page.incidents) == 151
    assert harness.page.writes.count("open MAJOR") == 1


def test_an_unfinished_search_is_no_look() -> None:
    harness = lost(150, Outcome.LOST_BEFORE)
    forget(harness)
    harness.after(SECOND)
    assert (harness.post.intent and harness.post.intent.read_backs, harness.post.retry.attempts) == (0, 1)
    harness.after(150 // READS_AT_A_TIME * 250)
    assert (harness.post.intent and harness.post.intent.read_backs, harness.post.retry.attempts) == (1, 1)


@pytest.mark.parametrize("count", MANY)
def test_not_found_yet_is_not_not_there(count: int) -> None:
    """What a lost store forgot is found wherever it stands, and under any name."""
    before = published()
    harness = PageHarness(POLICY)
    harness.now = before.now + MINUTE
    crowd(harness, count)
    ours = replace(before.page.only, name="Renamed by hand", created_at=0, impacts={"payments": Impact(1)})
    harness.page.put(ours)  # the oldest, and about something else by now
    harness.fire()
    harness.after(30 * MINUTE)
    assert harness.post.remote_id == ours.id
    assert not [write for write in harness.page.writes if write.startswith("open")]


def test_an_end_of_which_nothing_is_known_is_told_on_a_large_page_too() -> None:
    before = published()
    harness = PageHarness(POLICY)
    harness.now = before.now + MINUTE
    crowd(harness, 150)
    harness.page.put(before.page.only)
    harness.clear()
    harness.after(10 * MINUTE)
    assert {each.id for each in harness.page.standing}.isdisjoint({before.page.only.id})


class TestSteps:
    """How much of the page one step reads."""

    @pytest.fixture(autouse=True)
    def _prepare(self) -> None:
        self.ours = published().page.only
        self.harness = PageHarness(POLICY)
        crowd(self.harness, 150)
        self.page = self.harness.page
        self.open_incidents = self.another()

    def another(self) -> OpenIncidents:
        return OpenIncidents(self.page, self.harness.store, reserve=no_limit, monotonic=lambda: self.harness.now / 1000)

    async def open(self, incident_id: str = ID) -> int | None:
        """Look before an opening; how many calls that took, None if it is to be gone on with."""
        calls = self.page.calls
        try:
            await self.open_incidents.find_before_create(incident_id, Clues(), guard=lambda: True)
        except Unfinished:
            assert self.page.calls - calls <= READS_AT_A_TIME + 1
            return None
        return self.page.calls - calls

    async def test_a_survey_goes_on_without_reading_the_list_anew_until_its_end(self) -> None:
        while await self.open() is None:
            pass
        assert (self.page.calls, self.page.lists) == (150 + 2, 2)

    async def test_all_who_come_go_on_with_the_same_survey(self) -> None:
        number = 0
        while await self.open(f"{number:010}") is None:
            number += 1
        assert (self.page.calls, number) == (150 + 2, 150 // READS_AT_A_TIME)
        assert [await self.open(f"{number:010}") for number in range(3)] == [0, 0, 0]

    async def test_another_bridge_goes_on_where_the_first_stopped(self) -> None:
        assert await self.open() is None
        while await self.open() is None:
            self.open_incidents = self.another()
        assert self.page.calls - self.page.lists == 150

    async def test_what_another_release_kept_is_read_again(self) -> None:
        while await self.open() is None:
            pass
        self.harness.store.kept = dict.fromkeys(self.harness.store.kept, b"\x81\xa1x\x01")
        self.open_incidents = self.another()
        calls = self.page.calls
        while await self.open() is None:
            pass
        assert self.page.calls - calls == 150 + 2

    async def test_a_survey_that_was_left_alone_begins_anew(self) -> None:
        assert await self.open() is None
        self.harness.now += int(SEARCH_SHARED_S * SECOND)
        assert (await self.open(), self.page.lists) == (None, 2)

    async def test_nobody_waits_for_a_long_reading(self) -> None:
        assert await self.open() is None
        read = self.page.read
        waiting: list[asyncio.Task[int | None]] = []

        async def slowly(remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
            if not waiting:
                waiting.append(asyncio.create_task(self.open("another")))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert waiting[0].done()
            return await read(remote_id, guard=guard)

        self.page.read = slowly  # type: ignore[method-assign]
        assert await self.open() is None
        assert waiting[0].result() is None

    async def test_a_step_reads_for_two_seconds_at_most(self) -> None:
        read = self.page.read

        async def slowly(remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
            self.harness.now += SECOND // 2
            return await read(remote_id, guard=guard)

        self.page.read = slowly  # type: ignore[method-assign]
        assert await self.open() is None
        assert self.page.calls == 1 + int(READING_S * 2)

    async def test_where_the_budget_ends_the_step_ends_and_nothing_read_is_lost(self) -> None:
        read, allowed = self.page.read, 5

        async def limited(remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
            if self.page.calls > allowed:
                raise RateLimited("used up")
            return await read(remote_id, guard=guard)

        self.page.read = limited  # type: ignore[method-assign]
        assert await self.open() is None
        with pytest.raises(RateLimited):
            await self.open()
        self.page.read = read  # type: ignore[method-assign]
        while await self.open() is None:
            pass
        assert self.page.calls == 150 + 2

    @pytest.mark.parametrize("priority", Priority)
    async def test_its_reads_go_after_all_writes_unless_an_end_waits_for_them(
        self, priority: Priority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def take(_count: int, asked: Priority, **_: Any) -> None:
            taken.append(asked)

        taken: list[Priority] = []
        budget = Budget(self.harness.store, self.harness.live)
        monkeypatch.setattr(budget, "_take", take)
        read = self.page.read

        async def paid(remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
            await budget()
            return await read(remote_id, guard=guard)

        self.page.read = paid  # type: ignore[method-assign]
        with acting(priority):
            assert await self.open() is None
        assert set(taken) == {priority if priority is Priority.END else max(priority, Priority.LOOK)}

    async def test_of_what_is_likely_ours_the_first_is_enough(self) -> None:
        self.page.put(replace(self.ours, created_at=self.harness.now - 10 * MINUTE))
        clues = Clues(services=frozenset({"checkout"}))
        found = await self.open_incidents.find_before_create(ID, clues, guard=lambda: True)
        assert [each.id for each in found] == [self.ours.id]
        assert self.page.calls == 3


def test_a_duplicate_that_was_not_read_yet_is_resolved_once_it_is() -> None:
    before = published()
    harness = PageHarness(POLICY)
    harness.now = before.now + MINUTE
    crowd(harness, 150)
    duplicate = replace(before.page.only, id="duplicate", created_at=1, impacts={"payments": Impact(1)})
    for each in (before.page.only, duplicate):
        harness.page.put(each)
    harness.store.progress = Progress()
    harness.fire(severity=Severity.MAJOR)
    harness.after(10 * MINUTE)
    ours = [each.id for each in harness.page.standing if not each.id.startswith("other-")]
    assert ours == [harness.post.remote_id] == ["duplicate"]
    assert next(each for each in harness.page.incidents if each.id == before.page.only.id).status is Phase.RESOLVED
