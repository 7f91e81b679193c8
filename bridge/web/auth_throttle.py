"""Guesses at a credential: after a few wrong ones from an address, each further attempt from there waits its turn."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

BURST: Final = 10  # wrong ones that cost nothing: a person, a script with an old token
GAP_MS: Final = 200
WAITING: Final = 20  # from one address
WAITING_IN_ALL: Final = 100  # each holds a connection that others may need
ADDRESSES: Final = 1_000

Wrong = TypeVar("Wrong")


class TooManyAttempts(Exception):
    """As many as may wait do; try again after ``retry_s`` seconds."""

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"try again after {retry_s} seconds")
        self.retry_s = retry_s


class AuthThrottle(Generic[Wrong]):
    """When an attempt may be looked at, by address. ``monotonic_ms`` never runs backwards.

    Wrong ones add up, and one is forgotten each ``GAP_MS``. While there are a ``BURST`` of them, right or wrong waits:
    nobody learns faster than that whether a guess is right. The addresses that were heard of last are remembered.
    """

    def __init__(
        self, *, monotonic_ms: Callable[[], int], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._sleep = sleep
        self._forgotten_at: OrderedDict[str, int] = OrderedDict()  # when all wrong ones will be
        self._waiting = 0

    async def check(self, address: str, attempt: Callable[[], Wrong | None]) -> Wrong | None:
        """What ``attempt`` finds wrong with the attempt, when its turn has come; None if it is right.

        Raises TooManyAttempts, for an attempt that is not looked at.
        """
        now = self._monotonic_ms()
        wait_ms = self._forgotten_at.get(address, now) - now - (BURST - 1) * GAP_MS
        if wait_ms <= 0:
            wrong = attempt()
            if wrong is not None:
                self._add(address, GAP_MS)
            return wrong
        if wait_ms > WAITING * GAP_MS or self._waiting >= WAITING_IN_ALL:
            raise TooManyAttempts(math.ceil(wait_ms / 1000))
        self._add(address, GAP_MS)  # until it is known to be right, as wrong: those that come meanwhile wait longer
        self._waiting += 1
        try:
            await self._sleep(wait_ms / 1000)
        finally:
            self._waiting -= 1
        wrong = attempt()
        if wrong is None:
            self._add(address, -GAP_MS)
        return wrong

    def _add(self, address: str, ms: int) -> None:
        now = self._monotonic_ms()
        self._forgotten_at[address] = max(now, self._forgotten_at.pop(address, now)) + ms
        if len(self._forgotten_at) > ADDRESSES:
            self._forgotten_at.popitem(last=False)
