"""When an outage was public on a page: frozen data."""

from __future__ import annotations

from msgspec import Struct

from bridge.severity import Severity


class Publication(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When an outage became public on one page, and when its end did; 0: not yet, or not known.

    ``opened_at`` and ``resolved_at`` are when the page took our opening and our end, by the clock of Redis' host;
    ``started_at`` and ``ended_at`` are the outage's own times, as far as its senders are believed. Where it was
    re-opened, the first opening counts, and the last end.
    """

    started_at: int = 0
    opened_at: int = 0
    ended_at: int = 0
    resolved_at: int = 0
    worst: Severity | None = None  # the highest severity that was published
    mails: int = 0  # how many of its updates mailed the page's subscribers

    @property
    def publish_delay_ms(self) -> int | None:
        """From the outage's start until readers saw it; None if that is not known."""
        return max(0, self.opened_at - self.started_at) if self.opened_at else None

    @property
    def resolve_delay_ms(self) -> int | None:
        """From the outage's end until readers saw it; None if that is not known."""
        return max(0, self.resolved_at - self.ended_at) if self.resolved_at else None
