"""Every command of the bridge's that a page prints is typed by a scenario, so no printed answer goes stale."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from docs.generate import pages
from tests.scenarios.transcript import ROOT, all_steps, is_bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCS = ROOT / "docs"
SCENARIOS = ROOT / "tests" / "scenarios"
Section = tuple[str, str]


def printed(paths: list[Path]) -> set[Section]:
    """The sections with such a command: page and heading."""
    return {
        (str(path.relative_to(DOCS)), heading)
        for path in paths
        for heading, step in all_steps(path.read_text())
        if is_bridge(step.command)
    }


def functions(module: object) -> Iterator[Callable[..., Any]]:
    """The tests of a module, also those of its classes."""
    for name, member in inspect.getmembers(module):
        if inspect.isclass(member) and name.startswith("Test"):
            yield from functions(member)
        elif inspect.isfunction(member) and name.startswith("test_"):
            yield member


def typed() -> set[Section]:
    """The sections that scenarios name by their mark, and type: the fixture insists that they type all of it."""
    found = set()
    for path in SCENARIOS.glob("test_*.py"):
        if "mark.types(" not in path.read_text():
            continue
        for test in functions(importlib.import_module(f"tests.scenarios.{path.stem}")):
            for mark in getattr(test, "pytestmark", ()):
                if mark.name == "types":
                    assert {"typed", "transcript"} & inspect.signature(test).parameters.keys(), test
                    page, *headings = mark.args
                    found |= {(page, heading) for heading in headings}
    return found


def test_each_is_typed_by_a_scenario() -> None:
    assert len(printed(pages())) > 15
    assert printed(pages()) - typed() == set(), "let a scenario type it, or print it without the $"


def test_what_a_scenario_types_is_printed() -> None:
    sections = {
        (str(path.relative_to(DOCS)), heading) for path in pages() for heading, _ in all_steps(path.read_text())
    }
    assert typed() - sections == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_pages_outside_of_docs_print_none(path: Path) -> None:
    assert [step.command for _, step in all_steps(path.read_text()) if is_bridge(step.command)] == []


def test_one_in_a_list_and_behind_another_command_is_found() -> None:
    page = "# A page\n\n## Look\n\n- here:\n\n        $ kubectl exec bridge -- bridge why X | head\n        DiskFull\n"
    assert [(heading, is_bridge(step.command)) for heading, step in all_steps(page)] == [("Look", True)]
