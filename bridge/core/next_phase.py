"""The phase of an incident that follows the one that it is in, by its alerts and the clock alone: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.planning import OPEN_PHASES
from bridge.core.view import At
from bridge.model import Phase

if TYPE_CHECKING:
    from bridge.core.view import Case


def next_phase(case: Case) -> tuple[Phase, At | None]:
    """The phase that follows from alerts and time, which may be the same; then, when time alone may change it."""
    phase, summary, posts = case.progress.phase, case.summary, case.progress.posts.values()
    if phase in OPEN_PHASES:
        return _while_open(case)
    if phase is Phase.MONITORING:
        return (Phase.INVESTIGATING, None) if summary.firing else _all_clear(case)
    if phase in {Phase.PENDING, Phase.DISCARDED} and any(post.is_open for post in posts):
        return (Phase.INVESTIGATING if summary.firing else Phase.MONITORING), None  # found published: it goes on
    if not summary.firing:
        return (_unpublished(case) if phase is Phase.PENDING and not summary.held else phase), None
    return _before_opening(case)


def _unpublished(case: Case) -> Phase:
    """The end of what nobody was told of: an outage that was missed, if it lasted longer than ``publish_after``."""
    since, cleared_at = case.summary.firing_since, case.summary.cleared_at
    was_outage = since and cleared_at > case.old_enough_at(since)
    return Phase.RESOLVED if was_outage else Phase.DISCARDED


def _while_open(case: Case) -> tuple[Phase, At | None]:
    phase, summary = case.progress.phase, case.summary
    if not summary.firing:
        return _all_clear(case)
    if summary.acknowledged:
        return Phase.IDENTIFIED, None
    if summary.firing_since < case.progress.phase_since or phase is Phase.INVESTIGATING:
        return phase, None
    if case.flapping.calm_at is not None:
        return phase, At(case.flapping.calm_at)
    return Phase.INVESTIGATING, None  # all had cleared, and one fired anew


def _all_clear(case: Case) -> tuple[Phase, At | None]:
    """Nothing fires: MONITORING until it is over, but while it flaps it stays as it is."""
    phase = case.progress.phase if case.flapping.is_on else Phase.MONITORING
    if case.summary.held:
        return phase, None  # doubtful alerts either fire or resolve; an all-clear must not be taken back
    quiet_at = case.summary.cleared_at + case.quiet_ms
    return (Phase.RESOLVED, None) if case.now >= quiet_at else (phase, At(quiet_at))


def _before_opening(case: Case) -> tuple[Phase, At | None]:
    phase, since = case.progress.phase, case.summary.firing_since
    if phase is Phase.DISCARDED:
        return Phase.PENDING, None
    if phase is Phase.RESOLVED:
        if any(post.is_open for post in case.progress.posts.values()):
            return Phase.INVESTIGATING, None  # its end never reached the page: it simply goes on
        if since > case.progress.phase_since + case.policy.reopen_after_ms and not case.flapping.has_returned:
            return phase, None  # too late to re-open: `decide` begins another episode
    publish_at = case.publish_at(since)
    return (Phase.INVESTIGATING, None) if case.now >= publish_at else (phase, At(publish_at))
