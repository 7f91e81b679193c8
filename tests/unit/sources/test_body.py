from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.body import InFlight, Overloaded, TooLarge, read_body


class Stream:
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks
        self.read = 0

    async def __aiter__(self):
        for chunk in self.chunks:
            self.read += len(chunk)
            yield chunk


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
