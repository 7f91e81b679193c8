"""The budgets of what may become public, whose tokens the scripts take and give back: see ``gate.lua``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bridge.core.gate import BUDGETS, Spent
from bridge.store import scripts
from bridge.store.errors import reply_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bridge.model import Incident
    from bridge.store.write_concern import WriteConcern

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


class Lift(Struct, frozen=True, kw_only=True):
    """Who lifted the budgets of ``pages`` when, why, and ``until`` when, in store time.

    Who ended that has ``until`` as ``at``.
    """

    by: str
    at: int
    until: int
    reason: str = ""
    pages: tuple[str, ...] = ()


class Lifted(Struct, frozen=True, kw_only=True):
    """What became of a lift: ``until`` when, on which ``pages`` it changed anything, how many incidents are ``due``.

    No page where the same was done before.
    """

    until: int
    pages: tuple[str, ...]
    due: int


class BudgetState(Struct, frozen=True, kw_only=True):
    """How much of the budgets of a page is spent, in all and by route; ``waiting`` is how many are withheld there.

    ``groups`` are those of up to a hundred of them, where asked for; ``lifted`` is the lift that is in force.
    """

    page: str
    spent: dict[str, int]
    by_route: dict[str, dict[str, int]]
    waiting: int
    groups: tuple[dict[str, str], ...] = ()
    lifted: Lift | None = None


def pack_tokens(tokens: Tokens) -> tuple[bytes, bytes, bytes]:
    """As `record.lua` reads them."""
    return _encode(tokens.take), _encode(tokens.give), _encode(tokens.trips)


class PageBudgets:
    """The budgets of the pages. Every method raises StoreUnavailable."""

    def __init__(
        self, redis: Redis, prefix: str, run: Callable[..., Awaitable[Any]], write_concern: WriteConcern
    ) -> None:
        self._redis = redis
        self._lifts = f"{prefix}lifts"
        self._run = run
        self._write_concern = write_concern

    async def spent(self, page: str, incident: Incident, own: Sequence[str] = ()) -> tuple[dict[str, Spent], bool]:
        """How much of each budget of a page is spent, in all and by the incident's route; whether they are lifted.

        Left out are its own place, and tokens of these names, its ``own``.
        """
        _, flat, is_lifted = await self._run(scripts.SPENT, page, incident.route, incident.id, *own)
        return {name: Spent(*flat[2 * nth : 2 * nth + 2]) for nth, name in enumerate(BUDGETS)}, bool(is_lifted)

    async def states(
        self, over_at: Mapping[str, Mapping[str, tuple[int, int]]], routes: Sequence[str], *, groups: bool = False
    ) -> tuple[tuple[BudgetState, ...], tuple[Trip, ...]]:
        """How much of the budgets of these pages is spent, and the trips that nobody has told of: given once.

        A trip is over when all, and every route, have spent no more than ``over_at`` gives, by page and budget.
        """
        packed = _encode(list(over_at.items())), _encode(list(routes))
        _, rows, waiting, trips, lifted, samples = await self._run(scripts.BUDGETS, *packed, int(groups))
        states = tuple(
            BudgetState(
                page=page,
                spent={name: row[0] for name, row in zip(BUDGETS, spent, strict=True)},
                by_route={
                    name: dict(zip(routes, row[1:], strict=True)) for name, row in zip(BUDGETS, spent, strict=True)
                },
                waiting=count,
                groups=tuple(map(_group, sample)),
                lifted=_decode_lift(packed_lift) if packed_lift else None,
            )
            for page, spent, count, packed_lift, sample in zip(over_at, rows, waiting, lifted, samples, strict=True)
        )
        return states, _trips(trips)

    async def lift(self, pages: Sequence[str], *, by: str, reason: str, for_ms: int, key: str = "") -> Lifted:
        """Lift the budgets of these pages for so long, 0: end that. What is withheld there is due at once.

        Two with one ``key`` are one, which is done once. Raises NotDurable before anything is written, NotReplicated
        when it is, but not on enough replicas.
        """
        await self._write_concern.demand()
        packed = _encode(list(pages))
        _, until, due, changed = await self._run(scripts.LIFT, packed, by, reason, for_ms, key, replicated=True)
        return Lifted(until=until, pages=tuple(page.decode() for page in changed), due=due)

    async def lifts(self) -> list[Lift]:
        """The latest lifts and their ends, up to a hundred, the latest first."""
        return [_decode_lift(packed) for packed in reversed(await reply_of(self._redis.lrange(self._lifts, 0, -1)))]


def _trips(flat: Sequence[Any]) -> tuple[Trip, ...]:
    """The trips that `budgets.lua` found untold."""
    return tuple(
        Trip(page=page.decode(), budget=budget.decode(), waiting=count, groups=tuple(map(_group, groups)))
        for page, budget, count, groups in zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    )


def _decode_lift(packed: bytes) -> Lift:
    return msgspec.msgpack.decode(packed, type=Lift)


def _group(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sorted(zip(flat[::2], flat[1::2], strict=True))}
