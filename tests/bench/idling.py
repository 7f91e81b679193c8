"""What the bridge takes while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.measured_servers import Stage, cpu_s, resident_mib
from tests.bench.table import Row


def rows(stage: Stage) -> Iterator[Row]:
    """From its start on."""
    redis = stage.redis()
    starts = []
    for _ in range(stage.rounds):
        began = time.monotonic()
        bridge = stage.bridge(redis)
        starts.append(time.monotonic() - began)
        if len(starts) < stage.rounds:
            bridge.stop()
    seconds = 2 if stage.quick else 20
    time.sleep(1)  # it has settled
    began_cpu = cpu_s(bridge)
    time.sleep(seconds)
    idle = 100 * (cpu_s(bridge) - began_cpu) / seconds
    yield Row(name="processor while idle", values=[idle], unit=" % of a core", bound=1, at_most=True)
    yield Row(name="memory while idle", values=[resident_mib(bridge)], unit=" MiB", bound=80, at_most=True)
    yield Row(name="from start to ready", values=starts, unit=" s", bound=1.5, at_most=True)
