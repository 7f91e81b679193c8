"""Where an incident stands on one page, by what that page shows: pure.

An outage may concern several pages, and be over on one while it goes on elsewhere. So each page has clocks of its own,
kept with its post. They start when the reconciler sees the change, on Redis' clock, or with the incident's own clock
where the change is the incident's: then the page is exactly where the incident is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.outcomes import with_clocks
from bridge.core.planning import OPEN_PHASES
from bridge.core.view import At, sooner
from bridge.model import Clocks, Phase

if TYPE_CHECKING:
    from bridge.core.view import Case
    from bridge.model import Post


def observed(post: Post, case: Case, *, fires: bool) -> Post:
    """The post with its page's clocks as of now. ``fires``: something that the page shows."""
    if post.remote_id is None and post.closed_at is None:
        return post
    if fires:
        return with_clocks(post, _firing(post, case))
    clocks = _quiet(post, case)
    post = with_clocks(post, clocks)
    phase, _ = phase_on(post, case, fires=False)
    if phase is not Phase.RESOLVED or clocks.ended_at:
        return post
    ended_at = case.progress.phase_since if case.progress.phase is phase else case.now
    return with_clocks(post, replace(clocks, ended_at=ended_at))


def phase_on(post: Post, case: Case, *, fires: bool) -> tuple[Phase, At | None]:
    """The page's phase, and when it may move next by time alone."""
    phase, now = case.progress.phase, case.now
    if phase in {Phase.PENDING, Phase.DISCARDED} or (not fires and not post.clocks.quiet_at):
        return phase, None
    if fires:
        publish_at = case.publish_at(post.clocks.fires_at)
        waits = phase in OPEN_PHASES and post.clocks.ended_at and not post.is_open and now < publish_at
        return (Phase.RESOLVED, At(publish_at)) if waits else (phase, None)
    if phase is Phase.RESOLVED or post.clocks.ended_at:
        return Phase.RESOLVED, None
    stays = phase if case.flapping.is_on and phase in OPEN_PHASES else Phase.MONITORING
    calm_at = None if case.flapping.calm_at is None else At(case.flapping.calm_at)
    if case.summary.held:
        return stays, calm_at  # doubtful alerts may be this page's: an all-clear must not be taken back
    quiet_until = post.clocks.quiet_at + case.quiet_ms
    return (Phase.RESOLVED, None) if now >= quiet_until else (stays, sooner(At(quiet_until), calm_at))


def is_another(post: Post, case: Case) -> bool:
    """Whether what fires on the page is too late to re-open what was over there: it gets an incident of its own."""
    policy = case.policy
    is_late = post.clocks.fires_at > post.clocks.ended_at + policy.reopen_after_ms
    is_free = not (post.is_open or post.theirs_at or post.intent or post.check_duplicates_at is not None)
    is_public = case.progress.phase in OPEN_PHASES and case.now >= case.publish_at(post.clocks.fires_at)
    is_late = is_late and not case.flapping.has_returned
    return bool(post.clocks.ended_at and post.clocks.fires_at) and is_late and is_free and is_public


def _firing(post: Post, case: Case) -> Clocks:
    clocks, since = post.clocks, case.summary.firing_since
    if post.is_open:
        return Clocks(fires_at=clocks.fires_at)
    if not clocks.quiet_at:
        return clocks
    is_all_new = since >= clocks.quiet_at  # nothing fired anywhere before
    fires_at = max(clocks.fires_at, since) if is_all_new else clocks.fires_at or case.now
    return replace(clocks, fires_at=fires_at)


def _quiet(post: Post, case: Case) -> Clocks:
    clocks, summary, now = post.clocks, case.summary, case.now
    if clocks.quiet_at:
        is_missed = not summary.firing and summary.firing_since > case.progress.phase_since and not clocks.ended_at
        quiet_at = max(clocks.quiet_at, summary.cleared_at) if is_missed else clocks.quiet_at
        return replace(clocks, quiet_at=quiet_at, fires_at=0)
    if not summary.firing:
        return replace(clocks, quiet_at=summary.cleared_at or now)
    has_moved = any(name in summary.services for name in post.services)  # by the configuration: nothing ended
    return replace(clocks, quiet_at=now, quiet_ends_at=now if has_moved else summary.outage_ended_at or now)
