"""Group commit: who waits together is written together, and everyone gets what is theirs."""

from __future__ import annotations

import asyncio
import random

import pytest

from bridge.store.group_commit import GroupCommit


class Disk:
    """Writes that take until the test lets them end; each gives its items back, doubled."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.ends: list[asyncio.Future[None]] = []
        self.commit = GroupCommit(self.write)

    async def write(self, items: list[int]) -> list[int]:
        assert all(end.done() for end in self.ends), "two writes at a time"
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writes.append(items)
        self.ends.append(end)
        await end
        return [2 * item for item in items]

    async def call(self, *items: int) -> asyncio.Task[list[int]]:
        """A caller, as far as it gets by itself."""
        task = asyncio.create_task(self.commit(items))
        await settle()
        return task

    async def end(self, error: Exception | None = None) -> None:
        """Let the write that is on its way end."""
        if error is None:
            self.ends[-1].set_result(None)
        else:
            self.ends[-1].set_exception(error)
        await settle()


async def answer(caller: asyncio.Task[list[int]]) -> list[int]:
    return await asyncio.wait_for(caller, 5)


async def settle() -> None:
    """Let every task run until it waits for the test."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def disk():
    return Disk()


async def test_who_is_alone_is_written_at_once(disk):
    caller = await disk.call(1, 2, 3)
    assert disk.writes == [[1, 2, 3]]
    await disk.end()
    assert await answer(caller) == [2, 4, 6]


async def test_what_arrives_during_a_write_goes_out_together_with_the_next(disk):
    callers = [await disk.call(1), await disk.call(2, 3), await disk.call(), await disk.call(4)]
    assert disk.writes == [[1]]
    await disk.end()
    assert disk.writes == [[1], [2, 3, 4]]
    assert [caller.done() for caller in callers] == [True, False, False, False]
    await disk.end()
    assert [await answer(caller) for caller in callers] == [[2], [4, 6], [], [8]]


class Disks:
    """Two writes at a time, each of which ends when the test says so."""

    def __init__(self) -> None:
        self.ends: dict[tuple[int, ...], asyncio.Future[None]] = {}
        self.commit = GroupCommit(self.write, writers=2)

    async def write(self, items: list[int]) -> list[int]:
        end = self.ends[tuple(items)] = asyncio.get_running_loop().create_future()
        assert sum(not each.done() for each in self.ends.values()) <= 2
        await end
        return [2 * item for item in items]

    async def call(self, *items: int) -> asyncio.Task[list[int]]:
        task = asyncio.create_task(self.commit(items))
        await settle()
        return task

    async def end(self, *items: int, error: Exception | None = None) -> None:
        if error is None:
            self.ends[items].set_result(None)
        else:
            self.ends[items].set_exception(error)
        await settle()


async def test_a_second_write_does_not_wait_for_the_first_and_a_third_waits_for_either():
    disks = Disks()
    callers = [await disks.call(item) for item in (1, 2, 3, 4)]
    assert list(disks.ends) == [(1,), (2,)]
    await disks.end(2)
    assert list(disks.ends) == [(1,), (2,), (3, 4)]
    assert await answer(callers[1]) == [4]
    assert not callers[0].done()
    await disks.end(1, error=OSError("full"))
    with pytest.raises(OSError, match="full"):
        await answer(callers[0])
    await disks.end(3, 4)
    assert [await answer(caller) for caller in callers[2:]] == [[6], [8]]
    again = [await disks.call(item) for item in (5, 6)]
    assert list(disks.ends)[3:] == [(5,), (6,)]
    await disks.end(5)
    await disks.end(6)
    assert [await answer(caller) for caller in again] == [[10], [12]]


async def test_who_calls_at_the_same_time_shares_a_write_although_another_could_begin():
    disks = Disks()
    callers = [asyncio.create_task(disks.commit([item])) for item in (1, 2)]
    await settle()
    assert list(disks.ends) == [(1, 2)]
    await disks.end(1, 2)
    assert [await answer(caller) for caller in callers] == [[2], [4]]


async def test_an_error_reaches_all_whose_items_were_in_that_write_and_nobody_else(disk):
    before = await disk.call(1)
    failing = [await disk.call(2), await disk.call(3)]
    await disk.end()
    after = await disk.call(4)
    await disk.end(OSError("full"))
    await disk.end()
    assert await answer(before) == [2]
    for caller in failing:
        with pytest.raises(OSError, match="full"):
            await answer(caller)
    assert await answer(after) == [8]


async def test_after_an_error_the_next_call_is_written(disk):
    first = await disk.call(1)
    await disk.end(OSError("full"))
    with pytest.raises(OSError, match="full"):
        await answer(first)
    second = await disk.call(2)
    await disk.end()
    assert await answer(second) == [4]


@pytest.mark.parametrize("canceled", range(4))
@pytest.mark.parametrize("in_flight", [True, False], ids=["during its write", "while it waits"])
async def test_a_caller_who_gives_up_disturbs_nobody(disk, canceled, in_flight):
    first = await disk.call(0)
    callers = [await disk.call(nth, 10 * nth) for nth in range(4)]
    if in_flight:
        await disk.end()
    callers[canceled].cancel()
    await settle()
    if not in_flight:
        await disk.end()
    await disk.end()
    assert await answer(first) == [0]
    assert callers[canceled].cancelled()
    assert [await answer(callers[nth]) for nth in range(4) if nth != canceled] == [
        [2 * nth, 20 * nth] for nth in range(4) if nth != canceled
    ]


async def test_a_caller_who_gives_up_does_not_swallow_the_error_of_the_others(disk):
    first, second = await disk.call(1), await disk.call(2)
    third = await disk.call(3)
    await disk.end()
    second.cancel()
    await disk.end(OSError("full"))
    assert await answer(first) == [2]
    with pytest.raises(OSError, match="full"):
        await answer(third)


async def test_the_only_caller_may_give_up(disk):
    caller = await disk.call(1)
    caller.cancel()
    await disk.end()
    again = await disk.call(2)
    await disk.end()
    assert await answer(again) == [4]


async def test_a_call_in_the_moment_a_write_ends_is_not_forgotten():
    late: list[asyncio.Task[list[int]]] = []

    async def write(items: list[int]) -> list[int]:
        if items == [1]:
            late.append(asyncio.create_task(commit([2])))
        return items

    commit = GroupCommit(write)
    assert await commit([1]) == [1]
    assert await asyncio.wait_for(late[0], 5) == [2]


async def test_a_write_that_is_canceled_leaves_nobody_waiting(disk):
    callers = [await disk.call(1), await disk.call(2)]
    disk.ends[-1].cancel()
    await settle()
    assert [caller.cancelled() for caller in callers] == [True, True]
    again = await disk.call(3)
    await disk.end()
    assert await answer(again) == [6]


@pytest.mark.parametrize("seed", range(5))
async def test_every_one_of_many_callers_gets_an_answer_of_its_own(seed):
    jitter = random.Random(seed)
    writes: list[list[int]] = []

    async def pause() -> None:
        for _ in range(jitter.randrange(4)):
            await asyncio.sleep(0)

    async def write(items: list[int]) -> list[int]:
        writes.append(items)
        await pause()
        if jitter.random() < 0.1:
            raise OSError
        return [-item for item in items]

    async def call_often(caller: int) -> None:
        for nth in range(50):
            await pause()
            items = range(1_000 * caller + 10 * nth, 1_000 * caller + 10 * nth + jitter.randrange(4))
            try:
                assert await commit(items) == [-item for item in items]
            except OSError:
                failures.append(caller)

    failures: list[int] = []
    commit = GroupCommit(write)
    await asyncio.wait_for(asyncio.gather(*(call_often(caller) for caller in range(20))), 60)
    assert failures
    assert len(writes) < 20 * 50
    written = [item for items in writes for item in items]
    assert len(written) == len(set(written))
