"""RFC 3339 timestamps as integer milliseconds, exactly: no floating point, any offset, any number of digits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(text: str) -> int:
    """The instant, rounded down to the millisecond; negative before 1970. Raises ValueError for anything else.

    ``datetime`` cuts fractions after six digits, so rounding down to three stays exact. Years 1 to 9999, in UTC.
    """
    instant = datetime.fromisoformat(text.upper())
    if instant.tzinfo is None:
        raise ValueError("a timestamp must have an offset")
    try:
        return (instant.astimezone(UTC) - _EPOCH) // _MILLISECOND
    except OverflowError:
        raise ValueError("an instant that UTC has no year for") from None


def from_ms(at: int) -> str:
    """The instant in UTC with milliseconds and ``Z``."""
    instant = _EPOCH + at * _MILLISECOND
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
