"""What is not on the page, or not as we left it: a write that was lost, a duplicate, what others did. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.merging import at_the_end, impact_of, severity_of
from bridge.core.outcomes.failures import FIRST_READ_MS, PARK_RETRY_MS, failed, intended, rested, retry_at
from bridge.core.outcomes.written import adopted, check_at_the_end
from bridge.core.results import Context, Delay, Gone, NothingExists, PageMissing
from bridge.model import Impact, Intent, Observed, Phase, Post, Retry, Write

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident
    from bridge.edits import Edits

READS_BEFORE_REPEAT = 2
DUPLICATE_CHECKS = 3


def is_long_missing(post: Post, now: int, settle_ms: int) -> bool:
    """Whether the page has said for the settle time that our incident does not exist."""
    return post.retry.missing_at is not None and now >= post.retry.missing_at + settle_ms


def not_found(post: Post, current: RemoteIncident | None, at: Context) -> Post:
    """Until the settle time is over, the write may still appear, undoing a newer."""
    intent, now = intended(post), at.asked_at
    unknown_at = now if intent.unknown_at is None else intent.unknown_at
    read_backs = intent.read_backs + 1
    if read_backs < READS_BEFORE_REPEAT or now < unknown_at + at.settle_ms:
        again = replace(intent, unknown_at=unknown_at, read_backs=read_backs)
        again_at = max(now + FIRST_READ_MS, unknown_at + at.settle_ms)
        return replace(post, intent=again, retry=replace(post.retry, at=again_at))
    post = replace(post, intent=None, retry=replace(post.retry, at=0))
    if intent.opens:
        post = replace(post, paid_at=intent.paid_at or intent.recorded_at)
    if intent.write is Write.OPEN:
        return replace(post, check_duplicates_at=now + at.settle_ms, duplicate_checks=0)
    return post if current is None else _learned(post, intent, current, now)


def _learned(post: Post, change: Intent, current: RemoteIncident, now: int) -> Post:
    """The post with what a change of unknown outcome brought, by what the page shows when it can come true no more.

    What shows as the change would have it is of the change, hence ours: to be told of, and to be taken back. What else
    differs from what was recorded before is a person's, who may have seen what the change brought: it counts as come.
    """
    impacts = {
        name: each for name, each in change.impacts.items() if _came(current.impacts.get(name), name, each, post)
    }
    came = current.concerns & set(impacts if change.impacts else change.services)
    services = {*post.services, *came}
    expected = {None, post.severity, post.severity and severity_of(post, post.severity)}
    is_whole = impacts == change.impacts if change.impacts else current.severity not in expected
    learned = replace(
        post,
        severity=change.severity if is_whole else post.severity,
        services=tuple(sorted(services)),
        impacts=post.impacts | {name: each for name, each in impacts.items() if name in services},
        displays=post.displays | {name: each for name, each in change.displays.items() if name in services},
    )
    if learned == post:
        return post
    ids = () if change.impacts else tuple(sorted({*post.service_ids, *current.services}))
    return replace(learned, learned_at=now, changed_at=now, service_ids=ids)


def _came(shown: Impact | None, name: str, changed: Impact, post: Post) -> bool:
    """Whether a change may have set this impact: it shows, or somebody has set another than was there before."""
    before = post.impacts.get(name, Impact.OPERATIONAL)
    return shown is changed or shown not in {None, before, impact_of(post, name, before)}


def without_duplicates(post: Post, oldest: RemoteIncident | None, at: Context) -> Post:
    """No late duplicate is left; check again at growing distance, a few times."""
    done = post.duplicate_checks + 1
    check_duplicates_at = None if done >= DUPLICATE_CHECKS else at.asked_at + at.settle_ms * 3**done
    post = replace(post, check_duplicates_at=check_duplicates_at, duplicate_checks=done)
    if oldest is None or oldest.id == post.remote_id:
        return post
    return adopted(post, oldest, post.services, post.announced_severity, at)


def gone(post: Post, answer: Gone, at: Context) -> Post:
    """It is not believed at once: nothing would be written any more. Of what was deleted, nothing is kept."""
    if answer.is_listed is False:
        due_at, done = post.check_duplicates_at, post.duplicate_checks
        return closed(Post(check_duplicates_at=due_at, duplicate_checks=done, closed_at=post.closed_at), at.asked_at)
    since = at.asked_at if post.retry.missing_at is None else post.retry.missing_at
    retry = replace(post.retry, missing_at=None if answer.is_listed else since)
    missing = replace(post, intent=None if answer.answers_write else post.intent, retry=retry)
    return failed(missing, retry_at(post, Delay(), at))


def closed(post: Post, now: int) -> Post:
    """It stays closed until everything clears and fires anew."""
    return replace(
        post,
        status=Phase.RESOLVED,
        intent=None,
        retry=Retry(),
        closed_at=now if post.closed_at is None else post.closed_at,
        theirs_at=None,
        check_duplicates_at=check_at_the_end(post),
        withheld=None,
        end_token="",
        is_end_unpaid=False,
        is_untold=False,
        paid_at=0,
        edits=at_the_end(post.edits),
    )


def ended_by_others(post: Post, now: int) -> Post:
    """The same, of what was found to be resolved: what opens it again is dated after the end that readers know."""
    return replace(closed(post, now), public_at=max(post.public_at, now))


def seen(post: Post, now: int, *, is_theirs: bool) -> Post:
    """What someone else closed was read: when to read it again follows from that."""
    since = now if post.theirs_at is None else post.theirs_at
    post = replace(post, checked_at=now, theirs_at=since if is_theirs else None)
    return rested(replace(post, retry=replace(post.retry, missing_at=None)))


def edited(post: Post, edits: Edits) -> Post:
    """What others set was read, and changes what is to be written."""
    return rested(replace(post, edits=edits, stale_at=None, retry=replace(post.retry, missing_at=None)))


def looked(post: Post, observed: Observed, edits: Edits) -> Post:
    """What a look saw is kept beside what is recorded, and is no reason to write."""
    return replace(post, observed=observed, edits=edits)


def nothing_exists(post: Post, result: NothingExists | PageMissing, at: Context) -> Post:
    """Nothing more is to be found there, unless the page is still to come."""
    find_existing_at = at.asked_at + PARK_RETRY_MS if isinstance(result, PageMissing) else None
    return replace(post, retry=replace(post.retry, attempts=0), find_existing_at=find_existing_at)
