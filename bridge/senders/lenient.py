"""Reading JSON in which single values are damaged: half a character, bytes that are not UTF-8, endless numbers.

None of them says anything about the fields beside it. Writers of JSON cut texts between the halves of an emoji; Go and
Python write what is left of it as an escape, which strict readers refuse, also in fields that they skip.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

DAMAGED: Final = "\ufffd"  # stands where a character was lost: two names that have it may have been different ones

_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_BACKSLASH = rb"\\"  # an escaped one: what follows it is no escape


def mend(body: bytes) -> bytes:
    """The body with U+FFFD for each half of a character that is an escape in it, as Go's ``encoding/json`` reads it."""
    return _BACKSLASH.join(_LONE_SURROGATE.sub(rb"\\ufffd", part) for part in body.split(_BACKSLASH))


def decode(data: bytes) -> Any:
    """The value of mended JSON. Numbers are floats; a text that is not UTF-8 has lone surrogates (see ``is_text``).

    Raises:
        ValueError: no JSON.
        RecursionError: nested too deeply.
    """
    return json.loads(data.decode("utf-8", "surrogateescape"), parse_int=float, parse_constant=_refuse)


def is_text(value: Any) -> bool:
    """Whether a decoded value is a text that can be written again."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value))


def _refuse(_: str) -> NoReturn:
    raise ValueError("no JSON")
