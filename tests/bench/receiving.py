"""How fast deliveries are taken in, against the bare endpoint."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tests.bench import payloads
from tests.bench.measured_servers import (
    Figure,
    MeasuredServers,
    Pace,
    SlowRedis,
    cpu_s,
    finish_pace,
    finish_wrk,
    flush,
    rate,
    ratios,
)
from tests.bench.table import Plot, Row
from tests.servers.redis import Redis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.bridge import Bridge

_TURNS, _TURN_S = 9, 3  # many short ones: a machine that slows down does so for both
_PACE_S = 2  # at least: in less, whether the machine halts once for 50 ms or not decides what is slowest
_MOST_A_SECOND = 15_000  # what is generated ahead for each second, so that nothing repeats


class Receiving:
    """Bridge and bare endpoint, one process each, on one Redis that syncs every second."""

    def __init__(self, servers: MeasuredServers) -> None:
        self._servers = servers
        self._redis = servers.redis()
        self._bare = servers.bare(self._redis)
        self._bridge = servers.bridge(self._redis)
        self.new = payloads.write(servers.folder / "new", deliveries=_MOST_A_SECOND * servers.seconds)
        self._same = payloads.write(servers.folder / "same", deliveries=500)
        self.hundred = payloads.write(
            servers.folder / "hundred", deliveries=_MOST_A_SECOND * servers.seconds // 20, alerts_each=100
        )

    def rows(self) -> Iterator[Row | Plot]:
        """The rates, and the time that an answer takes."""
        bridge, bare = self._both(self.new)
        yield Row(name="bare endpoint: new alerts, 32 connections", values=_rates(bare), unit="/s")
        yield Row(name="bridge: new alerts, 32 connections", values=_rates(bridge), unit="/s")
        yield Row(name="new alerts, against the bare endpoint", values=ratios(bridge, bare), bound=1.0)
        repeats, bare_again = self._both(self._same, fresh=False)
        yield Row(name="repeats, against the bare endpoint", values=ratios(repeats, bare_again), bound=1.2)
        yield self._logged(rate(bare))
        many, _ = self._both(self.hundred, ours_only=True)
        alerts = [100 * each / one for each, one in zip(_rates(many), _rates(bridge), strict=True)]
        yield Row(name="alerts/s in deliveries of 100, against deliveries of 1", values=alerts, bound=5)
        yield from self._latency(rate(bridge) / 2)
        if not self._servers.quick:
            yield self._concurrency()

    def _both(self, file: Path, *, fresh: bool = True, ours_only: bool = False) -> tuple[list[Figure], list[Figure]]:
        """Runs of the bridge and of the bare endpoint in turn."""
        ours: list[Figure] = []
        theirs: list[Figure] = []
        for _ in range(1 if self._servers.quick else _TURNS):
            for server, runs in ((self._bare, theirs), (self._bridge, ours)):
                if ours_only and server is self._bare:
                    continue
                if fresh:
                    flush(self._redis)
                runs.append(self._servers.wrk(server, file, seconds=min(_TURN_S, self._servers.seconds)))
        return ours, theirs

    def _logged(self, bare: float) -> Row:
        servers = self._servers
        with servers.scene():
            talkative = servers.bridge(self._redis, log_level="info")
            rates = []
            for _ in range(servers.rounds):
                flush(self._redis)
                rates.append(servers.wrk(talkative, self.new).per_second / bare)
        return Row(name="new alerts with a line in the log for each, against the bare endpoint", values=rates)

    def _latency(self, per_second: float) -> Iterator[Row | Plot]:
        servers = self._servers
        ours: list[Pace] = []
        theirs: list[Pace] = []
        for _ in range(servers.rounds):
            for server, runs in ((self._bare, theirs), (self._bridge, ours)):
                flush(self._redis)
                run = servers.start_pace(server, self.new, rate=per_second, seconds=max(_PACE_S, servers.seconds))
                runs.append(finish_pace(run))
        against = [a.percentiles["99"] / b.percentiles["99"] for a, b in zip(ours, theirs, strict=True)]
        name = "p99 of the answer at half of its own most, against the bare endpoint at that rate"
        yield Row(name=name, values=against, bound=1.5, at_most=True, note=f"{per_second:,.0f} deliveries/s")
        yield Row(name="the same p99 in milliseconds", values=[each.percentiles["99"] for each in ours], unit=" ms")
        points = list(ours[0].percentiles)
        yield Plot(
            name="latency",
            title=f"Time to answer at {per_second:,.0f} deliveries a second",
            x="percentile",
            y="milliseconds",
            ticks=points,
            lines={"bridge": _curve(ours, points), "bare endpoint": _curve(theirs, points)},
        )

    def _concurrency(self) -> Plot:
        lines: dict[str, list[tuple[float, float]]] = {}
        for server in (self._bridge, self._bare):
            lines[server.name] = line = []
            for connections in (1, 4, 16, 32, 64):
                flush(self._redis)
                figure = self._servers.wrk(server, self.new, connections=connections, seconds=2)
                line.append((connections, figure.per_second))
        return Plot(name="throughput", title="New alerts", x="connections", y="deliveries per second", lines=lines)

    def two_processes(self) -> Iterator[Row]:
        """A second process beside the first, on the cores that wrk and Redis leave them.

        Where that is less than a core each, what their own cores would give them is told by the processor time that a
        delivery takes: as long as Redis has time left, nothing else holds them up.
        """
        second = self._servers.bridge(self._redis, role="receiver")
        other = payloads.write(
            self._servers.folder / "other", deliveries=_MOST_A_SECOND * self._servers.seconds, first=100_000_000
        )
        ratios: list[float] = []
        by_cost: list[float] = []
        busy: list[float] = []
        for _ in range(self._servers.rounds):
            one, cost_of_one, _ = self._together({self._bridge: self.new})
            both, cost_of_both, redis_s = self._together({self._bridge: self.new, second: other})
            ratios.append(both / one)
            by_cost.append(min(2 * cost_of_one / cost_of_both, cost_of_one / redis_s))
            busy.append(redis_s / cost_of_both)
        name = "two processes, against one"
        yield Row(name=name, values=ratios, note="≥ 1.6 where two cores are free for them")
        note = "from the processor time of a delivery; of a core, Redis then takes "
        note += f"{200 * statistics.median(busy):.0f} %"
        yield Row(name=f"{name}, with a core for each", values=by_cost, bound=1.6, note=note)

    def _together(self, servers: Mapping[Bridge, Path]) -> tuple[float, float, float]:
        """Deliveries a second of all these, and the processor seconds of the bridges, and of Redis, for one."""
        flush(self._redis)
        bridges_s, redis_s = cpu_s(*servers), cpu_s(self._redis)
        running = [self._servers.start_wrk(server, file) for server, file in servers.items()]
        figures = [finish_wrk(each) for each in running]
        count = sum(figure.requests for figure in figures)
        taken = (cpu_s(*servers) - bridges_s) / count, (cpu_s(self._redis) - redis_s) / count
        return sum(figure.per_second for figure in figures), *taken


def group_commit(servers: MeasuredServers, new: Path) -> Iterator[Row]:
    """With a disk that is waited for at every write, those who write together wait together.

    How much that gives depends on the disk: what a quick one's syncs leave to be saved is less than a delivery costs.
    """
    name = "appendfsync always: 64 connections, against one"
    for kind, disk in ((Redis, f"a sync takes {servers.sync_ms():.2f} ms"), (SlowRedis, "each sync 2 ms longer")):
        with servers.scene():
            many, one, busy = _many_and_one(servers, servers.redis(kind, appendfsync="always"), new)
        note = f"{disk}; one: {rate(one):,.0f}/s, 64: {rate(many):,.0f}/s, the bridge's core then busy to {busy:.0f} %"
        suffix = "" if kind is Redis else ", on a slower disk"
        yield Row(name=name + suffix, values=ratios(many, one), bound=8, note=note)


def _many_and_one(servers: MeasuredServers, redis: Redis, new: Path) -> tuple[list[Figure], list[Figure], float]:
    """Runs with 64 connections and with one, in turn, and how busy the many keep the bridge, in percent of a core."""
    bridge = servers.bridge(redis)
    many: list[Figure] = []
    one: list[Figure] = []
    busy_s = 0.0
    for _ in range(servers.rounds):
        flush(redis)
        one.append(servers.wrk(bridge, new, connections=1))
        flush(redis)
        busy_s -= cpu_s(bridge)
        many.append(servers.wrk(bridge, new, connections=64))
        busy_s += cpu_s(bridge)
    return many, one, 100 * busy_s / sum(figure.seconds for figure in many)


def _rates(figures: list[Figure]) -> list[float]:
    return [figure.per_second for figure in figures]


def _curve(runs: list[Pace], points: list[str]) -> list[tuple[float, float]]:
    return [(float(point), statistics.median(run.percentiles[point] for run in runs)) for point in points]
