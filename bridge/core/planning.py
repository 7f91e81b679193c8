"""What to write on a page next: a pure function from a post and what is wanted of it to the next single write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.core.merging import moves_on
from bridge.core.view import At, sooner
from bridge.model import Impact, Phase, PublicNote, Severity, UpdateKind, Write

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.core.view import View
    from bridge.model import Post

OPEN_PHASES = frozenset({Phase.INVESTIGATING, Phase.IDENTIFIED})
DATE_STEP_MS = 1_000  # Checkly may drop milliseconds: dates of one incident's updates differ by at least a second


class PlannedWrite(Struct, frozen=True, kw_only=True):
    """A write before its texts: everything the alerts and the clock decide about it."""

    write: Write
    status: Phase
    kind: UpdateKind
    severity: Severity
    services: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    public_at: int
    public_note: PublicNote | None = None
    impacts: dict[str, Impact] = {}
    happened_at: int = 0  # when what it tells happened, as believed; 0 for a change, which tells nothing
    tells_of_flapping: bool = False
    is_quiet: bool = False  # no mail for its kind


class _Content(Struct, frozen=True, kw_only=True):
    """What an incident on a page carries beside its texts. ``severity`` is None while it is uncertain."""

    severity: Severity | None
    services: tuple[str, ...]
    impacts: dict[str, Impact]


def plan_write(post: Post, view: View) -> PlannedWrite | At | None:
    """The next write that brings ``post`` to its page's view, or when to plan again, or None."""
    if is_closed_by_hand(post, view):
        return None
    desired, until = _desired(post, view)
    planned = _planned(post, desired, view)
    if planned is not None and _must_wait(post, planned, view):
        if planned.write is not Write.CHANGE or post.retry.parked is None:
            return At(post.retry.at)
        until = At(post.retry.at)  # the page refuses to change: the update that was to follow tells of what stands
        planned = _planned(post, _content(post, post.severity), view)
        if planned is not None and _must_wait(post, planned, view):
            return until
    if planned is None:
        return until
    wait_ms = planned.public_at - view.today
    return At(view.now + wait_ms) if 0 < wait_ms <= DATE_STEP_MS else planned  # a clock that went back: no waiting


def _must_wait(post: Post, planned: PlannedWrite, view: View) -> bool:
    """Whether this write, or any, is to be tried again only later."""
    return post.retry.at > view.now and post.retry.is_parked(signature(planned))


def is_closed_by_hand(post: Post, view: View) -> bool:
    """Someone closed it: that stands until everything has cleared and fires anew, or until an alert starts much later.

    Much later is later than ``reopen_after``: that is another outage, and an alert whose resolve was never sent (a
    silenced one, say) must not hide it.
    """
    if post.closed_at is None:
        return False
    fires_anew = (
        post.clocks.fires_at > post.closed_at
        or view.summary.firing_since > post.closed_at
        or view.summary.last_fired_at > post.closed_at + view.policy.reopen_after_ms
    )
    return view.phase not in OPEN_PHASES or not fires_anew


def _planned(post: Post, desired: _Content, view: View) -> PlannedWrite | None:
    what = _diff(post, desired, view)
    public_note = _unpublished_note(post, view) if what is None else None
    if what is None and public_note is None:
        return None
    write, kind = what or (Write.UPDATE, UpdateKind.UPDATE)
    status = post.status if write is Write.CHANGE else _status(post, view, public_note)
    true_at = 0 if write is Write.CHANGE else _true_date(post, status, kind, public_note, view)
    flaps = view.flapping.is_on and view.phase in OPEN_PHASES
    begins = status in OPEN_PHASES and post.status not in OPEN_PHASES
    is_untold_end = kind is UpdateKind.RESOLVED and post.is_untold
    is_worse = desired.severity is not None and desired.severity > (post.announced_severity or Severity.MINOR)
    return PlannedWrite(
        write=write,
        status=status,
        kind=kind,
        severity=desired.severity or post.announced_severity or Severity.MINOR,
        services=desired.services,
        labels=post.labels | view.summary.labels,  # those of the last update where no alert fires any more
        public_at=post.public_at if write is Write.CHANGE else _public_date(post, true_at, view),
        public_note=public_note,
        impacts=desired.impacts,
        happened_at=_news_at(post, true_at, view) if kind is UpdateKind.OPEN else true_at,
        tells_of_flapping=flaps and begins and write is not Write.CHANGE,
        is_quiet=is_untold_end or (flaps and not begins and not (kind is UpdateKind.SEVERITY and is_worse)),
    )


def _status(post: Post, view: View, note: PublicNote | None = None) -> Phase:
    """What the page is to say: the phase, or what an operator said of it, as long as nothing more fires.

    What somebody set on the page stays until it moves on.
    """
    if view.phase not in OPEN_PHASES or not post.is_open:
        return view.phase
    since = max(view.summary.last_fired_at, view.summary.firing_since, post.clocks.fires_at)
    notes = [each for each in view.summary.public_notes if each.kept_at >= since and each.status is not None]
    told = [each.status for each in notes if each.event_id in post.published_notes or each == note]
    status = (told[-1] if told else None) or view.phase
    is_said = note is not None and note.status is not None
    return status if is_said or moves_on(post, status) else post.status


def is_mailed(planned: PlannedWrite, notify: Collection[UpdateKind]) -> bool:
    """Whether subscribers are to be mailed: by the kind of the update, or by whoever wrote its words."""
    asks = planned.public_note is not None and planned.public_note.notify
    return planned.write is not Write.CHANGE and (asks or (planned.kind in notify and not planned.is_quiet))


def signature(planned: PlannedWrite) -> str:
    """What makes it another write than one that the page refused for good."""
    services = (
        f"{name}={planned.impacts[name].name}"
        if name in planned.impacts and planned.write is not Write.UPDATE
        else name
        for name in planned.services
    )
    public_note = planned.public_note.event_id if planned.public_note else ""
    words = f"{planned.write} {planned.status} {planned.severity.name} {','.join(services)} {public_note}"
    return words.replace("\n", " ").rstrip()


def _content(post: Post, severity: Severity | None) -> _Content:
    return _Content(severity=severity, services=post.services, impacts=post.impacts)


def _desired(post: Post, view: View) -> tuple[_Content, At | None]:
    """What the page should carry: raised and joined at once, lowered after a quiet period; services never part.

    Where impacts are shown, a service that nothing fires for any more is operational again. What a write of unknown
    outcome brought, and was over when that was learned, needs no quiet period: no update told of it.
    """
    known, shown = post.severity or post.announced_severity, view.severities
    if view.phase not in OPEN_PHASES or not (
        shown or (view.shows_impacts and post.services and not view.flapping.is_on)
    ):
        return _content(post, known), None
    services = tuple(sorted({*post.services, *shown}))
    impacts = {}
    if view.shows_impacts:
        impacts = {name: view.policy.impacts[shown[name]] if name in shown else Impact.OPERATIONAL for name in services}
    desired = _Content(severity=max(shown.values(), default=known), services=services, impacts=impacts)
    eased_at = view.summary.eased_at + max(view.policy.resolve_after_ms, view.flapping.settle_ms)
    if view.now >= eased_at or (post.learned_at is not None and view.summary.eased_at <= post.learned_at):
        return desired, None
    kept = _no_lower(desired, post, known)
    calm_at = None if view.flapping.calm_at is None else At(view.flapping.calm_at)
    return kept, None if kept == desired else sooner(At(eased_at), calm_at)


def _no_lower(desired: _Content, post: Post, known: Severity | None) -> _Content:
    severity = desired.severity if known is None or desired.severity is None else max(desired.severity, known)
    impacts = {name: max(impact, post.impacts.get(name, impact)) for name, impact in desired.impacts.items()}
    return _Content(severity=severity, services=desired.services, impacts=impacts)


def _diff(post: Post, desired: _Content, view: View) -> tuple[Write, UpdateKind] | None:
    """What differs. While nothing fires that the page shows, what was said to be over stays so."""
    phase, severity, services = view.phase, desired.severity, desired.services
    if phase not in OPEN_PHASES:
        is_behind = phase in {Phase.MONITORING, Phase.RESOLVED} and post.is_open and post.status is not phase
        kind = UpdateKind.RESOLVED if phase is Phase.RESOLVED else UpdateKind.UPDATE
        return (Write.UPDATE, kind) if is_behind else None
    if post.remote_id is None:
        return (Write.OPEN, UpdateKind.OPEN) if services else None
    is_over = post.status is Phase.RESOLVED
    if is_over and not view.fires:
        return None
    if desired != _content(post, post.severity) and not (is_over and desired.impacts):  # what is over has no impact
        return Write.CHANGE, UpdateKind.UPDATE
    if is_over:
        return Write.UPDATE, UpdateKind.OPEN
    if severity not in {None, post.announced_severity}:
        return Write.UPDATE, UpdateKind.SEVERITY
    if post.status is Phase.MONITORING and not view.fires:
        return None
    ailing = {name for name in services if desired.impacts.get(name, Impact.MAJOR_OUTAGE)}
    if post.status is not _status(post, view) or not ailing <= set(post.announced_services):
        return Write.UPDATE, UpdateKind.UPDATE
    return None


def _unpublished_note(post: Post, view: View) -> PublicNote | None:
    """The first public note on this outage that an open incident does not show yet."""
    if not post.is_open or view.phase is Phase.RESOLVED:
        return None
    return next(
        (
            public_note
            for public_note in view.summary.public_notes
            if public_note.kept_at >= max(view.summary.firing_since, post.clocks.fires_at)
            and public_note.event_id not in post.published_notes
            and not any(each.endswith(f" {public_note.event_id}") for each in post.retry.parked_writes)
        ),
        None,
    )


def _true_date(post: Post, status: Phase, kind: UpdateKind, note: PublicNote | None, view: View) -> int:
    """The true time of what the update tells, as far as senders are believed."""
    summary, clocks = view.summary, post.clocks
    if note is not None:
        return note.observed_at
    if kind is UpdateKind.OPEN:
        is_later = clocks.fires_at > summary.firing_since
        return clocks.fires_at if is_later else summary.outage_started_at or summary.firing_since
    if view.ended_at and status is Phase.RESOLVED:
        return view.ended_at
    if status in {Phase.MONITORING, Phase.RESOLVED}:
        return clocks.quiet_ends_at or summary.outage_ended_at or summary.cleared_at
    return view.today


def _public_date(post: Post, true_at: int, view: View) -> int:
    """The date that an update carries: never in the future, and later than the update before it."""
    return max(min(true_at, view.today), post.public_at + DATE_STEP_MS)


def _news_at(post: Post, started_at: int, view: View) -> int:
    """When what opens an incident began. What readers knew, here or of another page, was no news until more fired."""
    known_at = post.publication.opened_at or view.elsewhere_at
    is_news = known_at and view.summary.last_fired_at > known_at > started_at
    return view.summary.last_fired_at if is_news else started_at
