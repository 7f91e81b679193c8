"""What libraries read of the environment, command by command: it works, or one sentence names the variable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from bridge.web.server import Server
from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "network.md"
ELSEWHERE = "https://checkly.invalid"
pytestmark = pytest.mark.usefixtures("unlogged")
COMMANDS = ("serve", "check --online", "services", "incidents list")


class Row(NamedTuple):
    name: str
    value: str
    answer: str


ROWS = [
    Row(name, value.replace("\\n", "\n"), answer)
    for name, value, answer in re.findall(r"^\| `(\w+)=(.+?)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
]
HARMLESS = ("NO_PROXY", "no_proxy", "HTTP_PROXY", "PYTHONASYNCIODEBUG")  # they would hide others, or make noise
EVERYTHING = {row.name: row.value for row in ROWS if row.name not in HARMLESS} | {"HTTP_PROXY": "http://127.0.0.1:1"}


@pytest.fixture
def surroundings(monkeypatch):
    """An environment in which nothing is set but what the commands need, to ask somebody who is not there."""
    for name in {row.name for row in ROWS} | {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy"}:
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "CHECKLY_API_URL": ELSEWHERE,
        "CHECKLY_API_KEY": "key",
        "CHECKLY_ACCOUNT_ID": "account",
        "ADMIN_TOKENS": "admin",
        "ALERTMANAGER_TOKENS": "token",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def bridge_(run, config, monkeypatch) -> Callable[..., tuple[int, str]]:
    """Runs a command against an address; exit code and what it complained of. ``serve`` ends once it has started."""

    async def started(self: Server, *, background, work=None) -> None:  # noqa: ARG001 - as Server.run has it
        for each in background:
            each.close()

    monkeypatch.setattr(Server, "run", started)
    arguments = {
        "serve": ["serve", "--config", config, "--port", "0"],
        "receiver": ["serve", "--config", config, "--port", "0", "--role", "receiver"],
        "check --online": ["check", config, "--online"],
        "services": ["services"],
        "incidents list": ["incidents", "list", "--url"],
    }

    def run_(command: str, url: str = ELSEWHERE) -> tuple[int, str]:
        monkeypatch.setenv("CHECKLY_API_URL", url)
        shown = run(*arguments[command], *[url] * (command == "incidents list"))
        said = [line for line in shown.err.splitlines() if '"event"' not in line and "  [" not in line]
        return shown.code, "\n".join(said)

    return run_


def test_the_table_is_read():
    assert len(ROWS) > 25
    assert {"NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "WEB_CONCURRENCY"} <= {row.name for row in ROWS}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}={row.value!r}")
def test_each_variable_works_or_is_named_in_one_sentence(surroundings, bridge_, row, command):
    surroundings.setenv(row.name, row.value)
    code, said = bridge_(command)
    assert "secret" not in said
    if not row.answer.startswith("works"):
        assert (code, said) == (2, row.answer)
    elif command == "serve":
        assert code == 0
    else:
        assert code == 1
        assert re.match(rf"(Checkly|No bridge answers) at {ELSEWHERE} ?", said)
        way = row.answer.partition(": ")[2]
        assert (way in said) if way else ("proxy" not in said)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.answer.startswith("works")], ids=lambda row: row.name)
def test_what_is_on_this_machine_needs_none_of_them(surroundings, bridge_, row):
    surroundings.setenv(row.name, row.value)
    assert bridge_("serve", "http://127.0.0.1:1")[0] == 0
    assert bridge_("receiver")[0] == 0
    for command in ("check --online", "services", "incidents list"):
        code, said = bridge_(command, "http://[::1]:1")
        assert code == 1
        assert "http://[::1]:1" in said


@pytest.mark.parametrize(
    ("address", "variables", "answer"),
    [
        (
            "rediss://127.0.0.1:1/0",
            {"SSL_CERT_FILE": "/nope"},
            "SSL_CERT_FILE: cannot read certificates from /nope: No",
        ),
        ("rediss+sentinel://127.0.0.1:1/x", {"SSL_CERT_DIR": "/nope"}, "SSL_CERT_DIR: cannot read certificates from"),
        ("rediss://127.0.0.1:1/0?ssl_ca_certs=/nope", {}, "REDIS_URL: cannot read /nope (ssl_ca_certs): No such file"),
        ("rediss+cluster://h?ssl_certfile=/nope", {}, "REDIS_URL: cannot read /nope (ssl_certfile): No such file or"),
        (
            "rediss://h?ssl_ca_certs=/dev/null",
            {"SSLKEYLOGFILE": "/nope/x"},
            "SSLKEYLOGFILE: cannot write to /nope/x: No",
        ),
    ],
)
def test_what_the_tls_of_redis_needs_is_looked_at_first(surroundings, bridge_, address, variables, answer):
    for name, value in {"REDIS_URL": address, **variables}.items():
        surroundings.setenv(name, value)
    code, said = bridge_("receiver")
    assert (code, said.count("\n")) == (2, 0)
    assert said.startswith(answer)


@pytest.mark.parametrize(
    "url", ["bridge:8080", "http://", "http://[::1", "http://a b", "http://h:99999", "ftp://h", "http://h\n\nx", "/x"]
)
def test_an_address_of_the_bridge_that_is_none_is_named(surroundings, run, url):
    surroundings.setenv("BRIDGE_URL", url)
    shown = run("incidents", "list")
    assert (shown.code, shown.err) == (2, "BRIDGE_URL or --url must look like http://127.0.0.1:8080\n")


def test_an_address_of_the_bridge_may_end_with_a_line_break(surroundings, run):
    surroundings.setenv("BRIDGE_URL", "http://127.0.0.1:1/\n")
    assert run("incidents", "list").err.startswith("No bridge answers at http://127.0.0.1:1: ")


def test_with_all_of_them_at_once_what_is_on_this_machine_works(tmp_path, config, sandbox, redis_url):
    """As real processes: what Python and its libraries read before any line of ours is in it, too."""
    environment = {**EVERYTHING, "COLUMNS": "many", "TZ": "nowhere", "NO_COLOR": "x"}
    with Bridge(
        tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url, environment=environment
    ) as bridge:
        assert httpx.get(f"{bridge.url}/metrics", trust_env=False).is_success
        asked = {**os.environ, **bridge.environment(), "BRIDGE_URL": bridge.url}
        for command in (["incidents", "list"], ["check", str(config), "--online"], ["services"], ["explain", "--help"]):
            done = _command(command, asked)
            assert done.returncode < 2, done.stderr
            assert "Traceback" not in done.stderr
    said = {json.loads(line)["event"] for line in bridge.output.splitlines()}
    assert not said & {"audit_failed", "store_unavailable", "reconcile_failed", "checkly_unavailable"}


@pytest.mark.needs("valkey-server")
def test_with_all_of_them_at_once_the_demo_plays():
    played = _command(["demo", "--oneshot"], {**os.environ, **EVERYTHING})
    assert "Problems in the shop" in played.stdout, played.stderr


def _command(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
