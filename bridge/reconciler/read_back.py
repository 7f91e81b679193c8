"""Reading back: looking on a page for what a write of unknown outcome, a repeated one, or a lost store left there.

I/O only: every method returns what it came to; `outcomes.apply` knows what becomes of the post. `Unauthorized` alone
escapes: it concerns every incident, not this one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.checkly.errors import Gone, Nowhere, PageError, Rejected
from bridge.core import results
from bridge.core.ownership import find_update, references, shows_reference
from bridge.core.planning import DATE_STEP_MS
from bridge.core.results import Read
from bridge.model import Intent, Phase, Priority, Severity, UpdateKind, Write
from bridge.reconciler import manual_edits
from bridge.reconciler.attempt import DATE_REJECTED, delay_of, intent_of, remote_id_of
from bridge.reconciler.details import Clues, Unfinished
from bridge.telemetry import DUPLICATES, Event, log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.core.remote import RemoteIncident
    from bridge.core.results import Result
    from bridge.model import Post
    from bridge.reconciler.attempt import Attempt


class PageReader:
    """Finds out what stands on one page for one incident."""

    def __init__(self, at: Attempt) -> None:
        self._at = at

    async def read_back(self, post: Post) -> Result:
        """Whether the intended write is on the page."""
        intent = intent_of(post)
        try:
            if intent.write is Write.OPEN:
                return await self._find_created(intent)
            current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
        except Unfinished:
            return results.Unfinished(Read.WRITE)  # not found yet is not absent
        except PageError as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return await self._at.gone(post)
            return results.ReadFailed(Read.WRITE, delay_of(error))
        if intent.write is Write.CHANGE:
            return results.NotFound(current)
        return results.Found(current) if find_update(current, intent) else results.NotFound()

    async def find_duplicates(self, post: Post) -> Result:
        """After a repeated create: is there a late duplicate? Keep the oldest, resolve the others without a mail.

        Once our incident is over, every late duplicate of it is. One that is not seen open, though it was not over, is
        kept: the read may lag, and what others closed is not brought to life by a duplicate.
        """
        is_over = post.closed_at is not None or post.status is Phase.RESOLVED
        try:
            found = await self._find(None, Clues(name=post.name, services=frozenset(post.services)))
            is_seen = post.remote_id is None or any(each.id == post.remote_id for each in found)
            oldest = found[0] if found and is_seen and not is_over else None
            await self._resolve_duplicates(found, kept=oldest.id if oldest else post.remote_id)
        except Unfinished:
            return results.Unfinished(Read.DUPLICATES)
        except PageError as error:
            return results.ReadFailed(Read.DUPLICATES, delay_of(error))
        return results.DuplicatesResolved(oldest)

    async def check_closed(self, post: Post) -> Result:
        """Whether what someone else closed is still over. If it is open by an update of ours, it is ours again."""
        try:
            await self._at.reserve(1)
            current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
        except PageError as error:
            if isinstance(error, Gone):
                return await self._at.gone(post)
            return results.ReadFailed(Read.CLOSED, delay_of(error))
        newest, is_open = manual_edits.newest(current), current.status is not Phase.RESOLVED
        is_ours = newest and (shows_reference(newest, self._at.incident.id) or newest.id == post.update_id != "")
        return results.Reclaimed(current) if is_open and is_ours else results.Seen(is_theirs=is_open)

    async def find_existing(self) -> Result:
        """Nothing is recorded of this page: does something of ours stand there all the same?"""
        services = self._at.incident.summary.services
        try:
            clues = Clues(services=frozenset(services))
            found = await self._at.open_incidents.find_existing(self._at.incident.id, clues, guard=self._at.guard)
            found = self._at.believed(found)
        except Unfinished:
            return results.Unfinished(Read.EXISTING)
        except Nowhere:
            return results.PageMissing()
        except PageError as error:
            return results.ReadFailed(Read.EXISTING, delay_of(error))
        return self._at.adopt(found, tuple(services), None) if found else results.NothingExists()

    async def _find_created(self, intent: Intent) -> Result:
        clues = Clues(name=intent.name, services=frozenset(intent.services), at=intent.recorded_at)
        found = await self._find(intent, clues)
        await self._resolve_duplicates(found, kept=found[0].id if found else None)
        return results.Found(found[0]) if found else results.NotFound()

    async def _find(self, intent: Intent | None, clues: Clues) -> list[RemoteIncident]:
        await self._at.reserve(2)  # the list, and the one that is found in it
        found = await self._at.open_incidents.find(self._at.incident.id, intent, clues, guard=self._at.guard)
        return self._at.believed(found)

    async def _resolve_duplicates(self, found: Sequence[RemoteIncident], *, kept: str | None) -> None:
        """Resolve those of ``found`` that carry our reference: a name and a date do not prove enough for that."""
        for duplicate in found:
            if duplicate.id == kept or self._at.incident.id not in references(duplicate):
                continue
            await self._at.reserve(1, Priority.END)
            with suppress(Gone):  # somebody was faster
                await self._resolve(duplicate)
                self._at.closed.append(duplicate.id)
            DUPLICATES.inc()
            log(Event.DUPLICATE_FOUND, incident=self._at.incident.key, kept=kept, resolved=duplicate.id)

    async def _resolve(self, duplicate: RemoteIncident) -> None:
        end = silent_resolve(duplicate, self._at.duplicate_text, self._at.now)
        try:
            await self._at.page.update(duplicate.id, end, guard=self._at.guard)
        except Rejected as error:
            if error.status not in DATE_REJECTED:
                raise
            await self._at.page.update(duplicate.id, replace(end, is_dated=False), guard=self._at.guard)


def silent_resolve(duplicate: RemoteIncident, text: str, now: int) -> Intent:
    """The update that ends a duplicate, soon after its newest: ``text`` tells why, and nobody is mailed."""
    newest = max((update.public_at for update in duplicate.updates), default=now)
    return Intent(
        write=Write.UPDATE,
        status=Phase.RESOLVED,
        kind=UpdateKind.RESOLVED,
        severity=duplicate.severity or Severity.MINOR,
        services=(),
        labels={},
        name=duplicate.name,
        text=text,
        notify=False,
        public_at=max(newest, min(newest + DATE_STEP_MS, now)),
        recorded_at=now,
    )
