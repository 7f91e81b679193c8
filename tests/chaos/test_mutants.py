"""The mutants still fit the code; `make mutants` sees each of them killed."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.chaos.mutants import MUTANTS, PROMISES, ROOT


@cache
def names(file: str) -> set[str]:
    """The names of a file's tests, as pytest takes them behind the file's."""
    tree = ast.parse((ROOT / file).read_text())
    classes: list[tuple[str, ast.Module | ast.ClassDef]] = [("", tree)]
    classes += [(f"{each.name}::", each) for each in tree.body if isinstance(each, ast.ClassDef)]
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {f"{prefix}{each.name}" for prefix, home in classes for each in home.body if isinstance(each, functions)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.promise}: {mutant.means}")
def test_a_mutant_changes_one_line_that_is_there_and_names_a_test_that_is(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.old != mutant.new
    assert "\n" not in mutant.old + mutant.new
    file, _, test = mutant.test.partition("::")
    assert test in names(file)


def test_every_promise_has_two_mutants():
    assert [promise for promise in PROMISES if sum(each.promise == promise for each in MUTANTS) < 2] == []


def test_the_documentation_lists_every_mutant():
    page = (ROOT / "docs" / "reliability.md").read_text()
    assert [each.row for each in MUTANTS if each.row not in page] == []
