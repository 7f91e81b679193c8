"""What the store returns: what became of alerts, leased incidents, and the whole at a glance."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from bridge.core.healing.ours import Fit
from bridge.model import Incident, Severity, Summary

REFUSED = {
    "over_alerts": "limits.alerts",
    "over_incidents": "limits.incidents",
    "over_memory": "the memory that Redis may use",
}
"""The outcomes of what would be new, fires, and was not kept: each with what there was no room under."""


class Change(Struct, frozen=True, kw_only=True):
    """What became of one ingested alert.

    ``outcome`` is ``opened`` (its incident had nothing firing), ``added``, ``changed``, ``repeat``, ``held``,
    ``resolved``, ``moved`` (its labels changed, and with them its incident), ``merged``, ``stale`` (an older message)
    or ``unknown`` (a resolve, or an ignored alert, that nothing counts), or one of REFUSED. ``is_due``: with the call
    that folded it, some incident became due. ``conflict``: its receivers say by turns that it belongs to different
    incidents.
    """

    fingerprint: str
    incident_id: str | None
    outcome: str
    is_due: bool = False
    conflict: bool = False


class Outcome(StrEnum):
    """What became of an operator's action."""

    DONE = "done"
    REPEAT = "repeat"  # its key was seen before: it has been carried out, or will be
    NOT_FOUND = "not_found"  # there is no such incident, or it has no such alert
    CONFLICT = "conflict"  # the incident, or what was ordered of it, is not any more as the operator saw it
    TOO_LATE = "too_late"  # readers see it already
    NOT_POSSIBLE = "not_possible"


class ActionResult(Struct, frozen=True, kw_only=True):
    """What became of an action, and how the incident stands after it, or stands in its way.

    ``why`` says in words why it was not done, ``by`` who was first, ``phase`` is empty where there is no incident.
    """

    outcome: Outcome
    why: str = ""
    by: str = ""
    revision: int = 0
    phase: str = ""


class CountedAlert(Struct, frozen=True, kw_only=True):
    """One alert as an incident counts it, with the reasons routing gave. ``status`` may also be ``held`` or ``muted``.

    ``starts_at`` is the start as it was sent, ``counts_from`` what that counts as where it is not believed: the first
    delivery for a start in the future, the earliest that may be published for one long past. For administrators alone
    are ``name``, ``labels``, of which ``labels_dropped`` more had no room, and the ``link`` to its sender's page.
    ``healed`` says why the bridge closed it, if its sender did not; ``fit`` is for healing.
    """

    source: str
    sender: str = ""
    fingerprint: str
    status: str
    starts_at: int
    ends_at: int | None
    seen_at: int
    severity: Severity
    services: tuple[str, ...]
    why: tuple[str, ...]
    counts_from: int | None = None
    name: str | None = None
    labels: dict[str, str] | None = None
    labels_dropped: int = 0
    link: str | None = None
    healed: str = ""
    fit: Fit | None = None


class Claim(Struct, frozen=True, kw_only=True):
    """A leased incident, claimed at ``now`` of the store's time; ``wall`` is what the clock of Redis' host said then.

    ``probing``: all writes are paused, and this claim is the try whether the page takes them again. It comes with so
    many ``requests`` out of the shared budget; each takes ``request_ms`` of it, and they may go in ``go_in_ms``.
    """

    incident: Incident
    token: str
    now: int
    wall: int | None = None
    probing: bool = False
    requests: int = 0
    request_ms: float = 0.0
    go_in_ms: int = 0


class Idle(Struct, frozen=True, kw_only=True):
    """Nothing to claim now. ``next_at`` is when something will be due, None when nothing waits."""

    now: int
    next_at: int | None
    paused: bool


class Turn(Struct, frozen=True):
    """What came of asking for requests: in ``wait_ms`` they may go, if they are ``taken``, else be asked for again."""

    wait_ms: int
    taken: bool


class Quiet(Struct, frozen=True):
    """An incident that stands open on a page although no alert of it has fired, nor is held, for ``quiet_ms``."""

    route: str
    quiet_ms: int
    summary: Summary = Summary()


class Overview(Struct, frozen=True, kw_only=True):
    """The store at a glance: incidents by phase, how many are parked, how long one has been due, why writes wait.

    ``withheld`` counts those that the gate keeps back, or a second writer's incident, by reason, ``theirs`` those that
    someone else closed and opened again. ``quiet`` are those that stand open without an alert, ``watchdogs`` when that
    of each route was last heard of. The store's time is ``clock_ahead_ms`` ahead of the clock of Redis' host, which was
    set back ``clock_steps`` times. ``alerts_stored`` and ``incidents_stored`` are how many fire (or are on a page) of
    each route: what the limits bound. ``taken_over`` are those that operators have taken over, and
    ``taken_over_clear`` those of them that stand open without an alert. ``unseen_ms`` is how long ago a look
    last saw the post that no look has seen for the longest.
    """

    phases: dict[str, int]
    parked: int
    oldest_due_ms: int
    paused: str | None
    withheld: dict[str, int] = {}
    theirs: int = 0
    quiet: tuple[Quiet, ...] = ()
    watchdogs: dict[str, int] = {}
    clock_ahead_ms: int = 0
    clock_steps: int = 0
    alerts_stored: dict[str, int] = {}
    incidents_stored: dict[str, int] = {}
    taken_over: int = 0
    taken_over_clear: int = 0
    unseen_ms: int = 0
