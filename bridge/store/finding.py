"""Finding alerts among the stored ones by fingerprint or by name. Bounded: whoever asks never makes Redis read all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.store import codec
from bridge.store.alert_record import unpack_alert
from bridge.store.errors import reply_of
from bridge.store.results import CountedAlert

if TYPE_CHECKING:
    from redis.asyncio import Redis

MOST_FOUND: Final = 5
MOST_INCIDENTS: Final = 300
ALERTS_OF_EACH: Final = 100
ALERTS_OF_ONE: Final = 1_000  # where it is known in which incident to look
MOST_FURTHER: Final = 20_000  # alerts: where none was found so far
MOST_INDEXED: Final = 50_000
_A_PART = 50
_INDEXED_A_PART = 1_000
_GLOB = re.compile(r"[\\*?\[\]^]")
_ESCAPED = r"\\\g<0>"


class FoundAlert(Struct, frozen=True, kw_only=True):
    """An alert that an incident counts."""

    incident_id: str
    alert: CountedAlert


class Finding(Struct, frozen=True, kw_only=True):
    """At most five alerts, each of another incident where they were looked for by name.

    ``unsearched`` says in words what was not looked at; empty where everything was.
    """

    alerts: list[FoundAlert]
    unsearched: str = ""


class AlertFinder:
    """Finds below one prefix. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    async def paused(self) -> str | None:
        """Why every write waits, if it does."""
        reason = await reply_of(self._redis.hget(f"{self._prefix}pause", "reason"))
        return None if reason is None else reason.decode()

    async def by_fingerprint(self, fingerprint: str, origins: Iterable[tuple[str, str]]) -> Finding:
        """The alerts of this fingerprint: of the ``origins`` (source and sender), else of any that the index lists."""
        names = [codec.alert_name(source, fingerprint, sender) for source, sender in origins]
        homes = await reply_of(self._redis.hmget(f"{self._prefix}index", names)) if names else []
        entries = [(name.encode(), home) for name, home in zip(names, homes, strict=True) if home is not None]
        unsearched = ""
        if not entries:
            entries, unsearched = await self._scan_index(fingerprint)
        entries = entries[:MOST_FOUND]
        pipe = self._redis.pipeline(transaction=False)
        for name, home in entries:
            pipe.hget(f"{self._prefix}incident:{home.decode()}:alerts", name)
        packed = await reply_of(pipe.execute()) if entries else []
        found = [
            FoundAlert(incident_id=home.decode(), alert=unpack_alert(name, each))
            for (name, home), each in zip(entries, packed, strict=True)
            if each is not None
        ]
        return Finding(alerts=found, unsearched=unsearched)

    async def unknown(self, source: str, fingerprints: Collection[str], senders: Iterable[str]) -> set[str]:
        """Those of these fingerprints under which no alert is counted, by whatever path it came.

        The names of these ``senders`` are tried first; then the whole index is read, in parts.
        """
        left = set(fingerprints)
        for sender in senders:
            wanted = sorted(left)
            names = [codec.alert_name(source, each, sender) for each in wanted]
            homes = await reply_of(self._redis.hmget(f"{self._prefix}index", names)) if names else []
            left.difference_update(each for each, home in zip(wanted, homes, strict=True) if home is not None)
        cursor, is_begun = 0, False
        while left and (cursor or not is_begun):
            cursor, part = await reply_of(
                self._redis.hscan(f"{self._prefix}index", cursor, match=f"{source}@*", count=_INDEXED_A_PART)
            )
            is_begun = True
            left.difference_update(name.decode().partition("/")[2] for name in part)
        return left

    async def _scan_index(self, fingerprint: str) -> tuple[list[tuple[bytes, bytes]], str]:
        found: list[tuple[bytes, bytes]] = []
        pattern = f"*/{_GLOB.sub(_ESCAPED, fingerprint)}"
        cursor, looked = 0, 0
        while looked < MOST_INDEXED:
            cursor, part = await reply_of(
                self._redis.hscan(f"{self._prefix}index", cursor, match=pattern, count=_INDEXED_A_PART)
            )
            found += part.items()
            looked += _INDEXED_A_PART
            if cursor == 0 or len(found) >= MOST_FOUND:
                return found, ""
        return found, f"of the stored alerts, about {MOST_INDEXED} were looked at"

    async def by_name(self, name: str, ids: Collection[str] = ()) -> Finding:
        """One alert of this name in each of these incidents; by default in those that fire or stand on a page first."""
        count = ALERTS_OF_ONE if ids else ALERTS_OF_EACH
        ids, is_cut = (list(ids), False) if ids else await self._candidates()
        found: list[FoundAlert] = []
        unfinished: dict[str, int] = {}
        for start in range(0, len(ids), _A_PART):
            part = ids[start : start + _A_PART]
            pipe = self._redis.pipeline(transaction=False)
            for id_ in part:
                pipe.hscan(f"{self._prefix}incident:{id_}:alerts", 0, count=count)
            for id_, (following, alerts) in zip(part, await reply_of(pipe.execute()), strict=True):
                if following:
                    unfinished[id_] = following
                counted = _named(name, alerts)
                if counted is not None:
                    found.append(FoundAlert(incident_id=id_, alert=counted))
            if len(found) > MOST_FOUND:
                return Finding(alerts=found[:MOST_FOUND], unsearched="there are more of this name")
        if not found:
            found, unfinished = await self._further(name, unfinished)
        words = f"of {len(ids)} incidents, about {count} alerts each were looked at" if is_cut or unfinished else ""
        return Finding(alerts=found, unsearched=words)

    async def _further(self, name: str, unfinished: dict[str, int]) -> tuple[list[FoundAlert], dict[str, int]]:
        """The first of this name in what is left of these incidents, by their cursors, and what is left then."""
        left, looked = dict(unfinished), 0
        for id_ in unfinished:
            while id_ in left and looked < MOST_FURTHER:
                following, alerts = await reply_of(
                    self._redis.hscan(f"{self._prefix}incident:{id_}:alerts", left.pop(id_), count=ALERTS_OF_ONE)
                )
                looked += ALERTS_OF_ONE
                left |= {id_: following} if following else {}
                counted = _named(name, alerts)
                if counted is not None:
                    return [FoundAlert(incident_id=id_, alert=counted)], left
        return [], left

    async def _candidates(self) -> tuple[list[str], bool]:
        """The incidents to look at, those that matter most first, and whether there are more."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.zrange(f"{self._prefix}counted", -MOST_INCIDENTS - 1, -1)
        pipe.zrange(f"{self._prefix}due", 0, MOST_INCIDENTS)
        counted, due = await reply_of(pipe.execute())
        ids = dict.fromkeys(
            [entry.decode().partition("|")[0] for entry in reversed(counted)] + [id_.decode() for id_ in due]
        )
        return list(ids)[:MOST_INCIDENTS], len(ids) > MOST_INCIDENTS


def _named(name: str, alerts: dict[bytes, bytes]) -> CountedAlert | None:
    """The alert of this name that was seen last."""
    spelled = codec.encode_json(name)[1:-1]
    matching = [unpack_alert(key, packed) for key, packed in alerts.items() if spelled in packed]
    return max((each for each in matching if each.name == name), key=lambda each: each.seen_at, default=None)
