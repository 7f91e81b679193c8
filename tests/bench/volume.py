"""What large deliveries and full stores cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.bench import payloads
from tests.bench.measured_servers import (
    MeasuredServers,
    cpu_s,
    finish_pace,
    flush,
    forget_peak,
    post,
    resident_mib,
    used_bytes,
)
from tests.bench.table import Plot, Row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.bridge import Bridge
    from tests.servers.redis import Redis

_LARGE = 20_000
_BESIDE_PER_SECOND = 50
_A_SECOND = 15_000  # deliveries: more than are answered
_NAMED = 10_000
_FAR = 50_000_000  # numbers of the alerts that fill the store: none that is delivered later


def one_large(servers: MeasuredServers, new: Path) -> Iterator[Row]:
    """One delivery of 20,000 alerts, with small ones beside it."""
    redis = servers.redis()
    bridge = servers.bridge(redis)
    hundred, large = payloads.payload(range(100)), payloads.payload(range(_LARGE))
    against, grown, beside = [], [], []
    for _ in range(servers.rounds):
        flush(redis)
        small_s = min(_timed(bridge, hundred, fresh=redis) for _ in range(10)) / 100
        flush(redis)
        against.append(_timed(bridge, large) / _LARGE / small_s)
        flush(redis)
        forget_peak(bridge)
        was = resident_mib(bridge)
        pace = servers.start_pace(bridge, new, rate=_BESIDE_PER_SECOND, seconds=2 if servers.quick else 4)
        time.sleep(0.5)  # the others are on their way when it comes
        post(bridge, large)
        beside.append(finish_pace(pace).percentiles["99"])
        grown.append(resident_mib(bridge, peak=True) - was)
    yield Row(
        name="one delivery of 20,000: time per alert, against one of 100", values=against, bound=1.2, at_most=True
    )
    yield Row(name="one delivery of 20,000: memory growth", values=grown, unit=" MiB", bound=150, at_most=True)
    name = f"one delivery of 20,000: p99 of {_BESIDE_PER_SECOND} others a second meanwhile"
    yield Row(name=name, values=beside, unit=" ms", bound=250, at_most=True)


def _timed(bridge: Bridge, body: bytes, *, fresh: Redis | None = None) -> float:
    if fresh is not None:
        flush(fresh)
    began = time.monotonic()
    post(bridge, body)
    return time.monotonic() - began


def full_store(servers: MeasuredServers, new: Path) -> Iterator[Row | Plot]:
    """What a new alert costs while others are stored: processor time, which is steadier than time.

    Stores of each size stand beside each other and are measured in turn: a machine that slows down does so for all.
    """
    sizes = (0, 10_000) if servers.quick else (0, 10_000, 100_000)
    stores = []
    for size in sizes:
        redis = servers.redis()
        bridge = servers.bridge(redis)
        servers.wrk(bridge, new, seconds=1)
        flush(redis)
        _warm(bridge)
        empty = used_bytes(redis)
        _fill(bridge, size, incidents=sizes[-1] // 10)
        stores.append((redis, bridge))
        per_alert = (used_bytes(redis) - empty) / max(size, 1)
    costs: list[list[float]] = []
    seconds = min(2, servers.seconds)
    for round_ in range(servers.rounds):
        flush(stores[0][0])
        first = _FAR + (round_ + 1) * 1_000_000  # none of the stores has these yet
        fresh = payloads.write(servers.folder / "round", deliveries=_A_SECOND * seconds, first=first)
        costs.append([_cost_us(servers, bridge, redis, fresh, seconds) for redis, bridge in stores])
    yield Row(
        name=f"ingest cost at {sizes[-1]:,} active alerts in {sizes[-1] // 10:,} incidents, against an empty store",
        values=[full / empty for empty, *_, full in costs],
        bound=1.2,
        at_most=True,
        note="processor time of bridge and Redis for a delivery",
    )
    yield Row(name="Redis memory per active alert", values=[per_alert], unit=" B", bound=1024, at_most=True)
    yield _named(servers)
    medians = map(statistics.median, zip(*costs, strict=True))
    yield Plot(
        name="stored",
        title="Cost of one new alert, bridge and Redis",
        x="active alerts in the store",
        y="microseconds of processor time",
        lines={"bridge and Redis": [(float(size), cost) for size, cost in zip(sizes, medians, strict=True)]},
    )


def _named(servers: MeasuredServers) -> Row:
    """What an alert takes with a name, a link and all of its labels, which differ from alert to alert."""
    redis = servers.redis()
    bridge = servers.bridge(redis, operator_labels=("group", "instance", "job", "prometheus", "service"))
    _warm(bridge)
    flush(redis)
    _warm(bridge)
    empty = used_bytes(redis)
    _fill(bridge, _NAMED, incidents=_NAMED // 10)
    per_alert = (used_bytes(redis) - empty) / _NAMED
    name = "Redis memory per active alert, with all of its labels"
    return Row(name=name, values=[per_alert], unit=" B", bound=1024, at_most=True, note="`operator_labels`")


def _warm(bridge: Bridge) -> None:
    post(bridge, payloads.payload(range(_FAR - 1000, _FAR)))


def _fill(bridge: Bridge, size: int, *, incidents: int) -> None:
    for first in range(_FAR, _FAR + size, 1000):
        post(bridge, payloads.payload(range(first, first + 1000), groups=incidents))


def _cost_us(servers: MeasuredServers, bridge: Bridge, redis: Redis, fresh: Path, seconds: int) -> float:
    began = cpu_s(bridge, redis)
    figure = servers.wrk(bridge, fresh, seconds=seconds)
    return (cpu_s(bridge, redis) - began) / figure.requests * 1e6
