"""What looks at the pages need of the store: whose turn it is, what stands open, and when each post was last seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.outcomes.absence import looked
from bridge.model import Incident, Progress
from bridge.store import codec, scripts
from bridge.store.chores import Chore
from bridge.store.errors import reply_of
from bridge.store.results import Claim

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bridge.model import Post


A_PART = 500
_decode = msgspec.msgpack.Decoder(Progress).decode


class LeasedForLook(Struct, frozen=True):
    """An incident that was leased, due or not: it goes back ``due`` as it was, and ``refused`` as it was."""

    claim: Claim
    due: int
    refused: bool


class Looks(Chore):
    """The chore of looking, and what it knows. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str, run: Callable[..., Any]) -> None:
        super().__init__(run, "look")
        self._redis = redis
        self._prefix = prefix
        self._seen = f"{prefix}looks"

    async def standing(self) -> AsyncIterator[dict[str, Progress]]:
        """The progress of the incidents that are open on a page, or may be, by their ids and by parts."""
        ids = sorted(id_.decode() for id_ in await reply_of(self._redis.smembers(f"{self._prefix}open")))
        for start in range(0, len(ids), A_PART):
            part = ids[start : start + A_PART]
            packed = await reply_of(self._redis.mget([f"{self._prefix}incident:{id_}:progress" for id_ in part]))
            yield {id_: _decode(each) for id_, each in zip(part, packed, strict=True) if each is not None}

    async def expect(self, remote_ids: Collection[str], now: int) -> None:
        """These, and no others, are looked at from now on. What was never seen counts as seen now, at the latest."""
        pipe = self._redis.pipeline(transaction=False)
        known = {member.decode() for member in await reply_of(self._redis.zrange(self._seen, 0, -1))}
        if gone := sorted(known.difference(remote_ids)):
            pipe.zrem(self._seen, *gone)
        if new := [remote_id for remote_id in remote_ids if remote_id not in known]:
            pipe.zadd(self._seen, dict.fromkeys(new, now), nx=True)
        if gone or new:
            await reply_of(pipe.execute())

    async def saw(self, seen: Mapping[str, int]) -> None:
        """These posts were seen, with nothing new about them, at these times."""
        if seen:
            await reply_of(self._redis.zadd(self._seen, dict(seen), gt=True))

    async def lease(self, id_: str, token: str, *, lease_ms: int) -> LeasedForLook | None:
        """The incident, to record what was seen of it; None if it is in hand, or gone."""
        now, *rest = await self._run(scripts.LEASE_FOR_LOOK, id_, token, lease_ms)
        if not rest:
            return None
        snapshot, due, refused = rest
        claim = Claim(incident=codec.unpack_snapshot(id_, snapshot), token=token, now=now, wall=snapshot[-1])
        return LeasedForLook(claim, int(float(due)), bool(refused))


async def as_seen(redis: Redis, prefix: str, incidents: Iterable[Incident]) -> list[Incident]:
    """The same incidents; of each post that was seen the time is that of the last look."""
    incidents = list(incidents)
    posts = [post for each in incidents for post in each.progress.posts.values() if post.observed is not None]
    ids = [post.remote_id for post in posts if post.is_open and post.remote_id is not None]
    if not ids:
        return incidents
    times = await reply_of(redis.zmscore(f"{prefix}looks", ids))
    last = {id_: int(at) for id_, at in zip(ids, times, strict=True) if at is not None}
    return [_as_seen(each, last) for each in incidents]


def _as_seen(incident: Incident, last: Mapping[str, int]) -> Incident:
    posts = {page: _seen_at(post, last) for page, post in incident.progress.posts.items()}
    return replace(incident, progress=replace(incident.progress, posts=posts))


def _seen_at(post: Post, last: Mapping[str, int]) -> Post:
    seen_at = last.get(post.remote_id or "", 0)
    if post.observed is None or post.observed.at >= seen_at:
        return post
    return looked(post, replace(post.observed, at=seen_at), post.edits)
