r"""Alertmanager's matchers: ``name = value``, with ``=``, ``!=``, ``=~`` and ``!~``.

The grammar is that of Alertmanager's ``matcher/parse``: names and values are bare or in double quotes, commas mean
AND, braces around the list are optional. In quotes ``\"``, ``\\`` and ``\n`` are escapes and any other backslash
stands for itself, as Alertmanager's default mode reads it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import re2
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<op>=~|!~|!=|=)|(?P<mark>[{},])|(?P<bare>[^\s{}!=~,\\"'`]+)|(?P<end>\Z))""",
    re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


class MatcherError(ValueError):
    """A text is no matcher. ``at`` is where, ``expected`` says what would be, ``hint`` what to do."""

    at = 0

    def __init__(self, message: str, *, expected: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.hint = hint


class Matcher(Struct, frozen=True):
    """A condition on one label; a missing label is as an empty one. Regular expressions (RE2) match whole values."""

    name: str
    op: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set meets the condition."""
        found = labels.get(self.name, "")
        if self.op in {"=", "!="}:
            return (found == self.value) == (self.op == "=")
        return (_regexp(self.value).fullmatch(found) is not None) == (self.op == "=~")

    def __str__(self) -> str:
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.op}{_quote(self.value)}"


def parse(text: str) -> tuple[Matcher, ...]:
    """The matchers of a text, at least one. Raises MatcherError."""
    tokens = _Tokens(text)
    try:
        return _parse(tokens)
    except MatcherError as error:
        error.at = tokens.at
        raise


def _parse(tokens: _Tokens) -> tuple[Matcher, ...]:
    kind, part = next(tokens)
    braced = part == "{"
    if braced:
        kind, part = next(tokens)
    found: list[Matcher] = []
    while kind != "end" and part != "}":
        found.append(_matcher(kind, part, tokens))
        kind, part = next(tokens)
        if part == ",":
            kind, part = next(tokens)
        elif kind != "end" and part != "}":
            raise MatcherError(
                f"unexpected {part}",
                expected="a comma or the end",
                hint="put a value with spaces or special characters in double quotes",
            )
    if (part == "}") != braced or (braced and next(tokens)[0] != "end"):
        raise MatcherError("the braces do not pair", expected="{ at the start and } at the end, or neither")
    if not found:
        raise MatcherError(
            "there is no matcher",
            expected="a matcher such as severity = critical",
            hint="leave match out to match every alert",
        )
    return tuple(found)


def implies(later: Sequence[Matcher], earlier: Sequence[Matcher]) -> bool:
    """Whether every label set that meets all of ``later`` surely meets all of ``earlier``. Sound, not complete."""
    return all(
        any(m == known or (_settles(known, m) and m.matches({m.name: known.value})) for known in later) for m in earlier
    )


def contradiction(matchers: Sequence[Matcher]) -> tuple[Matcher, Matcher] | None:
    """Two of the matchers that no label set meets together. Sound, not complete."""
    pairs = ((known, m) for known in matchers for m in matchers)
    return next(
        (pair for pair in pairs if _settles(*pair) and not pair[1].matches({pair[1].name: pair[0].value})), None
    )


def _settles(known: Matcher, other: Matcher) -> bool:
    return known.op == "=" and known.name == other.name


class _Tokens:
    """The tokens of a text, each with its kind; ``at`` is where the last one begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next = 0
        self.at = 0

    def __next__(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._next)
        if match is None:
            rest = self._text[self._next :].lstrip()
            self.at = len(self._text) - len(rest)
            if rest.startswith('"'):
                raise MatcherError("the double quote is not closed", expected='a closing "')
            raise MatcherError(f"unexpected {rest[0]}", hint="put a value with special characters in double quotes")
        kind = match.lastgroup or ""
        self.at, self._next = match.start(kind), match.end()
        return kind, match[kind]


def _matcher(kind: str, part: str, tokens: _Tokens) -> Matcher:
    name = _word(kind, part, "a label name")
    if not name:
        raise MatcherError("the label name is empty")
    op_kind, op = next(tokens)
    if op_kind != "op":
        raise MatcherError(f"unexpected {op or 'end'} after {name}", expected="one of =, !=, =~, !~")
    value = _word(*next(tokens), f"a value after {name} {op}")
    if op in {"=~", "!~"}:
        try:
            _regexp(value)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
            raise MatcherError(f'bad regular expression "{value}": {reason}', expected="RE2 syntax") from error
    return Matcher(name, op, value)


def _word(kind: str, part: str, expected: str) -> str:
    if kind == "quoted":
        return re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), part[1:-1], flags=re.DOTALL)
    if kind != "bare":
        hint = 'write "" for an empty value' if kind == "end" and "value" in expected else None
        raise MatcherError(f"unexpected {part or 'end'}", expected=expected, hint=hint)
    return part


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@cache
def _regexp(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
