"""What a bridge and its Redis hold at a moment, and whether that grows."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.soak.sending import Window
    from tests.servers import Bridge, Redis

WARM_UP = 0.2  # of the samples
MOST_GROWTH = 1.1
_REMEMBERED = {"e", "o", "p", "w"}  # kept for seven days, alert or no alert: at most so many as events came
_SPENT = "spent"  # kept for an hour: at most so many as budgets allow
_MIB = 1 << 20


class Sample(Struct, kw_only=True):
    """One moment, ``at_s`` after the start.

    ``keys`` and ``redis_mib`` leave out what is ``remembered`` for longer than a soak: of each event for seven days, of
    each opening and mail, which budgets bound, for an hour. All of that together takes ``remembered_mib``.

    ``accepted`` and ``refused`` are deliveries since the sample before, ``p99_ms`` of those; ``look_ms`` the slowest
    answer of ``/healthz`` meanwhile, ``cpu`` how much of a core the bridge took. ``mischief`` is what was afoot.
    """

    at_s: float
    rss_mib: float
    descriptors: int
    keys: int
    remembered: int
    remembered_mib: float = 0.0
    redis_mib: float
    log_lines: int
    accepted: int
    refused: int
    p50_ms: float
    p99_ms: float
    look_ms: float
    cpu: float
    mischief: list[str] = field(default_factory=list)


class Sampler:
    """Looks at a bridge of Linux, and at its Redis."""

    def __init__(self, bridge: Bridge, redis: Redis) -> None:
        self._proc = Path(f"/proc/{bridge.pid}")
        self._log_path = bridge.log_path
        self._redis = redis
        self._read_to = 0
        self._lines = 0
        self._cpu_s = self._cpu()
        self._at_s = 0.0

    def look(self, at_s: float, window: Window, mischief: Sequence[str]) -> Sample:
        """How it is now; ``window`` is what came of deliveries since the last look."""
        cpu_s = self._cpu()
        keys, remembered, remembered_bytes, redis_bytes = self._stored()
        sample = Sample(
            at_s=round(at_s, 1),
            rss_mib=round(self._rss() / _MIB, 1),
            descriptors=len(list((self._proc / "fd").iterdir())),
            keys=keys,
            remembered=remembered,
            remembered_mib=round(remembered_bytes / _MIB, 2),
            redis_mib=round((redis_bytes - remembered_bytes) / _MIB, 2),
            log_lines=self._log_lines(),
            accepted=window.answers[202],
            refused=window.refused,
            p50_ms=round(window.percentile(0.5) * 1000, 1),
            p99_ms=round(window.percentile(0.99) * 1000, 1),
            look_ms=round(window.look_s * 1000, 1),
            cpu=round((cpu_s - self._cpu_s) / max(0.001, at_s - self._at_s), 2),
            mischief=list(mischief),
        )
        self._cpu_s, self._at_s = cpu_s, at_s
        return sample

    def _stored(self) -> tuple[int, int, int, int]:
        """How many keys, how many of what is remembered, and the bytes of that, and of all data in Redis."""
        with self._redis.client() as client:
            keys = list(client.scan_iter(count=1_000))
            remembered = [key for key in keys if _kind(key) in _REMEMBERED or _kind(key).startswith(_SPENT)]
            looks = client.pipeline(transaction=False)
            for key in remembered:
                looks.memory_usage(key, samples=0)
            sizes = sum(size or 0 for size in looks.execute())
            return len(keys) - len(remembered), len(remembered), sizes, client.info("memory")["used_memory_dataset"]

    def _log_lines(self) -> int:
        with self._log_path.open("rb") as log:
            log.seek(self._read_to)
            while part := log.read(1 << 20):
                self._lines += part.count(b"\n")
            self._read_to = log.tell()
        return self._lines

    def _rss(self) -> int:
        status = (self._proc / "status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def _cpu(self) -> float:
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def _kind(key: bytes) -> str:
    return key.decode(errors="replace").removeprefix("bridge:{0}:").partition(":")[0]


WATCHED = {"rss_mib": "memory (MiB)", "descriptors": "descriptors", "keys": "keys", "redis_mib": "Redis (MiB)"}
_SLACK = {"rss_mib": 0.0, "descriptors": 4.0, "keys": 10.0, "redis_mib": 0.5}  # what comes and goes is no growth


def settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those after the warm-up."""
    return samples[int(len(samples) * WARM_UP) :]


def thirds(samples: Sequence[Sample], figure: str) -> tuple[float, float]:
    """What a figure is while little is afoot, its lower quartile, in the first and in the last third after the warm-up.

    Attacks come and go, and what they leave for a while; what grows is there when they are gone, too.
    """
    values = [getattr(each, figure) for each in settled(samples)]
    third = max(2, len(values) // 3)
    return statistics.quantiles(values[:third])[0], statistics.quantiles(values[-third:])[0]


def grown(samples: Sequence[Sample]) -> Iterator[str]:
    """What is not flat."""
    for figure, words in WATCHED.items():
        first, last = thirds(samples, figure)
        if last > MOST_GROWTH * first and last > first + _SLACK[figure]:
            yield f"{words} grew from {first:g} to {last:g}"
