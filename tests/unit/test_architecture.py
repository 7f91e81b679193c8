"""The architecture page names the folders, layers, scripts and keys that there are, and no others."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bridge.store import scripts
from bridge.store.scripts import Script

ROOT = Path(__file__).parents[2]
BRIDGE = ROOT / "bridge"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
KEY_IN_LUA = re.compile(r"prefix \.\. '([a-z_]+)")
KEY_IN_PYTHON = re.compile(r"prefix(?:_of\(\w+\))?\}([a-z_]+)")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def in_code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_names_every_folder_and_module_of_the_top_level():
    found = {
        f"{each.name}/" if each.is_dir() else each.name for each in BRIDGE.iterdir() if not each.name.startswith("__")
    }
    assert {name for row in rows("The folders") for name in in_code(row[0])} == found - {"py.typed"}


def test_each_file_that_a_row_names_is_in_its_folder():
    named = [(in_code(row[0])[0], name) for row in rows("The folders") for name in in_code(row[3])]
    assert len(named) > 30
    assert [(folder, name) for folder, name in named if not (BRIDGE / folder / name).exists()] == []


def test_the_page_shows_the_layers_that_make_check_holds():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    (shown,) = re.findall(r"```text\n(.*?)```", section("Dependencies"), re.DOTALL)
    assert ["__main__", *(line.strip() for line in shown.splitlines())] == layers


def test_the_page_names_every_script():
    loaded = {each.name for each in vars(scripts).values() if isinstance(each, Script)}
    assert {name for row in rows("The scripts") for name in in_code(row[0])} == loaded
    parts = {each.stem for each in (BRIDGE / "store" / "scripts").glob("*.lua")} - loaded
    assert set(re.findall(r"`(\w+)\.lua`", section("The scripts"))) == parts


def test_the_page_names_every_key():
    store = BRIDGE / "store"
    used = {key for each in store.rglob("*.lua") for key in KEY_IN_LUA.findall(each.read_text())}
    used |= {key for each in store.glob("*.py") for key in KEY_IN_PYTHON.findall(each.read_text())}
    listed = {name.partition(":")[0] for row in rows("Keys in Redis") for name in in_code(row[0])}
    assert listed == used
