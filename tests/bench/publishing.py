"""From an alert to the status page, which is the simulator and answers at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx

from bridge.store.store import PREFIX
from tests.bench import payloads
from tests.bench.stage import AUTHORIZATION, Stage, post, used_bytes
from tests.bench.table import Row
from tests.servers.bridge import Bridge, Sandbox
from tests.servers.process import eventually
from tests.servers.redis import Redis

_PATIENCE_S = 300.0


def throughput(stage: Stage) -> Iterator[Row]:
    """Many incidents at once, opened and resolved; what is left of them in Redis."""
    count = 300 if stage.quick else 2_000
    redis, sandbox = stage.redis(), stage.sandbox()
    bridge = stage.bridge(redis, sandbox, publish_after="0s")
    empty = used_bytes(redis)
    post(bridge, payloads.payload(range(count), groups=count))
    _wait(redis, lambda phases: phases.get(b"PENDING", 0) == 0 and sum(phases.values()) == count)
    created = [_created_at(each) for each in _published(sandbox, count)]
    opened = (count - 1) * 1000 / (created[-1] - created[0])
    yield Row(
        name="incidents opened a second, one process", values=[opened], unit="/s", bound=300, note=f"{count} at once"
    )
    post(bridge, payloads.payload(range(count), groups=count, over=True))
    _wait(redis, lambda phases: phases == {b"RESOLVED": count})
    kept = (used_bytes(redis) - empty) / count
    yield Row(
        name="Redis memory per resolved and retained incident", values=[kept], unit=" B", bound=2048, at_most=True
    )


def _wait(redis: Redis, are_there: Callable[[dict[bytes, int]], bool]) -> None:
    """Wait for the incidents to be in these phases; asks Redis, since asking bridge or simulator would slow them."""
    with redis.client() as client:

        def phases() -> dict[bytes, int]:
            return {phase: int(count) for phase, count in client.hgetall(f"{PREFIX}tallies").items()}

        eventually(lambda: are_there(phases()), "all incidents that far", within=_PATIENCE_S)


def delay(stage: Stage) -> Iterator[Row]:
    """From the delivery of an alert to its incident's creation by the simulator, both on this machine's clock."""
    sandbox = stage.sandbox()
    bridge = stage.bridge(stage.redis(), sandbox, publish_after="0s")
    seconds = 2 if stage.quick else 10
    first = 0
    for load, per_second in (("idle", 10), ("at 100 new incidents a second", 100)):
        count = seconds * per_second
        sent = _send(bridge, range(first, first + count), per_second)
        times = sorted(_created_at(each) - sent[each["name"]] for each in _published(sandbox, first + count)[first:])
        name = f"alert received to incident committed, {load}"
        yield Row(name=f"{name}: p50", values=[statistics.median(times)], unit=" ms", bound=30, at_most=True)
        yield Row(name=f"{name}: p99", values=[times[int(len(times) * 0.99)]], unit=" ms", bound=30, at_most=True)
        first += count


def _send(bridge: Bridge, numbers: range, per_second: int) -> dict[str, float]:
    """Deliver one alert of a group of its own after the other; when each was sent, by the name of its group."""
    sent = {}
    headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client:
        began = time.monotonic()
        for number in numbers:
            body = payloads.payload(range(number, number + 1), groups=number + 1)
            time.sleep(max(0.0, began + (number - numbers.start) / per_second - time.monotonic()))
            sent[f"Outage g{number}"] = time.time() * 1000
            client.post(bridge.webhook, content=body).raise_for_status()
    return sent


def storm(stage: Stage) -> Iterator[Row]:
    """Ten thousand alerts of one incident, in deliveries of 100."""
    sandbox = stage.sandbox()
    bridge = stage.bridge(stage.redis(), sandbox, publish_after="0s")
    before = len(sandbox.control("GET", "calls"))
    for first in range(0, 10_000, 100):
        post(bridge, payloads.payload(range(first, first + 100), groups=1))
    _published(sandbox, 1)
    time.sleep(2)  # for calls that should not come
    calls = float(len(sandbox.control("GET", "calls")) - before)
    yield Row(name="10,000 alerts on one incident: Checkly calls", values=[calls], bound=10, at_most=True)


def _published(sandbox: Sandbox, count: int) -> list[dict[str, Any]]:
    """The incidents on the page, the oldest first, once there are so many."""

    def listed() -> list[dict[str, Any]] | None:
        incidents: list[dict[str, Any]] = sandbox.control("GET", "state")["incidents"]
        return incidents if len(incidents) >= count else None

    incidents = eventually(listed, f"{count} incidents on the page", within=_PATIENCE_S)
    assert incidents
    return sorted(incidents, key=_created_at)


def _created_at(incident: dict[str, Any]) -> float:
    return datetime.fromisoformat(incident["created_at"]).timestamp() * 1000
