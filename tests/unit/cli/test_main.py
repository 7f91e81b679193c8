from __future__ import annotations

import subprocess
import sys

import pytest

import bridge


@pytest.mark.parametrize("module", ["bridge", "bridge.cli"])
def test_it_runs_as_a_module(module):
    command = [sys.executable, "-m", module, "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{bridge.__version__}\n"


def test_help_lists_every_command(run):
    shown = run("--help")
    assert shown.code == 0
    for command in ("serve", "check", "explain", "services", "incidents", "sandbox", "demo"):
        assert f" {command} " in shown.out


@pytest.mark.parametrize("command", ["serve", "check", "explain", "services", "incidents", "sandbox", "demo"])
def test_every_command_has_help(run, command):
    shown = run(command, "--help")
    assert shown.code == 0
    assert f"Usage: bridge {command}" in shown.out


def test_help_is_quick_because_it_imports_no_command():
    script = (
        "import sys; from bridge.cli import main; main(['--help']);"
        "sys.exit(', '.join({'httpx', 'redis', 'uvicorn', 'jinja2', 'starlette'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["check"], ["check", "--nonsense", "x"], ["serve", "--role", "x"]])
def test_wrong_usage_is_exit_code_2(run, arguments):
    assert run(*arguments).code == 2


def test_a_wrong_environment_is_named(run, config, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "loud")
    shown = run("serve", "--config", config)
    assert (shown.code, shown.err) == (2, "LOG_LEVEL must be one of debug, info, warning, error, critical.\n")
