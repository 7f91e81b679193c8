from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web.admission import AdmissionLimit, DecodeLimit, Disconnected, Overloaded, TooLarge, TooSlow, read_body


class Stream:
    """The messages of a request whose body comes in chunks; without its end the connection is lost."""

    def __init__(self, chunks: list[bytes], *, ends: bool = True) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
        ]
        self.messages.append({"type": "http.request"} if ends else {"type": "http.disconnect"})
        self.read = 0

    async def __call__(self):
        message = self.messages.pop(0)
        self.read += len(message.get("body", b""))
        return message


@given(st.lists(st.binary(max_size=8), max_size=8), st.integers(min_value=0, max_value=40))
async def test_reads_all_or_stops_at_the_limit(chunks, limit):
    body = b"".join(chunks)
    stream = Stream(chunks)
    if len(body) <= limit:
        assert await read_body(stream, declared=None, limit=limit) == body
    else:
        with pytest.raises(TooLarge):
            await read_body(stream, declared=None, limit=limit)
        assert stream.read <= limit + 8


async def test_a_declared_size_over_the_limit_is_refused_unread():
    stream = Stream([b"x" * 11])
    with pytest.raises(TooLarge):
        await read_body(stream, declared=11, limit=10)
    assert stream.read == 0


async def test_a_body_that_ends_with_its_connection_is_none():
    with pytest.raises(Disconnected):
        await read_body(Stream([b"{}"], ends=False), declared=None, limit=10)


async def test_a_false_declaration_does_not_lift_the_limit():
    with pytest.raises(TooLarge):
        await read_body(Stream([b"x" * 6, b"x" * 6]), declared=1, limit=10)


class Body:
    """A delivery whose body arrives as the test says."""

    def __init__(self, limit: AdmissionLimit, address: str = "", *, within_s: float | None = None) -> None:
        self._limit, self._address, self._within_s = limit, address, within_s
        self._parts: asyncio.Queue[int | None] = asyncio.Queue()
        self.task = asyncio.create_task(self._arrive())

    async def _arrive(self) -> None:
        with self._limit.enter(self._address, within_s=self._within_s) as place:
            while (part := await self._parts.get()) != 0:
                if part is None:
                    raise KeyError
                place.arrived(part)
            place.complete()
            await self._parts.get()

    async def grows(self, size: int | None) -> None:
        self._parts.put_nowait(size)
        for _ in range(3):
            await asyncio.sleep(0)

    async def ends(self) -> None:
        await self.grows(0)


async def test_a_delivery_takes_what_has_arrived_of_it_and_gives_it_back_whatever_happens():
    limit = AdmissionLimit(deliveries=2, size=100)
    body = Body(limit)
    for part in (30, 40):
        await body.grows(part)
    assert limit.size == 70
    await body.grows(None)
    with pytest.raises(KeyError):
        await body.task
    assert (limit.deliveries, limit.size) == (0, 0)


async def test_announced_bodies_that_do_not_come_keep_nobody_out():
    limit = AdmissionLimit(deliveries=2, size=100)
    silent = [Body(limit) for _ in range(50)]
    body = Body(limit)
    await body.grows(100)
    await body.ends()
    assert (limit.deliveries, limit.size) == (1, 100)
    for each in (*silent, body):
        each.task.cancel()


async def test_the_body_that_began_first_gives_way_to_one_that_comes_at_once():
    limit = AdmissionLimit(deliveries=2, size=100)
    stalled = [Body(limit) for _ in range(3)]
    for each in stalled:
        await each.grows(33)
    body = Body(limit)
    await body.grows(10)
    await body.ends()
    with pytest.raises(Overloaded):
        await stalled[0].task
    assert not any(each.task.done() for each in (*stalled[1:], body))
    for each in (*stalled, body):
        each.task.cancel()


async def test_the_address_that_holds_most_gives_way():
    limit = AdmissionLimit(deliveries=2, size=100)
    honest = Body(limit, "honest")
    await honest.grows(20)
    greedy = [Body(limit, "greedy") for _ in range(3)]
    for each in greedy:
        await each.grows(30)
    with pytest.raises(Overloaded):
        await greedy[0].task
    assert not honest.task.done()
    for each in (honest, *greedy):
        each.task.cancel()


async def test_no_more_deliveries_are_worked_on_than_may_be_and_none_that_is_whole_gives_way():
    limit = AdmissionLimit(deliveries=1, size=100)
    first, second, third = (Body(limit) for _ in range(3))
    await first.grows(90)
    await first.ends()
    await second.ends()
    with pytest.raises(Overloaded):
        await second.task
    await third.grows(11)
    with pytest.raises(Overloaded):
        await third.task
    assert not first.task.done()
    first.task.cancel()


async def test_one_alone_has_the_room_that_it_needs():
    body = Body(AdmissionLimit(deliveries=2, size=10))
    await body.grows(1000)
    await body.ends()
    assert not body.task.done()
    body.task.cancel()


async def test_a_body_that_is_not_whole_in_time_is_too_slow_and_one_that_is_has_all_the_time():
    limit = AdmissionLimit(deliveries=2, size=100)
    slow, whole = Body(limit, within_s=0.01), Body(limit, within_s=0.01)
    await whole.ends()
    with pytest.raises(TooSlow):
        await slow.task
    assert not whole.task.done()
    whole.task.cancel()


async def test_who_is_canceled_is_canceled_even_if_interrupted():
    body = Body(AdmissionLimit(deliveries=2, size=100), within_s=0.0)
    await asyncio.sleep(0)
    body.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await body.task


async def test_bodies_take_turns_by_their_size_in_order_and_small_ones_pass_by():
    turns = DecodeLimit(size=100, small=10)
    seen: list[int] = []
    begun = {size: asyncio.Event() for size in (60, 90, 30, 10)}
    done = {size: asyncio.Event() for size in begun}

    async def decode(size: int) -> None:
        async with turns.slot(size):
            seen.append(size)
            begun[size].set()
            await done[size].wait()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for size in begun:
            group.create_task(decode(size))
        await begun[10].wait()
        done[10].set()
        assert seen == [60, 10]  # 30 would fit, but 90 came before
        done[60].set()
        await begun[90].wait()
        assert seen == [60, 10, 90]
        done[90].set()
        done[30].set()
    assert seen == [60, 10, 90, 30]


async def test_a_body_that_is_larger_than_all_may_be_is_decoded_alone_and_leaves_its_turn_whatever_happens():
    turns = DecodeLimit(size=100, small=10)
    for _ in range(2):
        async with asyncio.timeout(20):
            with pytest.raises(KeyError):
                async with turns.slot(1000):
                    raise KeyError
