"""The lock files name all that the image and the development environment install, by hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
NEEDED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["embedded"]]
BUILD = PYPROJECT["build-system"]["requires"]
ASKED = {
    "requirements.lock": NEEDED,
    "deploy/build.lock": BUILD,
    "development.lock": [*NEEDED, *BUILD, *PYPROJECT["dependency-groups"]["dev"]],
}


def pins(lock: str) -> dict[str, tuple[str, str]]:
    """What the file locks: version and hashes by name."""
    found = re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)[^\n]*\n((?:    --hash=[^\n]+\n)*)", (ROOT / lock).read_text(), re.MULTILINE
    )
    return {canonicalize_name(name): (version, hashes) for name, version, hashes in found}


@pytest.mark.parametrize(("lock", "asked"), [(lock, each) for lock, asked in ASKED.items() for each in asked])
def test_a_dependency_is_locked_at_a_version_it_allows(lock, asked):
    requirement = Requirement(asked)
    assert canonicalize_name(requirement.name) in pins(lock), "run `make lock`"
    version, _ = pins(lock)[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{version} is locked; run `make lock`"


@pytest.mark.parametrize("lock", ASKED)
def test_every_pin_has_hashes(lock):
    assert len(pins(lock)) == len(re.findall(r"^[\w.-]+\S*==", (ROOT / lock).read_text(), re.MULTILINE))
    assert [name for name, (_, hashes) in pins(lock).items() if "--hash=sha256:" not in hashes] == []


@pytest.mark.parametrize("lock", ASKED)
def test_no_package_host_is_named(lock):
    text = (ROOT / lock).read_text()
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|file:", text) == []


@pytest.mark.parametrize("lock", ["requirements.lock", "deploy/build.lock"])
def test_what_is_tested_is_what_the_image_is_made_of(lock):
    tested = pins("development.lock")
    assert {name: version for name, (version, _) in pins(lock).items() if tested[name][0] != version} == {}


def test_setting_up_installs_what_is_locked_by_hash_and_the_project_and_nothing_else():
    makefile = (ROOT / "Makefile").read_text()
    setup = re.search(r"^\$\(READY\):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert setup
    packages, project, done = setup[1].splitlines()
    assert packages.strip() == "$(LOCKED) --require-hashes --only-binary :all: --requirement development.lock"
    assert project.strip() == "$(LOCKED) --no-index --no-build-isolation --editable ."
    assert done.strip() == "@touch $@"
    assert re.search(r"^LOCKED\s+:= .* pip .*install .*--no-deps$", makefile, re.MULTILINE)
