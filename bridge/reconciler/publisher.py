"""Writing on a status page: what stands there before a write, and the write as recorded.

Every method takes the post as recorded and returns the post to record. `Unauthorized` alone escapes: it concerns every
incident, not this one.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from bridge.checkly.errors import Gone, NotSent, Nowhere, PageError, RateLimited, Rejected, Unauthorized
from bridge.checkly.port import RemoteIncident, RemoteUpdate
from bridge.core import outcomes
from bridge.core.planning import PlannedWrite, signature
from bridge.model import Intent, Phase, Post, UpdateKind, Write
from bridge.reconciler import manual_edits
from bridge.reconciler.attempt import DATE_REJECTED, GO_ON_MS, Attempt, intent_of, remote_id_of
from bridge.reconciler.details import Clues, Unfinished
from bridge.telemetry import WRITES, Event

HOLD_MS = 30_000  # how often to look whether someone else's incident is over


class _Sent(Struct, frozen=True):
    """A write that the page has answered, with the ``update`` that it made."""

    remote_id: str
    update: RemoteUpdate | None = None
    is_as_intended: bool = False


class Publisher:
    """Writes one incident's post on one page."""

    def __init__(self, at: Attempt) -> None:
        self._at = at

    async def survey(self, post: Post, planned: PlannedWrite, now: int) -> RemoteIncident | Post | None:
        """What stands on the page before it is changed, None before the first post.

        A post if that ends the step: it was closed, adopted or parked, or the page cannot be read now.
        """
        try:
            if planned.write is Write.OPEN:
                return await self._survey_opening(post, planned, now)
            await self._at.reserve(2)  # the look, and the write
            current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
            if planned.kind is UpdateKind.OPEN and self._at.yields:
                await self._at.open_incidents.find_before_create(self._at.incident.id, guard=self._at.guard)
                if waiting := await self._held(post, planned, now):
                    return waiting
        except Unfinished:
            return outcomes.unsurveyed(post, retry_at=now + GO_ON_MS)
        except Nowhere as error:
            self._at.log_incident(Event.INCIDENT_PARKED, write=str(planned.write), reason=error.detail)
            return outcomes.parked(post, write=signature(planned), reason=error.detail, now=now)
        except PageError as error:
            if isinstance(error, Gone) and planned.write is not Write.OPEN:
                return await self._at.missing(post, now)
            return outcomes.not_sent(post, retry_at=self._at.retry_at(error, post, now))
        return self._doubted(post, current, planned, now) or current

    async def send(self, post: Post, current: RemoteIncident | None, now: int, *, write: str) -> Post:
        """Send the post's recorded intent. ``write`` is its signature, should the page refuse it for good."""
        intent = intent_of(post)
        try:
            sent = await self._send(post, current, intent)
        except Unauthorized:
            WRITES.labels(intent.write, "refused").inc()
            raise
        except (NotSent, RateLimited) as error:
            WRITES.labels(intent.write, "not_sent").inc()
            self._at.log(Event.WRITE_RETRIED, intent, reason=error.detail)
            return outcomes.not_sent(post, retry_at=self._at.retry_at(error, post, now))
        except (Gone, Rejected) as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return await self._at.missing(replace(post, intent=None), now)
            if error.status in DATE_REJECTED and intent.is_dated and intent.write is not Write.CHANGE:
                return self._without_date(post, current, reason=error.detail)
            WRITES.labels(intent.write, "rejected").inc()
            self._at.log(Event.INCIDENT_PARKED, intent, reason=error.detail)
            return outcomes.parked(post, write=write, reason=error.detail, now=now)
        except PageError as error:
            WRITES.labels(intent.write, "unknown").inc()
            self._at.log(Event.WRITE_UNKNOWN, intent, reason=error.detail)
            lost_at = self._at.clock()  # the settle time begins now, not when it was asked
            return outcomes.unknown(post, now=lost_at)
        WRITES.labels(intent.write, "done").inc()
        self._at.log(Event.PAGE_WRITTEN, intent, remote_id=sent.remote_id)
        changed_at = self._at.clock() if sent.is_as_intended else 0
        update_id, public_at = (sent.update.id, sent.update.public_at) if sent.update else ("", 0)
        public_at = public_at or self._at.clock()
        return outcomes.succeeded(post, sent.remote_id, update_id=update_id, changed_at=changed_at, public_at=public_at)

    def _without_date(self, post: Post, current: RemoteIncident | None, *, reason: str) -> Post:
        """The post with its write as it is to go out again at once. It may be the date that the page refuses."""
        intent = intent_of(post)
        WRITES.labels(intent.write, "undated").inc()
        self._at.log(Event.DATE_REJECTED, intent, reason=reason)
        updates = current.updates if current else ()
        return outcomes.undated(post, seen=[each.id for each in updates if each.text.strip() == intent.text.strip()])

    async def _survey_opening(self, post: Post, planned: PlannedWrite, now: int) -> Post | None:
        clues = Clues(services=frozenset(planned.services))
        found = await self._at.open_incidents.find_before_create(self._at.incident.id, clues, guard=self._at.guard)
        if found := self._at.believed(found, now):
            return self._at.take_over(post, found, planned.services, planned.severity, now)
        return await self._held(post, planned, now) if self._at.yields else None

    async def _held(self, post: Post, planned: PlannedWrite, now: int) -> Post | None:
        """The post held back, if someone else's incident is open for the same as of the last reading."""
        conflicting = await self._at.open_incidents.conflicting(planned.services)
        if conflicting is None:
            return None
        if post.held_by != conflicting.id:
            self._at.log_incident(Event.INCIDENT_WITHHELD, reason="second_writer", remote_id=conflicting.id)
        return outcomes.held(post, by=conflicting.id, retry_at=now + HOLD_MS)

    async def _send(self, post: Post, current: RemoteIncident | None, intent: Intent) -> _Sent:
        if intent.write is Write.OPEN:
            opened = await self._at.page.open(intent, guard=self._at.guard)
            return _Sent(opened.id, next(iter(opened.updates), None))
        if current is None:
            raise AssertionError("a change needs a survey")
        adjusted = manual_edits.preserve_edits(intent, current, post)
        if intent.write is Write.UPDATE:
            return _Sent(current.id, await self._at.page.update(current.id, adjusted, guard=self._at.guard))
        if manual_edits.is_already_applied(adjusted, current, post):
            return _Sent(current.id)
        await self._at.page.change(current, adjusted, guard=self._at.guard)
        return _Sent(current.id, is_as_intended=adjusted == intent)

    def _doubted(self, post: Post, current: RemoteIncident, planned: PlannedWrite, now: int) -> Post | None:
        """The post, if what was read of its incident is older than what we know, or is the end of it."""
        retry_at = now + outcomes.backoff_ms(post.attempts, self._at.jitter())
        if manual_edits.lacks_ours(current, post):
            return outcomes.stale(post, now=now, settle_ms=self._at.settle_ms, retry_at=retry_at)
        settled_at = post.changed_at + self._at.settle_ms
        if planned.write is Write.CHANGE and now < settled_at and manual_edits.differs(current, post):
            return outcomes.look_failed(post, retry_at=min(retry_at, settled_at))
        if not manual_edits.was_closed_manually(current, post):
            return None
        update = manual_edits.newest(current)
        is_removed = post.stale_at is not None
        if not is_removed and update and update.status is Phase.RESOLVED and self._is_our_end(update):
            return outcomes.over(post, update_id=update.id)
        return self._at.closed(post, now, exists=True)

    def _is_our_end(self, update: RemoteUpdate) -> bool:
        """By our reference, or by our words, if nothing fired when they were posted: then we would have said them."""
        summary = self._at.incident.summary
        was_clear = not summary.firing or update.created_at < summary.firing_since
        return self._at.is_ours(update) or (was_clear and update.text.strip() == self._at.end_text.strip())
