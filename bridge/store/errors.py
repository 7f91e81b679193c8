"""What the store raises. The messages are safe to log and to show."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from redis.exceptions import MovedError, NoPermissionError, RedisError

FAILURES = (RedisError, OSError, RuntimeError)
"""How redis-py says that it could not serve; RuntimeError is uvloop's, for a connection that has just been closed."""

_LONGEST = 200
_REFUSALS_IN_SCRIPTS = ("ACL failure in script", "The user executing the script can't")  # Redis 7.2 and Valkey; before
_REMEDIES = {
    MovedError: "this is a node of a cluster: begin REDIS_URL with redis+cluster:// (or rediss+cluster://)",
    NoPermissionError: "give the user the rights that docs/how-to/redis.md lists",
}


def describe(error: Exception) -> str:
    """What Redis said, and what to do where that is known; what it says of a script's command is of the same kind."""
    said = str(error)[:_LONGEST]
    kind = NoPermissionError if any(each in said for each in _REFUSALS_IN_SCRIPTS) else type(error)
    remedy = _REMEDIES.get(kind, "")
    return f"{kind.__name__}: {said}" + (f"; {remedy}" if remedy else "")


class StoreUnavailable(Exception):
    """Nothing may be promised: Redis did not answer or cannot write, or what it was told would not be safe there."""


class NamespaceTaken(StoreUnavailable):
    """The keys belong to a bridge of another ``checkly.instance``; nothing was read or changed."""


class NotDurable(StoreUnavailable):
    """Redis answers, but by its settings it may forget, and ``store.durability`` is ``require``."""


class NotReplicated(StoreUnavailable):
    """The write is on the primary, but fewer replicas than ``store.wait_replicas`` confirmed it in time."""


class NoRoom(Exception):
    """A budget has not the tokens any more that a record was to take: nothing was written."""


async def reply_of(operation: Awaitable[Any]) -> Any:
    """What Redis answers. Raises StoreUnavailable for whatever redis-py raises."""
    try:
        return await operation
    except FAILURES as error:
        raise StoreUnavailable(describe(error)) from error
