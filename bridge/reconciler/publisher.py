"""Acting on a status page: send a recorded write, look for one of unknown outcome, verify one that was repeated.

Every method takes the post as recorded and returns the post to record. `Refused` alone escapes: it concerns every
incident, not this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bridge import posting
from bridge.checkly.errors import Gone, NotSent, Nowhere, OverBudget, PageError, RateLimited, Refused, Rejected
from bridge.checkly.port import Guard, RemoteIncident, RemoteUpdate, StatusPage
from bridge.draft import Draft, signature
from bridge.model import Incident, Intent, Phase, Post, Priority, Severity, UpdateKind, Write
from bridge.reconciler import human
from bridge.reconciler.budget import Reserve
from bridge.reconciler.compose import references, shows_reference
from bridge.reconciler.details import Clues, Unfinished
from bridge.reconciler.standing import Standing
from bridge.reconciler.takeover import adopted, silent_resolve
from bridge.telemetry import DUPLICATES, WRITES, Event, log

GO_ON_MS = 250  # until then it is others' turn
DATE_REFUSED = (400, 422)
HOLD_MS = 30_000  # how often to look whether someone else's incident is over


class _Sent(Struct, frozen=True):
    """A write that the page has answered, with the ``update`` that it made."""

    remote_id: str
    update: RemoteUpdate | None = None
    is_as_intended: bool = False


class Publisher:
    """Writes one incident's post on one page.

    ``end_text`` is what we say at its end, ``duplicate_text`` on a twin that is closed. With ``yields`` nothing is
    opened beside someone else's open incident. ``clock`` is the store's time; ``chance`` is backoff's randomness.
    """

    def __init__(
        self,
        page: StatusPage,
        incident: Incident,
        standing: Standing,
        *,
        reserve: Reserve,
        guard: Guard,
        clock: Callable[[], int],
        chance: Callable[[], float],
        settle_ms: int,
        end_text: str,
        duplicate_text: str,
        yields: bool = False,
    ) -> None:
        self._page = page
        self._incident = incident
        self._standing = standing
        self._reserve = reserve
        self._guard = guard
        self._clock = clock
        self._chance = chance
        self._settle_ms = settle_ms
        self._end_text = end_text
        self._duplicate_text = duplicate_text
        self._yields = yields

    async def survey(self, post: Post, draft: Draft, now: int) -> RemoteIncident | Post | None:
        """What stands on the page before it is changed, None before the first post.

        A post if that ends the step: it was closed, adopted or parked, or the page cannot be read now.
        """
        try:
            if draft.write is Write.OPEN:
                return await self._survey_opening(post, draft, now)
            await self._reserve(2)  # the look, and the write
            current = await self._page.read(_remote_id(post), guard=self._guard)
            if draft.kind is UpdateKind.OPEN and self._yields:
                await self._standing.before_opening(self._incident.id, guard=self._guard)
                if waiting := await self._held(post, draft, now):
                    return waiting
        except Refused:
            raise
        except Unfinished:
            return posting.unsurveyed(post, retry_at=now + GO_ON_MS)
        except Nowhere as error:
            self._log_incident(Event.INCIDENT_PARKED, write=str(draft.write), reason=error.detail)
            return posting.parked(post, write=signature(draft), reason=error.detail, now=now)
        except PageError as error:
            if isinstance(error, Gone) and draft.write is not Write.OPEN:
                return await self._missing(post, now)
            return posting.not_sent(post, retry_at=self._retry_at(error, post, now))
        return self._doubted(post, current, draft, now) or current

    async def send(self, post: Post, current: RemoteIncident | None, now: int, *, write: str) -> Post:
        """Send the post's recorded intent. ``write`` is its draft's signature, should the page refuse it for good."""
        intent = _intent(post)
        try:
            sent = await self._send(post, current, intent)
        except Refused:
            WRITES.labels(intent.write, "refused").inc()
            raise
        except (NotSent, RateLimited) as error:
            WRITES.labels(intent.write, "not_sent").inc()
            self._log(Event.WRITE_RETRIED, intent, reason=error.detail)
            return posting.not_sent(post, retry_at=self._retry_at(error, post, now))
        except (Gone, Rejected) as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return await self._missing(replace(post, intent=None), now)
            if error.status in DATE_REFUSED and intent.is_dated and intent.write is not Write.CHANGE:
                return self._without_date(post, current, reason=error.detail)
            WRITES.labels(intent.write, "rejected").inc()
            self._log(Event.INCIDENT_PARKED, intent, reason=error.detail)
            return posting.parked(post, write=write, reason=error.detail, now=now)
        except PageError as error:
            WRITES.labels(intent.write, "unknown").inc()
            self._log(Event.WRITE_UNKNOWN, intent, reason=error.detail)
            return posting.unknown(post, now=self._clock())  # the settle time begins when the answer is lost, not asked
        WRITES.labels(intent.write, "done").inc()
        self._log(Event.PAGE_WRITTEN, intent, remote_id=sent.remote_id)
        changed_at = self._clock() if sent.is_as_intended else 0
        update_id, public_at = (sent.update.id, sent.update.public_at) if sent.update else ("", 0)
        public_at = public_at or self._clock()
        return posting.succeeded(post, sent.remote_id, update_id=update_id, changed_at=changed_at, public_at=public_at)

    def _without_date(self, post: Post, current: RemoteIncident | None, *, reason: str) -> Post:
        """The post with its write as it is to go out again at once. It may be the date that the page refuses."""
        intent = _intent(post)
        WRITES.labels(intent.write, "undated").inc()
        self._log(Event.DATE_REFUSED, intent, reason=reason)
        updates = current.updates if current else ()
        return posting.undated(post, seen=[each.id for each in updates if each.text.strip() == intent.text.strip()])

    async def look(self, post: Post, now: int) -> Post:
        """Is the intended write on the page? Take it over; if it is certainly not, clear the way for a repeat."""
        intent = _intent(post)
        try:
            remote = await self._look(post, intent, now)
        except Refused:
            raise
        except Unfinished:
            return replace(post, retry_at=now + GO_ON_MS)  # not found yet is not absent: this was no look
        except PageError as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return await self._missing(post, now)
            return posting.look_failed(post, retry_at=self._retry_at(error, post, now))
        if remote is None or intent.write is Write.CHANGE:
            post = posting.absent(post, now=now, settle_ms=self._settle_ms)
            return post if remote is None or post.intent is not None else human.learn(post, intent, remote, now=now)
        WRITES.labels(intent.write, "adopted").inc()
        self._log(Event.WRITE_ADOPTED, intent, remote_id=remote.id)
        update = human.find_update(remote, intent)
        if intent.write is Write.UPDATE:
            update_id, public_at = (update.id, update.public_at) if update else ("", 0)
            return posting.succeeded(post, remote.id, update_id=update_id, public_at=public_at)
        post = self._found(post, remote, intent)
        if post.verify_at is None:
            return post
        return replace(post, verify_at=now + self._settle_ms, verifications=0)  # an earlier try may come true yet

    async def verify(self, post: Post, now: int) -> Post:
        """After a repeated create: is there a late twin? Keep the oldest, resolve the others without a mail.

        Once our incident is over, every late twin of it is. One that is not seen open, though it was not over, is kept:
        the read may lag, and what others closed is not brought to life by a twin.
        """
        is_over = post.closed_at is not None or post.status is Phase.RESOLVED
        try:
            found = await self._find(None, Clues(name=post.name, services=frozenset(post.services)))
            is_seen = post.remote_id is None or any(each.id == post.remote_id for each in found)
            oldest = found[0] if found and is_seen and not is_over else None
            await self._resolve_twins(found, now, kept=oldest.id if oldest else post.remote_id)
        except Refused:
            raise
        except Unfinished:
            return replace(post, verify_at=now + GO_ON_MS)
        except PageError as error:
            return replace(post, attempts=post.attempts + 1, verify_at=self._retry_at(error, post, now))
        post = posting.verified(post, now=now, settle_ms=self._settle_ms)
        if oldest is None or oldest.id == post.remote_id:
            return post
        return self._adopted(post, oldest, services=post.services, severity=post.announced_severity)

    async def look_again(self, post: Post, now: int) -> Post:
        """Is what someone else closed still over? If it is open by an update of ours, it is ours again."""
        try:
            await self._reserve(1)
            current = await self._page.read(_remote_id(post), guard=self._guard)
        except Refused:
            raise
        except PageError as error:
            if isinstance(error, Gone):
                return await self._missing(post, now)
            return posting.look_failed(post, retry_at=self._retry_at(error, post, now))
        newest = human.newest(current)
        is_ours = newest is not None and (self._is_ours(newest) or newest.id == post.update_id != "")
        if current.status is Phase.RESOLVED or not is_ours:
            return posting.looked(post, now=now, is_theirs=current.status is not Phase.RESOLVED)
        self._log_incident(Event.INCIDENT_TAKEN_BACK, remote_id=current.id)
        return self._adopted(post, current, services=post.announced_services, severity=post.announced_severity)

    async def search(self, post: Post, now: int) -> Post:
        """Nothing is recorded of this page: does something of ours stand there all the same? Then take it over."""
        try:
            clues = Clues(services=frozenset(self._incident.summary.services))
            found = await self._standing.search(self._incident.id, clues, guard=self._guard)
        except Refused:
            raise
        except Unfinished:
            return replace(post, search_at=now + GO_ON_MS)
        except Nowhere:  # no such page: it may be there once it is migrated
            return replace(post, attempts=0, search_at=now + posting.PARK_RETRY_MS)
        except PageError as error:
            return replace(post, attempts=post.attempts + 1, search_at=self._retry_at(error, post, now))
        post = replace(post, attempts=0, search_at=None)
        return self._take_over(post, found, tuple(self._incident.summary.services), None, now) if found else post

    async def _survey_opening(self, post: Post, draft: Draft, now: int) -> Post | None:
        clues = Clues(services=frozenset(draft.services))
        found = await self._standing.before_opening(self._incident.id, clues, guard=self._guard)
        if found:
            return self._take_over(post, found, draft.services, draft.severity, now)
        return await self._held(post, draft, now) if self._yields else None

    async def _held(self, post: Post, draft: Draft, now: int) -> Post | None:
        """The post held back, if someone else's incident is open for the same as of the last reading."""
        rival = await self._standing.rival(draft.services)
        if rival is None:
            return None
        if post.held_by != rival.id:
            self._log_incident(Event.INCIDENT_HELD, remote_id=rival.id)
        return posting.held(post, by=rival.id, retry_at=now + HOLD_MS)

    def _take_over(
        self,
        post: Post,
        found: Sequence[RemoteIncident],
        services: tuple[str, ...],
        severity: Severity | None,
        now: int,
    ) -> Post:
        self._log_incident(Event.WRITE_ADOPTED, remote_id=found[0].id)
        post = self._adopted(post, found[0], services=services, severity=severity)
        texts = [update.text for update in found[0].updates]
        remarks = self._incident.summary.remarks
        post = replace(post, told=tuple(each.event_id for each in remarks if any(each.text in text for text in texts)))
        is_alone = len(found) == 1 and not self._standing.is_unfinished
        return post if is_alone else replace(post, verify_at=now, verifications=0)

    async def _send(self, post: Post, current: RemoteIncident | None, intent: Intent) -> _Sent:
        if intent.write is Write.OPEN:
            opened = await self._page.open(intent, guard=self._guard)
            return _Sent(opened.id, next(iter(opened.updates), None))
        if current is None:
            raise AssertionError("a change needs a survey")
        bent = human.bend(intent, current, post)
        if intent.write is Write.UPDATE:
            return _Sent(current.id, await self._page.update(current.id, bent, guard=self._guard))
        if human.is_done(bent, current, post):
            return _Sent(current.id)
        await self._page.change(current, bent, guard=self._guard)
        return _Sent(current.id, is_as_intended=bent == intent)

    async def _look(self, post: Post, intent: Intent, now: int) -> RemoteIncident | None:
        if intent.write is Write.OPEN:
            clues = Clues(name=intent.name, services=frozenset(intent.services), at=intent.recorded_at)
            found = await self._find(intent, clues)
            await self._resolve_twins(found, now, kept=found[0].id if found else None)
            return found[0] if found else None
        current = await self._page.read(_remote_id(post), guard=self._guard)
        return current if intent.write is Write.CHANGE or human.find_update(current, intent) else None

    async def _find(self, intent: Intent | None, clues: Clues) -> list[RemoteIncident]:
        await self._reserve(2)  # the list, and the one that is found in it
        return await self._standing.find(self._incident.id, intent, clues, guard=self._guard)

    async def _resolve_twins(self, found: Sequence[RemoteIncident], now: int, *, kept: str | None) -> None:
        """Resolve those of ``found`` that carry our reference: a name and a date do not prove enough for that."""
        for twin in found:
            if twin.id == kept or self._incident.id not in references(twin):
                continue
            await self._reserve(1, Priority.END)
            with suppress(Gone):  # somebody was faster
                await self._resolve(twin, now)
            DUPLICATES.inc()
            log(Event.DUPLICATE_FOUND, incident=self._incident.key, kept=kept, resolved=twin.id)

    async def _resolve(self, twin: RemoteIncident, now: int) -> None:
        end = silent_resolve(twin, self._duplicate_text, now)
        try:
            await self._page.update(twin.id, end, guard=self._guard)
        except Rejected as error:
            if error.status not in DATE_REFUSED:
                raise
            await self._page.update(twin.id, replace(end, is_dated=False), guard=self._guard)

    async def _missing(self, post: Post, now: int) -> Post:
        """The page says that our incident is gone: true if it says so after the settle time, and lists it no more."""
        waiting = posting.missing(post, now=now, retry_at=now + posting.backoff_ms(post.attempts, self._chance()))
        if post.missing_at is None or now < post.missing_at + self._settle_ms:
            return waiting
        try:
            is_listed = await self._standing.lists(_remote_id(post), guard=self._guard)
        except Refused:
            raise
        except PageError:
            return waiting
        if is_listed:
            return replace(waiting, missing_at=None)
        return self._closed(post, now, exists=False)

    def _doubted(self, post: Post, current: RemoteIncident, draft: Draft, now: int) -> Post | None:
        """The post, if what was read of its incident is older than what we know, or is the end of it."""
        retry_at = now + posting.backoff_ms(post.attempts, self._chance())
        if human.lacks_ours(current, post):
            return posting.stale(post, now=now, settle_ms=self._settle_ms, retry_at=retry_at)
        settled_at = post.changed_at + self._settle_ms
        if draft.write is Write.CHANGE and now < settled_at and human.differs(current, post):
            return posting.look_failed(post, retry_at=min(retry_at, settled_at))
        if not human.was_closed(current, post):
            return None
        update = human.newest(current)
        is_removed = post.stale_at is not None
        if not is_removed and update and update.status is Phase.RESOLVED and self._is_our_end(update):
            return posting.over(post, update_id=update.id)
        return self._closed(post, now, exists=True)

    def _is_ours(self, update: RemoteUpdate) -> bool:
        return shows_reference(update, self._incident.id)

    def _found(self, post: Post, remote: RemoteIncident, opening: Intent) -> Post:
        """The post with what a lost creation brought: as the page shows it, if more than this one try may be in it."""
        update = human.find_update(remote, opening)
        if post.verify_at is not None or update is None or len(remote.updates) > 1:
            found = self._adopted(post, remote, services=opening.services, severity=opening.severity)
            return replace(found, undated=posting.left_undated(post, opening))
        return posting.succeeded(post, remote.id, update_id=update.id, public_at=update.public_at)

    def _is_our_end(self, update: RemoteUpdate) -> bool:
        """By our reference, or by our words, if nothing fired when they were posted: then we would have said them."""
        summary = self._incident.summary
        was_clear = not summary.firing or update.created_at < summary.since
        return self._is_ours(update) or (was_clear and update.text.strip() == self._end_text.strip())

    def _adopted(
        self, post: Post, remote: RemoteIncident, *, services: tuple[str, ...], severity: Severity | None
    ) -> Post:
        ours = [update.id for update in remote.updates if self._is_ours(update)]
        return replace(adopted(post, remote, services=services, severity=severity), update_id=ours[0] if ours else "")

    def _closed(self, post: Post, now: int, *, exists: bool) -> Post:
        if post.closed_at is None:
            log(
                Event.CLOSED_BY_OTHERS,
                incident=self._incident.key,
                route=self._incident.route,
                remote_id=post.remote_id,
                deleted=not exists,
            )
        return posting.closed(post, now=now, exists=exists)

    def _retry_at(self, error: PageError, post: Post, now: int) -> int:
        if isinstance(error, OverBudget):
            return now + error.retry_after_ms  # nothing failed: how often it was not our turn means nothing
        wait_ms = posting.backoff_ms(post.attempts, self._chance())
        if isinstance(error, RateLimited) and error.retry_after_ms is not None:
            wait_ms = max(wait_ms, error.retry_after_ms)
        return now + wait_ms

    def _log(self, event: Event, intent: Intent, **fields: Any) -> None:
        self._log_incident(
            event,
            write=str(intent.write),
            status=str(intent.status),
            severity=intent.severity.name,
            notify=intent.notify,
            **fields,
        )

    def _log_incident(self, event: Event, **fields: Any) -> None:
        incident = self._incident
        log(event, incident=incident.key, incident_id=incident.id, route=incident.route, **fields)


def _intent(post: Post) -> Intent:
    if post.intent is None:
        raise AssertionError("no write was recorded")
    return post.intent


def _remote_id(post: Post) -> str:
    if post.remote_id is None:
        raise AssertionError("nothing stands on the page yet")
    return post.remote_id
