"""The outbound budget: one number of requests per minute for all replicas together, and who goes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from bridge.checkly.errors import NotSent, OverBudget
from bridge.model import Priority
from bridge.store import Store, StoreUnavailable

if TYPE_CHECKING:
    from bridge.config.live import LiveConfig

PATIENCE_MS = {Priority.END: 8_000, Priority.CHANGE: 2_000, Priority.OPENING: 2_000, Priority.LOOK: 2_000}
"""Wait this long for a request's turn with an incident in hand; else give it back. Others have nothing in hand."""
LOOK_AGAIN_MS = 5_000

_ahead: ContextVar[int] = ContextVar("requests_ahead", default=0)  # what this task has taken and not used yet
_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.AUDIT)


class Reserve(Protocol):
    """Makes sure of the budget for so many requests before the first of them is made; raises a PageError.

    They have the priority of what is being done, unless another is given.
    """

    async def __call__(self, count: int, priority: Priority | None = None) -> None:
        """Return when all of them are taken."""
        ...


@contextmanager
def acting(priority: Priority) -> Iterator[None]:
    """What this task asks of Checkly has that priority. Who says nothing audits."""
    before = _priority.set(priority)
    try:
        yield
    finally:
        _priority.reset(before)


@contextmanager
def looking() -> Iterator[None]:
    """What this task asks of Checkly meanwhile is a look and goes after all writes, unless an end waits for it."""
    priority = _priority.get()
    with acting(priority if priority is Priority.END else max(priority, Priority.LOOK)):
        yield


def grant(count: int) -> None:
    """So many requests came with this task's incident."""
    _ahead.set(count)


def unused() -> int:
    """How many this task has left of what it took: they are no longer its own."""
    left = _ahead.get()
    _ahead.set(0)
    return left


class Budget:
    """Called before every request to the page; returns when it may go."""

    def __init__(
        self, store: Store, config: LiveConfig, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._config = config
        self._sleep = sleep

    async def __call__(self) -> None:
        """Take one request out of the budget, or out of what was reserved.

        Raises:
            OverBudget: It is not this one's turn for longer than PATIENCE_MS.
            NotSent: The budget cannot be read.
        """
        if ahead := _ahead.get():
            _ahead.set(ahead - 1)
        else:
            priority = _priority.get()
            await self._take(1, priority, patience_ms=PATIENCE_MS.get(priority))

    async def reserve(self, count: int, priority: Priority | None = None) -> None:
        """Have the next ``count`` requests of this task taken out of the budget, all or none. Raises as a call does.

        What belongs together is taken together: else a small budget could go into looks alone, each followed by a
        write that comes too late and begins with a look again. A look does not wait, for others need its worker, nor
        does it use what was taken at a better priority.
        """
        priority = _priority.get() if priority is None else priority
        ahead = _ahead.get()
        if priority is Priority.LOOK:
            await self._take(count, priority, held=ahead, patience_ms=0)
            _ahead.set(count)
        elif count > ahead:
            await self._take(count - ahead, priority, patience_ms=PATIENCE_MS.get(priority))
            _ahead.set(count)

    async def _take(self, count: int, priority: Priority, *, held: int = 0, patience_ms: int | None) -> None:
        waited_ms = 0
        while True:
            left_ms = None if patience_ms is None else patience_ms - waited_ms
            try:
                turn = await self._store.take_requests(
                    count,
                    requests_per_minute=self._config.current.checkly.requests_per_minute,
                    priority=priority,
                    held=held,
                    ahead_ms=left_ms or 0,
                )
            except StoreUnavailable as error:
                raise NotSent(f"nothing was sent: the shared request budget is out of reach ({error})") from error
            if not turn.taken and left_ms is not None and turn.wait_ms > left_ms:
                again_ms = turn.wait_ms - left_ms if priority is Priority.END else turn.wait_ms
                again_ms = max(again_ms, LOOK_AGAIN_MS) if priority is Priority.LOOK else again_ms
                raise OverBudget("our own budget of requests per minute is used up", retry_after_ms=again_ms)
            if turn.wait_ms:
                await self._sleep(turn.wait_ms / 1000)
            if turn.taken:
                return
            waited_ms += turn.wait_ms
