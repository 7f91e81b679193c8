"""Durations and sizes as the configuration writes them."""

from __future__ import annotations

import re

_MS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,13}}){unit})?" for unit in _MS))
_LONGEST_MS = (2**63 - 1) // 1_000_000
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,13})(B|KiB|MiB|GiB)?")


def duration_ms(text: str) -> int | None:
    """Milliseconds of a Prometheus duration (``1d2h30m``, ``90s``, ``500ms``, ``0``); None if it is none.

    Units go from large to small, each at most once, and 292 years are the longest, as in Prometheus'
    ``model.ParseDuration``.
    """
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return None
    total = sum(int(count) * _MS[unit] for unit, count in match.groupdict(default="0").items())
    return total if total <= _LONGEST_MS else None


def format_duration(duration_ms: int) -> str:
    """The shortest Prometheus duration of so many milliseconds, as ``duration_ms`` reads it."""
    parts = []
    for unit, size in _MS.items():
        count, duration_ms = divmod(duration_ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


def size_bytes(text: str) -> int | None:
    """Bytes of a size such as ``16MiB``, ``512KiB`` or ``1048576``; None if it is none."""
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) * _BYTES[match[2] or ""]
