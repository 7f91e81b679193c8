"""Reading decoded JSON of which any part may be null, missing, damaged or of another type: all are as if absent."""

from __future__ import annotations

from typing import Any

from bridge.json_values import at, to_ms
from bridge.senders.lenient import is_text

_YEAR_2000 = 946_684_800_000


def text(value: Any, *path: str) -> str | None:
    """The text at a path, without the space around it; None unless there is one that is not empty."""
    found = at(value, *path)
    return (found.strip() or None) if is_text(found) else None


def is_unreadable(value: Any, *path: str) -> bool:
    """Whether something stands at a path, or where the path should go on, that is neither null nor what it should be.

    What it should be is a text, or at the last key ``teams`` a list.
    """
    for key in path:
        if not isinstance(value, dict):
            return value is not None
        value = value.get(key)
    return value is not None and not (isinstance(value, list) if path[-1:] == ("teams",) else is_text(value))


def items(value: Any, *path: str) -> list[Any]:
    """The list at a path, else an empty one."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def instant(value: Any, *path: str) -> int | None:
    """The RFC 3339 timestamp at a path; None unless there is one that is later than the year 2000 began."""
    try:
        found = to_ms(text(value, *path) or "")
    except ValueError:
        return None
    return found if found >= _YEAR_2000 else None


def is_unreadable_instant(value: Any, *path: str) -> bool:
    """Whether something stands at a path that is neither null, nor empty, nor an RFC 3339 timestamp."""
    found = at(value, *path)
    if found is None or found == "":
        return False
    try:
        to_ms(text(value, *path) or "")
    except ValueError:
        return True
    return False
