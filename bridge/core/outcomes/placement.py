"""Where a post is kept in an incident's progress. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.outcomes.failures import parked
from bridge.core.results import Rejected
from bridge.model import Post, Progress, shows_impacts

if TYPE_CHECKING:
    from collections.abc import Collection


def placed(progress: Progress, page: str, post: Post, configured: Collection[str], now: int) -> Progress:
    """The progress with this post on that page; ``configured`` are the names of all pages.

    The configuration may call one page by another name than before: then the post moves. It may call it by two names at
    once: then the one that comes second is parked, for two posts of one incident would tell everything twice.
    """
    duplicates = [
        name
        for name, each in progress.posts.items()
        if name != page and each.remote_id and each.remote_id == post.remote_id
        if shows_impacts(name) and shows_impacts(page)
    ]
    if not any(name in configured for name in duplicates):
        others = {name: each for name, each in progress.posts.items() if name not in duplicates}
        return replace(progress, posts={**others, page: post})
    reason = f"{page} and {duplicates[0]} are the same page: call it by one name in the configuration"
    return replace(progress, posts={**progress.posts, page: parked(Post(), Rejected(signature="", detail=reason), now)})
