"""The write concern: what must hold besides the primary's word before a write counts as kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from bridge.config.units import format_duration
from bridge.store.durability import Durability, inspect
from bridge.store.errors import FAILURES, NotDurable, NotReplicated

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    from bridge.config import schema

REQUIRE = "require"
_CHECK_LASTS_MS = 60_000


class WriteConcern:
    """Holds back the promise until settings and replicas allow it. ``wanted`` gives the configuration in force.

    What is known of the server is forgotten when waiting fails: the next one may be another.
    """

    def __init__(self, redis: Redis, key: str, wanted: Callable[[], schema.Store]) -> None:
        self._redis = redis
        self._key = key
        self._wanted = wanted
        self._known: Durability | None = None

    @property
    def waits(self) -> bool:
        """Whether a write has to reach replicas."""
        return self._wanted().wait_replicas > 0

    async def inspect(self) -> Durability:
        """Look at the server's settings now. Raises StoreUnavailable."""
        self._known = None
        self._known = await inspect(self._redis, wait_replicas=self._wanted().wait_replicas)
        return self._known

    async def demand(self) -> None:
        """Raise NotDurable if the server was last seen to be unsafe and the configuration forbids that.

        Raises StoreUnavailable when the server has to be looked at first, and does not answer.
        """
        if self._wanted().durability == REQUIRE:
            problems = (self._known or await self.inspect()).problems
            if problems:
                raise NotDurable("Redis may forget acknowledged writes: " + "; ".join(problems))

    async def refresh(self) -> None:
        """Look at the server's settings anew, if the configuration demands any of them. Raises StoreUnavailable."""
        if self._wanted().durability == REQUIRE:
            await self.inspect()

    async def commit(self, pipe: Pipeline) -> list[Any]:
        """Execute a pipeline, wait for the replicas, and give the replies of its own commands.

        It ends with a write, so that its place in the stream of replication is after everything that it read: a
        repeat that had nothing left to write waits for what it repeats. The wait is in the same pipeline, since it
        counts for the writes of its connection, and so that one server answers both.

        Raises:
            NotReplicated: Too few replicas have it in time. The write stands, and may be repeated.
            RedisError: The first error among the replies.
        """
        wanted = self._wanted()
        wait = await self._wait(wanted)
        pipe.set(self._key, 1, px=_CHECK_LASTS_MS)
        if not wait:
            return (await execute(pipe))[:-1]
        pipe.execute_command(*wait)
        try:
            *replies, _, confirmed = await execute(pipe)
            _confirm(confirmed, wanted)
        except (*FAILURES, NotReplicated):
            self._known = None
            raise
        return replies

    async def _wait(self, wanted: schema.Store) -> tuple[str | int, ...]:
        """WAITAOF, for disks, where the server has it; WAIT, for memory, elsewhere; nothing for no replicas."""
        if not wanted.wait_replicas:
            return ()
        known = self._known or await self.inspect()
        if known.waits_for_disks:
            return "WAITAOF", 1, wanted.wait_replicas, wanted.wait_timeout_ms
        return "WAIT", wanted.wait_replicas, wanted.wait_timeout_ms


def _confirm(reply: int | list[int], wanted: schema.Store) -> None:
    """Raise NotReplicated unless WAIT's reply, or WAITAOF's [1 if the primary's disk has it, replicas], is enough."""
    local, replicas = (1, reply) if isinstance(reply, int) else reply
    if local and replicas >= wanted.wait_replicas:
        return
    where = "" if isinstance(reply, int) else " on disk"
    raise NotReplicated(
        f"within {format_duration(wanted.wait_timeout_ms)}, {replicas} replicas had the write{where} of the "
        f"{wanted.wait_replicas} that store.wait_replicas demands"
        + ("" if local else ", and the primary had it in memory only")
        + "; see that they run and keep up"
    )


async def execute(pipe: Pipeline) -> list[Any]:
    """The replies of a pipeline. Raises the first error among them, without quoting the command as redis-py would."""
    replies: list[Any] = await pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies
