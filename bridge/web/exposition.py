"""What ``/metrics`` says, for less than a tenth of the process' time, whoever asks and however often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

RESTS: Final = 10  # times as long as it took, from the beginning of one rendering to the next


class Exposition:
    """Rendered metrics, never older than the question. ``render`` takes milliseconds, and nothing else runs meanwhile.

    Anyone may ask. So those who ask before it is time again wait for it, and one rendering answers them all.
    ``monotonic_s`` never runs backwards.
    """

    def __init__(
        self,
        render: Callable[[], bytes],
        *,
        monotonic_s: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._render = render
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._next: asyncio.Task[bytes] | None = None
        self._next_at = 0.0

    async def text(self) -> bytes:
        """The metrics as they are from now on."""
        if self._next is None:
            self._next = asyncio.create_task(self._render_in_time())
        return await asyncio.shield(self._next)  # who asks may go away; the others still want to know

    async def _render_in_time(self) -> bytes:
        try:
            await self._sleep(max(0.0, self._next_at - self._monotonic_s()))
            began = self._monotonic_s()
            text = self._render()
            self._next_at = began + RESTS * (self._monotonic_s() - began)
            return text
        finally:
            self._next = None
