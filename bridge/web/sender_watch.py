"""When each sender was last heard, and a word in the log when one has been silent for long.

A sender that stops delivering looks exactly like a quiet night. PagerDuty turns a subscription off for a day after
three dropped deliveries and tells nobody; Alertmanager may have lost its route to us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.telemetry import LAST_DELIVERY, Event, log

SILENT_MS = 24 * 3_600_000


class SenderWatch:
    """Watches senders, each by its source and its name (empty: whoever has none, or is not watched by name).

    ``wall_ms`` is in milliseconds since the epoch.
    """

    def __init__(self, senders: Iterable[tuple[str, str]], *, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._delivered_at: dict[tuple[str, str], int] = {}
        self._logged_at: dict[tuple[str, str], int] = {}
        self.watch_only(senders)

    def watch_only(self, senders: Iterable[tuple[str, str]]) -> None:
        """Watch these from now on, and no others; what is not listed any more has no series any more."""
        now = self._wall_ms()
        senders = tuple(senders)
        for source, sender in self._delivered_at.keys() - senders:
            if sender:
                LAST_DELIVERY.remove(source, sender)
        self._delivered_at = {each: self._delivered_at.get(each, now) for each in senders}
        self._logged_at = {each: self._logged_at.get(each, now) for each in self._delivered_at}

    def record_delivery(self, source: str, sender: str = "") -> None:
        """An authentic delivery came from a sender, as metrics call it."""
        now = self._wall_ms()
        who = (source, sender) if (source, sender) in self._delivered_at else (source, "")
        if who in self._delivered_at:
            self._delivered_at[who] = self._logged_at[who] = now
        LAST_DELIVERY.labels(source, sender).set(now / 1000)

    def check(self) -> None:
        """Say once a day which senders have been silent for a day or more (or since this process started)."""
        now = self._wall_ms()
        for who, logged_at in self._logged_at.items():
            if now - logged_at >= SILENT_MS:
                self._logged_at[who] = now
                source, sender = who
                named = {"sender": sender} if sender else {}
                log(Event.SENDER_SILENT, source=source, **named, seconds=(now - self._delivered_at[who]) // 1000)
