"""The alerts that are open, found by their names in the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.alert_record import AlertRecord, decode_record
from bridge.store.errors import reply_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

_A_PART: Final = 1_000
_OPEN: Final = frozenset({"F", "H"})


async def open_alerts(redis: Redis, prefix: str, pattern: str) -> dict[str, AlertRecord]:
    """The records of those that fire or are held, by their names, which match this pattern of Redis'.

    One that is there all the while is found. Raises StoreUnavailable.
    """
    homes: dict[bytes, bytes] = {}
    cursor = -1
    while cursor:
        cursor, part = await reply_of(redis.hscan(f"{prefix}index", max(cursor, 0), match=pattern, count=_A_PART))
        homes |= part
    found: dict[str, AlertRecord] = {}
    entries = list(homes.items())
    for start in range(0, len(entries), _A_PART):
        found |= await _read(redis, prefix, entries[start : start + _A_PART])
    return found


async def open_of(redis: Redis, prefix: str, source: str) -> list[tuple[str, str]]:
    """The sender and the fingerprint of each of this source. Raises StoreUnavailable."""
    names = [name.partition("/") for name in await open_alerts(redis, prefix, f"{source}[@/]*")]
    return [(origin.partition("@")[2], fingerprint) for origin, _, fingerprint in names]


async def _read(redis: Redis, prefix: str, entries: Sequence[tuple[bytes, bytes]]) -> dict[str, AlertRecord]:
    pipe = redis.pipeline(transaction=False)
    for name, home in entries:
        pipe.hget(f"{prefix}incident:{home.decode()}:alerts", name)
    packed = await reply_of(pipe.execute())
    records = {name.decode(): decode_record(each) for (name, _), each in zip(entries, packed, strict=True) if each}
    return {name: record for name, record in records.items() if record.state in _OPEN}
