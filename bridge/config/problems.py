"""What is wrong with a configuration file, told so that it can be put right without looking anything up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake. ``line`` and ``column`` count from 1; ``path`` is like ``routes[2].texts.name``, or empty."""

    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        path = f"{self.path}: " if self.path else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f"; {self.hint}" if self.hint else ""
        return where + path + self.message + expected + hint


class ConfigError(Exception):
    """A configuration cannot be used. ``problems`` are all its mistakes, in the order of the file, as are ``notes``.

    A note is on what is allowed, and perhaps not meant; it may be what a problem comes of.
    """

    def __init__(self, problems: Iterable[Problem], notes: Iterable[Problem] = ()) -> None:
        self.notes = tuple(notes)
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column)))
        super().__init__("\n".join(map(str, self.problems)))


def in_brief(error: Exception) -> str:
    """An error of others in one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(":")
