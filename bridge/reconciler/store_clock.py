"""How much of the store's time has really passed, as far as this process can vouch for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

JUMP_MS = 1_000  # the store's time may be so much ahead of ours before it counts as set forward
_REMEMBERED = 100


class StoreClock:
    """The store's time, against the monotonic clock of this process, which is in seconds.

    Redis' clock can be set forward: then a time that is to pass before a write is repeated would be over at once. The
    store's time never goes back (``lib.lua``).
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._born_at = monotonic()
        self._now = 0
        self._asked_at = 0.0
        self._jumps: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)  # the time after it, and its size

    def observe(self, now: int, asked_at: float) -> int:
        """The store answered ``now`` to what was asked at ``asked_at``: by how many ms was its clock set forward?"""
        if now <= self._now:
            return 0
        jump = now - self._now - int((self._monotonic() - self._asked_at) * 1000) if self._now else 0
        if jump > JUMP_MS:
            self._jumps.append((now, jump))
        self._now, self._asked_at = now, asked_at
        return jump if jump > JUMP_MS else 0

    def passed_ms(self, since: int, now: int) -> int:
        """How long ago ``since`` is for certain: not counting what was before this process, nor jumps of the clock."""
        passed = now - since - sum(at - max(since, at - size) for at, size in self._jumps if since < at <= now)
        return min(passed, int((self._monotonic() - self._born_at) * 1000))
