"""The log: one line for each registered event, and one a minute for what comes in floods."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from bridge.messages import printable

if TYPE_CHECKING:
    from bridge.telemetry.log_events import Event

THROTTLE_S = 60.0
THROTTLED_LINES_KEPT = 1_000  # different lines; then all are forgotten, and each is news
FIELD_CHARS = 1_024  # of a field of the log: a sender may choose some of what is in it

_log: Any = structlog.get_logger()
_threshold = logging.NOTSET


def log(event: Event, **fields: Any) -> None:
    """Write one registered log event. ``fields`` never hold a secret or a payload's free text; long ones are cut."""
    if event.level >= _threshold:
        for name, value in fields.items():
            if type(value) is str and len(value) > FIELD_CHARS:
                fields[name] = f"{value[: FIELD_CHARS - 1]}…"
        _log.log(event.level, event.event, **fields)


class Throttled:
    """Log events that come in floods: at once, then each minute with how many there were, by event and fields."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Any, ...], tuple[float, int]] = {}

    def __call__(
        self,
        event: Event,
        count: int = 1,
        *,
        now: float | None = None,
        example: Mapping[str, str | None] | None = None,
        **fields: Hashable,
    ) -> None:
        """Count, and log with the count since the last line, unless that line is less than a minute old.

        The fields' values should be few; what may be many goes into the ``example``.
        """
        now = time.monotonic() if now is None else now
        key = (event, *fields.items())
        logged_at, unlogged = self._counts.get(key, (now - THROTTLE_S, 0))
        if now - logged_at < THROTTLE_S:
            self._counts[key] = logged_at, unlogged + count
            return
        if len(self._counts) >= THROTTLED_LINES_KEPT:
            self._counts.clear()
        self._counts[key] = now, 0
        log(event, count=unlogged + count, **fields, **(example or {}))

    def recovered(self, event: Event) -> int:
        """The event's cause is over, so the next one is logged at once. How many were counted and not logged."""
        ended = [key for key in self._counts if key[0] is event]
        return sum(self._counts.pop(key)[1] for key in ended)


log_throttled = Throttled()


class _Lines:
    """What structlog calls with each rendered line, whatever its level."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def __getattr__(self, _level: str) -> Callable[[str], object]:
        return self._write


def configure_logging(
    *, write: Callable[[str], object], level: str = "info", form: str = "auto", is_terminal: bool = False
) -> None:
    """Call ``write`` with each line of the log, without its end: as JSON, or readable where a person watches.

    ``form`` is ``json``, ``text`` or ``auto`` (text on a terminal). ``level`` is a name of the logging
    module, in any case.
    """
    global _threshold  # noqa: PLW0603 - the process has one log
    _threshold = logging.getLevelNamesMapping()[level.upper()]
    readable = form == "text" or (form == "auto" and is_terminal)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=is_terminal) if readable else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([_printable] if readable else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_threshold),
        logger_factory=lambda: _Lines(write),
        cache_logger_on_first_use=False,
    )


def _printable(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A step of structlog: what a terminal shows is what is there."""
    return {
        name: printable(value, keep="\n") if name == "exception" else _shown(value) for name, value in fields.items()
    }


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else printable(str(value))
