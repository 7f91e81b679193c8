"""What healing needs of the store: whose turn it is to ask a cluster, what was seen of it, and our own alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bridge.core.healing.observations import Observations
from bridge.core.healing.ours import FIRING, HELD, OVER, SOURCE, OurAlert
from bridge.store import codec, scripts
from bridge.store.alert_record import decode_record
from bridge.store.chores import Chore
from bridge.store.errors import reply_of
from bridge.store.told import decode_fit

if TYPE_CHECKING:
    from redis.asyncio import Redis

A_PART = 1_000
_STATES = {"F": FIRING, "H": HELD, "R": OVER}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Observations).decode


class Place(Struct, frozen=True):
    """Where an alert is kept: its ``name`` there, and the ``incident_id`` that counts it."""

    name: str
    incident_id: str

    @property
    def fingerprint(self) -> str:
        """Its sender's name for it."""
        return self.name.partition("/")[2]


class HealingStore:
    """Below one prefix. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str, run: Callable[..., Any]) -> None:
        self._redis = redis
        self._prefix = prefix
        self._run = run

    def chore(self, cluster: str) -> Chore:
        """The work of asking a cluster."""
        return Chore(self._run, _chore(cluster))

    async def observations(self, clusters: Sequence[str]) -> dict[str, Observations]:
        """What was seen of these clusters; those that nobody asked yet are left out."""
        if not clusters:
            return {}
        keys = [f"{self._prefix}observations:{cluster}" for cluster in clusters]
        kept = await reply_of(self._redis.mget(keys))
        return {name: _decode(packed) for name, packed in zip(clusters, kept, strict=True) if packed is not None}

    async def observed(self, cluster: str, token: str, seen: Observations) -> int | None:
        """Keep what was seen, as the holder of the chore: when, or None if that is somebody else by now."""
        is_sighted = seen.sighted_at == seen.at
        now, is_kept = await self._run(
            scripts.OBSERVED, _chore(cluster), token, cluster, _encode(seen), int(is_sighted)
        )
        return int(now) if is_kept else None

    async def now(self) -> int:
        """The store's time."""
        now, _ = await self._run(scripts.TRUST)
        return int(now)

    async def sighted(self, cluster: str) -> int | None:
        """When a round could last have closed something, or else the first one was; None: there was none."""
        at = await reply_of(self._redis.hget(f"{self._prefix}chore:{_chore(cluster)}", "sighted"))
        return None if at is None else int(at)

    async def first_end(self) -> int | None:
        """When the first incident is due that is over but still shown; None if there is none."""
        first = await reply_of(self._redis.zrange(f"{self._prefix}cleared", 0, 0, withscores=True))
        return int(first[0][1]) if first else None

    async def places(self) -> AsyncIterator[list[Place]]:
        """Where all alerts are kept that came from Alertmanager, over or not, by parts; one may come twice."""
        cursor = -1
        while cursor:
            cursor, part = await reply_of(
                self._redis.hscan(f"{self._prefix}index", max(cursor, 0), match=f"{SOURCE}*", count=A_PART)
            )
            found = [Place(name.decode(), home.decode()) for name, home in part.items()]
            yield [each for each in found if each.name.startswith((f"{SOURCE}/", f"{SOURCE}@"))]

    async def alerts(self, places: Collection[Place]) -> dict[str, OurAlert]:
        """The alerts that are kept there, by their names."""
        at_home: dict[str, list[str]] = {}
        for each in places:
            at_home.setdefault(each.incident_id, []).append(each.name)
        found: dict[str, OurAlert] = {}
        for part in _parts(at_home):
            pipe = self._redis.pipeline(transaction=False)
            for id_, names in part:
                pipe.hmget(f"{self._prefix}incident:{id_}:alerts", names)
            for (_, names), records in zip(part, await reply_of(pipe.execute()), strict=True):
                found |= {
                    name: our_alert(name, packed)
                    for name, packed in zip(names, records, strict=True)
                    if packed is not None
                }
        return found

    async def trust(self, names: Collection[str]) -> int:
        """Let these alerts count, if they are held after healing closed them; how many are."""
        if not names:
            return 0
        _, count = await self._run(scripts.TRUST, *names)
        return int(count)


def our_alert(name: str, packed: bytes) -> OurAlert:
    """An alert's record, as healing reads it."""
    record = decode_record(packed)
    origin, _, fingerprint = name.partition("/")
    source, _, sender = origin.partition("@")
    return OurAlert(
        source=source,
        sender=sender,
        fingerprint=fingerprint,
        state=_STATES[record.state],
        starts_at=record.starts,
        seen_at=record.seen,
        fit=decode_fit(record.fit) if isinstance(record.fit, str) else None,
    )


def alert_name(alert: OurAlert) -> str:
    """Its name where it is kept."""
    return codec.alert_name(alert.source, alert.fingerprint, alert.sender)


def _chore(cluster: str) -> str:
    return f"heal:{cluster}"


def _parts(at_home: Mapping[str, list[str]]) -> Iterable[list[tuple[str, list[str]]]]:
    """Incidents with some of their alerts, so that no command is about too many."""
    part: list[tuple[str, list[str]]] = []
    size = 0
    for id_, names in at_home.items():
        for start in range(0, len(names), A_PART):
            part.append((id_, names[start : start + A_PART]))
            size += len(part[-1][1])
            if size >= A_PART:
                yield part
                part, size = [], 0
    if part:
        yield part
