"""What one step of an incident came to on one page: a closed set. `outcomes.apply` makes of it the post to record.

The publisher and its reader talk to the page and return one of these; they change nothing that is recorded.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.edits import Edits
from bridge.model import Intent, Observed, PublicNote, Severity, Write


class Context(Struct, frozen=True, kw_only=True):
    """What a transition knows beside the post and the result. All times are the store's.

    What is missing counts as missing when it was asked for, and an answer as lost when it was lost: the settle time
    that follows is never shorter than the page's own.
    """

    asked_at: int  # before the page was asked
    now: int  # when the result was there
    settle_ms: int  # how long the page may not show a write yet
    jitter: float  # in [0, 1): spreads the retries of replicas
    incident_id: str  # our reference
    ahead_ms: int = 0  # how far the store's time is ahead of the time of day
    public_notes: tuple[PublicNote, ...] = ()  # words for the public that an update may tell


class Read(Enum):
    """What a step reads a page for."""

    BEFORE_WRITE = 1
    WRITE = 2  # of unknown outcome: is it there?
    CLOSED = 3  # what someone else closed: is it still over?
    DUPLICATES = 4
    EXISTING = 5  # something of ours that nothing is recorded of


class Delay(Struct, frozen=True):
    """How long to wait: by the backoff and no less than ``ms``; just ``ms`` if it ``is_exact``, for nothing failed."""

    ms: int = 0
    is_exact: bool = False


# Before a write:


class Stale(Struct, frozen=True):
    """The read lacks our newest update: it is older than that, or somebody has removed the update."""


class Lagging(Struct, frozen=True):
    """The read shows another severity or impact than we set just now: it may be older than that."""


class EndFound(Struct, frozen=True):
    """The page shows an end that we wrote, by the update of that id, though nobody recorded it."""

    update_id: str


class Edited(Struct, frozen=True):
    """Someone else has set fields of our incident so that another write is to be made; ``shown`` are they in words."""

    edits: Edits
    shown: dict[str, str]


class Yielded(Struct, frozen=True):
    """Somebody has posted an update on our incident, and so taken it over: nothing was written."""


class Closed(Struct, frozen=True):
    """Someone else has resolved our incident."""


class Conflict(Struct, frozen=True):
    """Someone else's incident is open for the same: nothing is posted beside it."""

    remote_id: str


class Adopted(Struct, frozen=True, kw_only=True):
    """An incident of ours stands there that nothing is recorded of.

    Readers are taken to know of ``services`` already, and of ``severity`` where the page shows none. Unless it
    ``is_alone``, there may be duplicates of it.
    """

    remote: RemoteIncident
    services: tuple[str, ...]
    severity: Severity | None
    is_alone: bool


class Withhold(Struct, frozen=True):
    """The gate keeps the opening back: until it is asked again, nothing is written."""

    reason: str
    detail: str
    until: int = 0
    by: str = ""
    also: tuple[str, ...] = ()


# A write:


class Begun(Struct, frozen=True):
    """The write is about to be sent, to a page that shows these ``edits`` of others."""

    intent: Intent
    edits: Edits | None = None  # None: no others than are known


class Outbid(Struct, frozen=True):
    """Another incident took the last of the budget while this write was to be recorded: the gate is asked again."""


class Sent(Struct, frozen=True, kw_only=True):
    """The page has answered the write, with the ``update`` that it made.

    It ``is_change`` if it set severity, services or impacts of what stood there. ``service_ids`` are its services
    since, as a v1 page calls them; none where they are not known, or did not change. Unless it ``is_made``, nothing was
    sent: the page showed already what the write would bring.
    """

    remote_id: str
    update: RemoteUpdate | None = None
    is_change: bool = False
    service_ids: tuple[str, ...] = ()
    is_made: bool = True


class NotSent(Struct, frozen=True):
    """The write provably did not happen: it may go out again, after a while, and no other sooner."""

    delay: Delay = Delay()
    detail: str = ""


class DateRejected(Struct, frozen=True):
    """The page refused the write for its date, perhaps: it is about to be sent without one.

    ``seen`` are the ids of the updates that show the same text already.
    """

    seen: tuple[str, ...]
    detail: str


class Rejected(Struct, frozen=True, kw_only=True):
    """The page refuses this write for good. ``signature`` tells it from others (`planning.signature`)."""

    write: Write | None = None
    signature: str
    detail: str


class Gone(Struct, frozen=True, kw_only=True):
    """The page says that our incident does not exist.

    ``is_listed``: whether its list of open incidents has it; None if that was not asked, or not answered.
    ``answers_write``: so the recorded write did not happen.
    """

    is_listed: bool | None = None
    answers_write: bool = False


class Unknown(Struct, frozen=True):
    """The write may have happened: look for it before anything else."""

    detail: str


# Reading back:


class Found(Struct, frozen=True):
    """The write of unknown outcome stands on this incident."""

    remote: RemoteIncident


class NotFound(Struct, frozen=True):
    """The write of unknown outcome is not there, so far. A change leaves no trace: ``current`` is what there is."""

    current: RemoteIncident | None = None


class DuplicatesResolved(Struct, frozen=True):
    """All duplicates that show are resolved; ``oldest`` is the incident to keep, if one is known to be open."""

    oldest: RemoteIncident | None


class Seen(Struct, frozen=True):
    """What someone else closed is over, or ``is_theirs``: open again, by an update of someone else."""

    is_theirs: bool


class Looked(Struct, frozen=True):
    """A look at what stands open saw this, and these ``edits``. It changes nothing else of the post."""

    observed: Observed
    edits: Edits


class Reclaimed(Struct, frozen=True):
    """What someone else closed is open again, by an update of ours."""

    remote: RemoteIncident


class NothingExists(Struct, frozen=True):
    """Nothing of ours stands there."""


class PageMissing(Struct, frozen=True):
    """There is no such page: it may be there once it is migrated."""


# Reads that fail:


class Unfinished(Struct, frozen=True):
    """There is more to read than one step may: go on soon. Nothing was written, and nothing failed."""

    read: Read


class ReadFailed(Struct, frozen=True):
    """The page could not be read: try again later. That says nothing of what stands there."""

    read: Read
    delay: Delay


Result: TypeAlias = (
    Stale
    | Lagging
    | EndFound
    | Edited
    | Yielded
    | Closed
    | Conflict
    | Adopted
    | Withhold
    | Begun
    | Outbid
    | Sent
    | NotSent
    | DateRejected
    | Rejected
    | Gone
    | Unknown
    | Found
    | NotFound
    | DuplicatesResolved
    | Seen
    | Looked
    | Reclaimed
    | NothingExists
    | PageMissing
    | Unfinished
    | ReadFailed
)
