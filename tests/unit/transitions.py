"""Posts as steps leave them, for tests: `outcomes.apply` in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.outcomes import apply
from bridge.core.results import Begun, Context, Sent

if TYPE_CHECKING:
    from bridge.core.results import Result
    from bridge.model import Intent, Post

SETTLE_MS = 10_000


def after(post: Post, *results: Result, now: int = 0, settle_ms: int = SETTLE_MS, jitter: float = 0.0) -> Post:
    """The post after these results, all at once."""
    at = Context(asked_at=now, now=now, settle_ms=settle_ms, jitter=jitter, incident_id="0123456789")
    for result in results:
        post = apply(post, result, at)
    return post


def written(post: Post, intent: Intent, remote_id: str = "remote") -> Post:
    """The post after a write that the page took."""
    return after(post, Begun(intent), Sent(remote_id=remote_id))
