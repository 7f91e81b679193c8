"""Others' words as they may be published: whoever can raise an alert chooses label values, so only words get through.

What a person wrote for the public keeps its punctuation too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VALUE_CHARS = 64
VALUES = 5
LABEL_CHARS = 120
MARKS = 3  # on one letter; no language's everyday writing needs more

# A hyphen joins words and a dot joins digits; elsewhere they could start a list, a rule, a heading or a host name.
_LOOSE = re.compile(r"(?<![^\W_])-|-(?![^\W_])|(?<!\d)\.|\.(?!\d)")
_PUNCTUATION = frozenset("-.,;:!?%+/()'\"$€£")
# What has a scheme, and an IP address with a port or path, is no prose at all.
_LINK = re.compile(r"""((?<![\w+.-])[\w+.-]+://|\d{1,3}(\.\d{1,3}){3}[:/])[^\s()<>\[\]{}"']+""")
_SCHEME_COLON = re.compile(r"(?<=\w):(?=\S)(?!(?<=\d:)\d)")  # a sentence's has a space behind it, 10:30 needs none
_HOST_DOT = re.compile(r"([.。])(?=[^\W\d_])")  # a sentence's may have a space behind it, a host name's may not
_LIST_MARKS = " -+./"
# Letters and marks that show nothing: Unicode's Default_Ignorable_Code_Point among those, and Braille's blank.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def sanitize_value(value: str) -> str:
    """A value's words on one line, at most 64 characters: no HTML, Markdown, URL or mail address can form."""
    text = _few_marks("".join(map(_allowed, unicodedata.normalize("NFKC", value))))
    text = " ".join(_LOOSE.sub(" ", text).split())
    return shorten(text, VALUE_CHARS)


def sanitize_prose(text: str, limit: int) -> str:
    """A person's sentences on one line, at most ``limit`` characters.

    Words and punctuation of which no HTML, Markdown, URL or mail address can form.
    """
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    allowed = "".join(map(_allowed_in_prose, _LINK.sub(" ", visible)))
    tame = _SCHEME_COLON.sub(": ", _HOST_DOT.sub(r"\1 ", allowed)).replace("//", " ")
    return shorten(" ".join(_few_marks(tame).split()).lstrip(_LIST_MARKS), limit)


def public_words(text: str, limit: int) -> str:
    """A person's words as they may be published; empty if nothing of them is left."""
    tidy = sanitize_prose(text, limit)
    return tidy if any(map(str.isalnum, tidy)) else ""


def sanitize_values(values: Iterable[str]) -> str:
    """One label's values as text: at most five of them and 120 characters, the rest counted (``a, b and 3 more``)."""
    words = [word for word in dict.fromkeys(map(sanitize_value, values)) if word]
    shown = min(VALUES, len(words))
    while shown > 1 and len(_list(words, shown)) > LABEL_CHARS:
        shown -= 1
    return _list(words, shown)


def shorten(text: str, limit: int) -> str:
    """The text, cut to ``limit`` characters with an ellipsis as the last."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _few_marks(text: str) -> str:
    """The text with at most MARKS combining marks on a letter: more would cover the lines around it."""
    found: list[str] = []
    marks = MARKS
    for char in text:
        is_mark = unicodedata.category(char)[0] == "M"
        marks = marks + 1 if is_mark else MARKS if char == " " else 0
        if not is_mark or marks <= MARKS:
            found.append(char)
    return "".join(found)


def _allowed(char: str) -> str:
    if _BLANK.fullmatch(char):
        return ""
    category = unicodedata.category(char)
    if category[0] in "LMN" or char in "-.":
        return char
    return "" if category == "Cf" else " "


def _allowed_in_prose(char: str) -> str:
    is_punctuation = char in _PUNCTUATION or (not char.isascii() and unicodedata.category(char)[0] == "P")
    return char if is_punctuation else _allowed(char)


def _list(words: list[str], shown: int) -> str:
    rest = len(words) - shown
    return ", ".join(words[:shown]) + (f" and {rest} more" if rest else "")
