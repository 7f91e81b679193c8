"""Leases: the right to work on one incident for a while, and to write what came of it; and all that a bridge has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.core.history import Entry, Happened, What, entries, entry
from bridge.orders import NO_ORDERS
from bridge.reconciler.budget import unused
from bridge.reconciler.store_clock import StoreClock
from bridge.store import Claim, Store, StoreUnavailable, Tokens
from bridge.store.budgets import NO_TOKENS

if TYPE_CHECKING:
    import asyncio

    from bridge.model import Incident, Progress

RETURN_WITHIN_S = 1.0
LOOK_EVERY_S = 5.0


class LeaseLost(Exception):
    """Another worker has taken over: this one knows nothing any more and must not write."""


class GateAnswer(Struct, frozen=True):
    """What the gate said at that ``revision`` of the facts, by these ``rules``: nothing ``until`` then (0: unknown)."""

    revision: int
    rules: str
    until: int


class Lease:
    """A leased incident as last read, claimed no earlier than ``asked_at``. ``monotonic`` is in seconds.

    Nothing is begun in the last ``margin_ms`` of the lease: longer than a call to the page may take, so that what was
    begun has ended when another worker takes over.
    """

    def __init__(
        self,
        store: Store,
        claim: Claim,
        *,
        asked_at: float,
        lease_ms: int,
        margin_ms: int,
        monotonic: Callable[[], float],
        store_clock: StoreClock | None = None,
    ) -> None:
        self._store = store
        self._lease_ms = lease_ms
        self._margin_ms = margin_ms
        self._monotonic = monotonic
        self._store_clock = store_clock or StoreClock(monotonic)
        self.probing = claim.probing
        self.withheld: dict[str, GateAnswer] = {}  # by page
        self.steps: list[Happened] = []  # on the pages, since the last record
        self.notes: list[Entry] = []  # to be told with the next record besides
        self._records = 0
        self.over = NO_ORDERS  # the orders that are not needed any more, as of the last decision
        self._requests_asked_at = asked_at
        self._read(claim, asked_at)

    def _read(self, claim: Claim, asked_at: float) -> None:
        self._store_clock.observe(claim.now, asked_at)
        self.claim = claim
        self._asked_at = asked_at
        self._read_at = self._monotonic()

    @property
    def incident(self) -> Incident:
        """The incident as of the last claim or record."""
        return self.claim.incident

    @property
    def now(self) -> int:
        """The store's time, carried forward on this process' monotonic clock."""
        return self.claim.now + int((self._monotonic() - self._read_at) * 1000)

    @property
    def wall(self) -> int:
        """The time of day on Redis' host, carried forward likewise."""
        claim = self.claim
        return self.now if claim.wall is None else self.now + claim.wall - claim.now

    def is_valid(self) -> bool:
        """Whether the lease surely lasts: checked at the last moment before a request goes out."""
        return (self._monotonic() - self._asked_at) * 1000 < self._lease_ms - self._margin_ms

    async def record(
        self,
        progress: Progress,
        *,
        archive: bytes = b"",
        retention_ms: int = 1,
        replicated: bool = False,
        tokens: Tokens = NO_TOKENS,
    ) -> None:
        """Write progress, extend the lease, read the incident anew. Raises LeaseLost, NotReplicated, NoRoom.

        With it goes what it tells, and what the steps since the last record came to.
        """
        asked_at = self._monotonic()
        told = self._told(progress, begins_anew=bool(archive))
        claim = await self._store.record(
            self.claim,
            progress,
            lease_ms=self._lease_ms,
            archive=archive,
            retention_ms=retention_ms,
            replicated=replicated,
            tokens=tokens,
            history=told,
            number=self._records,
            over=self.over,
        )
        if claim is None:
            raise LeaseLost
        self._read(claim, asked_at)

    def _told(self, progress: Progress, *, begins_anew: bool) -> tuple[Entry, ...]:
        """The entries that go with this record; no other has them."""
        steps, notes, self.steps, self.notes = self.steps, self.notes, [], []
        self._records += 1
        if begins_anew:
            return (entry(What.EPISODE_BEGAN, episode=self.incident.episode + 1),)
        return (*notes, *entries(self.incident.progress, progress, steps))

    async def settle(self, due: int | None, *, refused: bool = False, rules: str = "") -> None:
        """Give the incident back until ``due``, by these ``rules``; the page may have ``refused`` the key.

        Raises LeaseLost.
        """
        unused = self._unused()
        if not await self._store.settle(self.claim, due=due, refused=refused, unused=unused, config=rules):
            raise LeaseLost

    async def drop(self) -> bool:
        """Remove the incident; False when it may not go."""
        return await self._store.drop(self.claim, unused=self._unused())

    def _unused(self) -> int:
        """How many of the requests that it came with go back: only while the budget may not have filled up again."""
        left = unused()
        return left if self._monotonic() - self._requests_asked_at < RETURN_WITHIN_S else 0


class LeaseRegistry:
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

    async def release_orphans(self, *, lease_ms: int) -> None:
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
