"""What a configuration file may say by accident: it is allowed, and told with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from bridge.config.lookalikes import Suspect, placeholders, suspicious_characters
from bridge.config.problems import Problem
from bridge.config.yaml_node import place, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEXTS = re.compile(r"(routes\[\d+\]\.)?texts\.")
_WORDS = re.compile(r"(services|pagerduty\.notes\.marker)\b")  # Checkly's names, and people's words
_VARIABLE = re.compile(r"\$\{[A-Za-z_][^}\n]*\}")


def notes(root: yaml.Node, file: str) -> list[Problem]:
    """Everything in the file that cannot be seen, looks like something else, or waits in vain to be replaced."""
    found = []
    for node, path, is_key in _scalars(root, "", set()):
        for suspect in _suspects(source_of(node), path, is_key=is_key):
            line, column = place(node, suspect.at)
            found.append(Problem(file=file, line=line, column=column, path=path, message=suspect.message))
    return sorted(found, key=lambda note: (note.line, note.column))


def _suspects(text: str, path: str, *, is_key: bool) -> Iterable[Suspect]:
    is_text = not is_key and _TEXTS.match(path) is not None
    is_code = not is_text and (is_key or _WORDS.match(path) is None)
    yield from suspicious_characters(text, is_code=is_code)
    if is_text:
        yield from placeholders(text)
        return
    for found in _VARIABLE.finditer(text):
        yield Suspect(found.start(), f"{found[0]} stands for itself: nothing is replaced in this file")


def _scalars(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[yaml.ScalarNode, str, bool]]:
    """Every scalar once, with its path, and whether it is a key."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield node, path, False
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _scalars(item, f"{path}[{index}]", seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            below = f"{path}.{name}".lstrip(".")
            if isinstance(key, yaml.ScalarNode) and id(key) not in seen:
                seen.add(id(key))
                yield key, below, True
            yield from _scalars(value, below, seen)
