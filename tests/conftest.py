"""What every test may use: a Redis or Valkey of its own, and real programs where they are installed."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from bridge.telemetry import Event, log_throttled
from tests.servers import programs, stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Store

_SKIPPED = "Skipped: needs "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--redis",
        choices=("single", *list(stores)[1:]),
        default="single",
        help="what tests/scenarios run on: one Redis, one Valkey, a primary with Sentinels, or a cluster",
    )


# The suite says the same every time; `pytest --hypothesis-profile=default` looks for what it has not tried yet.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    """What one test has brought into the log is news to the next."""
    for event in Event:
        log_throttled.recovered(event)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        _need(mark.args[0])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    missed = Counter(reason.removeprefix(_SKIPPED) for reason in reasons if reason.startswith(_SKIPPED))
    if not missed:
        return
    terminalreporter.section("not run on this machine")
    for program, tests in sorted(missed.items()):
        what = f"{tests} test{'s' * (tests != 1)}"
        terminalreporter.line(f"{program} is not installed: {what} could not run against it")
    if programs.find("redis-server") is None:
        terminalreporter.line("the other tests of the store ran on Valkey instead of Redis")


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """Gives the session's server of a kind, and starts it when first asked."""
    with ExitStack() as running:
        servers: dict[str, Store] = {}

        def get(kind: str) -> Store:
            if kind not in servers:
                _need(stores[kind].name)
                servers[kind] = stores[kind](tmp_path_factory.mktemp(kind))
                running.enter_context(servers[kind])
            return servers[kind]

        yield get


@pytest.fixture
def redis_kind() -> str:
    """The kind of the Redis that a test gets: a Valkey where no Redis is installed."""
    return "redis" if programs.find("redis-server") or programs.must_be_there() else "valkey"


@pytest.fixture
def redis_server(redis_kind: str, store_server: Callable[[str], Store]) -> Store:
    """A Redis with nothing in it; a test that stops a part of it must start that again.

    ``parametrize("redis_kind", ["redis", "valkey"])`` runs a test on both.
    """
    server = store_server(redis_kind)
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture
def redis_url(redis_server: Store) -> str:
    """The address of ``redis_server``."""
    return redis_server.url


def _need(program: str) -> None:
    """Skip the test, or in continuous integration fail it, when a program is missing."""
    if programs.find(program) is not None:
        return
    if programs.must_be_there(program):
        pytest.fail(f"{program} is not installed, and BRIDGE_REQUIRE_SERVERS=1 says that it must be")
    pytest.skip(f"needs {program}{programs.why_missing(program)}")
