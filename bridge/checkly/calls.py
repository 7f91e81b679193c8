"""What a task's calls came to: for whoever tells of them, and has only what their answers said."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator


class Call(Struct, frozen=True):
    """A request that was tried: the HTTP status of its answer, 0 without one, and how many ``ms`` that took."""

    method: str
    code: int
    ms: int


_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def noting() -> Iterator[list[Call]]:
    """The calls that this task makes meanwhile, as they come."""
    found: list[Call] = []
    before = _calls.set(found)
    try:
        yield found
    finally:
        _calls.reset(before)


def note(method: str, code: int, seconds: float) -> None:
    """A call has come to its end."""
    if (found := _calls.get()) is not None:
        found.append(Call(method, code, round(seconds * 1000)))
