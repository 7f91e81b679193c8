"""What operators' orders make of a post before anything is written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.outcomes.absence import closed
from bridge.model import Phase

if TYPE_CHECKING:
    from bridge.model import Post
    from bridge.orders import Orders


def ordered(post: Post, orders: Orders, now: int) -> Post:
    """The post as the orders in force want it.

    What waits is tried now, an end by order stays, and nobody keeps back what is handed back.
    """
    if orders.retry is not None:
        find_existing_at = None if post.find_existing_at is None else min(post.find_existing_at, now)
        retry = replace(post.retry, at=min(post.retry.at, now))
        post = replace(post, retry=retry, find_existing_at=find_existing_at)
    is_over = post.status is Phase.RESOLVED if post.remote_id is not None else post.find_existing_at is None
    if orders.resolve is not None and is_over and post.intent is None and post.closed_at is None:
        post = closed(post, now)  # as a person would have; and what never got there is not opened after the end
    if post.is_open and post.withheld is not None and orders.take_over is None:
        post = replace(post, withheld=None)
    return post
