"""What is kept of an outage's way to the public: when a page took its beginning and its end. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.results import Found, Sent
from bridge.model import Phase, Severity, UpdateKind, Write

if TYPE_CHECKING:
    from bridge.core.results import Context, Result
    from bridge.model import Intent, Post
    from bridge.publication import Publication


def published(post: Post, taken_at: int) -> Publication:
    """The page took the intended write at this time of day."""
    intent, before = post.intent, post.publication
    if intent is None:
        return before
    after = replace(
        before, worst=max(intent.severity, before.worst or Severity.MINOR), mails=before.mails + intent.notify
    )
    if intent.opens:
        began_at = {} if before.opened_at else {"started_at": happened_at(intent), "opened_at": taken_at}
        return replace(after, **began_at, ended_at=0, resolved_at=0)
    if _ends(intent):
        return replace(after, ended_at=happened_at(intent), resolved_at=taken_at)
    return after


def found_at(intent: Intent, at: Context) -> int:
    """When the page took a write that was found on it: before its answer was lost, or its writer."""
    return (intent.unknown_at or intent.recorded_at) - at.ahead_ms


def happened_at(intent: Intent) -> int:
    """When what a write tells happened, as believed."""
    return intent.happened_at or intent.public_at


def delay_of(post: Post, result: Result, at: Context) -> tuple[UpdateKind, int] | None:
    """How long after it had happened the page took an opening or an end that was recorded; None for all else.

    An incident that was found though nothing was recorded of it has been counted when it was written, or never is.
    """
    intent = post.intent
    if intent is None or not isinstance(result, Sent | Found) or not (intent.opens or _ends(intent)):
        return None
    taken_at = at.now - at.ahead_ms if isinstance(result, Sent) else found_at(intent, at)
    kind = UpdateKind.OPEN if intent.opens else UpdateKind.RESOLVED
    return kind, max(0, taken_at - happened_at(intent))


def _ends(intent: Intent) -> bool:
    return intent.status is Phase.RESOLVED and intent.write is Write.UPDATE
