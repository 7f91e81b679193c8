"""Writing on a status page: what stands there before a write, and the write as recorded. I/O only.

Every method returns what it came to; `outcomes.apply` knows what becomes of the post. `Unauthorized` alone escapes: it
concerns every incident, not this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from bridge.checkly.errors import Gone, NotSent, Nowhere, PageError, RateLimited, Rejected, Unauthorized
from bridge.core import results
from bridge.core.merging import learned, merged, moves_on
from bridge.core.planning import OPEN_PHASES, signature
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import UpdateKind, Write
from bridge.reconciler import manual_edits
from bridge.reconciler.attempt import DATE_REJECTED, delay_of, intent_of, remote_id_of
from bridge.reconciler.details import Clues, Unfinished
from bridge.telemetry import WRITES

if TYPE_CHECKING:
    from bridge.core.planning import PlannedWrite
    from bridge.core.results import Result
    from bridge.model import Intent, Post
    from bridge.reconciler.attempt import Attempt


class Clear(Struct, frozen=True):
    """Nothing is in the way of the write, but perhaps what somebody has ``posted``: it may take the incident over.

    ``current`` is the incident that the write changes; None before the first post.
    """

    current: RemoteIncident | None = None
    posted: RemoteUpdate | None = None


class Publisher:
    """Writes one incident's post on one page."""

    def __init__(self, at: Attempt) -> None:
        self._at = at

    async def read_before_write(self, post: Post, planned: PlannedWrite) -> Clear | Result:
        """What stands on the page before it is changed: a result, if that ends the step."""
        try:
            if planned.write is Write.OPEN:
                return await self._find_before_create(planned)
            await self._at.reserve(2)  # the read, and the write
            current = await self._at.page.read(remote_id_of(post), guard=self._at.guard)
            if planned.kind is UpdateKind.OPEN and self._at.yields:
                await self._at.open_incidents.find_before_create(self._at.incident.id, guard=self._at.guard)
                if conflict := await self._conflict(planned):
                    return conflict
        except Unfinished:
            return results.Unfinished(results.Read.BEFORE_WRITE)
        except Nowhere as error:
            return results.Rejected(write=planned.write, signature=signature(planned), detail=error.detail)
        except PageError as error:
            if isinstance(error, Gone) and planned.write is not Write.OPEN:
                return await self._at.gone(post)
            return results.ReadFailed(results.Read.BEFORE_WRITE, delay_of(error))
        if doubt := self._doubt(post, current, planned):
            return doubt
        posted = manual_edits.posted_by_others(current, post, self._at.incident.id) if self._at.stops else None
        if posted is None and (edited := self._edited(post, current, planned)):
            return edited
        return Clear(current, posted)

    async def send(self, post: Post, current: RemoteIncident | None, planned: PlannedWrite) -> Result:
        """Send the post's recorded intent, which was ``planned`` so."""
        intent = intent_of(post)
        try:
            return await self._send(post, current, intent)
        except Unauthorized:
            WRITES.labels(intent.write, "unauthorized").inc()
            raise
        except (NotSent, RateLimited) as error:
            return results.NotSent(delay_of(error), error.detail)
        except (Gone, Rejected) as error:
            if isinstance(error, Gone) and intent.write is not Write.OPEN:
                return results.Gone(answers_write=True)
            if error.status in DATE_REJECTED and intent.is_dated and intent.write is not Write.CHANGE:
                updates = current.updates if current else ()
                seen = tuple(each.id for each in updates if each.text.strip() == intent.text.strip())
                return results.DateRejected(seen, error.detail)
            return results.Rejected(write=intent.write, signature=signature(planned), detail=error.detail)
        except PageError as error:
            return results.Unknown(error.detail)

    def _edited(self, post: Post, current: RemoteIncident, planned: PlannedWrite) -> results.Edited | None:
        """Whether somebody has set a status that takes the place of the planned one."""
        edits = learned(post, current, is_settled=False)
        if edits == post.edits or planned.write is not Write.UPDATE or planned.status not in OPEN_PHASES:
            return None
        is_kept = planned.status is not post.status and not moves_on(replace(post, edits=edits), planned.status)
        return results.Edited(edits, manual_edits.edits(current, post)) if is_kept else None

    async def _find_before_create(self, planned: PlannedWrite) -> Clear | Result:
        clues = Clues(services=frozenset(planned.services))
        found = await self._at.open_incidents.find_before_create(self._at.incident.id, clues, guard=self._at.guard)
        if found := self._at.believed(found):
            return self._at.adopt(found, planned.services, planned.severity)
        return (await self._conflict(planned) if self._at.yields else None) or Clear()

    async def _conflict(self, planned: PlannedWrite) -> results.Conflict | None:
        """Whether someone else's incident is open for the same, as of the last reading."""
        found = await self._at.open_incidents.conflicting(planned.services)
        return results.Conflict(found.id) if found else None

    async def _send(self, post: Post, current: RemoteIncident | None, intent: Intent) -> Result:
        if intent.write is Write.OPEN:
            opened = await self._at.page.open(intent, guard=self._at.guard)
            update = next(iter(opened.updates), None)
            return results.Sent(remote_id=opened.id, update=update, service_ids=_service_ids(intent, opened))
        if current is None:
            raise AssertionError("a change needs a read before it")
        adjusted = merged(intent, post)
        if intent.write is Write.UPDATE:
            update = await self._at.page.update(current.id, adjusted, guard=self._at.guard)
            return results.Sent(remote_id=current.id, update=update)
        if manual_edits.is_already_applied(adjusted, current, post):
            return results.Sent(remote_id=current.id, is_made=False)
        changed = await self._at.page.change(current, adjusted, without=post.edits.removed, guard=self._at.guard)
        return results.Sent(remote_id=current.id, is_change=True, service_ids=_service_ids(intent, changed))

    def _doubt(self, post: Post, current: RemoteIncident, planned: PlannedWrite) -> Result | None:
        """Whether what was read of our incident is older than what we know, or is the end of it."""
        if manual_edits.lacks_ours(current, post):
            return results.Stale()
        is_recent = self._at.now < post.changed_at + self._at.settle_ms
        if planned.write is Write.CHANGE and is_recent and _differs(post, current):
            return results.Lagging()
        if not manual_edits.was_closed_manually(current, post):
            return None
        is_removed = post.stale_at is not None
        return manual_edits.end_of(current, self._at.incident, self._at.end_text, is_removed=is_removed)


def _differs(post: Post, current: RemoteIncident) -> bool:
    """Whether it shows something else than it did after our last change: an older state, or a person's edit."""
    return learned(post, current, is_settled=True) != learned(post, current, is_settled=False)


def _service_ids(intent: Intent, taken: RemoteIncident) -> tuple[str, ...]:
    """The incident's services as the page took them; where it shows impacts, these tell."""
    return () if intent.impacts else taken.services
