"""The nouns everything else is written in: frozen data, no behavior beyond reading it.

Instants are integer milliseconds since the epoch (names end in ``_at``); durations are integer milliseconds
(names end in ``_ms``). Both stay exact in Redis' Lua, whose numbers are doubles.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec
from msgspec import Struct

from bridge.edits import Edits
from bridge.edits import Observed as Observed  # noqa: PLC0414 - all the nouns are found here
from bridge.evidence import Evidence
from bridge.flap import Flap, Span
from bridge.orders import Orders
from bridge.phase import Phase as Phase  # noqa: PLC0414 - as above
from bridge.public_note import PublicNote as PublicNote  # noqa: PLC0414 - as above
from bridge.publication import Publication
from bridge.severity import Impact as Impact  # noqa: PLC0414 - as above
from bridge.severity import Severity as Severity  # noqa: PLC0414 - as above

SOURCE_LABEL = "__source__"
"""The label that says which kind of sender an alert came from."""
RECEIVER_LABEL = "__receiver__"
"""The label with the name of the receiver that Alertmanager sent an alert through."""
SENDER_LABEL = "__sender__"
"""The label with the name of the path that an alert came by; there is none where the path has no name."""


class AlertStatus(StrEnum):
    """What a sender says of an alert. Alertmanager never says ``acknowledged``, PagerDuty does."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Link(Struct, frozen=True):
    """Where a sender's page shows an alert: below the address ``base``, at ``tail``; without one, by its labels."""

    base: str
    tail: str = ""


class Alert(Struct, frozen=True, kw_only=True):
    """One alert as its sender described it, made uniform.

    ``(source, sender, fingerprint)`` is its identity, where ``sender`` is the name in the path that it came by, or
    empty; ``labels`` are what matchers read. ``observed_at`` is the sender's own clock for this statement, where it
    gives one that orders its statements (PagerDuty's ``occurred_at``); Alertmanager has none. ``event_id`` names the
    statement itself, where the sender repeats statements under one name. ``merged_into`` is the fingerprint of the
    alert of the same source that this one became part of: it is over only when that one is, and if that one was never
    seen, it stays open or not as ``keep_if_orphaned`` says. An alert that is not ``complete`` can change what is known,
    not open it. ``name`` and ``link`` are for operators: what people call it, and where its sender shows it. With
    ``evidence`` we say it.
    """

    source: str
    sender: str = ""
    fingerprint: str
    status: AlertStatus
    labels: dict[str, str]
    starts_at: int
    ends_at: int | None = None
    observed_at: int | None = None
    event_id: str | None = None
    merged_into: str | None = None
    keep_if_orphaned: bool = True
    complete: bool = True
    name: str = ""
    link: Link | None = None
    evidence: Evidence | None = None


class Routed(Struct, frozen=True, kw_only=True):
    """Routing's answer for a label set that belongs to an incident, with the reasons for each part of it.

    ``services`` are names of the configuration's ``services``; ``labels`` are the public ones among the alert's.
    ``backdate_ms`` is how long before its first delivery an alert may have begun, for the public.
    ``receiver`` is the one of Alertmanager's that it came through, where the configuration reads that.
    """

    key: str
    id: str
    route: str
    group: dict[str, str]
    severity: Severity
    services: tuple[str, ...]
    labels: dict[str, str]
    hold_refire_ms: int
    backdate_ms: int = 86_400_000
    why: tuple[str, ...]
    receiver: str = ""


class Ignored(Struct, frozen=True, kw_only=True):
    """Routing's answer for a label set that is not published.

    ``reason`` is ``route`` (a route says so), ``watchdog``, ``unmatched``, or ``service``: a route takes the service
    from a label whose value names no configured service. ``watchdog`` names the route whose watchdog this is.
    ``route`` is the one that decided, if any did. ``label`` with its ``value`` (at most 128 characters) decided it: the
    one that names no service, or, unmatched, the first that keeps the alert out of the route that it comes closest to.
    """

    reason: str
    why: tuple[str, ...]
    watchdog: str | None = None
    route: str = ""
    label: str = ""
    value: str = ""


IMPACTS = {
    Severity.CRITICAL: Impact.MAJOR_OUTAGE,
    Severity.MAJOR: Impact.PARTIAL_OUTAGE,
    Severity.MEDIUM: Impact.DEGRADED_PERFORMANCE,
    Severity.MINOR: Impact.DEGRADED_PERFORMANCE,
}
"""What each severity does to a component of a v3 page, unless the configuration says otherwise."""


class Policy(Struct, frozen=True, kw_only=True):
    """A route's timing, and what its severities mean on pages that show impacts; after defaults and overrides."""

    publish_after_ms: int = 60_000
    resolve_after_ms: int = 120_000
    reopen_after_ms: int = 600_000
    hold_refire_ms: int = 360_000
    flap: Flap | None = Flap()  # None: it never does
    impacts: dict[Severity, Impact] = msgspec.field(default_factory=lambda: dict(IMPACTS))


class Priority(IntEnum):
    """Whose requests to Checkly go first: those of the lower number. A read has the priority of the write it serves."""

    END = 0  # of what stands open though nothing of it fires
    CHANGE = 1  # of what stands open: severity, services, words
    OPENING = 2
    LOOK = 3  # for what may stand on a page, though nothing is known to be wrong
    OBSERVE = 4  # what people did to what stands open: a tenth of all requests at most
    AUDIT = 5  # of the whole account


class Summary(Struct, frozen=True, kw_only=True):
    """What an incident's alerts add up to: the facts that ingestion owns and the lifecycle reads.

    ``firing`` counts firing and acknowledged alerts; ``held`` counts re-fires that are not trusted yet; ``orphaned``
    counts the firing ones that were merged into an alert the bridge never saw. ``services`` maps each service that a
    firing alert names to the highest severity among those alerts. ``labels`` holds, per public label, the distinct
    values among the firing alerts, sorted. ``firing_since`` is when the count of firing alerts last left zero,
    ``last_fired_at`` when more alerts than before last fired, or another service or severity (an alert in place of
    another begins nothing), ``cleared_at`` when the count last fell to zero, and ``eased_at`` when a service or a
    severity last lost its last alert: all on Redis' clock. ``public_notes`` are in the order in which they came.
    ``outage_started_at`` and ``outage_ended_at`` are the senders', as far as they are believed: the earliest start and
    the latest end of this outage. ``conflict_at`` is when an alert of it was last seen to be reported by two senders
    that nobody told apart; 0: never. ``earlier`` are the last spans in which something fired before ``firing_since``,
    of any episode, the oldest first.
    """

    firing: int = 0
    acknowledged: int = 0
    held: int = 0
    orphaned: int = 0
    services: dict[str, Severity] = {}
    labels: dict[str, tuple[str, ...]] = {}
    firing_since: int = 0
    last_fired_at: int = 0
    cleared_at: int = 0
    eased_at: int = 0
    outage_started_at: int = 0
    outage_ended_at: int = 0
    public_notes: tuple[PublicNote, ...] = ()
    conflict_at: int = 0
    earlier: tuple[Span, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """The highest severity of the firing alerts; None when nothing fires."""
        return max(self.services.values(), default=None)


class UpdateKind(StrEnum):
    """Which of the four occasions for a subscriber mail an update is (configuration: ``checkly.notify``)."""

    OPEN = "open"
    UPDATE = "update"
    SEVERITY = "severity"
    RESOLVED = "resolved"


class Write(StrEnum):
    """The three writes the bridge makes on a status page."""

    OPEN = "open"  # create the incident with its first update
    CHANGE = "change"  # replace severity and services
    UPDATE = "update"  # append an incident update


class Intent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One write to a status page, recorded before it is sent, in full: a retry sends the same bytes."""

    write: Write
    status: Phase
    kind: UpdateKind
    severity: Severity
    services: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    name: str
    text: str
    notify: bool
    public_at: int
    recorded_at: int
    public_note: str = ""  # the event of the note that it publishes
    displays: dict[str, str] = {}  # the public names of its services
    impacts: dict[str, Impact] = {}  # what each service's components are to show; v1 shows none
    unknown_at: int | None = None  # since when its outcome is unknown: it may be repeated only after reading back
    read_backs: int = 0  # how often it was read back in vain
    is_dated: bool = True  # else it goes without `public_at`, which the page refused
    seen: tuple[str, ...] = ()  # the ids of the updates that showed its text before it went without a date
    end_token: str = ""  # the mail token that an opening took for the mail of the end
    is_end_unpaid: bool = False  # an opening took none: the end has to take its own
    is_untold: bool = False  # an opening was to mail, and the gate had it go without
    paid_at: int = 0  # when the write that it repeats was recorded, by whose tokens it goes
    happened_at: int = 0  # when what it tells happened, as believed; `public_at` may be later. 0: not known

    @property
    def opens(self) -> bool:
        """Whether it makes an incident visible: its creation, or the update that re-opens it."""
        return self.kind is UpdateKind.OPEN and self.write is not Write.CHANGE


V1_PAGE = "v1"
"""The one page of the v1 API: an incident there belongs to services, wherever these are shown."""
_V3 = "v3:"


def v3_page(reference: str) -> str:
    """The name of the v3 page that the configuration calls ``reference``."""
    return f"{_V3}{reference}"


def v3_reference(page: str) -> str:
    """What the configuration calls the v3 page of this name."""
    return page.removeprefix(_V3)


def shows_impacts(page: str) -> bool:
    """Whether the page of this name shows an impact per component, rather than one severity."""
    return page.startswith(_V3)


class Withheld(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gate keeps back: for which ``reason``, ``since`` when, ``until`` when (0: unknown), ``detail`` in words.

    ``by`` is the operator who said so, if one did; ``also`` are the reasons that apply besides.
    """

    reason: str
    since: int
    detail: str = ""
    until: int = 0
    by: str = ""
    also: tuple[str, ...] = ()


class Retry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in the way of the next write on a page; ``Retry()`` when all is well."""

    attempts: int = 0  # failures in a row
    at: int = 0  # when to try again
    parked: str | None = None  # why the page refused a write for good
    parked_write: str = ""  # the writes that it refused, by their signatures, one a line; empty: any
    missing_at: int | None = None  # since when the page says that our incident does not exist

    @property
    def parked_writes(self) -> tuple[str, ...]:
        """The signatures of the writes that the page refused for good."""
        return tuple(self.parked_write.split("\n")) if self.parked_write else ()

    def is_parked(self, signature: str) -> bool:
        """Whether the page refused this write for good, when it was asked last."""
        return not self.parked_write or signature in self.parked_writes


class Clocks(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Since when an outage is over on one page, while it may go on elsewhere; 0: not so."""

    quiet_at: int = 0  # since when nothing that the page shows fires
    quiet_ends_at: int = 0  # the latest end that senders gave by then, if others fired on
    ended_at: int = 0  # when it was over on the page for that
    fires_at: int = 0  # since when something fires there again after that


class Post(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands, or is about to stand, on one page for an incident. One per page; v1 has a single one."""

    # What the page's incident carries, and what the last update told readers:
    remote_id: str | None = None
    status: Phase = Phase.PENDING
    name: str = ""
    severity: Severity | None = None  # None while it is uncertain
    services: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = {}
    displays: dict[str, str] = {}  # the public names under which its services were published
    impacts: dict[str, Impact] = {}  # what the components of its services show
    service_ids: tuple[str, ...] = ()  # its services when we last set them, as a v1 page calls them
    announced_severity: Severity | None = None
    announced_services: tuple[str, ...] = ()
    published_notes: tuple[str, ...] = ()  # the events of the notes that it shows
    public_at: int = 0  # the public date of the last update
    undated: tuple[str, ...] = ()  # of "start" and "end", what the page dates itself: it refused the true date
    update_id: str = ""  # our newest update as the page calls it, if that is known
    updates: int = 0  # how many were posted since it is kept; 0 where that is not known
    publication: Publication = Publication()
    # The write under way, and what is in its way:
    intent: Intent | None = None  # recorded, and its outcome is not
    retry: Retry = Retry()
    clocks: Clocks = Clocks()
    withheld: Withheld | None = None  # why the gate keeps its opening, or re-opening, back
    second_writer: str = ""  # the open incident of someone else for which it is withheld
    end_token: str = ""  # the mail token that was taken for the mail of its end
    is_end_unpaid: bool = False  # none was taken: the end has to take its own
    is_untold: bool = False  # the gate kept the mail of its opening back, and none went since: nor is its end mailed
    paid_at: int = 0  # when an opening was recorded that was read back in vain: its tokens are for the next one
    # What reading the page has told, or is to tell:
    check_duplicates_at: int | None = None  # when to check for a late duplicate of a repeated creation
    duplicate_checks: int = 0  # how often that was done
    find_existing_at: int | None = None  # when to look for something of ours that nothing is recorded of
    stale_at: int | None = None  # since when reads lack our newest update
    changed_at: int = 0  # when the page last took severity and impacts from us as they are here
    learned_at: int | None = None  # when a change of unknown outcome was last found to stand, untold by any update
    # What others did:
    closed_at: int | None = None  # when someone else was found to have resolved or deleted it
    checked_at: int = 0  # when it was last read since then
    theirs_at: int | None = None  # since when it has been open again, by an update of someone else
    observed: Observed | None = None  # what the last look saw that saw something new
    edits: Edits = Edits()  # the fields that somebody set: what is sent bends to them

    @property
    def is_open(self) -> bool:
        """Whether readers of the page see this incident as ongoing, as far as the bridge knows."""
        return self.remote_id is not None and self.status is not Phase.RESOLVED


class Ended(Struct, frozen=True, omit_defaults=True):
    """An incident of ours on a page that was over before the next one began ``at``, by the update of that id."""

    remote_id: str
    update_id: str
    at: int


class Progress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the bridge has brought an incident: the part of an incident that only the reconciler writes.

    ``ended`` tells of the last one before this on each page, of which reads may still show the time before its end.
    ``flaps`` is what the history has told last of that: whether it does, follows from the facts (`core/flapping.py`).
    """

    phase: Phase = Phase.PENDING
    phase_since: int = 0
    posts: dict[str, Post] = {}
    note: str | None = None
    ended: dict[str, Ended] = {}
    flaps: bool = False

    def is_ongoing(self, post: Post) -> bool:
        """Whether something may still be written for this post of it: what is in the way of that needs attention."""
        is_open = post.is_open and post.closed_at is None
        return is_open or post.intent is not None or self.phase in {Phase.INVESTIGATING, Phase.IDENTIFIED}


class Incident(Struct, frozen=True, kw_only=True):
    """An incident as the store holds it: its alerts' sum (facts) and the reconciler's progress.

    ``key`` is the route's name plus its ``group_by`` values; ``id`` is derived from the key, is what
    ``/api/incidents/{id}`` takes and what the public reference shows. ``episode`` counts the outages that
    had this key. ``revision`` grows with every change of the facts. ``orders`` are those that were given, in force or
    not any more: see `core.actions.in_force`.
    """

    id: str
    key: str
    route: str
    group: dict[str, str] = {}
    episode: int = 1
    revision: int = 0
    summary: Summary = Summary()
    progress: Progress = Progress()
    orders: Orders = Orders()
