"""What messages to people are made of: an escape, so that others' words steer no terminal, and helpful hints."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_LISTED = 12


def printable(text: str, *, keep: str = "") -> str:
    r"""The text with each character that shows nothing, or may steer a terminal, written as JSON does: ``\u001b``.

    These are Unicode's *Other* and *Separator* (controls, format characters with those of direction, spaces of other
    kinds), but for the space and what to ``keep``. JSON stays JSON, for there they can stand in strings alone.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else json.dumps(char)[1:-1] for char in text)


def nearest(word: str, valid: Iterable[str], *, count: int = 1, cutoff: float = 0.5) -> list[str]:
    """The valid names that come close to ``word``, the nearest first, in any case; ``cutoff`` as difflib's."""
    by_fold = {name.casefold(): name for name in valid}
    return [by_fold[each] for each in get_close_matches(word.casefold(), by_fold, n=count, cutoff=cutoff)]


def did_you_mean(word: str, valid: Iterable[str]) -> str | None:
    """A hint with the valid name nearest to ``word``; None when nothing is near."""
    near = nearest(word, valid)
    return f'did you mean "{near[0]}"?' if near else None


def one_of(valid: Collection[str]) -> str:
    """The expectation of one name out of several, of which a dozen is listed."""
    names = list(valid)
    if len(names) == 1:
        return names[0]
    return "one of " + ", ".join(names[:_LISTED]) + (f", … ({len(names)} in all)" if len(names) > _LISTED else "")
