"""One step of one incident on one page: what `Publisher` and `PageReader` have at hand to ask the page with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.checkly.errors import OverBudget, PageError, RateLimited
from bridge.checkly.port import Guard, StatusPage
from bridge.core.outcomes import is_long_missing
from bridge.core.ownership import is_before
from bridge.core.results import Adopted, Delay, Gone
from bridge.model import Ended, Incident, Intent, Post
from bridge.reconciler.budget import Reserve
from bridge.reconciler.details import Unfinished
from bridge.reconciler.open_incidents import OpenIncidents

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident
    from bridge.model import Severity

DATE_REJECTED = (400, 422)


class Attempt(Struct, frozen=True, kw_only=True):
    """What a step has at hand. ``now`` is the store's time at its beginning."""

    page: StatusPage
    incident: Incident
    open_incidents: OpenIncidents
    reserve: Reserve
    guard: Guard
    now: int
    settle_ms: int
    end_text: str  # what we say at its end
    duplicate_text: str  # what we say on a duplicate that is resolved
    ended: Sequence[Ended] = ()  # our incidents before this one
    stops: bool = False  # what somebody posts takes an incident over
    yields: bool = False  # nothing is opened beside someone else's open incident
    closed: list[str] = []  # the late duplicates that were closed so far

    def believed(self, found: list[RemoteIncident]) -> list[RemoteIncident]:
        """The same, unless one of them is read as it was before we ended it: raises Unfinished, for the settle time.

        After that somebody has removed our end, and what is read counts.
        """
        ends = [end for end in self.ended if self.now < end.at + self.settle_ms]
        if any(is_before(each, end) for each in found for end in ends):
            raise Unfinished("nothing was written: what is read is older than the end of our incident before this one")
        return found

    def adopt(self, found: Sequence[RemoteIncident], services: Sequence[str], severity: Severity | None) -> Adopted:
        """Take over the first of those that were found. If there may be more, they are to be looked for."""
        is_alone = len(found) == 1 and not self.open_incidents.is_unfinished
        return Adopted(remote=found[0], services=tuple(services), severity=severity, is_alone=is_alone)

    async def gone(self, post: Post) -> Gone:
        """The page says that our incident is gone; once it has said so for the settle time, whether it is listed."""
        if not is_long_missing(post, self.now, self.settle_ms):
            return Gone()
        try:
            return Gone(is_listed=await self.open_incidents.lists(remote_id_of(post), guard=self.guard))
        except PageError:
            return Gone()


def delay_of(error: PageError) -> Delay:
    """When to try again what failed so. Where it was not our turn in our own budget, nothing failed."""
    wait_ms = error.retry_after_ms if isinstance(error, RateLimited) else None
    return Delay(wait_ms or 0, is_exact=isinstance(error, OverBudget))


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
