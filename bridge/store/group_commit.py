"""Group commit: what arrives while writes are on their way goes out together with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cached_property
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
Item = TypeVar("Item")


class GroupCommit(Generic[In, Out]):
    """Calls ``write`` with the items of all who wait, in order; each caller gets its own results.

    At most ``writers`` writes are on their way at a time: with two, one is prepared while the other is waited for. A
    caller who is alone waits for nobody. ``write`` returns one result per item; if it raises, all whose items were in
    it get that error, and none of them may assume anything.
    """

    def __init__(self, write: Callable[[list[In]], Awaitable[list[Out]]], *, writers: int = 1) -> None:
        self._write = write
        self._idle = writers
        self._waiting: list[tuple[Sequence[In], asyncio.Future[list[Out]]]] = []
        self._writers: set[asyncio.Task[None]] = set()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it is used on: Python 3.11 makes a system call to name the running one."""
        return asyncio.get_running_loop()

    async def __call__(self, items: Sequence[In]) -> list[Out]:
        """Write these items; their results, in order."""
        done: asyncio.Future[list[Out]] = self._loop.create_future()
        if not self._waiting and self._idle:
            self._idle -= 1
            writer = self._loop.create_task(self._write_all())
            self._writers.add(writer)  # the loop itself holds tasks but weakly
            writer.add_done_callback(self._writers.discard)
        self._waiting.append((items, done))
        return await done

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write_group(group)
        finally:
            self._idle += 1

    async def _write_group(self, group: list[tuple[Sequence[In], asyncio.Future[list[Out]]]]) -> None:
        try:
            results = await self._write([item for items, _ in group for item in items])
        except asyncio.CancelledError:
            for _, done in (*group, *self._waiting):
                done.cancel()
            self._waiting = []
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the callers, who wait for it
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
            return
        start = 0
        for items, done in group:
            if not done.done():
                done.set_result(results[start : start + len(items)])
            start += len(items)


def batches(lists: Sequence[Sequence[Item]], *, at_most: int) -> Iterator[list[Sequence[Item]]]:
    """Whole lists, as many together as have ``at_most`` items."""
    batch: list[Sequence[Item]] = []
    size = 0
    for each in lists:
        if batch and size + len(each) > at_most:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each)
    if batch:
        yield batch
