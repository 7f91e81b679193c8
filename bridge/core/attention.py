"""What of an incident a person can still change: nothing in the normal case. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.model import Incident, Post, Progress

MANY_FAILURES: Final = 10  # about a minute without success: no passing hiccup
SECOND_WRITER: Final = "second_writer"


def attention(incident: Incident) -> tuple[str, ...]:
    """What a person should do something about, the most pressing first.

    Of a post for which nothing may be written any more, there is nothing to do.
    """
    summary, progress = incident.summary, incident.progress
    said = [each for page, post in progress.posts.items() for each in _of_post(page, post, progress)]
    if summary.orphaned:
        said.append("kept open by an alert merged into one never seen")
    if summary.conflict_at:
        said.append("two senders report the same alert: name them (/webhooks/alertmanager/NAME)")
    return tuple(dict.fromkeys(said))


def held_by(remote_id: str) -> str:
    """Why nothing is posted while somebody else's incident is open."""
    return f"{remote_id} is open for the same service"


def _of_post(page: str, post: Post, progress: Progress) -> Iterator[str]:
    is_ongoing = progress.is_ongoing(post)
    if is_ongoing and post.retry.parked is not None:
        yield f"parked: {post.retry.parked}"
    elif is_ongoing and post.retry.attempts >= MANY_FAILURES:
        yield f"{page}: {post.retry.attempts} failures in a row"
    if is_ongoing and post.second_writer:
        yield f"withheld: {held_by(post.second_writer)}"
    if is_ongoing and post.withheld is not None:
        by = f" by {post.withheld.by}" if post.withheld.by else ""
        yield f"withheld{by}{f': {post.withheld.detail}' if post.withheld.detail else ''}"
    if post.theirs_at is not None:
        yield "open on the page by someone else's update: its end is up to them"
    elif post.closed_at is not None and is_ongoing:
        yield "closed by hand"
    if is_ongoing and post.intent is not None and post.intent.unknown_at is not None:
        yield "a write of unknown outcome"
