"""What did not happen, or may have: when it is tried again. Pure."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from bridge.core.backoff import backoff_ms
from bridge.core.results import Context, Delay, Read, ReadFailed, Rejected, Withhold
from bridge.model import Intent, Post, Retry, Withheld

FIRST_READ_MS = 1_000
HOLD_MS = 30_000  # how often to look whether someone else's incident is over
PARK_RETRY_MS = 600_000
FIRST_RETRY_MS = 500
LONGEST_RETRY_MS = 8_000
GO_ON_MS = 250  # until then it is others' turn


def retry_at(post: Post, delay: Delay, at: Context) -> int:
    """When to try again."""
    wait_ms = backoff_ms(post.retry.attempts, at.jitter, first_ms=FIRST_RETRY_MS, longest_ms=LONGEST_RETRY_MS)
    return at.asked_at + (delay.ms if delay.is_exact else max(delay.ms, wait_ms))


def failed(post: Post, retry_at: int) -> Post:
    """Another failure; try again then."""
    return replace(post, retry=replace(post.retry, attempts=post.retry.attempts + 1, at=retry_at))


def not_sent(post: Post, retry_at: int) -> Post:
    """No write may go sooner; whether it is parked is found out anew."""
    return _put_off(post, retry_at, attempts=post.retry.attempts + 1)


def parked(post: Post, refused: Rejected, now: int) -> Post:
    """Another write may go; this one is tried again rarely, and so are those refused since it was tried last."""
    others = post.retry.parked_writes
    refused_writes = (refused.signature,) if refused.signature in others else (*others, refused.signature)
    retry = replace(
        post.retry,
        attempts=post.retry.attempts + 1,
        at=now + PARK_RETRY_MS,
        parked=refused.detail,
        parked_write="\n".join(refused_writes),
    )
    return replace(post, intent=None, retry=retry, withheld=None)


def unknown(post: Post, at: Context) -> Post:
    """Read it back, first after a second: the settle time begins when the answer was lost."""
    intent = intended(post)
    post = replace(post, intent=replace(intent, unknown_at=intent.unknown_at or at.now))
    return failed(post, at.now + FIRST_READ_MS)


def read_on(post: Post, read: Read, at: Context) -> Post:
    """Go on soon: nothing failed."""
    return _due(post, read, at.asked_at + GO_ON_MS, attempts=post.retry.attempts)


def read_again(post: Post, failure: ReadFailed, at: Context) -> Post:
    """Try again what could not be read."""
    return _due(post, failure.read, retry_at(post, failure.delay, at), attempts=post.retry.attempts + 1)


def _due(post: Post, read: Read, due_at: int, *, attempts: int) -> Post:
    """What was to be read is to be read then; what is due besides stays due."""
    match read:
        case Read.BEFORE_WRITE:
            return _put_off(post, due_at, attempts=attempts)
        case Read.DUPLICATES:
            return replace(post, retry=replace(post.retry, attempts=attempts), check_duplicates_at=due_at)
        case Read.EXISTING:
            return replace(post, retry=replace(post.retry, attempts=attempts), find_existing_at=due_at)
        case Read.WRITE | Read.CLOSED:
            return replace(post, retry=replace(post.retry, attempts=attempts, at=due_at))
    assert_never(read)


def _put_off(post: Post, retry_at: int, *, attempts: int) -> Post:
    retry = Retry(attempts=attempts, at=retry_at, missing_at=post.retry.missing_at)
    return replace(post, intent=None, retry=retry)


def held(post: Post, by: str, at: Context) -> Post:
    """Look again whether the incident of someone else is over."""
    retry = Retry(at=at.asked_at + HOLD_MS, missing_at=post.retry.missing_at)
    return replace(post, second_writer=by, retry=retry, withheld=None)


def withheld(post: Post, why: Withhold, at: Context) -> Post:
    """Nothing is in the way but the gate."""
    since = post.withheld.since if post.withheld and post.withheld.reason == why.reason else at.asked_at
    withheld = Withheld(reason=why.reason, since=since, detail=why.detail, until=why.until, by=why.by, also=why.also)
    return replace(post, withheld=withheld, second_writer="", retry=Retry(missing_at=post.retry.missing_at))


def lagging(post: Post, at: Context) -> Post:
    """Read again until reads agree with what we set, for the settle time at most."""
    settled_at = post.changed_at + at.settle_ms
    return failed(post, min(retry_at(post, Delay(), at), settled_at))


def stale(post: Post, at: Context) -> Post:
    """Read again, for the settle time. After that somebody removed the update, and what is read counts."""
    since = at.asked_at if post.stale_at is None else post.stale_at
    over_at = since + at.settle_ms
    if at.asked_at >= over_at:
        return rested(replace(post, update_id=""))
    return failed(replace(post, stale_at=since), min(retry_at(post, Delay(), at), over_at))


def rested(post: Post) -> Post:
    """The page was read: nothing is to be waited for. A write that it refused for good stays parked."""
    return replace(post, retry=replace(post.retry, attempts=0, at=0))


def intended(post: Post) -> Intent:
    """The recorded write."""
    if post.intent is None:
        raise AssertionError("an outcome without an intent")
    return post.intent
