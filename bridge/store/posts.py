"""What the scripts are told of an incident's posts, whose progress they cannot read: pure."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model import Progress, Write

_PARKED, _HELD, _THEIRS = "+parked", "+held", "+theirs"


def tally(progress: Progress) -> str:
    """The word an incident is counted under: its phase, marked if a write that it still needs is parked or held back.

    Or if a post is theirs.
    """
    posts = [post for post in progress.posts.values() if progress.is_ongoing(post)]
    marks = [
        (_PARKED, any(post.parked for post in posts)),
        (_HELD, any(post.held_by for post in posts)),
        (_THEIRS, any(post.theirs_at is not None for post in progress.posts.values())),
    ]
    return f"{progress.phase}{next((mark for mark, applies in marks if applies), '')}"


def is_open(progress: Progress) -> bool:
    """Whether readers of some page see the incident as ongoing, as far as the bridge knows."""
    return any(post.is_open and post.closed_at is None for post in progress.posts.values())


def may_be_open(progress: Progress) -> bool:
    """Whether an incident is open on some page, or may be: its opening was begun, and nobody knows what came of it."""
    begun = (post.intent for post in progress.posts.values() if post.intent is not None)
    return is_open(progress) or any(intent.write is Write.OPEN for intent in begun)


def page_ends(progress: Progress) -> int:
    """Whether it may be over on one page while it goes on elsewhere: 0 no, 1 it may, 2 it is, and still shown."""
    posted = [post for post in progress.posts.values() if post.remote_id and post.closed_at is None]
    if len(posted) < 2:  # noqa: PLR2004 - a single page ends with the incident
        return 0
    return 2 if any(post.is_open and post.quiet_at for post in posted) else 1


def remotes(progress: Progress) -> str:
    """The ids, on the pages, of an incident's posts, one a line."""
    return "\n".join(sorted({post.remote_id for post in progress.posts.values() if post.remote_id}))


def unpack_tallies(tallies: Mapping[bytes, bytes]) -> tuple[dict[str, int], int, int, int]:
    """Incidents by phase; how many are parked, held back, and open by someone else's update."""
    phases: dict[str, int] = {}
    marked = {_PARKED: 0, _HELD: 0, _THEIRS: 0}
    for word, count in tallies.items():
        phase, plus, mark = word.decode().partition("+")
        phases[phase] = phases.get(phase, 0) + int(count)
        marked[plus + mark] = marked.get(plus + mark, 0) + int(count)
    return phases, marked[_PARKED], marked[_HELD], marked[_THEIRS]
