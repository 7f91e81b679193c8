"""The life of an incident: a pure function from (incident, policy, now) to the next single step.

    PENDING --publish_after--> INVESTIGATING --ack--> IDENTIFIED --all clear--> MONITORING --resolve_after--> RESOLVED
       '-- cleared in time --> DISCARDED      ^---------- fires again ------------'     (reopen within reopen_after)

Two levels, both level-triggered. The *phase* follows the alerts and time alone (`advance`). Each *post* then follows
the phase, or its own page's where an outage is over there and goes on elsewhere (`page_phase`), one write at a time
(`planning.plan_write`), however far behind it is: an outage that cleared while the page was out of reach takes one step
to RESOLVED, not three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bridge.core import page_phase
from bridge.core.actions import in_force
from bridge.core.flapping import flapping
from bridge.core.next_phase import next_phase
from bridge.core.outcomes import another, ordered
from bridge.core.planning import OPEN_PHASES, PlannedWrite, plan_write
from bridge.core.view import At, Case, View, sooner
from bridge.model import Ended, Phase, Post, Progress, shows_impacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.view import PagesOf
    from bridge.model import Incident, Policy, Summary

ENDED = frozenset({Phase.RESOLVED, Phase.DISCARDED})
PUBLIC = OPEN_PHASES | {Phase.MONITORING}
NEVER_PUBLISHED = "cleared before it could be published"
LEFT_TO_ANOTHER = "not published: an incident of someone else was open for it"
WITHHELD = {reason: f"not published: {reason}" for reason in ("taken_over", "operator", "budget")}
"""What is said of an outage that is over, and that the gate kept from a page for this reason to the end."""
CLEARED_IN_TIME = "cleared within publish_after"
NEVER_KNOWN = "resolved; nothing was known of it"
STRAY_RETENTION_MS = 900_000
DISCARDED_RETENTION_MS = 3_600_000
CHECK_CLOSED_MS = 300_000


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


def decide(
    incident: Incident,
    policy: Policy,
    now: int,
    *,
    retention_ms: int,
    pages_of: PagesOf,
    today: int | None = None,
    withheld: Mapping[str, int] = {},
) -> Step:
    """The next step for an incident. ``today`` is the latest date that may be published, by default ``now``.

    Nothing is written on the pages for which the gate has just ``withheld`` it, until it is asked again at that time
    (0: until the facts change).
    """
    case = Case(
        progress=incident.progress,
        summary=incident.summary,
        policy=policy,
        now=now,
        today=now if today is None else today,
        pages_of=pages_of,
        retention_ms=retention_ms,
        episode=incident.episode,
        withheld=withheld,
        orders=in_force(incident, now),
        flapping=flapping(incident.summary, policy, now, retention_ms=retention_ms),
    )
    case, until = advanced(case)
    for rule in (_follow_up, _find_existing, _converge, _check_closed, _after_the_end):
        step = rule(case)
        if not isinstance(step, At | None):
            return step
        until = sooner(until, step)
    return Wait(progress=case.progress, until=until.instant if until else None)


def advanced(case: Case) -> tuple[Case, At | None]:
    """The case in the phase that it has come to by now, each page's clocks set; and when time alone may move it on."""
    case, until = _advance(case)
    return _observe(case), until


def _follow_up(case: Case) -> ReadBack | CheckDuplicates | FindExisting | At | None:
    """Unfinished business comes first: writes of unknown outcome, then repeated ones."""
    until: At | None = None
    step: type[ReadBack | CheckDuplicates | FindExisting]
    for page, post in sorted(case.progress.posts.items()):
        if post.intent is not None:
            at, step = post.retry.at, ReadBack
        elif post.check_duplicates_at is not None and case.orders.take_over is None:  # for it may write
            at, step = post.check_duplicates_at, CheckDuplicates
        elif post.find_existing_at is not None:
            at, step = post.find_existing_at, FindExisting
        else:
            continue
        if at <= case.now:
            return step(progress=case.progress, page=page)
        until = sooner(until, At(at))
    return until


def _find_existing(case: Case) -> FindExisting | None:
    """Where the incident may stand though nothing is recorded of it there.

    The store may have been lost since it was published; what was published may have moved with its page to another
    generation. Where an alert fires, opening looks there first.
    """
    progress = case.progress
    if progress.phase in ENDED and not any(post.remote_id for post in progress.posts.values()):
        pages = case.configured
    else:
        posted = {name for post in progress.posts.values() if post.remote_id for name in post.services}
        firing = case.summary.services if progress.phase in OPEN_PHASES else {}
        pages = {page for name in posted - firing.keys() for page in case.pages_of.get(name, ())}
    unsearched = sorted(pages - progress.posts.keys())
    if not unsearched:
        return None
    posts = {**progress.posts, **{page: Post(find_existing_at=case.now) for page in unsearched}}
    return FindExisting(progress=replace(progress, posts=posts), page=unsearched[0])


def _observe(case: Case) -> Case:
    """Obey orders, set each page's clocks; where another outage of the page is to be public, its post begins anew."""
    progress, posts, past = case.progress, {}, {}
    for page, recorded in progress.posts.items():
        post = ordered(recorded, case.orders, case.now)
        fires = _fires_on(page, post, case)
        posts[page] = post
        if fires is not None:
            seen = page_phase.observed(post, case, fires=fires)
            posts[page] = seen
            if fires and page_phase.is_another(seen, case):
                posts[page], past[page] = another(seen), seen
    return replace(case, progress=replace(progress, posts=posts, ended=progress.ended | _ended(past, case.now)))


def _fires_on(page: str, post: Post, case: Case) -> bool | None:
    """Whether something fires that the page shows, or showed and no page of the configuration shows any more.

    None for a page that the configuration does not name: it follows the incident.
    """
    summary, pages_of = case.summary, case.pages_of
    if not any(page in pages for pages in pages_of.values()):
        return None
    placed = any(page in pages_of.get(name, ()) for name in summary.services)
    unplaced = any(name in post.services and not pages_of.get(name) for name in summary.services)
    return placed or unplaced or (summary.firing > 0 and not summary.services)


def _converge(case: Case) -> WriteTo | At | None:
    """The first write that some page needs."""
    until: At | None = None
    progress, services = case.progress, case.summary.services
    for page in sorted({*progress.posts, *(page for name in services for page in case.pages_of.get(name, ()))}):
        post = progress.posts.get(page, Post())
        if (ask_at := case.withheld.get(page)) is not None:
            until = sooner(until, At(ask_at) if ask_at else None)
            continue
        if post.intent is not None:
            continue
        view, at = view_on(page, post, case)
        planned = plan_write(post, view)
        if isinstance(planned, PlannedWrite):
            return WriteTo(progress=progress, page=page, planned=planned)
        until = sooner(until, sooner(at, planned))
    return until


def view_on(page: str, post: Post, case: Case) -> tuple[View, At | None]:
    """What the page is to show, and when that may change by time alone."""
    phase, at = case.progress.phase, None
    if (fires := _fires_on(page, post, case)) is not None:
        phase, at = page_phase.phase_on(post, case, fires=fires)
    resolve = case.orders.resolve if post.closed_at is None else None
    if resolve is not None:
        phase, at = Phase.RESOLVED, None
    view = View(
        phase=phase,
        severities={name: each for name, each in case.summary.services.items() if page in case.pages_of.get(name, ())},
        summary=case.summary,
        policy=case.policy,
        now=case.now,
        today=case.today,
        elsewhere_at=_public_elsewhere(page, case.progress),
        ended_at=resolve.at if resolve is not None and case.summary.firing else 0,
        shows_impacts=shows_impacts(page) and page in case.configured,
        flapping=case.flapping,
    )
    return view, at


def _public_elsewhere(page: str, progress: Progress) -> int:
    """Since when another page shows the outage; 0: none does, or that is not known."""
    others = (post for name, post in progress.posts.items() if name != page and post.is_open)
    return min((post.publication.opened_at for post in others if post.publication.opened_at), default=0)


def _check_closed(case: Case) -> CheckClosed | At | None:
    """What others closed is read after all that is to be written: it may stand open again."""
    until: At | None = None
    for page, post in sorted(case.progress.posts.items()):
        at = _next_check(post, case.progress)
        if at is not None and at.instant <= case.now:
            return CheckClosed(progress=case.progress, page=page)
        until = sooner(until, at)
    return until


def _next_check(post: Post, progress: Progress) -> At | None:
    """When to read again what others closed; None once it was seen to be over after its alerts were."""
    if post.closed_at is None or post.remote_id is None:
        return None
    is_seen = post.theirs_at is None and post.checked_at >= progress.phase_since
    if progress.phase in ENDED and is_seen:
        return None
    return At(max(max(post.closed_at, post.checked_at) + CHECK_CLOSED_MS, post.retry.at))


def _after_the_end(case: Case) -> StartEpisode | Forget | At | None:
    """Once every page shows the end: begin anew if it fires, or forget it when the time has come."""
    progress, summary, now = case.progress, case.summary, case.now
    if progress.phase not in ENDED or any(_is_unfinished(post) for post in progress.posts.values()):
        return None
    if summary.firing:
        is_late = summary.firing_since > progress.phase_since + case.policy.reopen_after_ms
        theirs = {page: post for page, post in progress.posts.items() if post.theirs_at is not None}
        ended = progress.ended | _ended(progress.posts, now)
        anew = Progress(phase_since=summary.firing_since, posts=theirs, ended=ended)
        return StartEpisode(progress=anew) if is_late and not case.flapping.has_returned else None
    if summary.held or any(_next_check(post, progress) is not None for post in progress.posts.values()):
        return None
    kept_ms = min(case.retention_ms, _longest_kept_ms(case))
    forget_at = max(progress.phase_since + kept_ms, *(mute.until for mute in case.orders.mutes.values()), 0)
    return Forget() if now >= forget_at else At(forget_at)


def _longest_kept_ms(case: Case) -> int:
    """How long an incident is kept at most: short, where it never was on a page, and its key had none before.

    With the incident goes the count of its episodes, and the next ones would take the place of those that are archived.
    """
    posts = case.progress.posts.values()
    may_be_public = any(post.remote_id is not None or post.find_existing_at is not None for post in posts)
    if case.progress.phase is not Phase.DISCARDED or may_be_public or case.episode > 1:
        return case.retention_ms
    if not case.summary.firing_since:
        return STRAY_RETENTION_MS
    return max(
        DISCARDED_RETENTION_MS, case.policy.flap.within_ms if case.policy.flap else 0
    )  # its returns count so long


def _advance(case: Case) -> tuple[Case, At | None]:
    """Follow alerts and time through the phases; the case then, and when it may move next by time alone."""
    while True:
        progress = case.progress
        phase, until = next_phase(case)
        if phase is progress.phase:
            flaps = case.flapping.is_on and phase in PUBLIC
            calm_at = None if case.flapping.calm_at is None or not flaps else At(case.flapping.calm_at)
            told = replace(progress, note=_note(progress, case.summary), flaps=flaps)
            return replace(case, progress=told), sooner(until, calm_at)
        case = replace(case, progress=replace(progress, phase=phase, phase_since=case.now))


def _note(progress: Progress, summary: Summary) -> str | None:
    if progress.phase is Phase.DISCARDED:
        return CLEARED_IN_TIME if summary.firing_since else NEVER_KNOWN
    reasons = [post.withheld.reason for post in progress.posts.values() if post.withheld and not post.is_open]
    if progress.phase is Phase.RESOLVED and reasons:
        return WITHHELD.get(reasons[0], f"not published: {reasons[0]}")
    is_known = any(post.remote_id or post.intent or post.closed_at for post in progress.posts.values())
    if progress.phase is not Phase.RESOLVED or is_known:
        return None
    return LEFT_TO_ANOTHER if any(post.second_writer for post in progress.posts.values()) else NEVER_PUBLISHED


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
