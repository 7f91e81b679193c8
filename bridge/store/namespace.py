"""Whose keys these are: each bridge on a Redis has a namespace, and the one that came first owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.errors import FAILURES, NamespaceTaken, StoreUnavailable, describe

if TYPE_CHECKING:
    from redis.asyncio import Redis

DEFAULT: Final = "0"


def prefix_of(namespace: str) -> str:
    """What the keys of a namespace begin with. It is their hash tag: all of them live in one slot."""
    return f"bridge:{{{namespace}}}:"


PREFIX = prefix_of(DEFAULT)


def taken(namespace: str, owner: str, instance: str) -> str:
    """What to say, and to do, when a bridge finds a namespace that belongs to another ``instance``."""
    return (
        f"The namespace {namespace!r} in Redis belongs to the bridge with {_named(owner)}, and this one has "
        f"{_named(instance)}. If they are two bridges, choose a namespace for this one: set REDIS_NAMESPACE. "
        "If it is the same bridge, renamed, start it once with: bridge serve --take-namespace."
    )


class Ownership:
    """The right of one ``instance`` to a namespace, which the store demands before it changes anything there.

    An owner that is missing (a new Redis, or one that has lost its memory) is set; with ``take``, so is any other.
    """

    def __init__(self, redis: Redis, namespace: str, instance: str, *, take: bool = False) -> None:
        self._redis = redis
        self._namespace = namespace
        self._key = f"{prefix_of(namespace)}instance"
        self._instance = instance
        self._take = take
        self.is_ours = False

    async def demand(self) -> None:
        """Look, unless the namespace was last seen to be ours. Raises as ``look`` does."""
        if not self.is_ours:
            await self.look()

    async def look(self) -> None:
        """Raises NamespaceTaken if another instance owns the namespace, StoreUnavailable if Redis does not tell."""
        try:
            owner = await self._owner()
            if owner is None or (self._take and owner != self._instance):
                await self._redis.set(self._key, self._instance, nx=not self._take)
                owner = await self._owner()
        except FAILURES as error:
            raise StoreUnavailable(describe(error)) from error
        self.is_ours = owner == self._instance
        if not self.is_ours:
            raise NamespaceTaken(taken(self._namespace, owner or "", self._instance))
        self._take = False  # once: who takes it from us later is the one who was told to

    async def _owner(self) -> str | None:
        owner = await self._redis.get(self._key)
        return owner.decode("utf-8", "replace") if isinstance(owner, bytes) else owner


def _named(instance: str) -> str:
    return f"checkly.instance {instance!r}" if instance else "no checkly.instance"
