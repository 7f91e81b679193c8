"""What a bridge has in hand: the leases that it knows of, and those in its name that it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.store import Store, StoreUnavailable

LOOK_EVERY_S = 5.0


class InHand:
    """The tokens of one bridge, all beginning with its name, and which of them are in use.

    When the store's answer to a claim is lost, or a worker loses touch with the store, an incident stays leased and
    nobody works on it. It is found here, and need not wait for the end of its lease. ``token`` makes what no other
    bridge makes; ``monotonic`` is in seconds.
    """

    def __init__(self, store: Store, *, token: Callable[[], str], monotonic: Callable[[], float]) -> None:
        self._store = store
        self._token = token
        self._monotonic = monotonic
        self._name = f"{token()}."
        self._tokens: set[str] = set()
        self._look_at = 0.0

    def __len__(self) -> int:
        return len(self._tokens)

    def token(self) -> str:
        """For the next lease."""
        return self._name + self._token()

    def add(self, token: str, work: asyncio.Task[None]) -> None:
        """This work is done under that lease."""
        self._tokens.add(token)
        work.add_done_callback(lambda _: self._tokens.discard(token))

    async def give_back(self, *, lease_ms: int) -> None:
        """Make due now what is leased in our name and not in hand; looks every few seconds, for it costs a little.

        Not to be called while a claim is under way. No lease lasts longer than ``lease_ms``.
        """
        if self._monotonic() < self._look_at:
            return
        self._look_at = self._monotonic() + LOOK_EVERY_S
        try:
            await self._store.release(self._name, self._tokens, lease_ms=lease_ms)
        except StoreUnavailable:
            self._look_at = 0.0
