"""Installing a program from the npm registry, with an npm that does as told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.servers import npm, programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INSTALLS = 'mkdir -p "$3/node_modules/.bin"; echo "$@" >>"$LOG"; echo >"$3/node_modules/.bin/tool"'


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a script the npm of this machine."""
    programs_of_it = tmp_path / "bin"
    programs_of_it.mkdir()
    monkeypatch.setenv("PATH", f"{programs_of_it}:{os.defpath}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def install(text: str) -> None:
        for name in ("npm", "node"):
            (programs_of_it / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs_of_it / name).chmod(0o755)

    return install


def test_it_is_installed_once_without_its_scripts(tmp_path, script):
    script(INSTALLS)
    cache = tmp_path / "cache"
    first = npm.install("tool", "1.2.3", cache)
    assert first == npm.install("tool", "1.2.3", cache) == f"{cache}/tool-1.2.3/node_modules/.bin/tool"
    (call,) = (tmp_path / "log").read_text().splitlines()
    assert "--ignore-scripts" in call
    assert call.endswith(" tool@1.2.3")


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("echo npm error code ENOTFOUND >&2; exit 1", "npm failed: ENOTFOUND"),
        ("exit 7", "npm failed: 7"),
        (f"{INSTALLS}; exec sleep 60", r"npm took longer than 0\.5 s"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing_that_a_later_run_could_take_for_the_program(tmp_path, script, does, why):
    script(does)
    with pytest.raises(npm.NotInstalled, match=f"^{why}$"):
        npm.install("tool", "1.2.3", tmp_path / "cache", within=0.5)
    assert [each.name for each in (tmp_path / "cache").iterdir()] == ["tool-1.2.3.lock"]


def test_without_node_there_is_nothing_to_try(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(npm.NotInstalled, match=r"^there is no node$"):
        npm.install("tool", "1.2.3", tmp_path / "cache")


def test_continuous_integration_demands_every_program_but_those_of_npm(monkeypatch):
    monkeypatch.setenv("BRIDGE_REQUIRE_SERVERS", "1")
    assert programs.must_be_there()
    assert programs.must_be_there("nginx")
    assert not programs.must_be_there("checkly")
