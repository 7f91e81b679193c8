"""Reading what outages there were, for an audit: incidents and their ended episodes, by parts of bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from bridge.model import Incident
from bridge.store import codec
from bridge.store.errors import reply_of
from bridge.store.reading import decode_archived

if TYPE_CHECKING:
    from redis.asyncio import Redis

UNLISTED: Final = 20
"""How many episodes of an incident are looked for that another release put away, the newest first."""
_MOST: Final = {"current": (1 << 64) - 1, "ended": (1 << 63) - 1}  # of the numbers of a place, as Redis takes them
_DIGITS = 20


class Episodes(Struct, frozen=True):
    """Some episodes, perhaps none; ``after`` is the place after which others come, empty when there are none.

    One that is put away meanwhile may come twice. None is left out that was there all the while.
    """

    current: list[Incident]
    ended: list[Incident]
    after: str = ""


class Archive:
    """Reads below one prefix. Raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    async def episodes(self, since: int, *, after: str = "", count: int = 100) -> Episodes:
        """About ``count`` episodes from a place on: first all that are current, then those that ended ``since``.

        Raises ValueError for a place that no answer gave.
        """
        kind, *numbers = after.split("-") if after else ("current", "0")
        if not all(each.isascii() and each.isdigit() and len(each) <= _DIGITS for each in numbers) or any(
            int(each) > _MOST.get(kind, 0) for each in numbers
        ):
            raise ValueError("no place in the list of episodes")
        match kind, [int(each) for each in numbers]:
            case "current", [cursor]:
                return await self._current(cursor, since, count)
            case "ended", [ended_at, known]:
                return await self._ended(ended_at, known, count)
        raise ValueError("no place in the list of episodes")

    async def _current(self, cursor: int, since: int, count: int) -> Episodes:
        following, found = await reply_of(self._redis.zscan(f"{self._prefix}due", cursor, count=count))
        ids = sorted({id_.decode() for id_, _ in found})
        pipe = self._redis.pipeline(transaction=False)
        for id_ in ids:
            key = f"{self._prefix}incident:{id_}"
            pipe.hgetall(key)
            pipe.hgetall(f"{key}:facets")
            pipe.get(f"{key}:progress")
        answers: list[Any] = await reply_of(pipe.execute()) if ids else []
        current, unlisted = [], []
        for id_, fields, counts, progress in zip(ids, answers[::3], answers[1::3], answers[2::3], strict=True):
            if fields:
                current.append(codec.unpack_incident(id_, _text_keys(fields), _text_keys(counts), progress))
                unlisted += _unlisted(id_, fields)
        after = f"current-{following}" if following else f"ended-{since}-0"
        return Episodes(current, await self._kept(unlisted), after)

    async def _ended(self, ended_at: int, known: int, count: int) -> Episodes:
        """Those that ended then or later, but for so many of that millisecond."""
        key = f"{self._prefix}episodes"
        found = await reply_of(
            self._redis.zrangebyscore(key, ended_at, "+inf", start=known, num=count, withscores=True)
        )
        after = ""
        if len(found) == count:
            last = int(found[-1][1])
            same = sum(int(at) == last for _, at in found) + (known if last == ended_at else 0)
            after = f"ended-{last}-{same}"
        return Episodes([], await self._kept([name.decode() for name, _ in found]), after)

    async def _kept(self, names: Sequence[str]) -> list[Incident]:
        if not names:
            return []
        kept = await reply_of(self._redis.mget([f"{self._prefix}episode:{name}" for name in names]))
        return [decode_archived(each) for each in kept if each is not None]


def _unlisted(id_: str, fields: Mapping[bytes, bytes]) -> list[str]:
    """The episodes that another release may have put away, which does not list them."""
    last, listed = int(fields[b"episode"]) - 1, int(fields.get(b"archived", 0))
    return [f"{id_}.{number}" for number in range(max(listed, last - UNLISTED) + 1, last + 1)]


def _text_keys(mapping: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in mapping.items()}
