"""The circuit breaker for the status page's API: what every incident would find out for itself is found out once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from bridge.checkly.errors import ChecklyError
from bridge.telemetry import Event, log

LOST_IN_A_ROW = 3
ASK_EVERY_S = 1.0
TRY_EVERY_S = 30.0


class CircuitBreaker:
    """Closed while the API answers; open after LOST_IN_A_ROW calls without an answer, until one is answered.

    While it is open, nothing is begun and a call a second probes the API. So incidents wait in the order of their
    importance, not each for a retry of its own, and go on as soon as the API is back. Should only the probe fail, the
    breaker is half-open once every TRY_EVERY_S: it allows one start all the same.

    ``ask`` makes a call that changes nothing, and is soon over; its outcome is ``seen`` like that of any other.
    ``monotonic`` is in seconds.
    """

    def __init__(self, ask: Callable[[], Awaitable[object]], *, monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._lost = 0
        self._ask_at = self._try_at = 0.0

    def seen(self, status: int) -> None:
        """A call was answered with this status; 0: not at all, or not to the end."""
        was_open = self.is_open
        self._lost = self._lost + 1 if status == 0 or status >= 500 else 0  # noqa: PLR2004 - HTTP's own
        if self.is_open and not was_open:
            self._ask_at = self._monotonic()
            self._try_at = self._ask_at + TRY_EVERY_S
            log(Event.CHECKLY_UNAVAILABLE)
        elif was_open and not self.is_open:
            log(Event.CHECKLY_RECOVERED)

    async def allows(self) -> bool:
        """Whether to begin something now."""
        if self.is_open and self._monotonic() >= self._ask_at:
            with suppress(ChecklyError):
                await self._ask()
            self._ask_at = self._monotonic() + ASK_EVERY_S
        if self.is_open and self._monotonic() >= self._try_at:
            self._try_at = self._monotonic() + TRY_EVERY_S
            return True
        return not self.is_open

    @property
    def is_open(self) -> bool:
        """Whether calls go unanswered."""
        return self._lost >= LOST_IN_A_ROW
