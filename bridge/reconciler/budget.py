"""The outbound budget: one number of requests per minute for all replicas together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from bridge.checkly.errors import NotSent, RateLimited
from bridge.reconciler.reconciler import LiveConfig
from bridge.store import Store, StoreUnavailable

PATIENCE_MS = 2_000  # wait this long for a request's turn with an incident in hand; else give the incident back

_ahead: ContextVar[int] = ContextVar("requests_ahead", default=0)  # what this task has reserved and not used yet


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
            RateLimited: It is not this one's turn for longer than PATIENCE_MS.
            NotSent: The budget cannot be read.
        """
        if ahead := _ahead.get():
            _ahead.set(ahead - 1)
        else:
            await self._take(1)

    async def reserve(self, count: int) -> None:
        """Have the next ``count`` requests of this task taken out of the budget, all or none. Raises as a call does.

        What belongs together is taken together: else a small budget could go into looks alone, each followed by a
        write that comes too late and begins with a look again.
        """
        missing = count - _ahead.get()
        if missing > 0:
            await self._take(missing)
            _ahead.set(count)

    async def _take(self, count: int) -> None:
        waited_ms = 0
        while True:
            per_minute = self._config.current.checkly.requests_per_minute
            try:
                wait_ms = await self._store.take(count, requests_per_minute=per_minute)
            except StoreUnavailable as error:
                raise NotSent(f"nothing was sent: the shared request budget is out of reach ({error})") from error
            if wait_ms == 0:
                return
            if waited_ms + wait_ms > PATIENCE_MS:
                raise RateLimited("our own budget of requests per minute is used up", retry_after_ms=wait_ms)
            await self._sleep(wait_ms / 1000)
            waited_ms += wait_ms
