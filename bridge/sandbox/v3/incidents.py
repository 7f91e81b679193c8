"""The routes under ``/v3/status-pages/{page}/incidents``.

Where Checkly's OpenAPI document is silent the simulator takes the stricter reading: docs/reference/sandbox.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.paging import listing
from bridge.sandbox.reading import bad_request, decode, named
from bridge.sandbox.updates import UpdateRoutes, check_date
from bridge.sandbox.v3 import wire
from bridge.sandbox.v3.bodies import IncidentBody, NewIncidentBody, TimelineBody, UpdateV3
from bridge.sandbox.v3.pages import named_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.components import ComponentPage
    from bridge.sandbox.impacts import PageIncident
    from bridge.sandbox.state import State


class IncidentRoutes:
    """A page's incidents and their updates; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._updates = UpdateRoutes(state, self._incident, UpdateV3, created=201)

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v3``."""
        all_, one = "/status-pages/{page}/incidents", "/status-pages/{page}/incidents/{incident}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/component-impacts", self.rewrite, methods=["PUT"]),
            *self._updates.routes(one),
        ]

    async def list(self, request: Request) -> Response:
        """Most recently updated first, without updates."""
        incidents = self._state.on(named_page(request, self._state), self._state.list_at)
        return listing(request, incidents, wire.listed_incident)

    async def create(self, request: Request) -> Response:
        """Answers 201."""
        page, body = named_page(request, self._state), decode(await request.body(), NewIncidentBody)
        _check_components(page, body.impacts)
        first = body.updates[0].update_fields()
        check_date(self._state, first, self._state.wall_ms())
        incident = self._state.open_on(page, body.name, body.impacts, first)
        return JSONResponse(wire.incident(incident), 201)

    async def read(self, request: Request) -> Response:
        """One incident, as late as reads are."""
        return JSONResponse(wire.incident(self._incident(request, self._state.read_at)))

    async def replace(self, request: Request) -> Response:
        """Set the name and the current impacts; components left out become operational, nobody is mailed."""
        incident, body = self._incident(request, None), decode(await request.body(), IncidentBody)
        _check_components(named_page(request, self._state), body.impacts)
        with bad_request():
            incident.set_impacts(body.impacts, self._state.wall_ms())
        incident.name = body.name
        return self._changed(incident)

    async def rewrite(self, request: Request) -> Response:
        """Set what the components suffered from when to when."""
        incident, body = self._incident(request, None), decode(await request.body(), TimelineBody)
        phases = [window.phase() for window in body.windows]
        _check_components(named_page(request, self._state), [phase.component_id for phase in phases])
        with bad_request():
            incident.set_phases(phases)
        return self._changed(incident)

    async def delete(self, request: Request) -> Response:
        """Permanent, with all updates."""
        self._state.delete(self._incident(request, None))
        return Response(status_code=204)

    def _incident(self, request: Request, at: int | None) -> PageIncident:
        incident = named(request, "incident", lambda id_: self._state.page_incidents.get(id_, at))
        if incident.page_id != named_page(request, self._state).id:
            raise HTTPException(404, "The page has no incident with this id")
        return incident

    def _changed(self, incident: PageIncident) -> Response:
        self._state.touch(incident)
        return JSONResponse(wire.incident(incident))


def _check_components(page: ComponentPage, ids: Iterable[str]) -> None:
    for id_ in ids:
        if id_ not in page.components:
            raise HTTPException(404, "A component of the incident is not on this page")
        if page.components[id_].type == "GROUP":
            raise HTTPException(400, "A GROUP has no impact of its own")
