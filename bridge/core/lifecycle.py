"""The life of an incident: a pure function from (incident, policy, now) to the next single step.

    PENDING --publish_after--> INVESTIGATING --ack--> IDENTIFIED --all clear--> MONITORING --resolve_after--> RESOLVED
       '-- cleared in time --> DISCARDED      ^---------- fires again ------------'     (reopen within reopen_after)

Two levels, both level-triggered. The *phase* follows the alerts and time alone (`advance`). Each *post* then follows
the phase, or its own page's where an outage is over there and goes on elsewhere (`page_phase`), one write at a time
(`planning.plan_write`), however far behind it is: an outage that cleared while the page was out of reach takes one step
to RESOLVED, not three.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct

from bridge.core import page_phase
from bridge.core.outcomes import another
from bridge.core.planning import OPEN_PHASES, PlannedWrite, plan_write
from bridge.model import Ended, Incident, Phase, Policy, Post, Progress, Summary, shows_impacts

ENDED = frozenset({Phase.RESOLVED, Phase.DISCARDED})
NEVER_PUBLISHED = "cleared before it could be published"
LEFT_TO_ANOTHER = "not published: an incident of someone else was open for it"
WITHHELD = {"budget": "not published: budget"}
"""What is said of an outage that is over, and that the gate kept from a page for this reason to the end."""
CLEARED_IN_TIME = "cleared within publish_after"
NEVER_KNOWN = "resolved; nothing was known of it"
STRAY_RETENTION_MS = 900_000
LOOK_AGAIN_MS = 300_000


class Wait(Struct, frozen=True, kw_only=True):
    """Nothing to do until ``until`` (None: until the facts change)."""

    progress: Progress
    until: int | None


class WriteTo(Struct, frozen=True, kw_only=True):
    """Make this write on that page."""

    progress: Progress
    page: str
    planned: PlannedWrite


class ReadBack(Struct, frozen=True, kw_only=True):
    """A write's outcome is unknown: look on that page for its effect."""

    progress: Progress
    page: str


class CheckClosed(Struct, frozen=True, kw_only=True):
    """Someone else has closed it on that page: look whether it is still over."""

    progress: Progress
    page: str


class CheckDuplicates(Struct, frozen=True, kw_only=True):
    """A write was repeated after its effect was not found: look whether the first one came true after all."""

    progress: Progress
    page: str


class FindExisting(Struct, frozen=True, kw_only=True):
    """Nothing is recorded of that page, yet something of ours may stand there: look for it by its reference."""

    progress: Progress
    page: str


class StartEpisode(Struct, frozen=True, kw_only=True):
    """It fires again outside the re-open window: end this episode and begin another."""

    progress: Progress


class Forget(Struct, frozen=True, kw_only=True):
    """It has been over for the retention time: forget it."""


Step: TypeAlias = Wait | WriteTo | ReadBack | CheckClosed | CheckDuplicates | FindExisting | StartEpisode | Forget
PagesOf: TypeAlias = Mapping[str, Sequence[str]]
"""Which pages show a service, by the service's name."""


def decide(
    incident: Incident,
    policy: Policy,
    now: int,
    *,
    retention_ms: int,
    pages_of: PagesOf,
    today: int | None = None,
    withheld: Collection[str] = (),
) -> Step:
    """The next step for an incident. ``today`` is the latest date that may be published, by default ``now``.

    Nothing is written on the pages for which the gate has just ``withheld`` it.
    """
    progress, until = advance(incident.progress, incident.summary, policy, now)
    progress = _observe(progress, incident.summary, policy, now, pages_of)
    concerns: list[Callable[[], Step | int | None]] = [
        lambda: _follow_up(progress, now),
        lambda: _search(progress, incident.summary, now, pages_of),
        lambda: _converge(progress, incident.summary, policy, now, pages_of, today, withheld),
        lambda: _look_again(progress, now),
        lambda: _after_the_end(progress, incident.summary, policy, now, retention_ms),
    ]
    for concern in concerns:
        step = concern()
        if not isinstance(step, int | None):
            return step
        until = _sooner(until, step)
    return Wait(progress=progress, until=until)


def _follow_up(progress: Progress, now: int) -> ReadBack | CheckDuplicates | FindExisting | int | None:
    """Unfinished business comes first: writes of unknown outcome, then repeated ones."""
    until: int | None = None
    step: type[ReadBack | CheckDuplicates | FindExisting]
    for page, post in sorted(progress.posts.items()):
        if post.intent is not None:
            at, step = post.retry.at, ReadBack
        elif post.check_duplicates_at is not None:
            at, step = post.check_duplicates_at, CheckDuplicates
        elif post.find_existing_at is not None:
            at, step = post.find_existing_at, FindExisting
        else:
            continue
        if at <= now:
            return step(progress=progress, page=page)
        until = _sooner(until, at)
    return until


def _search(progress: Progress, summary: Summary, now: int, pages_of: PagesOf) -> FindExisting | None:
    """Where the incident may stand though nothing is recorded of it there.

    The store may have been lost since it was published; what was published may have moved with its page to another
    generation. Where an alert fires, opening looks there first.
    """
    if progress.phase in ENDED and not any(post.remote_id for post in progress.posts.values()):
        pages = {page for pages in pages_of.values() for page in pages}
    else:
        posted = {name for post in progress.posts.values() if post.remote_id for name in post.services}
        firing = summary.services if progress.phase in OPEN_PHASES else {}
        pages = {page for name in posted - firing.keys() for page in pages_of.get(name, ())}
    unsearched = sorted(pages - progress.posts.keys())
    if not unsearched:
        return None
    posts = {**progress.posts, **{page: Post(find_existing_at=now) for page in unsearched}}
    return FindExisting(progress=msgspec.structs.replace(progress, posts=posts), page=unsearched[0])


def _observe(progress: Progress, summary: Summary, policy: Policy, now: int, pages_of: PagesOf) -> Progress:
    """Set each page's clocks; where another outage of the page is to be published, its post begins anew."""
    posts, past = {}, {}
    for page, post in progress.posts.items():
        fires = _fires_on(page, post, summary, pages_of)
        posts[page] = post
        if fires is not None:
            seen = page_phase.observed(post, progress, summary, policy, now, fires=fires)
            posts[page] = seen
            if fires and page_phase.is_another(seen, progress.phase, policy, now):
                posts[page], past[page] = another(seen), seen
    return msgspec.structs.replace(progress, posts=posts, ended=progress.ended | _ended(past, now))


def _fires_on(page: str, post: Post, summary: Summary, pages_of: PagesOf) -> bool | None:
    """Whether something fires that the page shows, or showed and no page of the configuration shows any more.

    None for a page that the configuration does not name: it follows the incident.
    """
    if not any(page in pages for pages in pages_of.values()):
        return None
    placed = any(page in pages_of.get(name, ()) for name in summary.services)
    unplaced = any(name in post.services and not pages_of.get(name) for name in summary.services)
    return placed or unplaced or (summary.firing > 0 and not summary.services)


def _converge(
    progress: Progress,
    summary: Summary,
    policy: Policy,
    now: int,
    pages_of: PagesOf,
    today: int | None,
    withheld: Collection[str],
) -> WriteTo | int | None:
    """The first write that some page needs."""
    until = None
    configured = {page for pages in pages_of.values() for page in pages}
    for page in sorted({*progress.posts, *(page for name in summary.services for page in pages_of.get(name, ()))}):
        post = progress.posts.get(page, Post())
        if post.intent is not None or page in withheld:
            continue
        shown = {name: level for name, level in summary.services.items() if page in pages_of.get(name, ())}
        has_impacts = shows_impacts(page) and page in configured
        phase, at = progress.phase, None
        if (fires := _fires_on(page, post, summary, pages_of)) is not None:
            phase, at = page_phase.phase_on(post, phase, summary, policy, now, fires=fires)
        until = _sooner(until, at)
        planned = plan_write(post, phase, shown, summary, policy, now, has_impacts=has_impacts, today=today)
        if isinstance(planned, PlannedWrite):
            return WriteTo(progress=progress, page=page, planned=planned)
        until = _sooner(until, planned)
    return until


def _look_again(progress: Progress, now: int) -> CheckClosed | int | None:
    """What others closed is looked at after all that is to be written: it may stand open again."""
    until = None
    for page, post in sorted(progress.posts.items()):
        at = _next_look(post, progress)
        if at is not None and at <= now:
            return CheckClosed(progress=progress, page=page)
        until = _sooner(until, at)
    return until


def _next_look(post: Post, progress: Progress) -> int | None:
    """When to look again at what others closed; None once it was seen to be over after its alerts were."""
    if post.closed_at is None or post.remote_id is None:
        return None
    is_seen = post.theirs_at is None and post.checked_at >= progress.phase_since
    if progress.phase in ENDED and is_seen:
        return None
    return max(max(post.closed_at, post.checked_at) + LOOK_AGAIN_MS, post.retry.at)


def _after_the_end(
    progress: Progress, summary: Summary, policy: Policy, now: int, retention_ms: int
) -> StartEpisode | Forget | int | None:
    """Once every page shows the end: begin anew if it fires, or forget it when the time has come."""
    if progress.phase not in ENDED or any(_is_unfinished(post) for post in progress.posts.values()):
        return None
    if summary.firing:
        is_late = summary.firing_since > progress.phase_since + policy.reopen_after_ms
        theirs = {page: post for page, post in progress.posts.items() if post.theirs_at is not None}
        ended = progress.ended | _ended(progress.posts, now)
        return (
            StartEpisode(progress=Progress(phase_since=summary.firing_since, posts=theirs, ended=ended))
            if is_late
            else None
        )
    if summary.held or any(_next_look(post, progress) is not None for post in progress.posts.values()):
        return None
    is_searched_for = any(post.find_existing_at is not None for post in progress.posts.values())
    is_stray = progress.phase is Phase.DISCARDED and not summary.firing_since and not is_searched_for
    forget_at = progress.phase_since + (min(retention_ms, STRAY_RETENTION_MS) if is_stray else retention_ms)
    return Forget() if now >= forget_at else forget_at


def advance(progress: Progress, summary: Summary, policy: Policy, now: int) -> tuple[Progress, int | None]:
    """Follow alerts and time through the phases; the new progress, and when it may move next by time alone."""
    while True:
        phase, until = _next_phase(progress, summary, policy, now)
        if phase is progress.phase:
            return msgspec.structs.replace(progress, note=_note(progress, summary)), until
        progress = msgspec.structs.replace(progress, phase=phase, phase_since=now)


def _note(progress: Progress, summary: Summary) -> str | None:
    if progress.phase is Phase.DISCARDED:
        return CLEARED_IN_TIME if summary.firing_since else NEVER_KNOWN
    reasons = [post.withheld.reason for post in progress.posts.values() if post.withheld is not None]
    if progress.phase is Phase.RESOLVED and reasons:
        return WITHHELD.get(reasons[0], f"not published: {reasons[0]}")
    is_known = any(post.remote_id or post.intent or post.closed_at for post in progress.posts.values())
    if progress.phase is not Phase.RESOLVED or is_known:
        return None
    return LEFT_TO_ANOTHER if any(post.held_by for post in progress.posts.values()) else NEVER_PUBLISHED


def _next_phase(progress: Progress, summary: Summary, policy: Policy, now: int) -> tuple[Phase, int | None]:
    phase = progress.phase
    if phase in OPEN_PHASES:
        if not summary.firing:
            return Phase.MONITORING, None
        if summary.acknowledged:
            return Phase.IDENTIFIED, None
        return (
            phase if summary.firing_since < progress.phase_since else Phase.INVESTIGATING
        ), None  # fired anew, unseen
    if phase is Phase.MONITORING:
        return _after_monitoring(summary, policy, now)
    if phase in {Phase.PENDING, Phase.DISCARDED} and any(post.is_open for post in progress.posts.values()):
        return (Phase.INVESTIGATING if summary.firing else Phase.MONITORING), None  # found published: it goes on
    if not summary.firing:
        return (_unpublished(summary, policy) if phase is Phase.PENDING and not summary.held else phase), None
    return _before_opening(progress, summary, policy, now)


def _unpublished(summary: Summary, policy: Policy) -> Phase:
    """The end of what nobody was told of: an outage that was missed, if it lasted longer than ``publish_after``."""
    was_outage = summary.firing_since and summary.cleared_at > summary.firing_since + policy.publish_after_ms
    return Phase.RESOLVED if was_outage else Phase.DISCARDED


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
        if summary.firing_since > progress.phase_since + policy.reopen_after_ms:
            return phase, None  # too late to re-open: `decide` renews
    publish_at = summary.firing_since + policy.publish_after_ms
    return (Phase.INVESTIGATING, None) if now >= publish_at else (phase, publish_at)


def _ended(posts: Mapping[str, Post], now: int) -> dict[str, Ended]:
    """What is known of the ends of these, as others take their places."""
    return {
        page: Ended(post.remote_id, post.update_id, now)
        for page, post in posts.items()
        if post.remote_id and post.update_id and post.status is Phase.RESOLVED
    }


def _is_unfinished(post: Post) -> bool:
    """Whether something is still to be written, or found out, on this page."""
    return post.intent is not None or post.check_duplicates_at is not None or (post.is_open and post.closed_at is None)


def _sooner(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)
