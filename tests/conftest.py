"""What every test may use: a Redis or Valkey of its own, and real programs where they are installed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import Redis, Valkey, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STORES: dict[str, type[Redis]] = {"redis": Redis, "valkey": Valkey}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        _need(mark.args[0])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not programs.missed:
        return
    terminalreporter.section("not run on this machine")
    for program, tests in sorted(programs.missed.items()):
        what = f"{tests} test{'s' * (tests != 1)}"
        terminalreporter.line(f"{program} is not installed: {what} could not run against it")
    if programs.find("redis-server") is None:
        terminalreporter.line("the other tests of the store ran on Valkey instead of Redis")


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Redis]]:
    """Gives the session's server of a kind, ``redis`` or ``valkey``, and starts it when first asked."""
    with ExitStack() as running:
        servers: dict[str, Redis] = {}

        def get(kind: str) -> Redis:
            if kind not in servers:
                servers[kind] = running.enter_context(_STORES[kind](tmp_path_factory.mktemp(kind)))
            return servers[kind]

        yield get


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, store_server: Callable[[str], Redis]) -> str:
    """The URL of an empty Redis; of a Valkey where no Redis is installed.

    ``parametrize("redis_url", ["redis", "valkey"], indirect=True)`` runs a test on both.
    """
    kind = getattr(request, "param", None)
    if kind is None:
        kind = "redis" if programs.find("redis-server") or programs.must_be_there() else "valkey"
    _need(_STORES[kind].name)
    server = store_server(kind)
    with server.client() as client:
        client.flushall()
    return server.url


def _need(program: str) -> None:
    """Skip the test, or in continuous integration fail it, when a program is missing."""
    if programs.find(program) is not None:
        return
    if programs.must_be_there():
        pytest.fail(f"{program} is not installed, and BRIDGE_REQUIRE_SERVERS=1 says that it must be")
    programs.missed[program] += 1
    pytest.skip(f"needs {program}")
