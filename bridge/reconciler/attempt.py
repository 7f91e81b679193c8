"""One step of one incident on one page: what there is at hand, and what becomes of the post whatever was tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bridge.checkly.errors import OverBudget, PageError, RateLimited
from bridge.core import outcomes
from bridge.reconciler import manual_edits
from bridge.reconciler.details import Unfinished
from bridge.reconciler.ownership import shows_reference
from bridge.reconciler.takeover import adopted
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from bridge.checkly.port import Guard, RemoteIncident, RemoteUpdate, StatusPage
    from bridge.model import Ended, Incident, Intent, Post, Severity
    from bridge.reconciler.budget import Reserve
    from bridge.reconciler.open_incidents import OpenIncidents

GO_ON_MS = 250  # until then it is others' turn
DATE_REJECTED = (400, 422)


class Attempt:
    """What `Publisher` and `PageReader` have at hand, and what they have in common.

    ``ended`` are our incidents before this one. ``end_text`` is what we say at its end, ``duplicate_text`` on a
    duplicate that is closed. With ``yields`` nothing is opened beside someone else's open incident.
    ``clock`` is the store's time; ``jitter`` is backoff's randomness.
    """

    def __init__(
        self,
        page: StatusPage,
        incident: Incident,
        open_incidents: OpenIncidents,
        *,
        reserve: Reserve,
        guard: Guard,
        clock: Callable[[], int],
        jitter: Callable[[], float],
        settle_ms: int,
        end_text: str,
        duplicate_text: str,
        ended: Collection[Ended] = (),
        yields: bool = False,
    ) -> None:
        self.page = page
        self.incident = incident
        self.open_incidents = open_incidents
        self.reserve = reserve
        self.guard = guard
        self.clock = clock
        self.jitter = jitter
        self.settle_ms = settle_ms
        self.end_text = end_text
        self.duplicate_text = duplicate_text
        self.ended = ended
        self.yields = yields

    def believed(self, found: list[RemoteIncident], now: int) -> list[RemoteIncident]:
        """The same, unless one of them is read as it was before we ended it: raises Unfinished, for the settle time.

        After that somebody has removed our end, and what is read counts.
        """
        ends = [end for end in self.ended if now < end.at + self.settle_ms]
        if any(manual_edits.is_before(each, end) for each in found for end in ends):
            raise Unfinished("nothing was written: the read is older than the end of our previous incident")
        return found

    def take_over(
        self,
        post: Post,
        found: Sequence[RemoteIncident],
        services: tuple[str, ...],
        severity: Severity | None,
        now: int,
    ) -> Post:
        """Take over the first of those that were found. If there may be more, they are to be looked for."""
        self.log_incident(Event.WRITE_ADOPTED, remote_id=found[0].id)
        post = self.adopted(post, found[0], services=services, severity=severity)
        texts = [update.text for update in found[0].updates]
        public_notes = self.incident.summary.public_notes
        post = replace(
            post,
            published_notes=tuple(each.event_id for each in public_notes if any(each.text in text for text in texts)),
        )
        is_alone = len(found) == 1 and not self.open_incidents.is_unfinished
        return post if is_alone else replace(post, verify_at=now, verifications=0)

    def adopted(
        self, post: Post, remote: RemoteIncident, *, services: tuple[str, ...], severity: Severity | None
    ) -> Post:
        """`takeover.adopted`, with our newest update as the page calls it."""
        ours = [update.id for update in remote.updates if self.is_ours(update)]
        return replace(adopted(post, remote, services=services, severity=severity), update_id=ours[0] if ours else "")

    async def missing(self, post: Post, now: int) -> Post:
        """The page says that our incident is gone: true if it says so after the settle time, and lists it no more."""
        waiting = outcomes.missing(post, now=now, retry_at=now + outcomes.backoff_ms(post.attempts, self.jitter()))
        if post.missing_at is None or now < post.missing_at + self.settle_ms:
            return waiting
        try:
            is_listed = await self.open_incidents.lists(remote_id_of(post), guard=self.guard)
        except PageError:
            return waiting
        if is_listed:
            return replace(waiting, missing_at=None)
        return self.closed(post, now, exists=False)

    def closed(self, post: Post, now: int, *, exists: bool) -> Post:
        """Someone else has resolved our incident, or deleted it."""
        if post.closed_at is None:
            log(
                Event.CLOSED_BY_OTHERS,
                incident=self.incident.key,
                route=self.incident.route,
                remote_id=post.remote_id,
                deleted=not exists,
            )
        return outcomes.closed(post, now=now, exists=exists)

    def is_ours(self, update: RemoteUpdate) -> bool:
        """Whether it shows our reference."""
        return shows_reference(update, self.incident.id)

    def retry_at(self, error: PageError, post: Post, now: int) -> int:
        """When to try again what failed so."""
        if isinstance(error, OverBudget):
            return now + error.retry_after_ms  # nothing failed: how often it was not our turn means nothing
        wait_ms = outcomes.backoff_ms(post.attempts, self.jitter())
        if isinstance(error, RateLimited) and error.retry_after_ms is not None:
            wait_ms = max(wait_ms, error.retry_after_ms)
        return now + wait_ms

    def log(self, event: Event, intent: Intent, **fields: Any) -> None:
        """Log the event of a write, without its words."""
        self.log_incident(
            event,
            write=str(intent.write),
            status=str(intent.status),
            severity=intent.severity.name,
            notify=intent.notify,
            **fields,
        )

    def log_incident(self, event: Event, **fields: Any) -> None:
        """Log the event with what tells the incident."""
        incident = self.incident
        log(event, incident=incident.key, incident_id=incident.id, route=incident.route, **fields)


def intent_of(post: Post) -> Intent:
    """The write that was recorded."""
    if post.intent is None:
        raise AssertionError("no write was recorded")
    return post.intent


def remote_id_of(post: Post) -> str:
    """The incident on the page."""
    if post.remote_id is None:
        raise AssertionError("nothing stands on the page yet")
    return post.remote_id
