"""What becomes of a post: one line for each of a closed set of results. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from bridge.core import results
from bridge.core.outcomes import absence, failures, written

if TYPE_CHECKING:
    from bridge.core.results import Context, Result
    from bridge.model import Post


def apply(post: Post, result: Result, at: Context) -> Post:  # noqa: C901, PLR0912 - a closed set, in a row
    """The post to record, of the post as it was recorded and what a step on its page came to."""
    match result:
        case results.Begun():
            return written.begun(post, result.intent, result.edits)
        case results.DateRejected():
            return written.without_date(post, result.seen)
        case results.Sent():
            return written.sent(post, result, at)
        case results.NotSent():
            return failures.not_sent(post, failures.retry_at(post, result.delay, at))
        case results.Rejected():
            return failures.parked(post, result, at.asked_at)
        case results.Unknown():
            return failures.unknown(post, at)
        case results.Outbid():
            return post
        case results.Stale():
            return failures.stale(post, at)
        case results.Lagging():
            return failures.lagging(post, at)
        case results.EndFound():
            return written.over(post, result.update_id)
        case results.Edited():
            return absence.edited(post, result.edits)
        case results.Yielded():
            return failures.rested(replace(post, stale_at=None))
        case results.Closed():
            return absence.ended_by_others(post, at.asked_at)
        case results.Gone():
            return absence.gone(post, result, at)
        case results.Conflict():
            return failures.held(post, result.remote_id, at)
        case results.Withhold():
            return failures.withheld(post, result, at)
        case results.Adopted():
            return written.taken_over(post, result, at)
        case results.Found():
            return written.found(post, result.remote, at)
        case results.NotFound():
            return absence.not_found(post, result.current, at)
        case results.DuplicatesResolved():
            return absence.without_duplicates(post, result.oldest, at)
        case results.Seen():
            return absence.seen(post, at.asked_at, is_theirs=result.is_theirs)
        case results.Looked():
            return absence.looked(post, result.observed, result.edits)
        case results.Reclaimed():
            return written.adopted(post, result.remote, post.announced_services, post.announced_severity, at)
        case results.NothingExists() | results.PageMissing():
            return absence.nothing_exists(post, result, at)
        case results.Unfinished():
            return failures.read_on(post, result.read, at)
        case results.ReadFailed():
            return failures.read_again(post, result, at)
    assert_never(result)
