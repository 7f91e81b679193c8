"""Runs the scripts: each is one atomic step on the keys of a bridge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from bridge.store.errors import FAILURES, StoreUnavailable, describe, reply_of
from bridge.store.write_concern import WriteConcern, execute

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bridge.store.namespace import Ownership
    from bridge.store.scripts import Script


class ScriptRunner:
    """Runs scripts on the keys below ``prefix``, for whoever owns them. Raises StoreUnavailable.

    ``write_concern`` says what a script that is to be ``replicated`` waits for: NotReplicated when it waited in vain.
    """

    def __init__(self, redis: Redis, prefix: str, write_concern: WriteConcern, ownership: Ownership | None) -> None:
        self._redis = redis
        self._prefix = prefix
        self._write_concern = write_concern
        self._ownership = ownership
        # Named to every script: the first, so that a cluster knows the slot; the second, which is never there, so that
        # it runs no script while the slot is between two nodes, on the half of the keys that it finds (TRYAGAIN).
        self._slot = (f"{prefix}due", f"{prefix}none")

    async def run(self, script: Script, *arguments: Any, replicated: bool = False) -> list[Any]:
        """What the script returns for these arguments."""
        reply: list[Any] = (await self.run_all(script, [arguments], replicated=replicated))[0]
        return reply

    async def run_all(self, script: Script, calls: Sequence[Sequence[Any]], *, replicated: bool = False) -> list[Any]:
        """What the script returns for each of these lists of arguments, in one round trip."""
        if self._ownership is not None:
            await self._ownership.demand()
        replicated = replicated and self._write_concern.waits
        try:
            return await self._pipeline(script, calls, replicated=replicated)
        except NoScriptError:
            await reply_of(self._redis.script_load(script.text))
            replies: list[Any] = await reply_of(self._pipeline(script, calls, replicated=replicated))
            return replies
        except FAILURES as error:
            raise StoreUnavailable(describe(error)) from error

    async def _pipeline(self, script: Script, calls: Sequence[Sequence[Any]], *, replicated: bool) -> list[Any]:
        if len(calls) == 1 and not replicated:
            return [await self._redis.evalsha(script.sha, 2, *self._slot, self._prefix, *calls[0])]
        pipe = self._redis.pipeline(transaction=False)
        for arguments in calls:
            pipe.evalsha(script.sha, 2, *self._slot, self._prefix, *arguments)
        return await (self._write_concern.commit(pipe) if replicated else execute(pipe))
