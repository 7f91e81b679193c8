"""What a history tells of one step on a page, by what it came to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, assert_never

from msgspec import Struct

from bridge.core import results
from bridge.core.history.entry import Entry, What, edited, entry
from bridge.core.results import Result
from bridge.model import Post

if TYPE_CHECKING:
    from bridge.model import Intent, Observed


class Happened(Struct, frozen=True, kw_only=True):
    """A step on a page: the post before it and after it, and the ``result`` that made one of the other.

    A write was answered with the HTTP status ``code`` (0: with none), after ``ms``; None where nothing was asked for.
    On the way the incidents ``closed`` were closed: late duplicates.
    """

    page: str
    before: Post
    result: Result
    after: Post
    code: int | None = None
    ms: int | None = None
    closed: tuple[str, ...] = ()


def told(step: Happened) -> Iterator[Entry]:
    """The entries of a step. What it changed besides, its post tells: see `progress`."""
    if step.closed:
        ids = step.closed[:3]
        yield entry(What.DUPLICATES_CLOSED, page=step.page, count=len(step.closed), ids=ids)
    if isinstance(step.result, results.Looked):
        yield from _seen(step, step.result.observed)
    if isinstance(step.result, results.Edited):
        yield edited(step.page, step.result.shown)
    if found := _told(step):
        what, detail = found
        yield entry(what, page=step.page, **detail)


def _told(step: Happened) -> tuple[What, dict[str, Any]] | None:  # noqa: C901, PLR0912 - a closed set, in a row
    result, before, after = step.result, step.before, step.after
    match result:
        case results.Begun(intent=intent):
            return What.WRITE_BEGUN, _write(intent)
        case results.Sent(remote_id=remote_id, is_made=is_made):
            what = What.WRITE_DONE if is_made else What.WRITE_NEEDLESS
            return what, _sent(step) | {"remote_id": remote_id}
        case results.DateRejected(detail=detail):
            return What.WRITE_UNDATED, _sent(step) | {"reason": detail}
        case results.NotSent(detail=detail):
            return What.WRITE_NOT_SENT, _sent(step) | {"reason": detail}
        case results.Rejected(detail=detail, write=write):
            return What.WRITE_REFUSED, {"write": write and str(write)} | _sent(step) | {"reason": detail}
        case results.Unknown(detail=detail):
            return What.WRITE_UNKNOWN, _sent(step) | {"reason": detail}
        case results.Found(remote=remote):
            return What.WRITE_FOUND, _sent(step) | {"remote_id": remote.id}
        case results.NotFound():
            return (What.WRITE_LOST if after.intent is None else What.WRITE_MISSING), _sent(step)
        case results.Outbid():
            return What.OUTBID, {}
        case results.Adopted(remote=remote):
            return What.ADOPTED, {"remote_id": remote.id}
        case results.Reclaimed(remote=remote):
            return What.RECLAIMED, {"remote_id": remote.id}
        case results.EndFound():
            return What.END_FOUND, {"remote_id": before.remote_id}
        case results.Closed():
            return What.CLOSED_BY_HAND, {"remote_id": before.remote_id}
        case results.Gone():
            is_deleted = after.closed_at is not None and after.remote_id is None
            return (What.DELETED_BY_HAND if is_deleted else What.MISSING), {"remote_id": before.remote_id}
        case results.DuplicatesResolved():
            is_other = before.remote_id != after.remote_id
            return (What.ADOPTED, {"remote_id": after.remote_id, "instead_of": before.remote_id}) if is_other else None
        case results.Seen(is_theirs=is_theirs):
            if is_theirs == (before.theirs_at is not None):
                return None
            what = What.REOPENED_BY_HAND if is_theirs else What.CLOSED_BY_HAND
            return what, {"remote_id": before.remote_id}
        case results.Stale() | results.Lagging():
            return What.READ_BEHIND, {}
        case results.ReadFailed(delay=delay):
            return None if delay.is_exact else (What.READ_FAILED, {})
        case results.Conflict() | results.Withhold():
            return None  # the post tells, once
        case results.NothingExists() | results.PageMissing() | results.Unfinished():
            return None
        case results.Looked() | results.Edited() | results.Yielded():  # told above, or by the action
            return None
    assert_never(result)


def _seen(step: Happened, seen: Observed) -> Iterator[Entry]:
    """What a look saw that someone else had set, if that is news."""
    known = step.before.observed
    if not seen.drift or (known is not None and known.drift == seen.drift):
        return
    shown = {"status": str(seen.status), "severity": seen.severity.name if seen.severity else ""}
    if "impacts" in seen.drift:
        others = ((name, each) for name, each in seen.impacts.items() if step.before.impacts.get(name) is not each)
        shown["impacts"] = ", ".join(f"{name}: {each.name}" for name, each in sorted(others))
    yield edited(step.page, {name: shown.get(name) or "another" for name in seen.drift})


def _sent(step: Happened) -> dict[str, Any]:
    answered = {"code": step.code, "ms": step.ms}
    return answered if step.before.intent is None else _write(step.before.intent) | answered


def _write(intent: Intent) -> dict[str, Any]:
    return {"write": str(intent.write), "status": str(intent.status), "severity": intent.severity.name}
