"""What JSON on the wire is made of: texts, objects in lists, and instants. What has another type is as if absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def at(value: Any, *path: str) -> Any:
    """What stands at a path of object keys; None where the path leads nowhere."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any, *path: str) -> str:
    """The text at a path; empty if there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def to_ms(text: str, *, default_zone: tzinfo | None = None) -> int:
    """The milliseconds since the epoch of an RFC 3339 timestamp, rounded down; negative before 1970.

    Exact: no floating point, and ``datetime`` cuts fractions only after six digits. Years 1 to 9999, in UTC.

    Raises:
        ValueError: It is anything else, or has no offset and there is no ``default_zone``.
    """
    instant = datetime.fromisoformat(text.upper())
    if instant.tzinfo is None:
        if default_zone is None:
            raise ValueError("a timestamp must have an offset")
        instant = instant.replace(tzinfo=default_zone)
    try:
        return (instant.astimezone(UTC) - _EPOCH) // _MILLISECOND
    except OverflowError:
        raise ValueError("an instant that UTC has no year for") from None


def from_ms(at: int) -> str:
    """The instant in UTC with milliseconds and ``Z``."""
    instant = _EPOCH + at * _MILLISECOND
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
