"""What stands open on a status page, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from bridge.checkly.errors import Gone, NotSent
from bridge.checkly.port import Guard, RemoteIncident, StatusPage
from bridge.model import Intent, Phase
from bridge.reconciler.compose import ours, references
from bridge.store import Store
from bridge.telemetry import INCIDENTS_UNKNOWN, Event, log

SHARED_S = 1.0
SEARCH_SHARED_S = 60.0
READS_AT_MOST = 100  # of single incidents, for one reading of a list that leaves their updates out

Reserve: TypeAlias = Callable[[int], Awaitable[None]]
"""Makes sure of the budget for so many requests before the first of them is made; raises a PageError."""


class Standing:
    """The open incidents of one page. ``monotonic`` is in seconds. Every method raises PageError and StoreUnavailable.

    An incident that the store knows as another's is never found, whatever it shows.
    """

    def __init__(self, page: StatusPage, store: Store, *, reserve: Reserve, monotonic: Callable[[], float]) -> None:
        self._page = page
        self._store = store
        self._reserve = reserve
        self._monotonic = monotonic
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._fresh_until = float("-inf")
        self._listed: list[RemoteIncident] = []
        self._by_reference: dict[str, list[RemoteIncident]] = {}
        self._strangers: list[RemoteIncident] = []
        self._whole: dict[str, RemoteIncident] = {}
        self._owners: dict[str, str] = {}
        self._served: set[str] = set()
        self._unknown: set[str] = set()

    async def before_opening(self, incident_id: str, *, guard: Guard) -> list[RemoteIncident]:
        """The incidents that carry our reference before we post for the first time, so far as the store remembers.

        A store that was lost, restored or failed over may have forgotten a post. One reading of the list serves all who
        come within a second, or within as long as it took: so a long list costs a burst of posts no more than double.
        It serves nobody twice: who comes again may have posted meanwhile.
        """
        async with self._reading:
            if self._monotonic() >= self._fresh_until or incident_id in self._served:
                await self._reserve(2)  # the reading, and the post
                await self.read(guard=guard)
            self._served.add(incident_id)
        return await self._confirmed(self._marked(incident_id), incident_id, guard)

    async def search(self, incident_id: str, *, guard: Guard) -> list[RemoteIncident]:
        """The incidents that carry our reference though nothing is recorded of a post here.

        It was posted long ago, if ever: a reading of the last minute will do.
        """
        async with self._reading:
            if self._monotonic() >= self._read_at + SEARCH_SHARED_S:
                await self.read(guard=guard)
        return await self._confirmed(self._marked(incident_id), incident_id, guard)

    async def rival(self, services: Iterable[str]) -> RemoteIncident | None:
        """An open incident, as last read, of someone else that concerns one of these services."""
        wanted = frozenset(services)
        candidates = [each for each in self._strangers if each.concerns & wanted]
        owners = await self._store.owners([each.id for each in candidates])
        return next((each for each in candidates if each.id not in owners), None)

    async def find(self, incident_id: str, intent: Intent | None, *, guard: Guard) -> list[RemoteIncident]:
        """The incidents that are ours as of now, the oldest first: see `compose.ours`."""
        found = ours(await self.read(guard=guard), incident_id, intent)
        return await self._confirmed([*found, *self._unread(incident_id)], incident_id, guard)

    async def read(self, *, guard: Guard) -> list[RemoteIncident]:
        """All open incidents, whoever made them. Reports those with a reference that the store does not know."""
        began_at = self._monotonic()
        listed = await self._completed(await self._page.open_incidents(guard=guard), guard)
        ended_at = self._monotonic()
        by_reference: dict[str, list[RemoteIncident]] = {}
        strangers = []
        for incident in sorted(listed, key=lambda incident: (incident.created_at, incident.id)):
            found = references(incident)
            for reference in found:
                by_reference.setdefault(reference, []).append(incident)
            if not found:
                strangers.append(incident)
        self._listed, self._by_reference, self._strangers, self._served = listed, by_reference, strangers, set()
        self._read_at, self._fresh_until = began_at, ended_at + max(SHARED_S, ended_at - began_at)
        await self._report_unknown(by_reference)
        return listed

    def _marked(self, incident_id: str) -> list[RemoteIncident]:
        return [*self._by_reference.get(incident_id, ()), *self._unread(incident_id)]

    def _unread(self, incident_id: str) -> list[RemoteIncident]:
        """Those that the store knows as this incident's, so that nobody read their updates."""
        return [each for each in self._listed if not each.is_whole and self._owners.get(each.id) == incident_id]

    async def _completed(self, listed: list[RemoteIncident], guard: Guard) -> list[RemoteIncident]:
        """Every incident with its updates, each read once until it changes. Those that the store knows need none."""
        partial = [each for each in listed if not each.is_whole]
        owners = self._owners = await self._store.owners([each.id for each in partial])
        self._whole = {each.id: self._whole[each.id] for each in partial if each.id in self._whole}
        reads = 0
        for each in partial:
            known = self._whole.get(each.id)
            if each.id in owners or (known is not None and known.version == each.version != ""):
                continue
            if reads == READS_AT_MOST:
                raise NotSent(f"nothing was written: more than {READS_AT_MOST} open incidents must be read one by one")
            reads += 1
            try:
                self._whole[each.id] = await self._page.read(each.id, guard=guard)
            except Gone:
                self._whole.pop(each.id, None)
        return [self._whole.get(each.id, each) for each in listed]

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

    async def _report_unknown(self, by_reference: dict[str, list[RemoteIncident]]) -> None:
        unknown = await self._store.unknown(by_reference.keys())
        for reference in sorted(unknown - self._unknown):
            log(Event.INCIDENT_UNKNOWN, incident_id=reference, remote_id=by_reference[reference][0].id)
        INCIDENTS_UNKNOWN.inc(len(unknown) - len(self._unknown))
        self._unknown = unknown
