"""Chores: work that one replica does at a time, and again after a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bridge.store import scripts


class ChoreTurn(Struct, frozen=True):
    """Whether it is this replica's turn as of ``now``; if not, in how many milliseconds to ask again."""

    now: int
    is_ours: bool
    wait_ms: int = 0


class Chore:
    """The chore of this ``name``, for all replicas on one store. Every method raises StoreUnavailable."""

    def __init__(self, run: Callable[..., Any], name: str) -> None:
        self._run = run
        self._name = name

    async def claim(self, token: str, *, lease_ms: int, every_ms: int) -> ChoreTurn:
        """Take the turn, if nobody has it and it was done long enough ago; a new one is due after ``every_ms``."""
        now, is_ours, *wait_ms = await self._run(scripts.CHORE, self._name, token, "claim", lease_ms, every_ms)
        return ChoreTurn(int(now), bool(is_ours), *map(int, wait_ms))

    async def keep(self, token: str, *, lease_ms: int) -> None:
        """It takes longer."""
        await self._run(scripts.CHORE, self._name, token, "keep", lease_ms)

    async def rest(self, token: str, *, for_ms: int) -> None:
        """It is done; it is due again then."""
        await self._run(scripts.CHORE, self._name, token, "rest", for_ms)
