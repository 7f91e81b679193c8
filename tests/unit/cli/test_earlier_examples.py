"""A configuration that was valid once stays valid: every example that the repository ever showed passes ``check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "configurations"
WHOLE = sorted((EXAMPLES / "whole").glob("*.yaml"))
PARTS = sorted((EXAMPLES / "parts").glob("*.yaml"))
REST = {
    "version": "version: 1",
    "services": "services: {checkout: Checkout, checkout-eu: Checkout EU, checkout-us: Checkout US}",
    "severity": "severity: [{is: MAJOR}]",
    "routes": "routes: [{name: all, services: [checkout]}]",
}
"""What a page leaves out that shows a part of a file."""


def name(path: Path) -> str:
    return path.stem


def is_valid(run, path):
    checked = run("check", path, "--output", "json")
    assert (checked.code, checked.err) == (0, ""), checked.out
    answer = json.loads(checked.out)
    assert (answer["ok"], answer.get("problems", [])) == (True, [])
    assert run("check", path).out.startswith(f"{path} is valid: ")


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_a_file_of_an_earlier_commit_is_valid(run, path):
    is_valid(run, path)


@pytest.mark.parametrize("path", PARTS, ids=name)
def test_a_part_of_a_file_that_an_earlier_page_showed_is_valid(run, tmp_path, path):
    shown = path.read_text()
    given = {line.partition(":")[0] for line in shown.splitlines()}
    completed = tmp_path / path.name
    completed.write_text("\n".join([line for key, line in REST.items() if key not in given] + [shown]))
    is_valid(run, completed)


def test_there_are_examples_of_both_kinds():
    assert len(WHOLE) >= 27
    assert len(PARTS) >= 15
