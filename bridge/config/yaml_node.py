"""Typed reading of YAML: every value knows its place, and a mistake is noted, not raised, so that all are found."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import yaml

from bridge.config import units
from bridge.config.lookalikes import name_of, suspicious_characters
from bridge.config.problems import ConfigError, Problem, in_brief
from bridge.messages import did_you_mean, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

_SURROGATE = re.compile("[\ud800-\udfff]")

T = TypeVar("T")
D = TypeVar("D")

_TAGS = {
    "tag:yaml.org,2002:str": "the text",
    "tag:yaml.org,2002:int": "the number",
    "tag:yaml.org,2002:float": "the number",
    "tag:yaml.org,2002:bool": "the boolean",
    "tag:yaml.org,2002:timestamp": "the date",
}
_STR, _INT, _FLOAT, _BOOL, _NULL, _MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "merge")
)


class Value:
    """One value of the file. Its readers return None after noting what is wrong with it."""

    def __init__(self, node: yaml.Node, path: str, file: str, problems: list[Problem]) -> None:
        self._node = node
        self._file = file
        self._problems = problems
        self._excused: Collection[str] = ()
        self.path = path

    @property
    def node(self) -> yaml.Node:
        """The node of the syntax tree."""
        return self._node

    @property
    def line(self) -> int:
        """The line it starts on, from 1."""
        return int(self._node.start_mark.line) + 1

    @property
    def content_line(self) -> int:
        """The line its first character of content is on: below the ``|`` or ``>`` of a block text."""
        return self.line + (getattr(self._node, "style", None) in {"|", ">"})

    def problem(
        self,
        message: str,
        *,
        expected: str | None = None,
        hint: str | None = None,
        line: int | None = None,
        at: int | None = None,
    ) -> None:
        """Note a mistake in this value; ``line`` where it is further down, ``at`` an offset into its text."""
        line = line or self.line
        column = int(self._node.start_mark.column) + 1 if line == self.line else 1
        if at is not None and (begin := source_of(self._node).find(self._node.value)) >= 0:
            line, column = place(self._node, begin + at)
        self._problems.append(
            Problem(
                file=self._file,
                line=line,
                column=column,
                path=self.path,
                message=message,
                expected=expected,
                hint=hint,
            )
        )

    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    def has_any(self, keys: Collection[str]) -> bool:
        """Whether it is a mapping with one of these keys."""
        pairs = self._node.value if isinstance(self._node, yaml.MappingNode) else ()
        return any(isinstance(key, yaml.ScalarNode) and key.value in keys for key, _ in pairs)

    def text(self, expected: str = "text") -> str | None:
        """A non-empty text."""
        text = self._scalar(_STR)
        if text is None and isinstance(self._node, yaml.ScalarNode) and self._node.tag in _TAGS:
            self.mismatch(expected, hint="put it in quotes")
        elif isinstance(self._node, yaml.MappingNode) and self._node.flow_style:
            self.mismatch(expected, hint="put a text with braces in quotes")
        elif not text:
            self.mismatch(expected)
        elif lone := _SURROGATE.search(text):
            self.problem(f"half a character, U+{ord(lone[0]):04X}, stands in it", expected="a whole one")
            return None
        return text or None

    def boolean(self) -> bool | None:
        """A boolean."""
        return self._boolean("true or false")

    def boolean_or(self, word: str) -> bool | str | None:
        """A boolean, or this word."""
        return word if self.is_word(word) else self._boolean(f"true, false or {word}")

    def integer(self, *, at_least: int, at_most: int | None = None) -> int | None:
        """A whole number between these two, in decimal digits."""
        text = self._scalar(_INT)
        is_one = text is not None and re.fullmatch("[0-9]{1,9}", text)
        if text is None or not is_one or not at_least <= int(text) <= (int(text) if at_most is None else at_most):
            self.mismatch(f"a whole number, at least {at_least}{'' if at_most is None else f' and at most {at_most}'}")
            return None
        return int(text)

    def part(self) -> Fraction | None:
        """A part of a whole, from 0 to 1, exactly as it is written."""
        text = self._scalar(_INT, _FLOAT)
        if text is None or not re.fullmatch(r"[0-9]{0,9}(\.[0-9]{1,9})?", text) or not Fraction(text) <= 1:
            self.mismatch("a part of the whole, from 0 to 1, such as 0.5")
            return None
        return Fraction(text)

    def is_word(self, word: str) -> bool:
        """Whether it is this word."""
        return self._scalar(_STR) == word

    def is_off(self) -> bool:
        """Whether it is the word ``off``, which YAML takes for a boolean, or that boolean."""
        text = self._scalar(_STR, _BOOL) or ""
        return text == "off" or (self._scalar(_BOOL) is not None and text.lower() in {"false", "no", "off"})

    def duration_ms(self, at_least: int = 0, at_most: int | None = None) -> int | None:
        """A Prometheus duration between these two, in milliseconds."""
        text = self._scalar(_STR, _INT)
        duration = None if text is None else units.duration_ms(text)
        if duration is None or duration < at_least:
            self.mismatch("a duration such as 90s, 5m or 1h30m" + (" (not 0)" if at_least else ""))
            return None
        if at_most is not None and duration > at_most:
            self.problem(f"{text} is too long", expected=f"at most {units.format_duration(at_most)}")
            return None
        return duration

    def size_bytes(self) -> int | None:
        """A size above zero, in bytes."""
        text = self._scalar(_STR, _INT)
        size = None if text is None else units.size_bytes(text)
        if not size:
            self.mismatch("a size such as 16MiB or 512KiB")
        return size or None

    def choice(self, valid: Collection[str]) -> str | None:
        """One word out of ``valid``."""
        text = self.text(one_of(valid))
        if text is not None and text not in valid:
            self.problem(f'unknown value "{text}"', expected=one_of(valid), hint=did_you_mean(text, valid))
            return None
        return text

    def items(self, expected: str) -> list[Value]:
        """The items of a list; empty after a mistake."""
        if not isinstance(self._node, yaml.SequenceNode):
            self.mismatch(expected)
            return []
        return [self._at(node, f"{self.path}[{index}]") for index, node in enumerate(self._node.value)]

    def names(self, expected: str) -> dict[str, Value]:
        """The items of a list of different, non-empty texts, by text and in order; without the items that are not."""
        found: dict[str, Value] = {}
        for item in self.items(expected):
            name = item.text()
            if name in found:
                item.problem(f'"{name}" is listed twice')
            elif name is not None:
                found[name] = item
        return found

    def entries(self, expected: str) -> dict[str, Value]:
        """The entries of a mapping with free keys; empty after a mistake."""
        if not isinstance(self._node, yaml.MappingNode):
            self.mismatch(expected)
            return {}
        found: dict[str, Value] = {}
        for key_node, value_node in self._node.value:
            key = self._at(key_node, self.path)
            if not isinstance(key_node, yaml.ScalarNode):
                key.mismatch("a name as the key", hint="put a text that begins with { or [ in quotes")
            elif key_node.tag == _MERGE:
                key.problem(
                    'merge keys ("<<") are not supported', expected="the keys themselves, or an alias for a whole value"
                )
            elif key_node.value in found:
                key.problem(
                    f'the key "{key_node.value}" is given twice',
                    hint=f"the first is on line {found[key_node.value].line}",
                )
            else:
                found[key_node.value] = self._at(value_node, f"{self.path}.{key_node.value}".lstrip("."))
        return found

    def places(self) -> dict[str, tuple[int, int]]:
        """Line and column of each key of a mapping."""
        pairs = self._node.value if isinstance(self._node, yaml.MappingNode) else ()
        return {
            key.value: (key.start_mark.line + 1, key.start_mark.column + 1)
            for key, _ in pairs
            if isinstance(key, yaml.ScalarNode)
        }

    def fields(self, valid: Collection[str], *, required: Collection[str] = ()) -> dict[str, Value]:
        """The entries of a mapping whose keys are all among ``valid``."""
        if not isinstance(self._node, yaml.MappingNode):
            self.mismatch("a mapping with " + ", ".join(required or valid))
            return {}
        found = self.entries("a mapping")
        unknown = {name: found.pop(name) for name in list(found) if name not in valid}
        hints = {name: did_you_mean(name, [key for key in valid if key not in found]) for name in unknown}
        for key, _ in self._node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in unknown:
                problem = self._at(key, unknown[key.value].path).problem
                problem(f'unknown key "{key.value}"', expected=one_of(valid), hint=hints[key.value])
        is_merged = any(key.tag == _MERGE for key, _ in self._node.value)
        self._excused = [key for key in valid if is_merged or f'did you mean "{key}"?' in hints.values()]
        for name in required:
            if name not in found:
                self.missing(name)
        return found

    def missing(self, key: str, *, expected: str | None = None) -> None:
        """Note that one of its ``fields`` is missing, unless a mistake that was noted there may be the reason."""
        if key not in self._excused:
            self.problem(f'the key "{key}" is missing', expected=expected)

    def _at(self, node: yaml.Node, path: str) -> Value:
        return Value(node, path, self._file, self._problems)

    def _boolean(self, expected: str) -> bool | None:
        text = self._scalar(_BOOL)
        if text is None:
            self.mismatch(expected)
            return None
        return text.lower() in {"true", "yes", "on"}

    def _scalar(self, *tags: str) -> str | None:
        if isinstance(self._node, yaml.ScalarNode) and self._node.tag in tags:
            return str(self._node.value)
        return None

    def mismatch(self, expected: str, hint: str | None = None) -> None:
        """Note that this value is not of the expected form."""
        self.problem(f"found {self._description()}", expected=expected, hint=hint)

    def _description(self) -> str:
        if isinstance(self._node, yaml.SequenceNode):
            return "a list" if self._node.value else "an empty list"
        if isinstance(self._node, yaml.MappingNode):
            return "a mapping"
        if self._node.tag == _NULL or self._node.value == "":
            return "nothing"
        return f'{_TAGS.get(self._node.tag, f"a value tagged {self._node.tag}")} "{self._node.value}"'


def read(fields: Mapping[str, Value], key: str, reader: Callable[[Value], T | None], default: D) -> T | D:
    """What ``reader`` makes of the value at ``key``; ``default`` where the key is absent or its value is wrong.

    Whatever ``reader`` raises is a mistake of the value: a text that Python cannot compile must not end a bridge.
    """
    value = fields.get(key)
    if value is None:
        return default
    try:
        result = reader(value)
    except Exception as error:  # noqa: BLE001 - Jinja, Python's compiler and RE2 each have limits of their own
        value.problem(f"this cannot be used: {in_brief(error)}", hint="write it more simply")
        return default
    return default if result is None else result


def source_of(node: yaml.Node) -> str:
    """A node as it stands in the file, with its quotes and escapes."""
    return (node.start_mark.buffer or "")[node.start_mark.pointer : node.end_mark.pointer]


def place(node: yaml.Node, at: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset into a node as it stands in the file."""
    before = source_of(node)[:at]
    line = int(node.start_mark.line) + 1 + before.count("\n")
    column = at - before.rfind("\n") if "\n" in before else int(node.start_mark.column) + 1 + at
    return line, column


def _cause(lines: Sequence[str], begin: yaml.Mark, end: yaml.Mark) -> tuple[int, int, str | None]:
    """Where to look for what broke the syntax: at a character that cannot be seen, else where it was noticed."""
    for number in range(end.line, max(begin.line, end.line - 1) - 1, -1):
        text = lines[number] if number < len(lines) else ""
        for at, _ in suspicious_characters(text, is_code=True):
            advice = "indent with spaces" if not text[:at].strip() else "write it anew with the keyboard"
            return number + 1, at + 1, advice if text[at] == "\t" else f"{name_of(text[at])} stands here: {advice}"
    return int(end.line) + 1, int(end.column) + 1, None


def parse(data: bytes, file: str, problems: list[Problem]) -> Value:
    """The root of the YAML document in ``data``; ``file`` is for messages. Raises ConfigError if it is no YAML."""

    def fail(message: str, line: int = 1, column: int = 1, hint: str | None = None) -> ConfigError:
        return ConfigError([Problem(file=file, line=line, column=column, path="", message=message, hint=hint)])

    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(data.decode())
        root = loader.get_single_node()
    except UnicodeDecodeError as error:
        raise fail("not UTF-8 text", line=data.count(b"\n", 0, error.start) + 1) from error
    except yaml.reader.ReaderError as error:
        raise fail(f"not YAML: {error.reason}", line=data.decode()[: error.position].count("\n") + 1) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or yaml.Mark(file, 0, 0, 0, None, 0)
        what = " ".join(filter(None, (error.context, error.problem)))
        line, column, hint = _cause(data.decode().split("\n"), error.context_mark or mark, mark)
        raise fail(f"not YAML: {what}", line, column, hint) from error
    except RecursionError as error:
        line = loader.line + 1 if loader else 1
        raise fail("not YAML that anyone would write: it is nested too deeply", line) from error
    except Exception as error:
        line, column = (loader.line + 1, loader.column + 1) if loader else (1, 1)
        raise fail(f"not YAML: {in_brief(error)}", line, column) from error
    if root is None:
        raise fail("the file is empty; expected a mapping with version, services, severity and routes")
    return Value(root, "", file, problems)
