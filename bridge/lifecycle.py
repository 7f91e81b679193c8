"""The life of an incident: a pure function from (incident, policy, now) to the next single step.

    PENDING --publish_after--> INVESTIGATING --ack--> IDENTIFIED --all clear--> MONITORING --resolve_after--> RESOLVED
       '-- cleared in time --> DISCARDED      ^---------- fires again ------------'     (reopen within reopen_after)

Two levels, both level-triggered. The *phase* follows the alerts and time alone (`advance`). Each *post* then follows
the phase, one write at a time (`next_write`), however far behind it is: an outage that cleared while the page was out
of reach takes one step to RESOLVED, not three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from bridge.model import Incident, Phase, Policy, Post, Progress, Remark, Severity, Summary, UpdateKind, Write

OPEN_PHASES = frozenset({Phase.INVESTIGATING, Phase.IDENTIFIED})
ENDED = frozenset({Phase.RESOLVED, Phase.DISCARDED})
DATE_STEP_MS = 1_000  # Checkly may drop milliseconds: dates of one incident's updates differ by at least a second
NEVER_PUBLISHED = "cleared before it could be published"
CLEARED_IN_TIME = "cleared within publish_after"


class Draft(Struct, frozen=True, kw_only=True):
    """A write before its texts: everything the alerts and the clock decide about it."""

    write: Write
    status: Phase
    kind: UpdateKind
    severity: Severity
    services: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    public_at: int
    remark: Remark | None = None


class Wait(Struct, frozen=True, kw_only=True):
    """Nothing to do until ``until`` (None: until the facts change)."""

    progress: Progress
    until: int | None


class WriteTo(Struct, frozen=True, kw_only=True):
    """Make this write on that page."""

    progress: Progress
    page: str
    draft: Draft


class LookAt(Struct, frozen=True, kw_only=True):
    """A write's outcome is unknown: look on that page for its effect."""

    progress: Progress
    page: str


class Verify(Struct, frozen=True, kw_only=True):
    """A write was repeated after its effect was not found: look whether the first one came true after all."""

    progress: Progress
    page: str


class Renew(Struct, frozen=True, kw_only=True):
    """It fires again outside the re-open window: end this episode and begin another."""

    progress: Progress


class Drop(Struct, frozen=True, kw_only=True):
    """It has been over for the retention time: forget it."""


Step: TypeAlias = Wait | WriteTo | LookAt | Verify | Renew | Drop


def decide(incident: Incident, policy: Policy, now: int, *, retention_ms: int, page_of: Mapping[str, str]) -> Step:
    """The next step for an incident. ``page_of`` tells which page shows a service (of each service that is known)."""
    progress, until = advance(incident.progress, incident.summary, policy, now)
    concerns: list[Callable[[], Step | int | None]] = [
        lambda: _follow_up(progress, now),
        lambda: _converge(progress, incident.summary, policy, now, page_of),
        lambda: _after_the_end(progress, incident.summary, policy, now, retention_ms),
    ]
    for concern in concerns:
        step = concern()
        if not isinstance(step, int | None):
            return step
        until = _sooner(until, step)
    return Wait(progress=progress, until=until)


def _follow_up(progress: Progress, now: int) -> LookAt | Verify | int | None:
    """Unfinished business comes first: writes of unknown outcome, then repeated ones."""
    until = None
    for page, post in sorted(progress.posts.items()):
        if post.intent is not None:
            if post.retry_at <= now:
                return LookAt(progress=progress, page=page)
            until = _sooner(until, post.retry_at)
        elif post.verify_at is not None:
            if post.verify_at <= now:
                return Verify(progress=progress, page=page)
            until = _sooner(until, post.verify_at)
    return until


def _converge(
    progress: Progress, summary: Summary, policy: Policy, now: int, page_of: Mapping[str, str]
) -> WriteTo | int | None:
    """The first write that some page needs."""
    until = None
    for page in sorted({*progress.posts, *(page_of[name] for name in summary.services if name in page_of)}):
        post = progress.posts.get(page, Post())
        if post.intent is not None:
            continue
        shown = {name: level for name, level in summary.services.items() if page_of.get(name) == page}
        draft = next_write(post, progress.phase, shown, summary, policy, now)
        if isinstance(draft, Draft):
            return WriteTo(progress=progress, page=page, draft=draft)
        until = _sooner(until, draft)
    return until


def _after_the_end(
    progress: Progress, summary: Summary, policy: Policy, now: int, retention_ms: int
) -> Renew | Drop | int | None:
    """Once every page shows the end: begin anew if it fires, or forget it when the time has come."""
    if progress.phase not in ENDED or any(_is_unfinished(post) for post in progress.posts.values()):
        return None
    if summary.firing:
        is_late = summary.since > progress.phase_at + policy.reopen_after_ms
        return Renew(progress=Progress(phase_at=summary.since)) if is_late else None
    if summary.held:
        return None
    forget_at = progress.phase_at + retention_ms
    return Drop() if now >= forget_at else forget_at


def advance(progress: Progress, summary: Summary, policy: Policy, now: int) -> tuple[Progress, int | None]:
    """Follow alerts and time through the phases; the new progress, and when it may move next by time alone."""
    while True:
        phase, until = _next_phase(progress, summary, policy, now)
        if phase is progress.phase:
            return msgspec.structs.replace(progress, note=_note(progress)), until
        progress = msgspec.structs.replace(progress, phase=phase, phase_at=now)


def _note(progress: Progress) -> str | None:
    if progress.phase is Phase.DISCARDED:
        return CLEARED_IN_TIME
    is_known = any(post.remote_id or post.intent or post.closed_at for post in progress.posts.values())
    return NEVER_PUBLISHED if progress.phase is Phase.RESOLVED and not is_known else None


def _next_phase(progress: Progress, summary: Summary, policy: Policy, now: int) -> tuple[Phase, int | None]:
    phase = progress.phase
    if phase in OPEN_PHASES:
        if not summary.firing:
            return Phase.MONITORING, None
        if summary.acknowledged:
            return Phase.IDENTIFIED, None
        return (phase if summary.since < progress.phase_at else Phase.INVESTIGATING), None  # fired anew, unseen
    if phase is Phase.MONITORING:
        return _after_monitoring(summary, policy, now)
    if not summary.firing:
        return (Phase.DISCARDED if phase is Phase.PENDING and not summary.held else phase), None
    return _before_opening(progress, summary, policy, now)


def _after_monitoring(summary: Summary, policy: Policy, now: int) -> tuple[Phase, int | None]:
    if summary.firing:
        return Phase.INVESTIGATING, None
    if summary.held:
        return Phase.MONITORING, None  # doubtful alerts either fire or resolve; an all-clear must not be taken back
    quiet_at = summary.cleared_at + policy.resolve_after_ms
    return (Phase.RESOLVED, None) if now >= quiet_at else (Phase.MONITORING, quiet_at)


def _before_opening(progress: Progress, summary: Summary, policy: Policy, now: int) -> tuple[Phase, int | None]:
    phase = progress.phase
    if phase is Phase.DISCARDED:
        return Phase.PENDING, None
    if phase is Phase.RESOLVED:
        if any(post.is_open for post in progress.posts.values()):
            return Phase.INVESTIGATING, None  # its end never reached the page: it simply goes on
        if summary.since > progress.phase_at + policy.reopen_after_ms:
            return phase, None  # too late to re-open: `decide` renews
    publish_at = summary.since + policy.publish_after_ms
    return (Phase.INVESTIGATING, None) if now >= publish_at else (phase, publish_at)


def next_write(
    post: Post, phase: Phase, shown: Mapping[str, Severity], summary: Summary, policy: Policy, now: int
) -> Draft | int | None:
    """The next write that brings ``post`` to ``phase`` with severities ``shown``, or when to look again, or None."""
    if _is_closed_by_hand(post, phase, summary, policy):
        return None
    severity, services, until = _wanted(post, phase, shown, summary, policy, now)
    draft = _draft(post, phase, severity, services, summary, now)
    if draft is not None and post.retry_at > now and post.parked_write in {"", signature(draft)}:
        if draft.write is not Write.CHANGE or post.parked is None:
            return post.retry_at
        until = post.retry_at  # the page refuses to change: the update that was to follow tells of what stands
        draft = _draft(post, phase, post.severity, post.services, summary, now)
    if draft is None:
        return until
    return draft if draft.public_at <= now else draft.public_at


def _is_closed_by_hand(post: Post, phase: Phase, summary: Summary, policy: Policy) -> bool:
    """Someone closed it: that stands until everything has cleared and fires anew, or until an alert starts much later.

    Much later is later than ``reopen_after``: that is another outage, and an alert whose resolve was never sent (a
    silenced one, say) must not hide it.
    """
    if post.closed_at is None:
        return False
    fires_anew = summary.since > post.closed_at or summary.started_at > post.closed_at + policy.reopen_after_ms
    return phase not in OPEN_PHASES or not fires_anew


def _draft(
    post: Post, phase: Phase, severity: Severity | None, services: tuple[str, ...], summary: Summary, now: int
) -> Draft | None:
    what = _difference(post, phase, severity, services)
    remark = _untold(post, phase, summary) if what is None else None
    if what is None and remark is None:
        return None
    write, kind = what or (Write.UPDATE, UpdateKind.UPDATE)
    status = phase if write is not Write.CHANGE else post.status
    return Draft(
        write=write,
        status=status,
        kind=kind,
        severity=severity or post.announced_severity or Severity.MINOR,
        services=services,
        labels=_merge_labels(post, summary),
        public_at=_public_date(post, write, status, kind, summary, remark, now),
        remark=remark,
    )


def signature(draft: Draft) -> str:
    """What makes a draft another write than one that the page refused for good."""
    remark = draft.remark.event_id if draft.remark else ""
    return f"{draft.write} {draft.status} {draft.severity.name} {','.join(draft.services)} {remark}".rstrip()


def _wanted(
    post: Post, phase: Phase, shown: Mapping[str, Severity], summary: Summary, policy: Policy, now: int
) -> tuple[Severity | None, tuple[str, ...], int | None]:
    """What the page should carry: raised and joined at once, lowered after a quiet period; services never part."""
    known = post.severity or post.announced_severity
    if phase not in OPEN_PHASES or not shown:
        return known, post.services, None
    services = tuple(sorted({*post.services, *shown}))
    highest = max(shown.values())
    if known is not None and highest < known:
        eased_at = summary.eased_at + policy.resolve_after_ms
        if now < eased_at:
            return known, services, eased_at
    return highest, services, None


def _difference(
    post: Post, phase: Phase, severity: Severity | None, services: tuple[str, ...]
) -> tuple[Write, UpdateKind] | None:
    if phase not in OPEN_PHASES:
        wanted = phase in {Phase.MONITORING, Phase.RESOLVED} and post.is_open and post.status is not phase
        kind = UpdateKind.RESOLVED if phase is Phase.RESOLVED else UpdateKind.UPDATE
        return (Write.UPDATE, kind) if wanted else None
    if post.remote_id is None:
        return (Write.OPEN, UpdateKind.OPEN) if services else None
    if (severity, services) != (post.severity, post.services):
        return Write.CHANGE, UpdateKind.UPDATE
    if post.status is Phase.RESOLVED:
        return Write.UPDATE, UpdateKind.OPEN
    if severity not in {None, post.announced_severity}:
        return Write.UPDATE, UpdateKind.SEVERITY
    if post.status is not phase or services != post.announced_services:
        return Write.UPDATE, UpdateKind.UPDATE
    return None


def _untold(post: Post, phase: Phase, summary: Summary) -> Remark | None:
    """The first remark on this outage that an open incident does not show yet."""
    if not post.is_open or phase is Phase.RESOLVED:
        return None
    return next(
        (
            remark
            for remark in summary.remarks
            if remark.kept_at >= summary.since
            and remark.event_id not in post.told
            and not (post.parked is not None and post.parked_write.endswith(f" {remark.event_id}"))
        ),
        None,
    )


def _public_date(
    post: Post, write: Write, status: Phase, kind: UpdateKind, summary: Summary, remark: Remark | None, now: int
) -> int:
    """The true time of what the update tells, never in the future, and later than the update before it."""
    if write is Write.CHANGE:
        return post.public_at  # it tells nothing
    if remark is not None:
        true_at = remark.observed_at
    elif kind is UpdateKind.OPEN:
        true_at = summary.starts_at or summary.since
    elif status in {Phase.MONITORING, Phase.RESOLVED}:
        true_at = summary.ends_at or summary.cleared_at
    else:
        true_at = now
    return max(min(true_at, now), post.public_at + DATE_STEP_MS)


def _merge_labels(post: Post, summary: Summary) -> dict[str, tuple[str, ...]]:
    """The firing alerts' public labels; those of the last update where no alert fires any more."""
    return {**post.labels, **summary.labels}


def _is_unfinished(post: Post) -> bool:
    """Whether something is still to be written, or found out, on this page."""
    return post.intent is not None or post.verify_at is not None or (post.is_open and post.closed_at is None)


def _sooner(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)
