"""What time alone changes of a post: its page's clocks, and waits that are not over when the clock says so. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.model import Clocks, Post

if TYPE_CHECKING:
    from collections.abc import Callable


def unhurried(post: Post, passed_ms: Callable[[int, int], int], now: int, *, settle_ms: int) -> Post:
    """The post, on which no wait before a write may be repeated is over before it has really passed.

    ``passed_ms`` is how much time has passed from one instant to another for certain, if the store's clock is set
    forward. A write of unknown outcome counts as lost so much later, and a check for its duplicate is so much later.
    """
    if post.intent is not None and post.intent.unknown_at is not None:
        lost_at = now - passed_ms(post.intent.unknown_at, now)
        return replace(post, intent=replace(post.intent, unknown_at=max(lost_at, post.intent.unknown_at)))
    if post.check_duplicates_at is not None and post.duplicate_checks:
        wait_ms = settle_ms * 3**post.duplicate_checks
        due_at = now + wait_ms - passed_ms(post.check_duplicates_at - wait_ms, now)
        return replace(post, check_duplicates_at=max(post.check_duplicates_at, due_at))
    return post


def with_clocks(post: Post, clocks: Clocks) -> Post:
    """The post with its page's clocks as `page_phase` reads them off the alerts."""
    return replace(post, clocks=clocks)


def another(post: Post) -> Post:
    """The post of the next incident on the same page. A note that was published there is not published again."""
    return Post(published_notes=post.published_notes, clocks=Clocks(fires_at=post.clocks.fires_at))
