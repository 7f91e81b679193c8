"""How fast deliveries are taken in, against the bare endpoint."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench import payloads
from tests.bench.stage import Figure, Pace, Stage, finish_pace, finish_wrk, flush, rate, ratios
from tests.bench.table import Plot, Row
from tests.servers.bridge import Bridge
from tests.servers.process import Process
from tests.servers.redis import Redis

_MOST_A_SECOND = 15_000  # what is generated ahead for each second, so that nothing repeats


class Receiving:
    """Bridge and bare endpoint, one process each, on one Redis that syncs every second."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._redis = stage.redis()
        self._bare = stage.bare(self._redis)
        self._bridge = stage.bridge(self._redis, stage.sandbox())
        self.new = payloads.write(stage.folder / "new", deliveries=_MOST_A_SECOND * stage.seconds)
        self._same = payloads.write(stage.folder / "same", deliveries=500)
        self.hundred = payloads.write(
            stage.folder / "hundred", deliveries=_MOST_A_SECOND * stage.seconds // 20, alerts_each=100
        )

    def rows(self) -> Iterator[Row | Plot]:
        """The rates, and the time that an answer takes."""
        bridge, bare = self._both(self.new)
        yield Row(name="bare endpoint: new alerts, 32 connections", values=_rates(bare), unit="/s")
        yield Row(name="bridge: new alerts, 32 connections", values=_rates(bridge), unit="/s")
        yield Row(name="new alerts, against the bare endpoint", values=ratios(bridge, bare), bound=1.0)
        repeats, bare_again = self._both(self._same, fresh=False)
        yield Row(name="repeats, against the bare endpoint", values=ratios(repeats, bare_again), bound=1.2)
        many, _ = self._both(self.hundred, ours_only=True)
        alerts = [100 * each / one for each, one in zip(_rates(many), _rates(bridge), strict=True)]
        yield Row(name="alerts/s in deliveries of 100, against deliveries of 1", values=alerts, bound=5)
        yield from self._latency(rate(bridge) / 2)
        yield self._concurrency()

    def _both(self, file: Path, *, fresh: bool = True, ours_only: bool = False) -> tuple[list[Figure], list[Figure]]:
        """Runs of the bridge and of the bare endpoint in turn."""
        ours: list[Figure] = []
        theirs: list[Figure] = []
        for _ in range(self._stage.rounds):
            for server, runs in ((self._bare, theirs), (self._bridge, ours)):
                if ours_only and server is self._bare:
                    continue
                if fresh:
                    flush(self._redis)
                runs.append(self._stage.wrk(server, file))
        return ours, theirs

    def _latency(self, per_second: float) -> Iterator[Row | Plot]:
        ours: list[Pace] = []
        theirs: list[Pace] = []
        for _ in range(self._stage.rounds):
            for server, runs in ((self._bare, theirs), (self._bridge, ours)):
                flush(self._redis)
                runs.append(finish_pace(self._stage.start_pace(server, self.new, rate=per_second)))
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
                figure = self._stage.wrk(server, self.new, connections=connections, seconds=min(2, self._stage.seconds))
                line.append((connections, figure.per_second))
        return Plot(name="throughput", title="New alerts", x="connections", y="deliveries per second", lines=lines)

    def two_processes(self) -> Iterator[Row]:
        """A second process beside the first; each core but those of wrk and Redis can be theirs."""
        second = self._stage.bridge(self._redis, self._stage.sandbox(), role="receiver")
        values = [self._together(second) / self._alone() for _ in range(self._stage.rounds)]
        yield Row(name="two processes, against one", values=values, note="≥ 1.6 where two cores are free for them")

    def _alone(self) -> float:
        flush(self._redis)
        return self._stage.wrk(self._bridge, self.new).per_second

    def _together(self, second: Bridge) -> float:
        flush(self._redis)
        other = payloads.write(
            self._stage.folder / "other", deliveries=_MOST_A_SECOND * self._stage.seconds, first=100_000_000
        )
        servers: list[tuple[Process, Path]] = [(self._bridge, self.new), (second, other)]
        running = [self._stage.start_wrk(server, file) for server, file in servers]
        return sum(finish_wrk(each).per_second for each in running)


def group_commit(stage: Stage, new: Path) -> Iterator[Row]:
    """With a disk that is waited for at every write, those who write together wait together."""
    redis: Redis = stage.redis(appendfsync="always")
    bridge = stage.bridge(redis, stage.sandbox())
    many: list[Figure] = []
    one: list[Figure] = []
    for _ in range(stage.rounds):
        for connections, runs in ((1, one), (64, many)):
            flush(redis)
            runs.append(stage.wrk(bridge, new, connections=connections))
    name = "appendfsync always: 64 connections, against one"
    yield Row(name=name, values=ratios(many, one), bound=8, note=f"one: {rate(one):,.0f}/s, 64: {rate(many):,.0f}/s")


def _rates(figures: list[Figure]) -> list[float]:
    return [figure.per_second for figure in figures]


def _curve(runs: list[Pace], points: list[str]) -> list[tuple[float, float]]:
    return [(float(point), statistics.median(run.percentiles[point] for run in runs)) for point in points]
