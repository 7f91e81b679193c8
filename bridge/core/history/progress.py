"""What a history tells of an incident's progress, before and after it is recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import fields, replace

from bridge.core.history.entry import Entry, What, entry
from bridge.core.history.steps import Happened, told
from bridge.model import Intent, Post

if TYPE_CHECKING:
    from bridge.model import Progress

BOOKKEEPING: Final = frozenset(
    {
        *("retry", "clocks", "check_duplicates_at", "duplicate_checks", "find_existing_at", "stale_at", "checked_at"),
        *("changed_at", "learned_at", "paid_at", "end_token", "is_end_unpaid", "is_untold", "updates"),
        *("publication", "observed", "edits", "service_ids"),
    }
)
"""The fields of a post that say when to look next, and what is paid: they change without a word of their own."""
_TOLD: Final = tuple(field.name for field in fields(Post) if field.name not in BOOKKEEPING)


def entries(before: Progress, after: Progress, steps: Sequence[Happened] = ()) -> tuple[Entry, ...]:
    """What is to be told as ``after`` is recorded in the place of ``before``, after these steps on its pages.

    Whatever changed of a post but its BOOKKEEPING has an entry that names its page.
    """
    found = [*_phase(before, after)]
    for step in steps:
        found += _gates(step.page, step.before, step.after)
        found += told(step)
    for page in (*sorted(before.posts.keys() - after.posts.keys()), *sorted(after.posts)):  # what moved, tells where to
        is_told = any(page in (each.detail.get("page"), each.detail.get("was")) for each in found)
        found += () if is_told else _untold(page, before.posts, after.posts)
    return tuple(found)


def _phase(before: Progress, after: Progress) -> Iterator[Entry]:
    if (before.phase, before.note) != (after.phase, after.note):
        was = before.phase if before.phase is not after.phase else None
        yield entry(What.PHASE, phase=str(after.phase), was=was and str(was), note=after.note)
    if before.flaps is not after.flaps:
        yield entry(What.FLAPPING_BEGAN if after.flaps else What.FLAPPING_ENDED)


def _gates(page: str, before: Post, after: Post) -> Iterator[Entry]:
    """What keeps it back now, and what no longer does."""
    was, now = before.withheld, after.withheld
    if now is not None and (was is None or was.reason != now.reason):
        yield entry(What.WITHHELD, page=page, reason=now.reason, detail=now.detail)
    if after.second_writer and after.second_writer != before.second_writer:
        yield entry(What.WITHHELD, page=page, reason="second_writer", detail=after.second_writer)
    is_kept_back = now is not None or after.second_writer
    if (was is not None or before.second_writer) and not is_kept_back:
        yield entry(What.LET_GO, page=page, reason=was.reason if was else "second_writer")


def _untold(page: str, before: Mapping[str, Post], after: Mapping[str, Post]) -> Iterator[Entry]:
    """What changed of a post without a step that tells of it."""
    was, now = before.get(page, Post()), after.get(page, Post())
    changed = tuple(name for name in _TOLD if _of(was, name) != _of(now, name))
    if not changed and was.retry.parked == now.retry.parked:
        return
    found = list(_gates(page, was, now))
    if page not in after and (other := _moved(was, before, after)):
        found.append(entry(What.PAGE_RENAMED, page=other, was=page))
    elif was.remote_id and now.remote_id is None and now.closed_at is None and page in after:
        found.append(entry(What.PAGE_BEGAN_ANEW, page=page, remote_id=was.remote_id))
    elif now.retry.parked and was.retry.parked != now.retry.parked:
        found.append(entry(What.WRITE_REFUSED, page=page, reason=now.retry.parked))
    elif now.closed_at is not None and was.closed_at is None:
        found.append(entry(What.ENDED_BY_ORDER, page=page))
    yield from found or [entry(What.CHANGED, page=page, fields=changed or ("retry",))]


def _moved(post: Post, before: Mapping[str, Post], after: Mapping[str, Post]) -> str | None:
    """The page that has this post now."""
    names = (name for name, each in after.items() if each.remote_id and each.remote_id == post.remote_id)
    return next((name for name in names if name not in before or before[name].remote_id != post.remote_id), None)


def _of(post: Post, name: str) -> object:
    """A field without what of it is bookkeeping."""
    value = getattr(post, name)
    if isinstance(value, Intent):
        return replace(value, unknown_at=None, read_backs=0)
    return value.reason if name == "withheld" and value is not None else value
