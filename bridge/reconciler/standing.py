"""What already stands on the pages when the store is young: a lost store must not mean a second post."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.checkly.errors import Gone
from bridge.checkly.port import Guard, RemoteIncident, StatusPage
from bridge.model import Phase
from bridge.reconciler.compose import ours

YOUNG_MS = 24 * 3_600_000


class Standing:
    """Our open incidents on each page, read once per store.

    Everything the bridge opened after the store was born is in the store; so one reading, made after its birth and
    before the first post, knows all that may have been forgotten.
    """

    def __init__(self, pages: Mapping[str, StatusPage]) -> None:
        self._pages = pages
        self._read: dict[tuple[str, int], list[RemoteIncident]] = {}

    async def find(self, page: str, incident_id: str, *, born: int, now: int, guard: Guard) -> RemoteIncident | None:
        """The oldest incident on ``page`` that carries our reference and is open still. Raises PageError."""
        if now - born > YOUNG_MS:
            return None
        if (page, born) not in self._read:
            self._read[page, born] = await self._pages[page].open_incidents(guard=guard)
        found = await still_open(self._pages[page], ours(self._read[page, born], incident_id, None), guard=guard)
        return found[0] if found else None


async def still_open(page: StatusPage, listed: Iterable[RemoteIncident], *, guard: Guard) -> list[RemoteIncident]:
    """Those of the incidents that are open now, as they are now: a list may lag, and an earlier reading does."""
    found = []
    for incident in listed:
        try:
            found.append(await page.read(incident.id, guard=guard))
        except Gone:
            continue
    return [incident for incident in found if incident.status is not Phase.RESOLVED]
