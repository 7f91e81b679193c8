"""From an alert to the status page, which is the simulator and answers at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from bridge.store.namespace import PREFIX
from tests.bench import payloads
from tests.bench.measured_servers import AUTHORIZATION, MeasuredServers, cpu_s, post, used_bytes
from tests.bench.table import Row
from tests.servers.process import eventually

if TYPE_CHECKING:
    from tests.servers.bridge import Bridge, Sandbox
    from tests.servers.redis import Redis

_PATIENCE_S = 300.0


def throughput(servers: MeasuredServers) -> Iterator[Row]:
    """Many incidents at once, opened and resolved; what is left of them in Redis."""
    count = 300 if servers.quick else 1_000
    opened, busy_ms, kept = zip(*(_opened_and_kept(servers, count) for _ in range(servers.rounds)), strict=True)
    note = f"{count} at once; each takes the bridge {statistics.median(busy_ms):.1f} ms of its core"
    yield Row(name="incidents opened a second, one process", values=[*opened], unit="/s", bound=300, note=note)
    yield Row(
        name="Redis memory per resolved and retained incident", values=[*kept], unit=" B", bound=2048, at_most=True
    )


def _opened_and_kept(servers: MeasuredServers, count: int) -> tuple[float, float, float]:
    """How many incidents are opened a second, the milliseconds of its core that each takes the bridge, and what Redis
    keeps of it when it is over."""
    with servers.scene():
        redis, sandbox = servers.redis(), servers.sandbox()
        bridge = servers.bridge(redis, sandbox, publish_after="0s")
        empty, began_s = used_bytes(redis), cpu_s(bridge)
        per_second = _open(bridge, redis, sandbox, count)
        busy_ms = (cpu_s(bridge) - began_s) / count * 1000
        post(bridge, payloads.payload(range(count), groups=count, over=True))
        _wait(redis, lambda phases: phases == {b"RESOLVED": count})
        return per_second, busy_ms, (used_bytes(redis) - empty) / count


def _open(bridge: Bridge, redis: Redis, sandbox: Sandbox, count: int) -> float:
    """Incidents opened a second, from the first to the last."""
    post(bridge, payloads.payload(range(count), groups=count))
    _wait(redis, lambda phases: phases.get(b"PENDING", 0) == 0 and sum(phases.values()) == count)
    created = [_created_at(each) for each in _published(sandbox, count)]
    return (count - 1) * 1000 / (created[-1] - created[0])


def _wait(redis: Redis, are_there: Callable[[dict[bytes, int]], bool]) -> None:
    """Wait for the incidents to be in these phases; asks Redis, since asking bridge or simulator would slow them."""
    with redis.client() as client:

        def phases() -> dict[bytes, int]:
            return {phase: int(count) for phase, count in client.hgetall(f"{PREFIX}tallies").items()}

        eventually(lambda: are_there(phases()), "all incidents that far", within=_PATIENCE_S)


def delay(servers: MeasuredServers) -> Iterator[Row]:
    """From the delivery of an alert to its incident's creation by the simulator, both on this machine's clock.

    Before an incident is opened, a list of those on the page is read, once a second: who has to wait for that is among
    the slowest hundredth, and waits as long as the simulator makes it last, which is no time of the bridge's.
    """
    loads = {
        "idle": (10, 2 if servers.quick else 10),
        "at 100 new incidents a second": (100, min(2, servers.seconds)),
    }
    rounds = [_delays(servers, list(loads.values())) for _ in range(servers.rounds)]
    for nth, load in enumerate(loads):
        name = f"alert received to incident committed, {load}"
        medians = [statistics.median(times) for times, _ in (each[nth] for each in rounds)]
        worst = [times[int(len(times) * 0.99)] for times, _ in (each[nth] for each in rounds)]
        own = [own_ms for _, own_ms in (each[nth] for each in rounds)]
        yield Row(name=f"{name}: p50", values=medians, unit=" ms", bound=30, at_most=True)
        yield Row(
            name=f"{name}: p99, over the simulator's own time",
            values=[most - own_ms for most, own_ms in zip(worst, own, strict=True)],
            unit=" ms",
            bound=30,
            at_most=True,
            note=f"{statistics.median(worst):.1f} ms; a list takes the simulator {statistics.median(own):.1f} ms",
        )


def _delays(servers: MeasuredServers, loads: Sequence[tuple[int, int]]) -> list[tuple[list[float], float]]:
    """For each load (incidents a second, seconds), on a page that was empty at first: the sorted times, and what a list
    takes the simulator then."""
    found = []
    with servers.scene():
        sandbox = servers.sandbox()
        bridge = servers.bridge(servers.redis(), sandbox, publish_after="0s")
        first = 0
        for per_second, seconds in loads:
            last = first + seconds * per_second
            sent = _send(bridge, range(first, last), per_second)
            published = _published(sandbox, last)[first:]
            times = sorted(_created_at(each) - sent[each["name"]] for each in published)
            found.append((times, min(_list_ms(sandbox) for _ in range(5))))
            first = last
    return found


def _list_ms(sandbox: Sandbox) -> float:
    """What it takes to read the list of the page from a simulator that does nothing else."""
    headers = {"Authorization": "Bearer sandbox", "X-Checkly-Account": sandbox.account_id}
    query = {"limit": "100"}
    with httpx.Client(base_url=sandbox.url, headers=headers) as client:
        began = time.monotonic()
        while True:
            answer = client.get("/v1/status-pages/incidents", params=query).raise_for_status()
            following = answer.json()["nextId"]
            if not following:
                return (time.monotonic() - began) * 1000
            query["nextId"] = following


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


def storm(servers: MeasuredServers) -> Iterator[Row]:
    """Ten thousand alerts of one incident, in deliveries of 100."""
    sandbox = servers.sandbox()
    bridge = servers.bridge(servers.redis(), sandbox, publish_after="0s")
    before = len(sandbox.control("GET", "calls"))
    for first in range(0, 10_000, 100):
        post(bridge, payloads.payload(range(first, first + 100), groups=1))
    _published(sandbox, 1)
    time.sleep(min(2, servers.seconds))  # for calls that should not come
    calls = float(len(sandbox.control("GET", "calls")) - before)
    yield Row(name="10,000 alerts on one incident: Checkly calls", values=[calls], bound=10, at_most=True)


def looks(servers: MeasuredServers) -> Iterator[Row]:
    """Looks each second, which is more than they may take: what they ask of Checkly while nothing else is asked."""
    count, per_minute, seconds = 30, 240, 20 if servers.quick else 60
    sandbox = servers.sandbox()
    bridge = servers.bridge(servers.redis(), sandbox, publish_after="0s", look_every="1s", per_minute=per_minute)
    post(bridge, payloads.payload(range(count), groups=count))
    _published(sandbox, count)
    time.sleep(20)  # until what they may take at once is used up
    before = len(sandbox.control("GET", "calls"))
    time.sleep(seconds)
    calls = len(sandbox.control("GET", "calls")) - before
    yield Row(
        name=f"looks each second at {count} open incidents: part of the request budget",
        values=[100 * calls / (per_minute * seconds / 60)],
        unit=" %",
        bound=10,
        at_most=True,
        note=f"{calls} requests in {seconds} seconds, of {per_minute} a minute",
    )


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
