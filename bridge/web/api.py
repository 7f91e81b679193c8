"""The read-only view for administrators, by parts: no request takes the loop, or memory, for all that it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from starlette.responses import Response, StreamingResponse

from bridge.web import listing
from bridge.web.outlook import Outlook
from bridge.web.parameters import number, parameters
from bridge.web.responses import HTTPError, json_response
from bridge.web.views import alert_view, history_view, incident_view

if TYPE_CHECKING:
    from starlette.requests import Request

    from bridge.config.live import LiveConfig
    from bridge.model import Incident
    from bridge.store import Detail
    from bridge.web.healing import HealingApi

MOST_ALERTS: Final = 1_000
_ALERTS = 100


class IncidentStore(Protocol):
    """What reading needs of the store. Every method raises StoreUnavailable."""

    @property
    def listing(self) -> listing.IncidentLister:
        """Lists incidents by parts."""
        ...

    def incidents(self) -> AsyncIterator[list[Incident]]:
        """Every incident, by parts."""
        ...

    async def incident(self, id_: str, /, *, count: int, after: int) -> Detail | None:
        """One incident with about ``count`` of its alerts, from a place on; None if there is none of that id."""
        ...

    async def is_paused(self) -> bool:
        """Whether nothing is written, because Checkly refuses the key."""
        ...


class Api:
    """``GET /api/incidents`` and ``GET /api/incidents/{id}``."""

    def __init__(
        self, store: IncidentStore, config: LiveConfig, healing: HealingApi, *, wall_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._config = config
        self._healing = healing
        self._wall_ms = wall_ms

    async def incidents(self, request: Request) -> Response:
        """All incidents, as they are read; with parameters those that they ask for, by parts."""
        asked = parameters(request, listing.PARAMETERS)
        if asked:
            wanted = listing.read(asked, self._config.current)
            return json_response(await listing.listed(self._store.listing, wanted, await self._outlook()))
        parts = self._store.incidents()
        first: list[Incident] = await anext(parts, [])  # while it can still be answered that they cannot be read
        outlook = await self._outlook()
        return StreamingResponse(_listed(first, parts, outlook), media_type="application/json")

    async def incident(self, request: Request) -> Response:
        """One incident with some of its alerts."""
        asked = _numbers(request, alerts=(_ALERTS, 1, MOST_ALERTS), after=(0, 0, (1 << 64) - 1))
        id_ = request.path_params["id"].upper()
        found = await self.view(id_, count=asked["alerts"], after=asked["after"])
        if found is None:
            raise HTTPError(404, "not_found", "no incident has this id; it may have ended and been forgotten")
        return json_response(found)

    async def view(self, id_: str, *, count: int = _ALERTS, after: int = 0) -> dict[str, Any] | None:
        """One incident with about ``count`` of its alerts, from a place on; None if there is none of that id."""
        found = await self._store.incident(id_, count=count, after=after)
        if found is None:
            return None
        said = await self._healing.of_alerts(found.alerts)
        alerts = [alert_view(alert, healing) for alert, healing in zip(found.alerts, said, strict=True)]
        more = {
            "alerts": alerts,
            "alerts_total": found.total,
            "alerts_after": str(found.after) if found.after else None,
            "history": [history_view(told) for told in found.history],
        }
        outlook = await self._outlook()
        coming = outlook.of(found.incident, is_put_away="." in id_)
        return {**incident_view(found.incident), **coming, **more}

    async def _outlook(self) -> Outlook:
        config = self._config.current
        paused = await self._store.is_paused()
        return Outlook(config=config, pages_of=config.pages_of, now=self._wall_ms(), paused=paused)


def _numbers(request: Request, **known: tuple[int, int, int]) -> dict[str, int]:
    """The parameters of a request, each a number: default, least and most. Raises HTTPError for any other."""
    asked = parameters(request, tuple(known))
    return {
        name: number(name, asked.get(name), default=default, least=least, most=most)
        for name, (default, least, most) in known.items()
    }


async def _listed(part: list[Incident], parts: AsyncIterator[list[Incident]], outlook: Outlook) -> AsyncIterator[bytes]:
    yield b'{"incidents":['
    between = b""
    while part:
        for incident in part:
            yield between + msgspec.json.encode({**incident_view(incident), **outlook.of(incident)})
            between = b","
        await asyncio.sleep(0)
        part = await anext(parts, [])
    yield b"]}"
