"""What the bridge takes while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.measured_servers import MeasuredServers, cpu_s, resident_mib
from tests.bench.table import Row


def rows(servers: MeasuredServers) -> Iterator[Row]:
    """From its start on."""
    redis = servers.redis()
    starts = []
    for _ in range(servers.rounds):
        began = time.monotonic()
        bridge = servers.bridge(redis)
        starts.append(time.monotonic() - began)
        if len(starts) < servers.rounds:
            bridge.stop()
    seconds = 2 if servers.quick else 20
    time.sleep(1)  # it has settled
    began_cpu = cpu_s(bridge)
    time.sleep(seconds)
    idle = 100 * (cpu_s(bridge) - began_cpu) / seconds
    yield Row(name="processor while idle", values=[idle], unit=" % of a core", bound=1, at_most=True)
    yield Row(name="memory while idle", values=[resident_mib(bridge)], unit=" MiB", bound=80, at_most=True)
    yield Row(name="from start to ready", values=starts, unit=" s", bound=1.5, at_most=True)
