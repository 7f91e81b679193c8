"""Reading incidents for people: whole lists and large incidents by parts, so that nobody waits for one reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from bridge.core.history import Line
from bridge.model import Incident
from bridge.store import codec
from bridge.store.alert_record import unpack_alert
from bridge.store.errors import reply_of
from bridge.store.looks import as_seen
from bridge.store.results import CountedAlert
from bridge.store.told import unpack_bases

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

INCIDENTS_A_PART = 100
READS = 5  # of each incident


class Detail(Struct, frozen=True, kw_only=True):
    """An incident with its history, and some of its ``total`` alerts, the most recently seen of these first.

    ``after`` is the place in which the next ones begin; 0 when there are no more.
    """

    incident: Incident
    alerts: list[CountedAlert]
    total: int
    after: int = 0
    history: tuple[Line, ...] = ()


class Reading:
    """Reads below one prefix. Raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    async def incidents(self) -> AsyncIterator[list[Incident]]:
        """Every incident the store holds, the next due first, by parts."""
        ids = await reply_of(self._redis.zrange(f"{self._prefix}due", 0, -1))
        for start in range(0, len(ids), INCIDENTS_A_PART):
            part = [id_.decode() for id_ in ids[start : start + INCIDENTS_A_PART]]
            yield await self.these(part)

    async def these(self, ids: Sequence[str]) -> list[Incident]:
        """The incidents of these ids, as of one moment; those that are gone are left out."""
        if not ids:
            return []
        pipe = self._redis.pipeline(transaction=True)
        for id_ in ids:
            self._read(pipe, id_)
        answers = await reply_of(pipe.execute())
        found = [
            codec.unpack_incident(
                id_, _text_keys(fields), _text_keys(counts), progress, public_notes, _text_keys(orders)
            )
            for id_, fields, counts, progress, public_notes, orders in zip(
                ids, *(answers[first::READS] for first in range(READS)), strict=True
            )
            if fields
        ]
        return await as_seen(self._redis, self._prefix, found)

    async def is_paused(self) -> bool:
        """Whether nothing is written, because Checkly refuses the key."""
        return await reply_of(self._redis.hget(f"{self._prefix}pause", "reason")) is not None

    async def incident(self, id_: str, count: int, after: int) -> Detail | None:
        """One incident with about ``count`` of its alerts, from the place ``after`` on; None if none has that id.

        An alert that is there all the while is in one of the parts, rarely in two; a small incident has only one. An
        ended episode, ``<incident id>.<episode>``, has no alerts any more.
        """
        if "." in id_:
            pipe = self._redis.pipeline(transaction=True)
            pipe.get(f"{self._prefix}episode:{id_}")
            pipe.lrange(f"{self._prefix}history:{id_}", 0, -1)
            kept, lines = await reply_of(pipe.execute())
            history = codec.unpack_history(lines)
            return None if kept is None else Detail(incident=decode_archived(kept), alerts=[], total=0, history=history)
        pipe = self._redis.pipeline(transaction=True)
        key = self._read(pipe, id_)
        pipe.hlen(f"{key}:alerts")
        pipe.hscan(f"{key}:alerts", after, count=count)
        pipe.zrange(f"{self._prefix}links", 0, -1)
        pipe.lrange(f"{self._prefix}history:{id_}", 0, -1)
        answers = await reply_of(pipe.execute())
        fields, counts, progress, public_notes, orders, total, (following, alerts), listed, lines = answers
        if not fields:
            return None
        bases = unpack_bases(listed)
        counted = [unpack_alert(name, packed, bases) for name, packed in alerts.items()]
        counted.sort(key=lambda alert: (-alert.seen_at, alert.source, alert.sender, alert.fingerprint))
        unpacked = codec.unpack_incident(
            id_, _text_keys(fields), _text_keys(counts), progress, public_notes, _text_keys(orders)
        )
        (incident,) = await as_seen(self._redis, self._prefix, [unpacked])
        is_own = b"history_bytes" in fields  # else it is of one that another release forgot
        history = codec.unpack_history(lines, fields.get(b"history_more", b"")) if is_own else ()
        return Detail(incident=incident, alerts=counted, total=total, after=int(following), history=history)

    def _read(self, pipe: Pipeline, id_: str) -> str:
        """Ask for an incident's hash, facets, progress, public notes and orders, READS answers; where they are."""
        key = f"{self._prefix}incident:{id_}"
        pipe.hgetall(key)
        pipe.hgetall(f"{key}:facets")
        pipe.get(f"{key}:progress")
        pipe.lrange(f"{key}:notes", 0, -1)
        pipe.hgetall(f"{key}:orders")
        return key


decode_archived = msgspec.json.Decoder(Incident).decode


def _text_keys(mapping: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in mapping.items()}
