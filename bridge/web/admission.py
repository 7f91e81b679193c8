"""Reading a request's body against a limit, and bounding what all requests hold at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_AT_ONCE = nullcontext()


class TooLarge(Exception):
    """The body is larger than the limit; no more than the limit was ever held."""


class Disconnected(Exception):
    """The connection ended before the body did."""


class Overloaded(Exception):
    """Too much is in flight to take more; the sender should come again."""


class TooSlow(Exception):
    """The body did not come in the time that its sender is given."""


async def read_body(
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    *,
    declared: int | None,
    limit: int,
    arrived: Callable[[int], None] = lambda _: None,
) -> bytes:
    """The whole body of an ASGI request, at most ``limit`` bytes. A ``declared`` size above it is refused unread.

    ``arrived`` is called with the size of each part as it comes.

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
        arrived(len(chunk))
        chunks.append(chunk)
        is_whole = not message.get("more_body", False)
    return b"".join(chunks)


class AdmissionLimit:
    """How many deliveries are being worked on in this process, and how many bytes of bodies it holds.

    A body counts by what has arrived of it, whatever was announced. When more than ``size`` bytes have arrived, bodies
    that are not whole give way: of the address that holds most, the one that began first. So who stalls keeps nobody
    out. At most ``deliveries`` whole bodies are worked on.
    """

    def __init__(self, *, deliveries: int, size: int) -> None:
        self._deliveries = deliveries
        self._size = size
        self._arriving: dict[Admission, None] = {}  # in the order in which they began
        self.deliveries = 0
        self.size = 0

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it is used on: Python 3.11 makes a system call to name the running one."""
        return asyncio.get_running_loop()

    def enter(self, address: str = "", *, within_s: float | None = None) -> Admission:
        """The place of a delivery whose body begins to arrive from there; the context of the task that reads it.

        The context raises:
            Overloaded: There is no room, or no more: the sender should come again.
            TooSlow: The body was not whole ``within_s`` seconds.
        """
        return Admission(self, address, within_s)

    def start(self, admission: Admission) -> None:
        """Its body begins to arrive."""
        self._arriving[admission] = None

    def add_bytes(self, admission: Admission, size: int) -> None:
        """So much more of it has arrived. Raises Overloaded; a lone delivery has as much room as it needs."""
        self.size += size
        admission.size += size
        while self.size > max(self._size, admission.size):
            giving_way = self._first_of_the_largest_share()
            if giving_way is admission:
                raise Overloaded
            self.release(giving_way)
            giving_way.interrupt(Overloaded())

    def work_on(self, admission: Admission) -> None:
        """All of it is here, and is worked on from now on. Raises Overloaded."""
        if self.deliveries >= self._deliveries:
            raise Overloaded
        del self._arriving[admission]
        self.deliveries += 1

    def release(self, admission: Admission) -> None:
        """It takes nothing any more."""
        self.size -= admission.size
        admission.size = 0
        if admission in self._arriving:
            del self._arriving[admission]
        elif admission.is_whole:
            self.deliveries -= 1
            admission.is_whole = False

    def _first_of_the_largest_share(self) -> Admission:
        shares: dict[str, int] = {}
        for each in self._arriving:
            shares[each.address] = shares.get(each.address, 0) + each.size
        largest = max(shares.values())
        return next(each for each in self._arriving if shares[each.address] == largest)


class Admission:
    """What one delivery takes, from the first byte of its body to its answer."""

    __slots__ = ("_deadline", "_interrupted", "_limit", "_task", "_within_s", "address", "is_whole", "size")

    def __init__(self, limit: AdmissionLimit, address: str, within_s: float | None) -> None:
        self._limit = limit
        self._within_s = within_s
        self._task: asyncio.Task[Any] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._interrupted: Exception | None = None
        self.address = address
        self.size = 0
        self.is_whole = False

    def arrived(self, size: int) -> None:
        """So many more bytes of the body are here. Raises Overloaded."""
        self._limit.add_bytes(self, size)

    def complete(self) -> None:
        """The body is whole. Raises Overloaded."""
        self._limit.work_on(self)
        self.is_whole = True
        self._stop_the_clock()

    def interrupt(self, error: Exception) -> None:
        """Let the context end with this error, whatever its task is waiting for."""
        if self._task is not None and self._interrupted is None:
            self._interrupted = error
            self._task.cancel()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task(self._limit.loop)
        if self._within_s is not None:
            self._deadline = self._limit.loop.call_later(self._within_s, self.interrupt, TooSlow())
        self._limit.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._stop_the_clock()
        self._limit.release(self)
        task, self._task = self._task, None
        if (
            kind is asyncio.CancelledError
            and self._interrupted is not None
            and task is not None
            and not task.uncancel()
        ):
            raise self._interrupted from None

    def _stop_the_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class DecodeLimit:
    """Lets bodies be decoded while they are at most ``size`` bytes together; the others wait, first come, first served.

    Bodies of at most ``small`` bytes neither wait nor count.
    """

    def __init__(self, *, size: int, small: int) -> None:
        self._size = size
        self._small = small
        self._taken = 0
        self._queue = asyncio.Lock()
        self._freed = asyncio.Event()

    def slot(self, size: int) -> AbstractAsyncContextManager[None]:
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
