"""What has to leave a configuration before an upgrade is taken back, as the upgrade page lists it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bridge.config.loader import KEYS, load
from tests.upgrade.previous import ENVIRONMENT

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "upgrade.md"
NEW = {
    "people": ["people: {look_every: off}"],
    "healing": ["healing: {pagerduty: [{credentials: PAGERDUTY_API_KEY}]}"],
    "operator_labels": ["operator_labels: none"],
    "defaults.flap": ["defaults: {flap: off}", "routes: [{name: all, services: [checkout], flap: off}]"],
    "budgets.over: quiet": ["budgets: {over: quiet}", "budgets: {pages: {v1: {over: quiet}}}"],
    "texts.flapping": ["texts: {flapping: It comes and goes.}"],
}
"""By what the page lists, lines that the release of today takes, and the one before refuses."""
_KEYS = "from bridge.config.loader import KEYS; print(*KEYS)"
_CHECKS = "import sys; from bridge.cli import main; sys.exit(main(['check', sys.argv[1]]))"


def write(path: Path, *lines: str) -> Path:
    file = ["version: 1", "services: {checkout: Checkout}", "severity: [{is: MAJOR}]", *lines]
    if not any(line.startswith("routes") for line in lines):
        file.append("routes: [{name: all, services: [checkout]}]")
    path.write_text("\n".join(file) + "\n")
    return path


def checked_by_the_previous(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", _CHECKS, str(path)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_the_page_lists_what_the_previous_release_refuses():
    listed = re.findall(r"^\| `([^`]+)`.* \| (?:unknown|withheld instead) \|$", PAGE.read_text(), re.MULTILINE)
    assert listed == list(NEW)


def test_the_page_lists_each_section_that_the_previous_release_does_not_know():
    known = subprocess.check_output([sys.executable, "-P", "-c", _KEYS], env=ENVIRONMENT, text=True).split()
    assert set(KEYS) - set(known) == {name for name in NEW if name in KEYS}


@pytest.mark.parametrize("line", [line for lines in NEW.values() for line in lines])
def test_the_previous_release_refuses_what_came_with_this_one(tmp_path, line):
    path = write(tmp_path / "bridge.yaml", line)
    load(path)
    answer = checked_by_the_previous(path)
    assert answer.returncode == 1, answer.stdout
    assert str(path) in answer.stdout + answer.stderr


def test_without_them_the_current_example_is_valid_for_the_previous_release(tmp_path):
    """The example names every key: one that is neither on the page nor known to the previous release shows here."""
    example = yaml.safe_load((Path(__file__).parents[2] / "config" / "bridge.yaml").read_text())
    for name in ("people", "healing", "operator_labels"):
        example.pop(name, None)
    for name in ("defaults", "texts"):
        for key in ("flap", "flapping"):
            example[name].pop(key, None)
    path = tmp_path / "bridge.yaml"
    path.write_text(json.dumps(example))
    answer = checked_by_the_previous(path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
