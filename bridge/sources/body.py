"""Reading a request's body against a limit, and bounding what all requests hold at once."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager


class TooLarge(Exception):
    """The body is larger than the limit; no more than the limit was ever held."""


class Overloaded(Exception):
    """Too much is in flight to take more; the sender should come again."""


async def read_body(stream: AsyncIterable[bytes], *, declared: int | None, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes. A ``declared`` Content-Length above it is refused unread.

    Raises:
        TooLarge: as soon as it is known.
    """
    if declared is not None and declared > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


class InFlight:
    """How many deliveries, and how many bytes of bodies, are being worked on in this process."""

    def __init__(self, *, deliveries: int, size: int) -> None:
        self._deliveries = deliveries
        self._size = size
        self.deliveries = 0
        self.size = 0

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Hold one delivery of ``size`` bytes. A lone delivery is always admitted.

        Raises:
            Overloaded: there is no room beside the deliveries in flight.
        """
        if self.deliveries and (self.deliveries >= self._deliveries or self.size + size > self._size):
            raise Overloaded
        self.deliveries += 1
        self.size += size
        try:
            yield
        finally:
            self.deliveries -= 1
            self.size -= size
