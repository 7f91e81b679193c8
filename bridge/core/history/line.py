"""A history as it is read: what was told, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

NAMED: Final = 3
"""So many alerts are named in one entry, the others counted (as in ``history.lua``)."""
FOLD_MS: Final = 60_000
_OF_ITS_OWN: Final = ("to", "from", "into", "counts", "limit", "evidence")


class Line(Struct, frozen=True, array_like=True):
    """An entry of a history, told ``at`` that time; for the words see `What`."""

    at: int
    what: str
    by: str
    detail: dict[str, Any]


def folded(told: Iterable[Line]) -> tuple[Line, ...]:
    """The same facts in a row are one entry: a large delivery comes in parts, and a storm alert by alert."""
    found: list[Line] = []
    for each in told:
        if found and _goes_on(found[-1], each):
            found[-1] = _with(found[-1], each)
        else:
            found.append(
                each if each.detail.get("alerts") != {} else replace(each, detail=each.detail | {"alerts": []})
            )
    return tuple(found)


def _goes_on(before: Line, told: Line) -> bool:
    if "alerts" not in told.detail or "alerts" not in before.detail:
        return False
    one, other = ((each.what, each.by, *map(each.detail.get, _OF_ITS_OWN)) for each in (before, told))
    return one == other and told.at - before.detail.get("till", before.at) <= FOLD_MS


def _with(before: Line, told: Line) -> Line:
    names = [*before.detail["alerts"], *told.detail["alerts"]]
    more = len(names[NAMED:]) + before.detail.get("more", 0) + told.detail.get("more", 0)
    detail = before.detail | {"alerts": names[:NAMED]} | ({"more": more} if more else {})
    till = told.detail.get("till", told.at)
    return replace(before, detail=detail | ({"till": till} if till > before.at else {}))
