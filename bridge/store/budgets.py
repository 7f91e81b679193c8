"""The budgets of what may become public, whose tokens the scripts take and give back: see ``gate.lua``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from bridge.core.gate import BUDGETS, Spent

_encode = msgspec.msgpack.Encoder().encode


class Tokens(Struct, frozen=True, kw_only=True):
    """What a record takes of the budgets, all or nothing, and gives back of what was taken before, for `gate.lua`.

    ``take``: budget, page, the most of all, the most of the route (-1: whatever), the tokens' names. ``give``: budget,
    page, name. ``trips``: the pages and budgets that had no room.
    """

    take: tuple[tuple[str, str, int, int, tuple[str, ...]], ...] = ()
    give: tuple[tuple[str, str, str], ...] = ()
    trips: tuple[tuple[str, str], ...] = ()


NO_TOKENS = Tokens()


class Trip(Struct, frozen=True, kw_only=True):
    """A budget of a page that had no room: how many incidents wait, and the groups of up to a hundred of them."""

    page: str
    budget: str
    waiting: int
    groups: tuple[dict[str, str], ...]


class BudgetState(Struct, frozen=True, kw_only=True):
    """How much of the budgets of a page is spent, in all and by route; ``waiting`` is how many are withheld there."""

    page: str
    spent: dict[str, int]
    by_route: dict[str, dict[str, int]]
    waiting: int


def pack_tokens(tokens: Tokens) -> tuple[bytes, bytes, bytes]:
    """As `record.lua` reads them."""
    return _encode(tokens.take), _encode(tokens.give), _encode(tokens.trips)


def unpack_spent(flat: Sequence[int]) -> dict[str, Spent]:
    """What `spent.lua` returns: of each budget, how much all and the route have taken."""
    return {name: Spent(*flat[2 * nth : 2 * nth + 2]) for nth, name in enumerate(BUDGETS)}


def pack_budgets(budgets: Mapping[str, Mapping[str, int]], routes: Sequence[str]) -> tuple[bytes, bytes]:
    """The pages with, of each budget, how much may be taken for a trip to be over, as `budgets.lua` reads them."""
    return _encode(list(budgets.items())), _encode(list(routes))


def unpack_budgets(
    pages: Sequence[str], routes: Sequence[str], rows: Sequence[Sequence[Sequence[int]]], waiting: Sequence[int]
) -> tuple[BudgetState, ...]:
    """What `budgets.lua` says of the pages."""
    return tuple(
        BudgetState(
            page=page,
            spent={name: row[0] for name, row in zip(BUDGETS, spent, strict=True)},
            by_route={name: dict(zip(routes, row[1:], strict=True)) for name, row in zip(BUDGETS, spent, strict=True)},
            waiting=count,
        )
        for page, spent, count in zip(pages, rows, waiting, strict=True)
    )


def unpack_trips(flat: Sequence[Any]) -> tuple[Trip, ...]:
    """The trips that `budgets.lua` found untold."""
    return tuple(
        Trip(page=page.decode(), budget=budget.decode(), waiting=count, groups=tuple(map(_group, groups)))
        for page, budget, count, groups in zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    )


def _group(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sorted(zip(flat[::2], flat[1::2], strict=True))}
