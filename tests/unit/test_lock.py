"""The lock file that the container image installs from covers what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    canonicalize_name(name): (version, hashes)
    for name, version, hashes in re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)[^\n]*\n((?:    --hash=[^\n]+\n)*)", LOCK, re.MULTILINE
    )
}


@pytest.mark.parametrize("asked", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["embedded"]])
def test_a_dependency_is_locked_at_a_version_it_allows(asked):
    requirement = Requirement(asked)
    assert canonicalize_name(requirement.name) in PINS, "run `make lock`"
    version, _ = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{version} is locked; run `make lock`"


def test_every_pin_has_hashes():
    assert len(PINS) == len(re.findall(r"^[\w.-]+\S*==", LOCK, re.MULTILINE))
    assert [name for name, (_, hashes) in PINS.items() if "--hash=sha256:" not in hashes] == []


def test_no_package_host_is_named():
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|file:", LOCK) == []
