"""The servers that are measured, the load on them, and what the system says of their processes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from tests.servers.bridge import Bridge, Sandbox
from tests.servers.process import Process
from tests.servers.redis import Redis

CONFIG = """
version: 1
checkly: {{api: v1, requests_per_minute: {per_minute}}}
budgets: {budgets}
people: {{look_every: {look_every}}}
services: {{checkout: Checkout}}
severity: [{{match: severity = critical, is: CRITICAL}}, {{is: MINOR}}]
defaults: {{publish_after: {publish_after}, resolve_after: {resolve_after}}}
routes:
  - name: checkout
    match: [service = checkout, 'severity =~ "critical|warning"']
    services: [checkout]
    group_by: [group]
"""
_NAMED = 'public_labels: [group]\ntexts: {name: "Outage {{ labels.group }}"}\n'  # so that the page tells which is which
PATH = "/webhooks/alertmanager"
AUTHORIZATION = f"Bearer {Bridge.alertmanager_token}"
_SYNCS = 200
_client = httpx.Client(timeout=120)
_TICKS = os.sysconf("SC_CLK_TCK")


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


class Pace(Struct):
    """One run at a constant rate: percentiles in milliseconds, from when each request was due."""

    answered: int
    errors: int
    percentiles: dict[str, float]


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


class SlowRedis(Redis):
    """Redis on a disk whose sync takes two milliseconds longer."""

    def environment(self) -> Mapping[str, str]:
        library = self.directory.with_suffix(".so")
        source = Path(__file__).with_name("slow_sync.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        return {"LD_PRELOAD": str(library)}


class MeasuredServers:
    """A folder with servers, which run until ``running`` ends. ``tree`` is the checkout whose bridge is measured."""

    def __init__(self, folder: Path, running: ExitStack, *, tree: Path, quick: bool) -> None:
        if missing := [program for program in ("wrk", "cc") if shutil.which(program) is None]:
            sys.exit(f"make bench needs {' and '.join(missing)} (Debian: apt-get install wrk gcc)")
        self.folder = folder
        self.quick = quick
        self.rounds = 1 if quick else 5
        self.seconds = 1 if quick else 5
        self._running = running
        self._tree = tree
        self._numbers = count()
        self._unvisited = self.sandbox()

    @contextmanager
    def scene(self) -> Iterator[None]:
        """What is started meanwhile is stopped at the end."""
        whole = self._running
        with ExitStack() as self._running:
            yield
        self._running = whole

    def redis(self, kind: type[Redis] = Redis, /, **options: str) -> Redis:
        """A Redis of its own. Rewriting its file would fall into some runs and not into others, and takes a core."""
        redis = kind(self._place("redis"), port=None, auto_aof_rewrite_percentage="0", **options)
        return self._running.enter_context(redis)

    def sandbox(self) -> Sandbox:
        """A simulator, which answers at once."""
        return self._running.enter_context(Sandbox(self._place("sandbox"), services=["Checkout"]))

    def bare(self, redis: Redis) -> Bare:
        """The bare endpoint."""
        return self._running.enter_context(Bare(self._place("bare"), redis.url))

    def bridge(
        self,
        redis: Redis,
        sandbox: Sandbox | None = None,
        *,
        publish_after: str = "1d",
        look_every: str = "60s",
        per_minute: int = 1_000_000,
        role: str = "all",
        log_level: str = "warning",
        operator_labels: Sequence[str] = (),
        budgets: str = "off",
    ) -> Bridge:
        """The bridge that is measured. By default it logs no more than the bare endpoint, which is nothing.

        Without a simulator of its own it has one that it shares with others, for it publishes nothing within a day.
        """
        folder = self._place("bridge")
        config = folder.with_suffix(".yaml")
        config.write_text(
            CONFIG.format(
                publish_after=publish_after,
                resolve_after="0s",
                look_every=look_every,
                per_minute=per_minute,
                budgets=budgets,
            )
            + (_NAMED if publish_after == "0s" else "")
            + f"operator_labels: [{', '.join(operator_labels)}]\n"
        )
        environment = {"LOG_LEVEL": log_level, "PYTHONPATH": str(self._tree)}
        bridge = Bridge(
            folder,
            config=config,
            sandbox=sandbox or self._unvisited,
            redis_url=redis.url,
            role=role,
            environment=environment,
        )
        return self._running.enter_context(bridge)

    def wrk(self, server: Process, payloads: Path, *, connections: int = 32, seconds: int | None = None) -> Figure:
        """As many requests as it can answer."""
        return finish_wrk(self.start_wrk(server, payloads, connections=connections, seconds=seconds))

    def start_wrk(
        self, server: Process, payloads: Path, *, connections: int = 32, seconds: int | None = None
    ) -> subprocess.Popen[str]:
        """The same, not waited for."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds or self.seconds}s", "--latency", "-s"]
        command += [str(Path(__file__).with_name("load.lua")), server.url + PATH]
        environment = {"BENCH_PAYLOADS": str(payloads), "BENCH_AUTHORIZATION": AUTHORIZATION}
        return _start(command, environment)

    def start_pace(
        self, server: Process, payloads: Path, *, rate: float, seconds: float | None = None
    ) -> subprocess.Popen[str]:
        """Requests at a constant rate, whatever the answers do, by a process of its own."""
        arguments = (server.port, payloads, rate, seconds or self.seconds)
        return _start([sys.executable, "-m", "tests.bench.pace", *map(str, arguments)], {})

    def sync_ms(self) -> float:
        """How long the disk takes to keep a kilobyte more."""
        with (self.folder / "synced").open("ab", buffering=0) as file:
            began = time.monotonic()
            for _ in range(_SYNCS):
                file.write(b"x" * 1000)
                os.fdatasync(file.fileno())
            return (time.monotonic() - began) / _SYNCS * 1000

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}-{next(self._numbers)}"


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)


def finish_wrk(process: subprocess.Popen[str]) -> Figure:
    """What a run of wrk measured; ends the bench if a request failed."""
    figure = msgspec.json.decode(_result(process), type=Figure)
    if figure.errors:
        sys.exit(f"{figure.errors} of {figure.requests} requests failed")
    return figure


def finish_pace(process: subprocess.Popen[str]) -> Pace:
    """What a run at a constant rate measured; ends the bench if a request failed."""
    pace = msgspec.json.decode(_result(process), type=Pace)
    if pace.errors:
        sys.exit(f"{pace.errors} of {pace.answered} requests failed")
    return pace


def _result(process: subprocess.Popen[str]) -> str:
    """The last line that it printed."""
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{process.args!r} failed")
    return output.splitlines()[-1]


def post(server: Process, body: bytes) -> None:
    """One delivery, which must be accepted."""
    headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    _client.post(server.url + PATH, content=body, headers=headers).raise_for_status()


def flush(redis: Redis) -> None:
    """Forget everything."""
    with redis.client() as client:
        client.flushall()


def used_bytes(redis: Redis) -> int:
    """The memory of its data set."""
    with redis.client() as client:
        return int(client.info("memory")["used_memory_dataset"])


def cpu_s(*servers: Process) -> float:
    """The processor time, of user and system, that these processes have taken so far."""
    return sum(_cpu_ticks(server.pid) for server in servers) / _TICKS


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_mib(server: Process, *, peak: bool = False) -> float:
    """Its resident memory, or the most that it had since ``forget_peak``."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:" if peak else "VmRSS:")[2].split()[0]) / 1024


def forget_peak(server: Process) -> None:
    """The peak of its memory is what it has now."""
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def ratios(ours: Sequence[Figure], theirs: Sequence[Figure]) -> list[float]:
    """Of the rates, run by run."""
    return [a.per_second / b.per_second for a, b in zip(ours, theirs, strict=True)]


def rate(figures: Sequence[Figure]) -> float:
    """The median."""
    return statistics.median(figure.per_second for figure in figures)
