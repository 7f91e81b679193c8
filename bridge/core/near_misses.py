"""What an alert that is not published was perhaps meant to say: the nearest name that the configuration has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.messages import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.config.matchers import Matcher
    from bridge.config.schema import Config

_PLAIN = re.compile(r"[\w -]+")


def nearest_service(value: str, config: Config) -> str | None:
    """The service whose name comes close to the value of a label that names none."""
    return _first(value, config.services)


def nearest_value(label: str, value: str, config: Config) -> str | None:
    """The value that comes close to this one among those that routes want of the label."""
    return _first(value, (wanted for wanted in _wanted(label, config) if wanted != value))


def _wanted(label: str, config: Config) -> Iterator[str]:
    for route in config.routes:
        if not (route.ignore or route.watchdog):
            yield from (value for matcher in route.matchers if matcher.name == label for value in _values(matcher))


def _values(matcher: Matcher) -> Iterator[str]:
    """What it names: of a regular expression, the alternatives that are plain."""
    if matcher.op == "=":
        yield matcher.value
    elif matcher.op == "=~":
        yield from (value for value in matcher.value.split("|") if _PLAIN.fullmatch(value))


def _first(value: str, names: Iterable[str]) -> str | None:
    return next(iter(nearest(value, names)), None) if value else None
