"""What it takes to keep incidents back: next to nothing, however many there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bridge.store.namespace import PREFIX
from tests.bench import payloads
from tests.bench.measured_servers import MeasuredServers, post
from tests.bench.table import Row
from tests.servers.process import eventually

if TYPE_CHECKING:
    from tests.servers.redis import Redis

_OPEN = 30
_AT_ONCE = 500  # alerts of a delivery
_PATIENCE_S = 600.0


def commands(servers: MeasuredServers) -> Iterator[Row]:
    """What Redis does in a second with very many withheld incidents, and with none, both in the same seconds.

    As many are visible here as there. A few are always counted anew, and one asks for room every minute.
    """
    count, seconds = (2_000, 20) if servers.quick else (10_000, 65)
    without, with_them = _filled(servers, _OPEN), _filled(servers, _OPEN + count)
    rates = []
    for _ in range(servers.rounds):
        before = [_carried_out(redis) for redis in (without, with_them)]
        time.sleep(seconds)
        after = [_carried_out(redis) for redis in (without, with_them)]
        rates.append([(late - early) / seconds for early, late in zip(before, after, strict=True)])
    note = ", ".join(f"{of:.0f} beside {beside:.0f}" for beside, of in rates)
    yield Row(
        name=f"Redis' commands a second with {count:,} withheld incidents, against none",
        values=[of / beside for beside, of in rates],
        bound=1.15,
        at_most=True,
        note=note,
    )


def _filled(servers: MeasuredServers, count: int) -> Redis:
    """The Redis of a bridge that has published what its budget allows, and withholds the rest of so many."""
    redis = servers.redis()
    bridge = servers.bridge(redis, servers.sandbox(), publish_after="0s", budgets=f"{{open: {_OPEN}}}")
    for first in range(0, 2 * count, 2 * _AT_ONCE):  # even numbers: all of them critical
        numbers = range(first, min(first + 2 * _AT_ONCE, 2 * count), 2)
        post(bridge, payloads.payload(numbers, groups=2 * count))
    with redis.client() as client:

        def are_withheld() -> bool:
            opened = client.scard(f"{PREFIX}open") == _OPEN
            return opened and int(client.hget(f"{PREFIX}withheld", "v1") or 0) == count - _OPEN

        eventually(are_withheld, "all to be published or withheld", within=_PATIENCE_S)
    return redis


def _carried_out(redis: Redis) -> int:
    return sum(redis.commands.values())
