"""Lists for people: by parts, the last begun first, out of an index, so that no part reads more than it looks at."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from bridge.model import Incident
from bridge.store import scripts

if TYPE_CHECKING:
    from bridge.store.reading import Reading

LOOKED_AT: Final = 2_000  # entries of the index a part, a few milliseconds of Redis
_PUT_RIGHT_AT_ONCE = 250
_PUT_RIGHT_EVERY_S = 1.0


class Wanted(Struct, frozen=True, kw_only=True):
    """Which incidents are to be listed: of one of the ``routes``, the ``services`` and the ``phases``; empty: of any.

    The ``active`` ones fire, or stand on a page. Those ``in_trouble`` have a write that the page refused, are withheld,
    or are open by someone else's update; None: whether they are or not. ``since`` is when they began at the earliest,
    in ms; below 0, how long before now.
    """

    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    active: bool = False
    in_trouble: bool | None = None
    since: int = 0


class Part(Struct, frozen=True):
    """Some of a list, perhaps none; ``after`` is the place after which it goes on, empty at its end.

    ``places`` has that of each incident, by its id.
    """

    incidents: list[Incident]
    after: str = ""
    places: dict[str, str] = {}


class Listing:
    """Lists incidents. Raises StoreUnavailable. ``run`` runs a script, ``monotonic`` is in seconds.

    An incident has its place by when it began to fire, and keeps it until, over and off the page, it begins again: then
    it comes first. So no part repeats one of an earlier part, and none that keeps its place is left out between them.
    """

    def __init__(
        self,
        reading: Reading,
        run: Callable[..., Awaitable[list[Any]]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reading = reading
        self._run = run
        self._monotonic = monotonic
        self._put_right_at: float | None = None

    async def part(self, wanted: Wanted, *, after: str = "", count: int = 100, looked_at: int = LOOKED_AT) -> Part:
        """At most ``count`` incidents, from a place on, among the next ``looked_at`` of the list."""
        is_behind, places, following = await self._select(wanted, after, count, looked_at)
        if is_behind and self._may_put_right():
            await self._put_right()
            _, places, following = await self._select(wanted, after, count, looked_at)
        return Part(await self._reading.these(list(places)), following, places)

    async def _select(self, wanted: Wanted, after: str, count: int, looked_at: int) -> tuple[bool, dict[str, str], str]:
        at, _, id_ = after.partition("-")
        filters = wanted.routes, wanted.services, wanted.phases, wanted.in_trouble
        packed = msgspec.msgpack.encode(filters)
        active = int(wanted.active)
        _, is_behind, found, last_at, last = await self._run(
            scripts.SELECT, active, at, id_, wanted.since, count, looked_at, packed
        )
        places = {id_.decode(): _place(began, id_) for id_, began in zip(found[::2], found[1::2], strict=True)}
        return bool(is_behind), places, _place(last_at, last) if last else ""

    def _may_put_right(self) -> bool:
        """Another release may go on writing beside this one: not every reader puts all of it right."""
        now = self._monotonic()
        if self._put_right_at is not None and now - self._put_right_at < _PUT_RIGHT_EVERY_S:
            return False
        self._put_right_at = now
        return True

    async def _put_right(self) -> None:
        first, goes_on = 0, 1
        while goes_on:
            _, goes_on = await self._run(scripts.RECOUNT, first, first + _PUT_RIGHT_AT_ONCE - 1)
            first += _PUT_RIGHT_AT_ONCE


def _place(began: bytes, id_: bytes) -> str:
    return f"{began.decode()}-{id_.decode()}"
