"""While no Alertmanager answers, what fires is public as soon as without healing."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import Outage, metric, now_ms, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.vocabulary import Page
    from tests.servers import Bridge

OUTAGES = 8
CLUSTERS, PEERS = 3, 2
SLOWER_MS = 1_000
EACH_BY_ITSELF = {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["number"]}


@pytest.fixture
def silent() -> Iterator[list[str]]:
    """Addresses at which a connection is taken, and no word is ever said."""
    with ExitStack() as listening:
        found = []
        for _ in range(CLUSTERS * PEERS):
            server = listening.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
            found.append(f"http://127.0.0.1:{server.getsockname()[1]}")
        yield found


def is_public(page: Page, count: int) -> None:
    """Wait until so many incidents are."""
    eventually(lambda: len(page.incidents) == count, "it to be public")


def delays(bridge: Bridge, page: Page, first: int) -> list[int]:
    """How long each of some outages took from its delivery until it was on the page, one after the other."""
    found = []
    for number in range(first, first + OUTAGES):
        fired = now_ms()
        Outage(bridge).fires(number=str(number))
        is_public(page, number + 1)
        found.append(now_ms() - fired)
    return found


def test_while_every_alertmanager_hangs_publishing_keeps_its_pace(start_bridge, page, config: Path, silent):
    write_configuration(config, routes=[EACH_BY_ITSELF])
    bridge = start_bridge()
    without = delays(bridge, page, 0)
    clusters = [
        {
            "name": f"c{number}",
            "urls": silent[number * PEERS : (number + 1) * PEERS],
            "match": f"__sender__ = c{number}",
            "alive": {"match": "alertname = Watchdog"},
        }
        for number in range(CLUSTERS)
    ]
    section = {"alertmanagers": clusters, "interval": "400ms", "absent_for": "3s", "min_uptime": "2s"}
    write_configuration(config, routes=[EACH_BY_ITSELF], healing=section)
    eventually(
        lambda: metric(bridge, "bridge_healing_rounds_total", outcome="timeout") >= CLUSTERS, "rounds", within=40
    )
    hanging = delays(bridge, page, OUTAGES)
    said = f"ms until public: {sorted(without)} without healing, {sorted(hanging)} while all hang"
    assert median(hanging) <= median(without) + SLOWER_MS, said
