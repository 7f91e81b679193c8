"""The container image: what goes into it, and that everything of it is pinned."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.deploy.files import ROOT, run

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LET_IN = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}


@pytest.mark.needs("hadolint")
def test_hadolint_finds_nothing():
    assert run("hadolint", ROOT / "Dockerfile") == ""


def test_what_is_copied_exists_and_nothing_else_is_let_in():
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    copied = {source for line in lines for source in line.split()[:-1]}
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert copied == LET_IN


def test_every_installation_is_pinned_by_hash_or_is_the_project_itself():
    installed = re.findall(r"\bpip (?:--python \S+ )?(?:install|wheel) (?:\\\n\s*)?(.+)", DOCKERFILE)
    assert len(installed) == 4
    assert [each for each in installed if "--require-hashes" not in each and "--no-deps" not in each] == []


def test_the_build_backend_is_locked_at_a_version_the_project_allows():
    lock = dict(
        re.findall(r"^([\w-]+)==(\S+) \\\n    --hash=", (ROOT / "deploy" / "build.lock").read_text(), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [Requirement(each) for each in project["build-system"]["requires"]]
    assert asked
    assert [each for each in asked if not each.specifier.contains(lock[each.name])] == []
