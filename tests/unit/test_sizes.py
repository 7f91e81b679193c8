"""Modules and functions stay small enough to read: at most 400 lines a module, 60 a function; half the modules 110."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

BRIDGE = Path(__file__).parents[2] / "bridge"
SOURCES = sorted(each for each in BRIDGE.rglob("*") if each.suffix in {".py", ".lua"})
LONGEST_MODULE, LONGEST_FUNCTION, MEDIAN_MODULE = 400, 60, 110

TOO_LONG: dict[str, int] = {}
"""What is longer for now, and how long it may be. It only ever shrinks."""


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> dict[str, int]:
    """Each function of a Python module with its length, decorators and docstring included."""
    found = ast.walk(ast.parse(path.read_text()))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    name = path.relative_to(BRIDGE)
    return {
        f"{name}:{each.name}": (each.end_lineno or 0) - each.lineno + 1 for each in found if isinstance(each, kinds)
    }


def test_no_module_is_longer_than_a_person_reads_at_once():
    sizes = {str(each.relative_to(BRIDGE)): lines(each) for each in SOURCES}
    assert {name: size for name, size in sizes.items() if size > TOO_LONG.get(name, LONGEST_MODULE)} == {}


def test_no_exception_outlives_its_reason():
    sizes = {str(each.relative_to(BRIDGE)): lines(each) for each in SOURCES}
    assert {name for name in TOO_LONG if sizes.get(name, 0) <= LONGEST_MODULE} == set()


def test_half_of_the_modules_are_short():
    assert median(size for each in SOURCES if each.suffix == ".py" and (size := lines(each)) > 1) <= MEDIAN_MODULE


def test_every_function_fits_a_screen():
    sizes = {name: size for each in SOURCES if each.suffix == ".py" for name, size in functions(each).items()}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}
