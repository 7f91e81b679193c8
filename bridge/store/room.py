"""How full the server's memory is: what is new leaves room for the ends of what is known, and for what is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from redis.exceptions import NoPermissionError

from bridge.store.errors import FAILURES, StoreUnavailable, describe

if TYPE_CHECKING:
    from redis.asyncio import Redis

ALMOST_FULL: Final = 0.8  # an alert that is over takes a sixth more at first: a timer, until it is forgotten
_LOOK_S = 1.0
_ALERT_BYTES = 1_500  # stored, with its reasons and its places in lists
_STEP = 1 / 100  # of the limit: so much may be written between two looks


class Room:
    """Knows what of ``maxmemory`` is used, as of a second ago, or of about a hundredth of it written.

    ``used`` is None where the server has no limit, or does not let us see. ``clock`` is in seconds.
    """

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._looked_at: float | None = None
        self._limit = 0
        self._written = 0
        self.used: float | None = None

    def fitting(self, calls: Sequence[int]) -> int:
        """How many of these calls, of so many alerts each, may go before memory is looked at again; at least one."""
        if not self._limit:
            return len(calls)
        sizes = accumulate(alerts * _ALERT_BYTES for alerts in calls)
        return max(1, sum(size <= self._limit * _STEP for size in sizes))

    async def is_short(self, alerts: int) -> bool:
        """Whether the server is almost full, before so many more alerts are written. Raises StoreUnavailable."""
        self._written += alerts * _ALERT_BYTES
        is_old = self._looked_at is None or self._clock() - self._looked_at >= _LOOK_S
        if is_old or (self._limit and self._written > self._limit * _STEP):
            await self._look()
        return self.used is not None and self.used >= ALMOST_FULL

    async def _look(self) -> None:
        try:
            info = await self._redis.info("memory")
        except NoPermissionError:
            info = {}
        except FAILURES as error:
            raise StoreUnavailable(describe(error)) from error
        self._looked_at, self._written = self._clock(), 0
        self._limit = int(info.get("maxmemory", 0))
        self.used = int(info["used_memory"]) / self._limit if self._limit else None
