"""Each line of the upgrade page that restores an old default is valid, and restores it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.config.loader import load
from bridge.config.schema import Limits, People, Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.schema import Config

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "upgrade.md"
OLDER = """\
version: 1
services: {checkout: Checkout}
routes: [{name: all, services: [checkout]}]
"""
BILLION = 999_999_999
TEN_YEARS_MS = 3650 * 86_400_000
RESTORED: dict[str, Callable[[Config], bool]] = {
    "budgets": lambda config: config.budgets is None,
    "flapping": lambda config: config.defaults.flap is None and config.routes[0].policy.flap is None,
    "looks": lambda config: config.people == People(look_every_ms=0),
    "names kept in Redis": lambda config: config.operator_labels is None,
    "limits": lambda config: config.limits == Limits(alerts=BILLION, incidents=BILLION),
    "reference": lambda config: config.checkly.reference is Reference.EVERY,
    "second writer": lambda config: config.checkly.second_writer == "ignore",
    "backdating": lambda config: config.checkly.backdate_ms == TEN_YEARS_MS,
}
"""What each line is to do to a file that names none of these keys."""


def lines() -> dict[str, str]:
    """The lines that restore an old default, by what they are about."""
    rows = re.findall(r"^\| \[([^]]+)\]\([^)]+\) \| .* \| `([^`]+)` \|$", PAGE.read_text(), re.MULTILINE)
    return dict(rows)


def test_the_page_lists_each_default_that_changes_what_a_bridge_does():
    assert set(lines()) == set(RESTORED)


@pytest.mark.parametrize("name", RESTORED)
def test_the_line_restores_the_old_default(tmp_path, name):
    file = tmp_path / "bridge.yaml"
    file.write_text(OLDER)
    assert not RESTORED[name](load(file))
    file.write_text(f"{OLDER}{lines()[name]}\n")
    assert RESTORED[name](load(file))


def test_the_lines_work_together(tmp_path):
    sections: dict[str, list[str]] = {}
    for line in lines().values():
        key, _, value = line.partition(": ")
        sections.setdefault(key, []).append(value)
    merged = (
        f"{key}: {values[0] if len(values) == 1 else '{' + ', '.join(each.strip('{}') for each in values) + '}'}"
        for key, values in sections.items()
    )
    file = tmp_path / "bridge.yaml"
    file.write_text(OLDER + "\n".join(merged) + "\n")
    config = load(file)
    assert [name for name, is_restored in RESTORED.items() if not is_restored(config)] == []
