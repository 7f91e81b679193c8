"""What to write on a page next: a pure function from a post and what is wanted of it to the next single write."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bridge.model import Impact, Phase, Policy, Post, PublicNote, Severity, Summary, UpdateKind, Write

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


class _Content(Struct, frozen=True, kw_only=True):
    """What an incident on a page carries beside its texts. ``severity`` is None while it is uncertain."""

    severity: Severity | None
    services: tuple[str, ...]
    impacts: dict[str, Impact]


def plan_write(
    post: Post,
    phase: Phase,
    shown: Mapping[str, Severity],
    summary: Summary,
    policy: Policy,
    now: int,
    *,
    has_impacts: bool = False,
    today: int | None = None,
) -> PlannedWrite | int | None:
    """The next write that brings ``post`` to ``phase`` with severities ``shown``, or when to look again, or None.

    ``has_impacts``: the page shows an impact per component. ``today`` is the latest date that may be published now,
    ``now`` unless the store's clock is ahead of others.
    """
    today = now if today is None else today
    if _is_closed_by_hand(post, phase, summary, policy):
        return None
    wanted, until = _desired(post, phase, shown, summary, policy, now, has_impacts=has_impacts)
    planned = _planned(post, phase, wanted, summary, today, fires=bool(shown))
    if planned is not None and post.retry.at > now and post.retry.parked_write in {"", signature(planned)}:
        if planned.write is not Write.CHANGE or post.retry.parked is None:
            return post.retry.at
        until = post.retry.at  # the page refuses to change: the update that was to follow tells of what stands
        planned = _planned(post, phase, _content(post, post.severity), summary, today, fires=bool(shown))
    if planned is None:
        return until
    wait_ms = planned.public_at - today
    return now + wait_ms if 0 < wait_ms <= DATE_STEP_MS else planned  # a clock that went back is not waited for


def _is_closed_by_hand(post: Post, phase: Phase, summary: Summary, policy: Policy) -> bool:
    """Someone closed it: that stands until everything has cleared and fires anew, or until an alert starts much later.

    Much later is later than ``reopen_after``: that is another outage, and an alert whose resolve was never sent (a
    silenced one, say) must not hide it.
    """
    if post.closed_at is None:
        return False
    is_new_here = post.clocks.fires_at > post.closed_at
    fires_anew = (
        is_new_here
        or summary.firing_since > post.closed_at
        or summary.last_fired_at > post.closed_at + policy.reopen_after_ms
    )
    return phase not in OPEN_PHASES or not fires_anew


def _planned(
    post: Post, phase: Phase, wanted: _Content, summary: Summary, today: int, *, fires: bool
) -> PlannedWrite | None:
    what = _diff(post, phase, wanted, fires=fires)
    public_note = _unpublished_note(post, phase, summary) if what is None else None
    if what is None and public_note is None:
        return None
    write, kind = what or (Write.UPDATE, UpdateKind.UPDATE)
    status = phase if write is not Write.CHANGE else post.status
    return PlannedWrite(
        write=write,
        status=status,
        kind=kind,
        severity=wanted.severity or post.announced_severity or Severity.MINOR,
        services=wanted.services,
        labels=_merge_labels(post, summary),
        public_at=_public_date(post, write, status, kind, summary, public_note, today),
        public_note=public_note,
        impacts=wanted.impacts,
    )


def signature(planned: PlannedWrite) -> str:
    """What makes it another write than one that the page refused for good."""
    services = (
        f"{name}={planned.impacts[name].name}"
        if name in planned.impacts and planned.write is not Write.UPDATE
        else name
        for name in planned.services
    )
    public_note = planned.public_note.event_id if planned.public_note else ""
    return f"{planned.write} {planned.status} {planned.severity.name} {','.join(services)} {public_note}".rstrip()


def _content(post: Post, severity: Severity | None) -> _Content:
    return _Content(severity=severity, services=post.services, impacts=post.impacts)


def _desired(
    post: Post,
    phase: Phase,
    shown: Mapping[str, Severity],
    summary: Summary,
    policy: Policy,
    now: int,
    *,
    has_impacts: bool,
) -> tuple[_Content, int | None]:
    """What the page should carry: raised and joined at once, lowered after a quiet period; services never part.

    Where impacts are shown, a service that nothing fires for any more is operational again. What a write of unknown
    outcome brought, and was over when that was learned, needs no quiet period: no update told of it.
    """
    known = post.severity or post.announced_severity
    if phase not in OPEN_PHASES or not (shown or (has_impacts and post.services)):
        return _content(post, known), None
    services = tuple(sorted({*post.services, *shown}))
    impacts = {}
    if has_impacts:
        impacts = {name: policy.impacts[shown[name]] if name in shown else Impact.OPERATIONAL for name in services}
    wanted = _Content(severity=max(shown.values(), default=known), services=services, impacts=impacts)
    eased_at = summary.eased_at + policy.resolve_after_ms
    if now >= eased_at or (post.learned_at is not None and summary.eased_at <= post.learned_at):
        return wanted, None
    kept = _no_lower(wanted, post, known)
    return kept, None if kept == wanted else eased_at


def _no_lower(wanted: _Content, post: Post, known: Severity | None) -> _Content:
    severity = wanted.severity if known is None or wanted.severity is None else max(wanted.severity, known)
    impacts = {name: max(impact, post.impacts.get(name, impact)) for name, impact in wanted.impacts.items()}
    return _Content(severity=severity, services=wanted.services, impacts=impacts)


def _diff(post: Post, phase: Phase, wanted: _Content, *, fires: bool) -> tuple[Write, UpdateKind] | None:
    """What differs. ``fires``: something that the page shows; else what was said to be over stays so here."""
    severity, services = wanted.severity, wanted.services
    if phase not in OPEN_PHASES:
        is_behind = phase in {Phase.MONITORING, Phase.RESOLVED} and post.is_open and post.status is not phase
        kind = UpdateKind.RESOLVED if phase is Phase.RESOLVED else UpdateKind.UPDATE
        return (Write.UPDATE, kind) if is_behind else None
    if post.remote_id is None:
        return (Write.OPEN, UpdateKind.OPEN) if services else None
    is_over = post.status is Phase.RESOLVED
    if is_over and not fires:
        return None
    if wanted != _content(post, post.severity) and not (is_over and wanted.impacts):  # what is over has no impact
        return Write.CHANGE, UpdateKind.UPDATE
    if is_over:
        return Write.UPDATE, UpdateKind.OPEN
    if severity not in {None, post.announced_severity}:
        return Write.UPDATE, UpdateKind.SEVERITY
    if post.status is Phase.MONITORING and not fires:
        return None
    ailing = {name for name in services if wanted.impacts.get(name, Impact.MAJOR_OUTAGE)}
    if post.status is not phase or not ailing <= set(post.announced_services):
        return Write.UPDATE, UpdateKind.UPDATE
    return None


def _unpublished_note(post: Post, phase: Phase, summary: Summary) -> PublicNote | None:
    """The first public note on this outage that an open incident does not show yet."""
    if not post.is_open or phase is Phase.RESOLVED:
        return None
    return next(
        (
            public_note
            for public_note in summary.public_notes
            if public_note.kept_at >= max(summary.firing_since, post.clocks.fires_at)
            and public_note.event_id not in post.published_notes
            and not (post.retry.parked is not None and post.retry.parked_write.endswith(f" {public_note.event_id}"))
        ),
        None,
    )


def _public_date(
    post: Post,
    write: Write,
    status: Phase,
    kind: UpdateKind,
    summary: Summary,
    public_note: PublicNote | None,
    today: int,
) -> int:
    """The true time of what the update tells, never in the future, and later than the update before it."""
    if write is Write.CHANGE:
        return post.public_at  # it tells nothing
    if public_note is not None:
        true_at = public_note.observed_at
    elif kind is UpdateKind.OPEN:
        true_at = (
            post.clocks.fires_at
            if post.clocks.fires_at > summary.firing_since
            else summary.outage_started_at or summary.firing_since
        )
    elif status in {Phase.MONITORING, Phase.RESOLVED}:
        true_at = post.clocks.quiet_ends_at or summary.outage_ended_at or summary.cleared_at
    else:
        true_at = today
    return max(min(true_at, today), post.public_at + DATE_STEP_MS)


def _merge_labels(post: Post, summary: Summary) -> dict[str, tuple[str, ...]]:
    """The firing alerts' public labels; those of the last update where no alert fires any more."""
    return {**post.labels, **summary.labels}
