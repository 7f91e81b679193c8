"""What stands open on a status page, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from bridge.core.ownership import ours, references
from bridge.core.remote import RemoteIncident
from bridge.model import Intent, Phase
from bridge.reconciler.details import Clues, Reader, Unfinished
from bridge.telemetry import INCIDENTS_UNKNOWN, Event, log

if TYPE_CHECKING:
    from bridge.checkly.port import Guard, StatusPage
    from bridge.reconciler.budget import Reserve
    from bridge.store import Store

SHARED_S = 1.0
SEARCH_SHARED_S = 60.0
NO_CLUES = Clues()

Test: TypeAlias = Callable[[RemoteIncident], bool]


class Reading:
    """A list of open incidents, begun to be read at ``began_at``; ``unread`` are those that lack their updates.

    ``owners`` tells which incident of the store holds them. These need no reading: they are ours, whatever they show.
    """

    def __init__(self, began_at: float, listed: Iterable[RemoteIncident], owners: dict[str, str]) -> None:
        self.began_at = began_at
        self.listed = sorted(listed, key=lambda each: (each.created_at, each.id))
        self.owners = owners
        self.unread: list[RemoteIncident] = []
        self.by_reference: dict[str, list[RemoteIncident]] = {}
        self.take([each for each in self.listed if each.is_whole])
        self.unread = [each for each in self.listed if not each.is_whole and each.id not in owners]

    def take(self, read: Iterable[RemoteIncident]) -> None:
        """These have been read."""
        done = {each.id: each for each in read}
        self.listed = [done.get(each.id, each) for each in self.listed]
        self.unread = [each for each in self.unread if each.id not in done]
        for each in done.values():
            for reference in references(each):
                self.by_reference.setdefault(reference, []).append(each)

    def ours(self, incident_id: str, intent: Intent | None) -> list[RemoteIncident]:
        """Those that are ours so far; of some the store knows it, so that nobody reads them."""
        found = ours(self.listed, incident_id, intent) if intent else self.by_reference.get(incident_id, ())
        known = [each for each in self.listed if not each.is_whole and self.owners.get(each.id) == incident_id]
        return [*found, *known]


class OpenIncidents:
    """The open incidents of one page. ``monotonic`` is in seconds.

    Every method raises ChecklyError and StoreUnavailable.

    An incident that the store knows as another's is never found, whatever it shows.

    A list may leave out the updates. Then the incidents are read one by one, a few in each call, those first that the
    ``clues`` point to. While what was not found may be among the rest, Unfinished is raised, and the next call goes on.
    """

    def __init__(self, page: StatusPage, store: Store, *, reserve: Reserve, monotonic: Callable[[], float]) -> None:
        self._page = page
        self._store = store
        self._reserve = reserve
        self._monotonic = monotonic
        self._reader = Reader(page, store, monotonic=monotonic)
        self._turn = asyncio.Lock()
        self._begun = self._done = Reading(float("-inf"), (), {})
        self._fresh_until = float("-inf")
        self._served: set[str] = set()
        self._unknown: set[str] = set()

    @property
    def is_unfinished(self) -> bool:
        """Whether the list, as last read, has more than was read of it."""
        return bool(self._begun.unread)

    async def find_before_create(
        self, incident_id: str, clues: Clues = NO_CLUES, *, guard: Guard
    ) -> list[RemoteIncident]:
        """The incidents that carry our reference before we post for the first time, so far as the store remembers.

        A store that was lost, restored or failed over may have forgotten a post. One reading of the list serves all who
        come within a second, or within as long as it took: so a long list costs a burst of posts no more than double.
        It serves nobody twice: who comes again may have posted meanwhile.
        """
        async with self._shared():
            if self._monotonic() >= self._fresh_until or incident_id in self._served:
                await self._reserve(2)  # the reading, and the post
                if found := await self._read_to_end(incident_id, clues, guard):
                    return found
            self._served.add(incident_id)
            found = self._done.ours(incident_id, None)
        return await self._confirmed(found, incident_id, guard)

    async def find_existing(self, incident_id: str, clues: Clues = NO_CLUES, *, guard: Guard) -> list[RemoteIncident]:
        """The incidents that carry our reference though nothing is recorded of a post here.

        It was posted long ago, if ever: a reading of the last minute will do.
        """
        async with self._shared():
            is_old = self._monotonic() >= self._done.began_at + SEARCH_SHARED_S
            if is_old:
                await self._reserve(2)  # the list, and the one that is found in it
                if found := await self._read_to_end(incident_id, clues, guard):
                    return found
            found = self._done.ours(incident_id, None)
        return await self._confirmed(found, incident_id, guard)

    async def conflicting(self, services: Iterable[str]) -> RemoteIncident | None:
        """An open incident, as last read, of someone else that concerns one of these services."""
        wanted = frozenset(services)
        foreign = [each for each in self._done.listed if each.concerns & wanted and not references(each)]
        owners = await self._store.owners([each.id for each in foreign])
        return next((each for each in foreign if each.id not in owners), None)

    async def find(
        self, incident_id: str, intent: Intent | None, clues: Clues = NO_CLUES, *, guard: Guard
    ) -> list[RemoteIncident]:
        """The incidents that are ours as of now, the oldest first: see `compose.ours`.

        For an intent, the first that turns up is enough; without one, they are all of them.
        """
        async with self._turn:
            try:
                await self._read(
                    guard, clues, lambda each: intent is not None and bool(ours([each], incident_id, intent))
                )
            except Unfinished:
                if intent and (
                    found := await self._confirmed(self._begun.ours(incident_id, intent), incident_id, guard)
                ):
                    return found
                raise
            found = self._done.ours(incident_id, intent)
        return await self._confirmed(found, incident_id, guard)

    async def lists(self, remote_id: str, *, guard: Guard) -> bool:
        """Whether the list of open incidents has this one now."""
        return any(each.id == remote_id for each in await self._page.open_incidents(guard=guard))

    @asynccontextmanager
    async def _shared(self) -> AsyncIterator[None]:
        """A turn at a reading that serves others too. Who would wait for a long one does not: they come again."""
        if self._begun.unread and self._turn.locked():
            raise _unfinished(self._begun)
        async with self._turn:
            yield

    async def _read_to_end(self, incident_id: str, clues: Clues, guard: Guard) -> list[RemoteIncident]:
        """Read the list to its end; what turned up with our reference before the end."""

        def is_ours(each: RemoteIncident) -> bool:
            return incident_id in references(each)

        try:
            if self._begun.unread and self._monotonic() < self._begun.began_at + SEARCH_SHARED_S:
                await self._read_on(guard, clues, is_ours)
            await self._read(guard, clues, is_ours)
        except Unfinished:
            if found := await self._confirmed(self._begun.ours(incident_id, None), incident_id, guard):
                return found
            raise
        return []

    async def _read(self, guard: Guard, clues: Clues, is_enough: Test) -> None:
        """Read the list anew. Reports the incidents with a reference that the store does not know."""
        began_at = self._monotonic()
        listed = await self._page.open_incidents(guard=guard)
        owners = await self._store.owners([each.id for each in listed if not each.is_whole])
        unowned = await self._reader.complete([each for each in listed if each.id not in owners])
        self._begun = Reading(began_at, [*unowned, *(each for each in listed if each.id in owners)], owners)
        await self._read_on(guard, clues, is_enough)
        ended_at = self._monotonic()
        self._done, self._served = self._begun, set()
        self._fresh_until = ended_at + max(SHARED_S, ended_at - began_at)
        await self._report_unknown()

    async def _read_on(self, guard: Guard, clues: Clues, is_enough: Test) -> None:
        """Read some that lack their updates; raises Unfinished if that was not all."""
        reading = self._begun
        if reading.unread:
            unread = sorted(reading.unread, key=clues.distance)
            reading.take(await self._reader.read(unread, is_enough=is_enough, guard=guard))
        if reading.unread:
            raise _unfinished(reading)

    async def _confirmed(
        self, candidates: Iterable[RemoteIncident], incident_id: str, guard: Guard
    ) -> list[RemoteIncident]:
        """Those that no other incident holds and that are open, as they are now: a list may lag, a shared one does."""
        candidates = list(candidates)
        owners = await self._store.owners([each.id for each in candidates])
        free = [each for each in candidates if owners.get(each.id, incident_id) == incident_id]
        found = [await self._page.read(each.id, guard=guard) for each in free]
        return sorted(
            (each for each in found if each.status is not Phase.RESOLVED), key=lambda each: (each.created_at, each.id)
        )

    async def _report_unknown(self) -> None:
        by_reference = self._done.by_reference
        unknown = await self._store.unknown(by_reference.keys())
        for reference in sorted(unknown - self._unknown):
            log(Event.INCIDENT_UNKNOWN, incident_id=reference, remote_id=by_reference[reference][0].id)
        INCIDENTS_UNKNOWN.inc(len(unknown) - len(self._unknown))
        self._unknown = unknown


def _unfinished(reading: Reading) -> Unfinished:
    count = len(reading.unread)
    return Unfinished(f"nothing was written: {count} open incidents of the page are still to be read one by one")
