"""What a list of incidents takes, of few and of many that are stored."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx

from tests.bench import payloads
from tests.bench.measured_servers import MeasuredServers, post
from tests.bench.table import Row

if TYPE_CHECKING:
    from tests.servers.bridge import Bridge

_LISTED = 100
_LISTS = 40  # a round
_P95 = 94


def lists(servers: MeasuredServers) -> Iterator[Row]:
    """The open incidents, as the command line asks for them: of a hundred, and of ten thousand, in turn."""
    few, many = (_filled(servers, count) for count in (_LISTED, 10_000))
    taken = [(_p95_ms(few), _p95_ms(many)) for _ in range(servers.rounds)]
    name = f"a list of {_LISTED} of 10,000 open incidents"
    yield Row(name=f"{name}: p95", values=[each for _, each in taken], unit=" ms", bound=50, at_most=True)
    yield Row(
        name=f"{name}: p95, against one of {_LISTED} of {_LISTED}",
        values=[of_many / of_few for of_few, of_many in taken],
        bound=2,
        at_most=True,
    )


def _filled(servers: MeasuredServers, count: int) -> Bridge:
    bridge = servers.bridge(servers.redis())
    for first in range(0, count, 1_000):
        post(bridge, payloads.payload(range(first, min(first + 1_000, count)), groups=count))
    return bridge


def _p95_ms(bridge: Bridge) -> float:
    times = []
    with httpx.Client(base_url=bridge.url, headers={"Authorization": f"Bearer {bridge.admin_token}"}) as client:
        for _ in range(_LISTS):
            began = time.monotonic()
            answer = client.get("/api/incidents", params={"active": "true", "limit": _LISTED}).raise_for_status()
            times.append((time.monotonic() - began) * 1000)
            if len(answer.json()["incidents"]) != _LISTED:
                raise AssertionError("the list is not whole")
    return statistics.quantiles(times, n=100)[_P95]
