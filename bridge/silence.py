"""When each sender was last heard, and a word in the log when one has been silent for long.

A sender that stops delivering looks exactly like a quiet night. PagerDuty turns a subscription off for a day after
three dropped deliveries and tells nobody; Alertmanager may have lost its route to us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from prometheus_client import Gauge

from bridge.telemetry import LAST_DELIVERY, Event, log

SILENT_MS = 24 * 3_600_000


class Silence:
    """Watches these senders. ``clock`` is in milliseconds since the epoch."""

    def __init__(self, senders: Sequence[str], *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._heard_at = dict.fromkeys(senders, clock())
        self._said_at = dict(self._heard_at)

    def heard(self, sender: str) -> None:
        """An authentic delivery came."""
        now = self._clock()
        self._heard_at[sender] = self._said_at[sender] = now
        _last_delivery(sender).set(now / 1000)

    def check(self) -> None:
        """Say once a day which senders have been silent for a day or more (or since this process started)."""
        now = self._clock()
        for sender, said_at in self._said_at.items():
            if now - said_at >= SILENT_MS:
                self._said_at[sender] = now
                seconds = (now - self._heard_at[sender]) // 1000
                log(Event.SENDER_SILENT, source=sender, seconds=seconds)


@cache
def _last_delivery(sender: str) -> Gauge:
    """The gauge of this sender; looking it up by its labels is what costs."""
    return LAST_DELIVERY.labels(sender)
