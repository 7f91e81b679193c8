"""The outbound budget: one number of requests per minute for all replicas together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bridge.checkly.errors import NotSent, RateLimited
from bridge.reconciler.reconciler import LiveConfig
from bridge.store import Store, StoreUnavailable

PATIENCE_MS = 2_000  # wait this long for a request's turn with an incident in hand; else give the incident back


class Budget:
    """Called before every request to the page; returns when it may go."""

    def __init__(
        self, store: Store, config: LiveConfig, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._config = config
        self._sleep = sleep

    async def __call__(self) -> None:
        """Take one request out of the budget.

        Raises:
            RateLimited: It is not this one's turn for longer than PATIENCE_MS.
            NotSent: The budget cannot be read.
        """
        waited_ms = 0
        while True:
            try:
                wait_ms = await self._store.take(requests_per_minute=self._config.current.checkly.requests_per_minute)
            except StoreUnavailable as error:
                raise NotSent(f"nothing was sent: the shared request budget is out of reach ({error})") from error
            if wait_ms == 0:
                return
            if waited_ms + wait_ms > PATIENCE_MS:
                raise RateLimited("our own budget of requests per minute is used up", retry_after_ms=wait_ms)
            await self._sleep(wait_ms / 1000)
            waited_ms += wait_ms
