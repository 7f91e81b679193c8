"""What is wrong with a configuration file, told so that it can be put right without looking anything up."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_LISTED = 12


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


def did_you_mean(word: str, valid: Iterable[str]) -> str | None:
    """A hint with the valid name nearest to ``word``; None when nothing is near."""
    by_fold = {name.casefold(): name for name in valid}
    near = get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.5)
    return f'did you mean "{by_fold[near[0]]}"?' if near else None


def one_of(valid: Collection[str]) -> str:
    """The expectation of one name out of several, of which a dozen is listed."""
    names = list(valid)
    if len(names) == 1:
        return names[0]
    return "one of " + ", ".join(names[:_LISTED]) + (f", … ({len(names)} in all)" if len(names) > _LISTED else "")
