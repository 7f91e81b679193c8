"""What stands open on a status page, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from bridge.checkly.port import Guard, RemoteIncident, StatusPage
from bridge.model import Intent, Phase
from bridge.reconciler.compose import ours, references
from bridge.store import Store
from bridge.telemetry import INCIDENTS_UNKNOWN, Event, log

SHARED_S = 1.0

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
        self._fresh_until = float("-inf")
        self._by_reference: dict[str, list[RemoteIncident]] = {}
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
        return await self._confirmed(self._by_reference.get(incident_id, ()), incident_id, guard)

    async def find(self, incident_id: str, intent: Intent | None, *, guard: Guard) -> list[RemoteIncident]:
        """The incidents that are ours as of now, the oldest first: see `compose.ours`."""
        return await self._confirmed(ours(await self.read(guard=guard), incident_id, intent), incident_id, guard)

    async def read(self, *, guard: Guard) -> list[RemoteIncident]:
        """All open incidents, whoever made them. Reports those with a reference that the store does not know."""
        began_at = self._monotonic()
        listed = await self._page.open_incidents(guard=guard)
        ended_at = self._monotonic()
        by_reference: dict[str, list[RemoteIncident]] = {}
        for incident in sorted(listed, key=lambda incident: (incident.created_at, incident.id)):
            for reference in references(incident):
                by_reference.setdefault(reference, []).append(incident)
        self._by_reference, self._served = by_reference, set()
        self._fresh_until = ended_at + max(SHARED_S, ended_at - began_at)
        await self._report_unknown(by_reference)
        return listed

    async def _confirmed(
        self, candidates: Iterable[RemoteIncident], incident_id: str, guard: Guard
    ) -> list[RemoteIncident]:
        """Those that no other incident holds and that are open, as they are now: a list may lag, a shared one does."""
        candidates = list(candidates)
        owners = await self._store.owners([each.id for each in candidates])
        free = [each for each in candidates if owners.get(each.id, incident_id) == incident_id]
        found = [await self._page.read(each.id, guard=guard) for each in free]
        return [each for each in found if each.status is not Phase.RESOLVED]

    async def _report_unknown(self, by_reference: dict[str, list[RemoteIncident]]) -> None:
        unknown = await self._store.unknown(by_reference.keys())
        for reference in sorted(unknown - self._unknown):
            log(Event.INCIDENT_UNKNOWN, incident_id=reference, remote_id=by_reference[reference][0].id)
        INCIDENTS_UNKNOWN.inc(len(unknown) - len(self._unknown))
        self._unknown = unknown
