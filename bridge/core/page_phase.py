"""Where an incident stands on one page, by what that page shows: pure.

An outage may concern several pages, and be over on one while it goes on elsewhere. So each page has clocks of its own,
kept with its post. They start when the reconciler sees the change, on Redis' clock, or with the incident's own clock
where the change is the incident's: then the page is exactly where the incident is.
"""

from __future__ import annotations

from bridge.core.outcomes import with_clocks
from bridge.core.planning import OPEN_PHASES
from bridge.model import Phase, Policy, Post, Progress, Summary


def observed(post: Post, progress: Progress, summary: Summary, policy: Policy, now: int, *, fires: bool) -> Post:
    """The post with its page's clocks as of ``now``. ``fires``: something that the page shows."""
    if post.remote_id is None and post.closed_at is None:
        return post
    if fires:
        return _firing(post, summary, now)
    post = _quiet(post, progress, summary, now)
    phase, _ = phase_on(post, progress.phase, summary, policy, now, fires=False)
    if phase is not Phase.RESOLVED or post.ended_at:
        return post
    return with_clocks(post, ended_at=progress.phase_since if progress.phase is phase else now)


def phase_on(
    post: Post, phase: Phase, summary: Summary, policy: Policy, now: int, *, fires: bool
) -> tuple[Phase, int | None]:
    """The page's phase while the incident is in ``phase``, and when it may move next by time alone."""
    if phase in {Phase.PENDING, Phase.DISCARDED} or (not fires and not post.quiet_at):
        return phase, None
    if fires:
        publish_at = post.fires_at + policy.publish_after_ms
        waits = phase in OPEN_PHASES and post.ended_at and not post.is_open and now < publish_at
        return (Phase.RESOLVED, publish_at) if waits else (phase, None)
    if phase is Phase.RESOLVED or post.ended_at:
        return Phase.RESOLVED, None
    if summary.held:
        return Phase.MONITORING, None  # doubtful alerts may be this page's: an all-clear must not be taken back
    quiet_until = post.quiet_at + policy.resolve_after_ms
    return (Phase.RESOLVED, None) if now >= quiet_until else (Phase.MONITORING, quiet_until)


def is_another(post: Post, phase: Phase, policy: Policy, now: int) -> bool:
    """Whether what fires on the page is too late to re-open what was over there: it gets an incident of its own."""
    is_late = post.fires_at > post.ended_at + policy.reopen_after_ms
    is_free = not (post.is_open or post.theirs_at or post.intent or post.verify_at is not None)
    is_public = phase in OPEN_PHASES and now >= post.fires_at + policy.publish_after_ms
    return bool(post.ended_at and post.fires_at) and is_late and is_free and is_public


def _firing(post: Post, summary: Summary, now: int) -> Post:
    if post.is_open:
        return with_clocks(post, quiet_at=0, quiet_ends_at=0, ended_at=0)
    if not post.quiet_at:
        return post
    is_all_new = summary.firing_since >= post.quiet_at  # nothing fired anywhere before
    return with_clocks(post, fires_at=max(post.fires_at, summary.firing_since) if is_all_new else post.fires_at or now)


def _quiet(post: Post, progress: Progress, summary: Summary, now: int) -> Post:
    if post.quiet_at:
        is_missed = not summary.firing and summary.firing_since > progress.phase_since and not post.ended_at
        quiet_at = max(post.quiet_at, summary.cleared_at) if is_missed else post.quiet_at
        return with_clocks(post, quiet_at=quiet_at, fires_at=0)
    if not summary.firing:
        return with_clocks(post, quiet_at=summary.cleared_at or now)
    has_moved = any(name in summary.services for name in post.services)  # by the configuration: nothing ended
    return with_clocks(post, quiet_at=now, quiet_ends_at=now if has_moved else summary.outage_ended_at or now)
