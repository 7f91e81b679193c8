"""Reading back: looking on a page for what a write of unknown outcome, a repeated one, or a lost store left there.

Every method takes the post as recorded and returns the post to record. `Unauthorized` alone escapes: it concerns every
incident, not this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.checkly.errors import Gone, Nowhere, PageError, Rejected
from bridge.core import outcomes
from bridge.model import Intent, Phase, Post, Priority, Write
from bridge.reconciler import manual_edits
from bridge.reconciler.attempt import DATE_REJECTED, GO_ON_MS, Attempt, intent_of, remote_id_of
from bridge.reconciler.details import Clues, Unfinished
from bridge.reconciler.ownership import references
from bridge.reconciler.takeover import silent_resolve
from bridge.telemetry import DUPLICATES, WRITES, Event, log

if TYPE_CHECKING:
    from bridge.checkly.port import RemoteIncident


class PageReader:
    """Finds out what stands on one page for one incident."""

    def __init__(self, at: Attempt) -> None:
        self._at = at

    async def look(self, post: Post, now: int) -> Post:
        """Is the intended write on the page? Take it over; if it is certainly not, clear the way for a repeat."""
        intent = intent_of(post)
        try:
            remote = await self._look(post, intent, now)
        except Unfinished:
            return replace(post, retry_at=now + GO_ON_MS)  # not found yet is not absent: this was no look
        except PageError as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return await self._at.missing(post, now)
            return outcomes.look_failed(post, retry_at=self._at.retry_at(error, post, now))
        if remote is None or intent.write is Write.CHANGE:
            post = outcomes.absent(post, now=now, settle_ms=self._at.settle_ms)
            if remote is None or post.intent is not None:
                return post
            return manual_edits.learn(post, intent, remote, now=now)
        WRITES.labels(intent.write, "adopted").inc()
        self._at.log(Event.WRITE_ADOPTED, intent, remote_id=remote.id)
        update = manual_edits.find_update(remote, intent)
        if intent.write is Write.UPDATE:
            update_id, public_at = (update.id, update.public_at) if update else ("", 0)
            return outcomes.succeeded(post, remote.id, update_id=update_id, public_at=public_at)
        post = self._found(post, remote, intent)
        if post.verify_at is None:
            return post
        return replace(post, verify_at=now + self._at.settle_ms, verifications=0)  # an earlier try may come true yet

    async def verify(self, post: Post, now: int) -> Post:
        """After a repeated create: is there a late duplicate? Keep the oldest, resolve the others without a mail.

        Once our incident is over, every late duplicate of it is. One that is not seen open, though it was not over, is
        kept: the read may lag, and what others closed is not brought to life by a duplicate.
        """
        is_over = post.closed_at is not None or post.status is Phase.RESOLVED
        try:
            found = await self._find(None, Clues(name=post.name, services=frozenset(post.services)), now)
            is_seen = post.remote_id is None or any(each.id == post.remote_id for each in found)
            oldest = found[0] if found and is_seen and not is_over else None
            await self._resolve_duplicates(found, now, kept=oldest.id if oldest else post.remote_id)
        except Unfinished:
            return replace(post, verify_at=now + GO_ON_MS)
        except PageError as error:
            return replace(post, attempts=post.attempts + 1, verify_at=self._at.retry_at(error, post, now))
        post = outcomes.verified(post, now=now, settle_ms=self._at.settle_ms)
        if oldest is None or oldest.id == post.remote_id:
            return post
        return self._at.adopted(post, oldest, services=post.services, severity=post.announced_severity)

    async def look_again(self, post: Post, now: int) -> Post:
        """Is what someone else closed still over? If it is open by an update of ours, it is ours again."""
        try:
            await self._at.reserve(1)
            current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
        except PageError as error:
            if isinstance(error, Gone):
                return await self._at.missing(post, now)
            return outcomes.look_failed(post, retry_at=self._at.retry_at(error, post, now))
        newest = manual_edits.newest(current)
        is_ours = newest is not None and (self._at.is_ours(newest) or newest.id == post.update_id != "")
        if current.status is Phase.RESOLVED or not is_ours:
            return outcomes.looked(post, now=now, is_theirs=current.status is not Phase.RESOLVED)
        self._at.log_incident(Event.INCIDENT_RECLAIMED, remote_id=current.id)
        return self._at.adopted(post, current, services=post.announced_services, severity=post.announced_severity)

    async def search(self, post: Post, now: int) -> Post:
        """Nothing is recorded of this page: does something of ours stand there all the same? Then take it over."""
        try:
            clues = Clues(services=frozenset(self._at.incident.summary.services))
            found = await self._at.open_incidents.find_existing(self._at.incident.id, clues, guard=self._at.guard)
            found = self._at.believed(found, now)
        except Unfinished:
            return replace(post, search_at=now + GO_ON_MS)
        except Nowhere:  # no such page: it may be there once it is migrated
            return replace(post, attempts=0, search_at=now + outcomes.PARK_RETRY_MS)
        except PageError as error:
            return replace(post, attempts=post.attempts + 1, search_at=self._at.retry_at(error, post, now))
        post = replace(post, attempts=0, search_at=None)
        return self._at.take_over(post, found, tuple(self._at.incident.summary.services), None, now) if found else post

    async def _look(self, post: Post, intent: Intent, now: int) -> RemoteIncident | None:
        if intent.write is Write.OPEN:
            clues = Clues(name=intent.name, services=frozenset(intent.services), at=intent.recorded_at)
            found = await self._find(intent, clues, now)
            await self._resolve_duplicates(found, now, kept=found[0].id if found else None)
            return found[0] if found else None
        current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
        return current if intent.write is Write.CHANGE or manual_edits.find_update(current, intent) else None

    async def _find(self, intent: Intent | None, clues: Clues, now: int) -> list[RemoteIncident]:
        await self._at.reserve(2)  # the list, and the one that is found in it
        found = await self._at.open_incidents.find(self._at.incident.id, intent, clues, guard=self._at.guard)
        return self._at.believed(found, now)

    def _found(self, post: Post, remote: RemoteIncident, opening: Intent) -> Post:
        """The post with what a lost creation brought: as the page shows it, if more than this one try may be in it."""
        update = manual_edits.find_update(remote, opening)
        if post.verify_at is not None or update is None or len(remote.updates) > 1:
            found = self._at.adopted(post, remote, services=opening.services, severity=opening.severity)
            return replace(found, undated=outcomes.left_undated(post, opening))
        return outcomes.succeeded(post, remote.id, update_id=update.id, public_at=update.public_at)

    async def _resolve_duplicates(self, found: Sequence[RemoteIncident], now: int, *, kept: str | None) -> None:
        """Resolve those of ``found`` that carry our reference: a name and a date do not prove enough for that."""
        for duplicate in found:
            if duplicate.id == kept or self._at.incident.id not in references(duplicate):
                continue
            await self._at.reserve(1, Priority.END)
            with suppress(Gone):  # somebody was faster
                await self._resolve(duplicate, now)
            DUPLICATES.inc()
            log(Event.DUPLICATE_FOUND, incident=self._at.incident.key, kept=kept, resolved=duplicate.id)

    async def _resolve(self, duplicate: RemoteIncident, now: int) -> None:
        end = silent_resolve(duplicate, self._at.duplicate_text, now)
        try:
            await self._at.page.update(duplicate.id, end, guard=self._at.guard)
        except Rejected as error:
            if error.status not in DATE_REJECTED:
                raise
            await self._at.page.update(duplicate.id, replace(end, is_dated=False), guard=self._at.guard)
