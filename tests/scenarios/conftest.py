"""What the scenarios share: one simulator for all of them, reset for each; bridges that read a file of the test's."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.scenarios.transcript import ROOT, Transcript, steps
from tests.scenarios.vocabulary import MeasuredOutage, Outage, Page, write_configuration
from tests.servers import Alertmanager, Bridge, Exporter, Prometheus, Sandbox, stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import redis

    from tests.servers import Store

_RULE = {"alert": "ErrorsHigh", "expr": "errors > 5", "labels": {"team": "shop"}}
_SERVICES = ["Checkout", "Payments", "Search"]
_ACCOUNT = {
    "name": "Shop",
    "services": _SERVICES,
    "pages": [
        {
            "name": "Shop",
            "url": "shop",
            "cards": [{"name": "Services", "services": _SERVICES}],
            "subscribers": ["reader@example.com"],
        }
    ],
}


@pytest.fixture
def redis_kind(request: pytest.FixtureRequest, redis_kind: str) -> str:
    """The kind that ``--redis`` names."""
    chosen: str = request.config.getoption("--redis")
    return redis_kind if chosen == "single" else chosen


@pytest.fixture
def redis_look(redis_server: Store) -> Iterator[redis.Redis]:
    """The test's own look into Redis."""
    with redis_server.client() as client:
        yield client


@pytest.fixture
def own_redis(tmp_path: Path, redis_kind: str) -> Iterator[Store]:
    """A Redis of the test's own, of the same kind, which it may stop."""
    with stores[redis_kind](tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    """Checkly, simulated: the account of a shop with one page and one subscriber."""
    directory = tmp_path_factory.mktemp("sandbox")
    account = directory / "account.yaml"
    account.write_text(yaml.safe_dump(_ACCOUNT))
    with Sandbox(directory, account=account) as server:
        yield server


@pytest.fixture
def page(sandbox):
    """The shop's page, with nothing on it yet."""
    sandbox.control("POST", "reset")
    return Page(sandbox)


@pytest.fixture
def config(tmp_path):
    """The configuration file that bridges of the test follow; ``write_configuration`` changes it."""
    return write_configuration(tmp_path / "bridge.yaml")


@pytest.fixture
def start_bridge(tmp_path, page, config, redis_url):
    """Starts bridges on one Redis and stops those that still run at the end."""
    numbers = count(1)
    with ExitStack() as running:

        def start(**options: Any) -> Bridge:
            directory = tmp_path / f"bridge-{next(numbers)}"
            options = {"config": config, "sandbox": page.sandbox, "redis_url": redis_url} | options
            return running.enter_context(Bridge(directory, **options))

        yield start


@pytest.fixture
def bridge(start_bridge: Callable[..., Bridge]) -> Bridge:
    """A bridge that runs."""
    return start_bridge()


@pytest.fixture
def outage(bridge: Bridge) -> Outage:
    """An outage of which the bridge is told as Alertmanager would."""
    return Outage(bridge)


@pytest.fixture
def transcript(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Transcript]]:
    """Makes the transcript of the section that the mark ``types`` names: all of its commands must be typed."""
    (mark,) = request.node.iter_markers("types")
    made: list[Transcript] = []
    at = tmp_path / "typed"
    at.mkdir()

    def make(environment: Mapping[str, str], replaced: Mapping[str, str] | None = None) -> Transcript:
        path = {"PATH": f"{at}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        made.append(Transcript(steps(*mark.args), {**path, **environment}, replaced or {}, at))
        return made[0]

    yield make
    for each in made:
        each.ends()
    assert [each.is_over for each in made] == [True], "a command of the section was not typed"


@pytest.fixture
def measured_outage(bridge: Bridge, tmp_path: Path) -> Iterator[MeasuredOutage]:
    """Prometheus measures, Alertmanager repeats what fires every second, the bridge listens."""
    with (
        Exporter() as exporter,
        Alertmanager(
            tmp_path / "alertmanager",
            webhook=bridge.webhook,
            token=bridge.alertmanager_token,
            route={"repeat_interval": "1s"},
        ) as alertmanager,
        Prometheus(tmp_path / "prometheus", rules=[_RULE], alertmanagers=[alertmanager], targets=[exporter.address]),
    ):
        yield MeasuredOutage(exporter, alertmanager)
