"""Reading a request's body against a limit, and bounding what all requests hold at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from types import TracebackType
from typing import Any

_AT_ONCE = nullcontext()


class TooLarge(Exception):
    """The body is larger than the limit; no more than the limit was ever held."""


class Disconnected(Exception):
    """The connection ended before the body did."""


class Overloaded(Exception):
    """Too much is in flight to take more; the sender should come again."""


async def read_body(receive: Callable[[], Awaitable[Mapping[str, Any]]], *, declared: int | None, limit: int) -> bytes:
    """The whole body of an ASGI request, at most ``limit`` bytes. A ``declared`` size above it is refused unread.

    Raises:
        TooLarge: as soon as it is known.
        Disconnected: it will not be whole any more.
    """
    if declared is not None and declared > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    is_whole = False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
        is_whole = not message.get("more_body", False)
    return b"".join(chunks)


class InFlight:
    """How many deliveries, and how many bytes of bodies, are being worked on in this process."""

    def __init__(self, *, deliveries: int, size: int) -> None:
        self._deliveries = deliveries
        self._size = size
        self.deliveries = 0
        self.size = 0

    def admit(self, size: int) -> AbstractContextManager[None]:
        """Hold one delivery of ``size`` bytes. A lone delivery is always admitted.

        Raises:
            Overloaded: there is no room beside the deliveries in flight.
        """
        if self.deliveries and (self.deliveries >= self._deliveries or self.size + size > self._size):
            raise Overloaded
        self.deliveries += 1
        self.size += size
        return _Place(self, size)


class _Place(AbstractContextManager[None]):
    """What one delivery takes, which is given back at the end."""

    __slots__ = ("_in_flight", "_size")

    def __init__(self, in_flight: InFlight, size: int) -> None:
        self._in_flight = in_flight
        self._size = size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._in_flight.deliveries -= 1
        self._in_flight.size -= self._size


class Turns:
    """Lets bodies be decoded while they are at most ``size`` bytes together; the others wait, first come, first served.

    Bodies of at most ``small`` bytes neither wait nor count.
    """

    def __init__(self, *, size: int, small: int) -> None:
        self._size = size
        self._small = small
        self._taken = 0
        self._queue = asyncio.Lock()
        self._freed = asyncio.Event()

    def turn(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait for, and hold, the turn of a body of ``size`` bytes. One that is larger than the limit is alone."""
        return _AT_ONCE if size <= self._small else self._wait(size)

    @asynccontextmanager
    async def _wait(self, size: int) -> AsyncIterator[None]:
        async with self._queue:  # only the first in the queue watches for room
            while self._taken and self._taken + size > self._size:
                self._freed.clear()
                await self._freed.wait()
            self._taken += size
        try:
            yield
        finally:
            self._taken -= size
            self._freed.set()
