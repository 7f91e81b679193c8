"""Remembering for a while what was read from the account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_AGE_MS = 600_000
RECHECK_AFTER_MS = 60_000
"""What seems to be missing is worth a new look at the account if the last was longer ago than this."""

_T = TypeVar("_T")


class Cached(Generic[_T]):
    """What ``read`` gives, remembered. ``clock`` gives milliseconds and never runs backwards."""

    def __init__(self, read: Callable[[], Awaitable[_T]], *, clock: Callable[[], int]) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[_T, int] | None = None

    async def get(self, *, max_age_ms: int = MAX_AGE_MS) -> _T:
        """The value as of at most ``max_age_ms`` before this call; concurrent callers share one reading.

        Raises:
            ChecklyError: It had to be read and could not be.
        """
        oldest = self._clock() - max_age_ms
        async with self._lock:
            if self._kept is None or self._kept[1] <= oldest:
                began = self._clock()
                self._kept = (await self._read(), began)
            return self._kept[0]
