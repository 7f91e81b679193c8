from __future__ import annotations

import os
import subprocess
import sys

import pytest

import bridge


@pytest.mark.parametrize("module", ["bridge", "bridge.cli"])
def test_the_bridge_runs_as_a_module(module):
    command = [sys.executable, "-m", module, "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{bridge.__version__}\n"


def test_help_lists_every_command(run):
    shown = run("--help")
    assert shown.code == 0
    assert "Turn Prometheus Alertmanager and PagerDuty alerts into incidents" in shown.out
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


@pytest.mark.parametrize("command", [["serve", "--config", "none.yaml"], ["sandbox"]])
@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_wrong_usage(run, command, port):
    shown = run(*command, "--port", port)
    assert (shown.code, "--port" in shown.out + shown.err) == (2, True)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["told at the end", "told at once"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(config, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as output:  # noqa: PTH123 - a descriptor has no path
        ended = subprocess.run(
            [sys.executable, "-m", "bridge", "check", config],
            stdout=output,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["check"], ["check", "--output", "json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["told at the end", "told at once"])
def test_a_full_disk_under_its_output_is_said_in_one_sentence(config, arguments, unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "bridge", *arguments, *[config] * (arguments[0] == "check")]
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
        silent = subprocess.run(command, stdout=full, stderr=full, env=environment, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"Cannot write the output: No space left on device.\n")
    assert silent.returncode == 1


def test_with_closed_standard_streams_it_works_and_prints_nowhere(config):
    shell = 'exec "$0" -m bridge check "$1" <&- >&- 2>&-'
    assert subprocess.run(["/bin/sh", "-c", shell, sys.executable, config], check=False).returncode == 0


def test_characters_that_the_terminal_lacks_are_escaped(config):
    config.write_text(config.read_text().replace("name: Checkout", "name: Größe…"))
    shown = subprocess.run(
        [sys.executable, "-m", "bridge", "check", config],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"Gr\\xf6\\xdfe\\u2026" in shown.stdout


@pytest.mark.parametrize(
    "url", ["redis://h/0?foo=1", "redis://h?db=zz", "redis://h/0?socket_timeout=x", "rediss://h?ssl_cert_reqs=bad"]
)
def test_a_wrong_redis_url_is_wrong_usage(run, config, monkeypatch, url):
    monkeypatch.setenv("REDIS_URL", url)
    shown = run("serve", "--config", config)
    assert (shown.code, shown.err.startswith("REDIS_URL")) == (2, True)


def test_a_wrong_environment_is_named(run, config, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "loud")
    shown = run("serve", "--config", config)
    assert (shown.code, shown.err) == (2, "LOG_LEVEL must be one of debug, info, warning, error, critical.\n")
