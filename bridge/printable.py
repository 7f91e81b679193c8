"""One escape for everything that is printed: what others wrote may not steer a terminal or hide in it."""

from __future__ import annotations

import json


def printable(text: str, *, keep: str = "") -> str:
    r"""The text with each character that shows nothing, or may steer a terminal, written as JSON does: ``\u001b``.

    These are Unicode's *Other* and *Separator* (controls, format characters with those of direction, spaces of other
    kinds), but for the space and what to ``keep``. JSON stays JSON, for there they can stand in strings alone.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else json.dumps(char)[1:-1] for char in text)
