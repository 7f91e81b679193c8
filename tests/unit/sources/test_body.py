from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.body import Disconnected, InFlight, Overloaded, TooLarge, Turns, read_body


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


def test_in_flight_bounds_count_and_size_and_frees_both():
    in_flight = InFlight(deliveries=2, size=100)
    with in_flight.admit(60):
        with pytest.raises(Overloaded), in_flight.admit(41):
            pass
        with in_flight.admit(40), pytest.raises(Overloaded), in_flight.admit(0):
            pass
        with in_flight.admit(40):
            pass
    with pytest.raises(KeyError), in_flight.admit(1):
        raise KeyError
    assert (in_flight.deliveries, in_flight.size) == (0, 0)


def test_one_alone_is_always_admitted():
    with InFlight(deliveries=2, size=10).admit(1000):
        pass


async def test_bodies_take_turns_by_their_size_in_order_and_small_ones_pass_by():
    turns = Turns(size=100, small=10)
    seen: list[int] = []
    begun = {size: asyncio.Event() for size in (60, 90, 30, 10)}
    done = {size: asyncio.Event() for size in begun}

    async def decode(size: int) -> None:
        async with turns.turn(size):
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
    turns = Turns(size=100, small=10)
    for _ in range(2):
        async with asyncio.timeout(20):
            with pytest.raises(KeyError):
                async with turns.turn(1000):
                    raise KeyError
