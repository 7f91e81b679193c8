"""What becomes of a post when a write is begun and when its outcome is known: pure, the protocol of docs/explanation.

Checkly offers no idempotency key. So a write is recorded before it is sent (`begin`), and each kind of outcome leads
to one of these functions. Only `absent`, after looking twice across the settle time, allows a repeat.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bridge.model import Impact, Intent, Phase, Post, UpdateKind, Withheld, Write

LOOKS_BEFORE_REPEAT = 2
FIRST_LOOK_MS = 1_000
PARK_RETRY_MS = 600_000
BACKOFF_CAP_MS = 8_000
VERIFICATIONS = 3


def begin(post: Post, intent: Intent) -> Post:
    """The write is about to be sent."""
    return replace(post, intent=intent, retry_at=0, missing_at=None, stale_at=None, withheld=None)


def undated(post: Post, *, seen: Sequence[str]) -> Post:
    """The page refused the recorded write for its date, perhaps: it is about to be sent without one.

    ``seen`` are the ids of the updates that show the same text already.
    """
    return replace(post, intent=replace(_intent(post), is_dated=False, seen=tuple(seen)))


def is_to_go(post: Post) -> bool:
    """Whether the recorded write is still to be sent."""
    return post.intent is not None and post.intent.unknown_at is None


def succeeded(post: Post, remote_id: str, *, update_id: str = "", changed_at: int = 0, public_at: int = 0) -> Post:
    """The intended write stands on the page, seen as an answer or found by looking.

    ``update_id`` is what the page calls the update, ``changed_at`` when it took severity and impacts just as intended,
    ``public_at`` how it dates what went without a date.
    """
    intent = _intent(post)
    announces = intent.write is not Write.CHANGE
    paid = intent if intent.opens else post
    is_over = announces and intent.status is Phase.RESOLVED
    return replace(
        post,
        remote_id=remote_id,
        status=intent.status if announces else post.status,
        name=intent.name,
        severity=intent.severity,
        services=intent.services,
        labels=intent.labels,
        displays=post.displays | intent.displays,
        impacts=_impacts(post, intent),
        held_by="",
        updates=post.updates + announces,
        announced_severity=intent.severity if announces else post.announced_severity,
        announced_services=intent.services if announces else post.announced_services,
        public_at=intent.public_at if intent.is_dated else max(public_at, post.public_at),
        undated=left_undated(post, intent),
        published_notes=(*post.published_notes, intent.public_note) if intent.public_note else post.published_notes,
        intent=None,
        attempts=0,
        retry_at=0,
        parked=None,
        parked_write="",
        closed_at=None,
        theirs_at=None,
        missing_at=None,
        update_id=update_id if announces else post.update_id,
        changed_at=changed_at or post.changed_at,
        end_token="" if is_over else paid.end_token,
        is_end_unpaid=paid.is_end_unpaid and not is_over,
        paid_at=0,
        verify_at=_verify_at_the_end(post) if intent.status is Phase.RESOLVED else post.verify_at,
    )


def left_undated(post: Post, intent: Intent) -> tuple[str, ...]:
    """What the page dates itself, with this write on it."""
    if intent.is_dated:
        return post.undated
    is_end = intent.status in {Phase.MONITORING, Phase.RESOLVED}
    parts = ["start"] * (intent.kind is UpdateKind.OPEN) + ["end"] * is_end
    return tuple(dict.fromkeys((*post.undated, *parts)))


def _impacts(post: Post, intent: Intent) -> dict[str, Impact]:
    """An update leaves the components as they are; the last one ends whatever was wrong with them."""
    if intent.write is not Write.UPDATE:
        return intent.impacts
    return dict.fromkeys(post.impacts, Impact.OPERATIONAL) if intent.status is Phase.RESOLVED else post.impacts


def not_sent(post: Post, *, retry_at: int) -> Post:
    """The write provably did not happen: it may go out again, after a while, and no other sooner."""
    return replace(post, intent=None, attempts=post.attempts + 1, retry_at=retry_at, parked=None, parked_write="")


def unsurveyed(post: Post, *, retry_at: int) -> Post:
    """The page could not be read to its end yet, so nothing was written: go on soon. That is no failure."""
    return replace(post, intent=None, retry_at=retry_at, parked=None, parked_write="")


def unknown(post: Post, *, now: int) -> Post:
    """The write may have happened: look for it before anything else."""
    intent = _intent(post)
    return replace(
        post,
        intent=replace(intent, unknown_at=intent.unknown_at or now),
        attempts=post.attempts + 1,
        retry_at=now + FIRST_LOOK_MS,
    )


def look_failed(post: Post, *, retry_at: int) -> Post:
    """The page could not be read: look again later."""
    return replace(post, attempts=post.attempts + 1, retry_at=retry_at)


def absent(post: Post, *, now: int, settle_ms: int) -> Post:
    """The write's effect is not on the page. Until the settle time is over it may still appear, undoing a newer."""
    intent = _intent(post)
    unknown_at = now if intent.unknown_at is None else intent.unknown_at
    looks = intent.looks + 1
    if looks < LOOKS_BEFORE_REPEAT or now < unknown_at + settle_ms:
        again = replace(intent, unknown_at=unknown_at, looks=looks)
        return replace(post, intent=again, retry_at=max(now + FIRST_LOOK_MS, unknown_at + settle_ms))
    post = replace(post, intent=None, retry_at=0)
    if intent.opens:
        post = replace(post, paid_at=intent.paid_at or intent.recorded_at)
    if intent.write is Write.OPEN:
        return replace(post, verify_at=now + settle_ms, verifications=0)
    return post


def held(post: Post, *, by: str, retry_at: int) -> Post:
    """Someone else's incident is open for the same: nothing is posted beside it."""
    return replace(post, held_by=by, attempts=0, retry_at=retry_at, parked=None, parked_write="", withheld=None)


def withheld(post: Post, *, reason: str, detail: str, now: int) -> Post:
    """The gate keeps the opening back: until it is asked again, nothing is written."""
    since = post.withheld.since if post.withheld else now
    why = Withheld(reason=reason, since=since, detail=detail)
    return replace(post, withheld=why, held_by="", attempts=0, retry_at=0, parked=None, parked_write="")


def missing(post: Post, *, now: int, retry_at: int) -> Post:
    """The page says that our incident does not exist. It is not believed at once: nothing would be written any more."""
    since = now if post.missing_at is None else post.missing_at
    return replace(post, missing_at=since, attempts=post.attempts + 1, retry_at=retry_at)


def stale(post: Post, *, now: int, settle_ms: int, retry_at: int) -> Post:
    """A read lacks our newest update. It is older than that: look again, for ``settle_ms``.

    After that somebody removed the update, and what is read counts.
    """
    since = now if post.stale_at is None else post.stale_at
    if now >= since + settle_ms:
        return replace(post, update_id="", attempts=0, retry_at=0)
    return replace(post, stale_at=since, attempts=post.attempts + 1, retry_at=min(retry_at, since + settle_ms))


def over(post: Post, *, update_id: str) -> Post:
    """The page shows an end that we wrote, though nobody recorded it."""
    return replace(
        post,
        status=Phase.RESOLVED,
        impacts=dict.fromkeys(post.impacts, Impact.OPERATIONAL),
        update_id=update_id,
        stale_at=None,
        attempts=0,
        retry_at=0,
    )


def verified(post: Post, *, now: int, settle_ms: int) -> Post:
    """No late duplicate was found this time; look again at growing distance, a few times."""
    done = post.verifications + 1
    verify_at = None if done >= VERIFICATIONS else now + settle_ms * 3**done
    return replace(post, verify_at=verify_at, verifications=done)


def parked(post: Post, *, write: str, reason: str, now: int) -> Post:
    """The page refuses this write for good: say so; another write may go, this one is tried again rarely."""
    return replace(
        post,
        intent=None,
        parked=reason,
        parked_write=write,
        attempts=post.attempts + 1,
        retry_at=now + PARK_RETRY_MS,
        withheld=None,
    )


def closed(post: Post, *, now: int, exists: bool) -> Post:
    """Someone else resolved the incident (or deleted it): it stays so until everything clears and fires anew."""
    closed_at = now if post.closed_at is None else post.closed_at
    verify_at = _verify_at_the_end(post)
    if not exists:
        post = Post(verifications=post.verifications)
    return replace(
        post,
        status=Phase.RESOLVED,
        intent=None,
        attempts=0,
        retry_at=0,
        parked=None,
        parked_write="",
        closed_at=closed_at,
        theirs_at=None,
        missing_at=None,
        verify_at=verify_at,
        withheld=None,
        end_token="",
        is_end_unpaid=False,
        paid_at=0,
    )


def looked(post: Post, *, now: int, is_theirs: bool) -> Post:
    """What someone else closed was seen: it is over, or it is open again and ``is_theirs``."""
    since = now if post.theirs_at is None else post.theirs_at
    return replace(post, looked_at=now, theirs_at=since if is_theirs else None, missing_at=None, attempts=0, retry_at=0)


def backoff_ms(attempts: int, jitter: float) -> int:
    """How long to wait after ``attempts`` failures; ``jitter`` in [0, 1) spreads replicas apart."""
    ceiling = min(BACKOFF_CAP_MS, 500 * 2 ** min(attempts, 10))
    return int(ceiling * (0.5 + jitter / 2))


def _verify_at_the_end(post: Post) -> int | None:
    """A create that was repeated may have come true after the last verification: look once more when it is over."""
    return 0 if post.verify_at is None and post.verifications else post.verify_at


def _intent(post: Post) -> Intent:
    if post.intent is None:
        raise AssertionError("an outcome without an intent")
    return post.intent
