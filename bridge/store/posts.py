"""What the scripts are told of an incident's posts, whose progress they cannot read: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.core.gate import REASON, REASONS, SECOND_WRITER

if TYPE_CHECKING:
    from bridge.model import Progress

_PARKED, _THEIRS, _WITHHELD = "+parked", "+theirs", "+withheld:"


def tally(progress: Progress) -> str:
    """The word an incident is counted under: its phase, marked if a write that it still needs is parked.

    Or withheld, with the reason: the gate's, or a second writer; or if a post is theirs.
    """
    posts = [post for post in progress.posts.values() if progress.is_ongoing(post)]
    found = {SECOND_WRITER for post in posts if post.second_writer}
    found |= {post.withheld.reason for post in posts if post.withheld is not None}
    reasons = sorted(found, key=lambda reason: REASONS.index(reason) if reason in REASONS else len(REASONS))
    marks = [
        (_PARKED, any(post.retry.parked for post in posts)),
        (f"{_WITHHELD}{''.join(reasons[:1])}", bool(reasons)),
        (_THEIRS, any(post.theirs_at is not None for post in progress.posts.values())),
    ]
    return f"{progress.phase}{next((mark for mark, applies in marks if applies), '')}"


def is_open(progress: Progress) -> bool:
    """Whether readers of some page see the incident as ongoing, as far as the bridge knows."""
    return any(post.is_open and post.closed_at is None for post in progress.posts.values())


def open_pages(progress: Progress) -> str:
    """The pages on which an incident is open, or may be, one a line: there its opening was begun."""
    return "\n".join(
        sorted(
            page
            for page, post in progress.posts.items()
            if (post.is_open and post.closed_at is None) or (post.intent is not None and post.intent.opens)
        )
    )


def withheld_pages(progress: Progress) -> str:
    """The pages for whose budget an incident waits that still is to be posted there, one a line."""
    posts = progress.posts.items()
    waits = (
        page for page, post in posts if post.withheld and post.withheld.reason == REASON and progress.is_ongoing(post)
    )
    return "\n".join(sorted(waits))


def in_trouble(marked: Mapping[str, int]) -> dict[str, Any]:
    """What `Overview` says of the marks: parked, open by someone else's update, and withheld by reason."""
    reasons = {mark.removeprefix(_WITHHELD): count for mark, count in marked.items() if mark.startswith(_WITHHELD)}
    return {
        "parked": marked.get(_PARKED, 0),
        "theirs": marked.get(_THEIRS, 0),
        "withheld": reasons,
    }


def page_ends(progress: Progress) -> int:
    """Whether it may be over on one page while it goes on elsewhere: 0 no, 1 it may, 2 it is, and still shown."""
    posted = [post for post in progress.posts.values() if post.remote_id and post.closed_at is None]
    if len(posted) < 2:  # noqa: PLR2004 - a single page ends with the incident
        return 0
    return 2 if any(post.is_open and post.clocks.quiet_at for post in posted) else 1


def remotes(progress: Progress) -> dict[str, str]:
    """The ids of an incident's posts, by page."""
    return {page: post.remote_id for page, post in progress.posts.items() if post.remote_id}


def unpack_tallies(tallies: Mapping[bytes, bytes]) -> tuple[dict[str, int], dict[str, int]]:
    """Incidents by phase, and by what they are marked with."""
    phases: dict[str, int] = {}
    marked: dict[str, int] = {}
    for word, count in tallies.items():
        phase, plus, mark = word.decode().partition("+")
        phases[phase] = phases.get(phase, 0) + int(count)
        if plus:
            marked[plus + mark] = marked.get(plus + mark, 0) + int(count)
    return phases, marked
