"""When an outage was public, over all of its pages: from the first that showed it to the last that ended it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model import Phase
from bridge.publication import Publication

if TYPE_CHECKING:
    from bridge.model import Progress


def public_times(progress: Progress) -> Publication:
    """What is known of an incident's publication, over all pages. Its end is there once no page shows it as open."""
    posts = list(progress.posts.values())
    known = [post.publication for post in posts]
    first = min((each for each in known if each.opened_at), key=lambda each: each.opened_at, default=Publication())
    is_over = all(post.status is Phase.RESOLVED for post in posts if post.remote_id)
    last = max(known, key=lambda each: each.resolved_at, default=Publication()) if is_over else Publication()
    return Publication(
        started_at=first.started_at,
        opened_at=first.opened_at,
        ended_at=last.ended_at,
        resolved_at=last.resolved_at,
        worst=max((each.worst for each in known if each.worst is not None), default=None),
        mails=sum(each.mails for each in known),
    )
