"""Instants: integer milliseconds since the epoch inside, ISO 8601 in UTC on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


def iso(at: int) -> str:
    """``at`` as ``2026-08-18T10:53:47.782Z``, the form Checkly answers with."""
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at: int) -> datetime:
    """``at`` as an aware datetime in UTC, to the millisecond."""
    return EPOCH + timedelta(milliseconds=at)


def instant(when: datetime) -> int:
    """An aware datetime as milliseconds since the epoch, cut below the millisecond."""
    return (when - EPOCH) // timedelta(milliseconds=1)
