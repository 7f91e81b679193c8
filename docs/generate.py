"""Writes the parts of these pages that the code knows best, and the JSON Schema of the configuration: ``make docs``.

A page is written by hand but for its blocks between ``<!-- generated: NAME -->`` and ``<!-- end -->``. A test compares.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.metrics import MetricWrapperBase

from bridge import telemetry
from bridge.cli import app
from bridge.config import json_schema
from bridge.core.history import MEANINGS
from bridge.core.page_word import PAGE_WORDS
from bridge.telemetry import Event

if TYPE_CHECKING:
    from cyclopts import App, Argument

DOCS = Path(__file__).parent
SCHEMA = DOCS.parent / "config" / "bridge.schema.json"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_GROUP = "*"  # of arguments that several commands share, which have rows of their own
_VALUES = {"Path": "FILE", "int": "NUMBER", "str": "TEXT"}


def generated(page: str) -> str:
    """The text of a page with its blocks as the code would have them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{_BLOCKS[found[2]]()}\n\n{found[3]}", page)


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _events() -> str:
    rows = ((f"`{each.event}`", logging.getLevelName(each.level).lower(), each.meaning) for each in Event)
    return _table(("event", "level", "meaning"), rows)


def _metrics() -> str:
    found = [each for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)]
    return _table(("metric", "type", "labels", "meaning"), map(_metric_row, found))


def _metric_row(metric: MetricWrapperBase) -> Sequence[str]:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - there is no public way to ask
    return f"`{name}`", family.type, labels, family.documentation


def _page_words() -> str:
    return _table(("`page`", "meaning"), ((f"`{word}`", meaning) for word, meaning in PAGE_WORDS.items()))


def _history() -> str:
    rows = ((f"`{what}`", ", ".join(f"`{each}`" for each in by), words) for what, (by, words) in MEANINGS.items())
    return _table(("`what`", "`by`", "meaning"), rows)


def _commands() -> str:
    return "\n\n".join(f"### `bridge {' '.join(path)}`\n\n{_command(found)}" for path, found in _walk(app, ()))


def _walk(parent: App, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in parent:
        if name.startswith("-"):
            continue
        found = parent[name]
        below = list(_walk(found, (*path, name)))
        yield from below or [((*path, name), found)]


def _command(found: App) -> str:
    """A command's purpose and its options. Not its help as printed: that depends on the terminal's width."""
    arguments = [each for each in found.assemble_argument_collection() if each.names[0] != _GROUP]
    options = _table(("option", "default", "meaning"), map(_argument_row, arguments))
    return f"{cleandoc(found.help)}\n\n{options}"  # before Python 3.13 a docstring keeps its indentation


def _argument_row(argument: Argument) -> Sequence[str]:
    name, is_option = argument.names[0], argument.names[0].startswith("-")
    value = "" if argument.hint is bool or not is_option else f" {_value(argument)}"
    return f"`{name if is_option else name.upper()}{value}`", _default(argument), argument.parameter.help or ""


def _value(argument: Argument) -> str:
    choices = argument.get_choices()
    if choices:
        return "\\|".join(choices)
    kinds = [name for name in _VALUES if name in str(argument.hint)]
    return _VALUES[kinds[0]]


def _default(argument: Argument) -> str:
    default: Any = argument.field_info.default
    if argument.required or default is inspect.Parameter.empty:
        return "required"
    if default in (None, False, ()):
        return ""
    return f"`{default.value if isinstance(default, Enum) else default}`"


_BLOCKS: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "events": _events,
    "history": _history,
    "metrics": _metrics,
    "page_words": _page_words,
}


if __name__ == "__main__":
    for each in pages():
        each.write_text(generated(each.read_text()))
    SCHEMA.write_text(json_schema.document())
