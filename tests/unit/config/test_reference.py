"""The reference page tells what the code does."""

from __future__ import annotations

import json
from pathlib import Path

from bridge.model import Phase, Severity
from bridge.texts.render import DEFAULT_TEXTS, TextKind
from bridge.texts.template import FILTERS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text()


def keys(schema: object) -> set[str]:
    if isinstance(schema, list):
        return {key for each in schema for key in keys(each)}
    if not isinstance(schema, dict):
        return set()
    return {key for each in schema.values() for key in keys(each)} | set(schema.get("properties", {}))


def test_every_key_is_in_the_reference():
    found = keys(json.loads((ROOT / "config" / "bridge.schema.json").read_text()))
    assert {"publish_after", "label", "investigating"} < found
    assert not [key for key in found if f"`{key}" not in PAGE and f".{key}`" not in PAGE and f"{{{key}:" not in PAGE]


def test_every_filter_is_in_the_reference():
    assert not [name for name in FILTERS if f"`{name}`" not in PAGE and f"`{name}(" not in PAGE]


def test_the_built_in_texts_are_in_the_reference():
    for kind in TextKind:
        text = DEFAULT_TEXTS.render(
            kind, labels={}, services=["Checkout"], severity=Severity.MAJOR, status=Phase.MONITORING
        )
        assert f"| {text} |" in PAGE


def test_the_smallest_configuration_loads(load_text):
    block = PAGE.split("The smallest configuration:\n\n")[1].split("\n\n")[0]
    assert load_text(block.replace("\n    ", "\n").removeprefix("    ") + "\n").route("checkout")
