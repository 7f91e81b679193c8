"""`make bench`: the bridge against a bare endpoint. Ratios of one run; absolute figures are this machine's."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
from msgspec import Struct

from tests.bench import payloads
from tests.servers.bridge import Bridge, Sandbox
from tests.servers.process import Process
from tests.servers.redis import Redis

CONFIG = """
version: 1
checkly: {api: v1}
services: {checkout: Checkout}
severity: [{match: severity = critical, is: CRITICAL}, {is: MINOR}]
defaults: {publish_after: 1d}
routes:
  - name: checkout
    match: [service = checkout, 'severity =~ "critical|warning"']
    services: [checkout]
    group_by: [group]
"""


class Figure(Struct):
    """One run of wrk."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return self.requests / self.seconds


class Bare(Process):
    """The bare endpoint as a process."""

    name = "bare"

    def __init__(self, directory: Path, redis_url: str) -> None:
        super().__init__(directory)
        self._redis_url = redis_url

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, Path(__file__).with_name("bare.py"), str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": self._redis_url}

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz").is_success


def main() -> None:
    """Run the rows and print the table."""
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each, alternating (default 3)")
    arguments.add_argument("--seconds", type=int, default=4, help="length of one run (default 4)")
    arguments.add_argument("--connections", type=int, default=32, help="connections (default 32)")
    options = arguments.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        Bench(Path(folder), running, options).run()


class Bench:
    """The servers, and how one row is measured."""

    def __init__(self, folder: Path, running: ExitStack, options: argparse.Namespace) -> None:
        self._folder = folder
        self._options = options
        config = folder / "bridge.yaml"
        config.write_text(CONFIG)
        self._redis = running.enter_context(Redis(folder / "redis"))
        sandbox = running.enter_context(Sandbox(folder / "sandbox", services=["Checkout"]))
        self._bare = running.enter_context(Bare(folder / "bare", self._redis.url))
        self._bridge = running.enter_context(
            Bridge(
                folder / "bridge",
                config=config,
                sandbox=sandbox,
                redis_url=self._redis.url,
                environment={"LOG_LEVEL": "warning"},
            )
        )

    def run(self) -> None:
        """All rows."""
        print(f"memory of the idle bridge: {self._memory_mib():.1f} MiB (resident)\n")
        print(f"{'row':<28}{'bare/s':>10}{'bridge/s':>10}{'ratio':>7}{'bare p50/p99 ms':>18}{'bridge p50/p99 ms':>19}")
        count = 12_000 * self._options.seconds
        new = payloads.write(self._folder / "new", deliveries=count, alerts_each=1)
        single = self._row("new, one alert", new, fresh=True)
        self._row(
            "repeat, one alert", payloads.write(self._folder / "same", deliveries=500, alerts_each=1), fresh=False
        )
        many = payloads.write(self._folder / "many", deliveries=count // 50, alerts_each=100)
        hundred = self._row("new, 100 alerts", many, fresh=True)
        print(f"\nalerts/s in deliveries of 100 against deliveries of 1: {hundred * 100 / single:.1f}")

    def _row(self, name: str, file: Path, *, fresh: bool) -> float:
        figures: dict[Process, list[Figure]] = {self._bare: [], self._bridge: []}
        for _ in range(self._options.rounds):
            for server, runs in figures.items():
                if fresh:
                    self._flush()
                runs.append(self._load(server, file))
        bare, bridge = figures.values()
        ratio = statistics.median(b.per_second / a.per_second for a, b in zip(bare, bridge, strict=True))
        print(
            f"{name:<28}{_median(bare):>10,.0f}{_median(bridge):>10,.0f}{ratio:>7.2f}"
            f"{_latency(bare):>18}{_latency(bridge):>19}",
            flush=True,
        )
        return _median(bridge)

    def _load(self, server: Process, file: Path) -> Figure:
        options = self._options
        command = [
            "wrk",
            "-t1",
            f"-c{options.connections}",
            f"-d{options.seconds}s",
            "--latency",
            "-s",
            str(Path(__file__).with_name("load.lua")),
            f"{server.url}/webhooks/alertmanager",
        ]
        environment = {**os.environ, "BENCH_PAYLOADS": str(file), "BENCH_TOKEN": Bridge.alertmanager_token}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        figure = Figure(**json.loads(done.stdout.splitlines()[-1]))
        if figure.errors:
            raise SystemExit(f"{server.name}: {figure.errors} requests failed\n{done.stdout}")
        return figure

    def _flush(self) -> None:
        with self._redis.client() as client:
            client.flushall()

    def _memory_mib(self) -> float:
        status = Path(f"/proc/{self._bridge.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _median(figures: list[Figure]) -> float:
    return statistics.median(figure.per_second for figure in figures)


def _latency(figures: list[Figure]) -> str:
    p50 = statistics.median(figure.p50_ms for figure in figures)
    p99 = statistics.median(figure.p99_ms for figure in figures)
    return f"{p50:.1f}/{p99:.1f}"


if __name__ == "__main__":
    main()
