"""What a file holds that a reader does not see, or takes for something else. Pure.

Texts come as they stand in the file: what is written as an escape can be seen.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY = "\u034f\u115f\u1160\u180b\u180c\u180d\u2800\u3164\uffa0"  # letters and marks that show nothing
_JOINERS = "\u200d\ufe0e\ufe0f"  # parts of emoji
_SCRIPTS = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}  # of which letters look like Latin ones
_LOOKALIKES = dict(
    zip(
        "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0475"
        "\u0410\u0412\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u04ae\u0423"
        "\u0421\u03bf\u03b1\u03bd\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1"
        "\u03a4\u03a5\u03a7",
        "aceopxyijshdqwvABEHIJKMOPSTXYYCoavABEZHIKMNOPTYX",
        strict=True,
    )
)
_WORD = re.compile(r"\w+")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PLACEHOLDER = re.compile(
    r"\$\{[A-Za-z_][^}\n]*\}|\$\([A-Za-z_][^)\n]*\)|\$[A-Za-z_]\w*(?:\.\w+)*"  # of shells, Compose and Alertmanager
    r"|%\([A-Za-z_]\w*\)s|(?<!\{)\{[A-Za-z_][\w. ]*\}(?!\})|<%.*?%>"  # of Python and other templates
)


class Suspect(NamedTuple):
    """Something ``at`` an offset into a text that may not be what its writer sees."""

    at: int
    message: str


def suspicious_characters(text: str, *, is_code: bool) -> Iterator[Suspect]:
    """Characters that are invisible, or look like others.

    Code is a matcher, a key, a name: there, every character counts, so that also quotes and dashes of print are told.
    In words for readers they are right, but for what stands in braces.
    """
    code = [range(len(text))] if is_code else [range(*found.span()) for found in _JINJA.finditer(text)]
    strange = {at for found in _WORD.finditer(text) for at in _strange(found, alone=is_code)}
    for at, character in enumerate(text):
        if character.isascii() and character not in "\t\x7f":
            continue
        if _is_unseen(character):
            if not (at and character in _JOINERS and _is_emoji(text[at - 1])):
                yield Suspect(at, f"{name_of(character)} cannot be seen here")
        elif at in strange:
            like = f'looks like "{_LOOKALIKES[character]}"' if character in _LOOKALIKES else "is not a Latin letter"
            yield Suspect(at, f"{name_of(character)} {like} here")
        elif (like := _printed(character)) and any(at in part for part in code):
            yield Suspect(at, f"{name_of(character)} looks like {like} here")


def placeholders(text: str) -> Iterator[Suspect]:
    """What other languages would replace, and a public text shows as it is."""
    words = _JINJA.sub(lambda found: " " * len(found[0]), text)
    for found in _PLACEHOLDER.finditer(words):
        yield Suspect(found.start(), f"{found[0]} is not replaced: readers see it as it stands; {{{{ … }}}} is")


def name_of(character: str) -> str:
    """A character by its code point and its name."""
    name = "tab" if character == "\t" else unicodedata.name(character, "a control character").lower()
    return f"U+{ord(character):04X} ({name})"


def _is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    is_space = category in {"Zs", "Zl", "Zp"} and character != " "
    return is_space or category in {"Cc", "Cf", "Co", "Cn"} or character in _EMPTY or "\ufe00" <= character <= "\ufe0f"


def _is_emoji(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) in {"So", "Sk"}


def _strange(word: re.Match[str], *, alone: bool) -> Iterator[int]:
    """Where a Latin word has letters of another script; if it may be ``alone``, also in one that only looks Latin."""
    if word[0].isascii():
        return
    scripts = [unicodedata.name(each, "").split(" ")[0] for each in word[0]]
    is_latin = "LATIN" in scripts or (alone and all(each in _LOOKALIKES or not each.isalpha() for each in word[0]))
    if is_latin:
        yield from (word.start() + at for at, script in enumerate(scripts) if script in _SCRIPTS)


def _printed(character: str) -> str:
    """The character of a keyboard that this one of print looks like; empty if it looks like none."""
    category = unicodedata.category(character)
    if category in {"Pi", "Pf"} or character in "\u201a\u201e\u2032\u2033":
        return "a quote"
    if category == "Pd" or character == "\u2212":
        return 'a dash "-"'
    plain = unicodedata.normalize("NFKC", character)
    return f'"{plain}"' if len(plain) == 1 and plain.isascii() else ""
