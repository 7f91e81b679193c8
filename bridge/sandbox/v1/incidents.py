"""The routes under ``/v1/status-pages/incidents``.

Where Checkly's OpenAPI document is silent the simulator takes the stricter reading: docs/reference/sandbox.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.paging import listing
from bridge.sandbox.reading import decode, named
from bridge.sandbox.updates import UpdateRoutes, check_date
from bridge.sandbox.v1.bodies import IncidentBody, NewIncidentBody, SeverityBody, UpdateV1
from bridge.sandbox.v1.wire import Wire

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.incidents import Incident
    from bridge.sandbox.state import State


class IncidentRoutes:
    """Incidents and their updates; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wire = Wire(state)
        self._updates = UpdateRoutes(state, self._incident, UpdateV1, created=200)

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v1``."""
        all_, one = "/status-pages/incidents", "/status-pages/incidents/{incident}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.set_severity, methods=["PATCH"]),
            Route(one, self.delete, methods=["DELETE"]),
            *self._updates.routes(one),
        ]

    async def list(self, request: Request) -> Response:
        """Most recently updated first."""
        return listing(request, self._state.incidents.latest_first(self._state.list_at), self._wire.incident)

    async def create(self, request: Request) -> Response:
        """Answers 201."""
        body = decode(await request.body(), NewIncidentBody)
        self._check_services(body)
        first = body.updates[0].update_fields()
        check_date(self._state, first, self._state.wall_ms())
        incident = self._state.open(body.name, body.severity, body.service_ids, first)
        return JSONResponse(self._wire.incident(incident), 201)

    async def read(self, request: Request) -> Response:
        """One incident, as late as reads are."""
        return JSONResponse(self._wire.incident(self._incident(request, self._state.read_at)))

    async def replace(self, request: Request) -> Response:
        """Set name, severity and services; the updates stay, nobody is mailed."""
        incident, body = self._incident(request, None), decode(await request.body(), IncidentBody)
        self._check_services(body)
        incident.name, incident.severity, incident.service_ids = body.name, body.severity, body.service_ids
        return self._changed(incident)

    async def set_severity(self, request: Request) -> Response:
        """Undocumented, but what Checkly's own command line calls."""
        incident, body = self._incident(request, None), decode(await request.body(), SeverityBody)
        incident.severity = body.severity
        return self._changed(incident)

    async def delete(self, request: Request) -> Response:
        """Permanent, with all updates."""
        self._state.delete(self._incident(request, None))
        return Response(status_code=204)

    def _incident(self, request: Request, at: int | None) -> Incident:
        return named(request, "incident", lambda id_: self._state.incidents.get(id_, at))

    def _changed(self, incident: Incident) -> Response:
        self._state.touch(incident)
        return JSONResponse(self._wire.incident(incident))

    def _check_services(self, body: IncidentBody) -> None:
        for service in body.services:
            known = str(service.id) in self._state.catalog.services
            if not known or str(service.account_id) != self._state.account.uuid:
                raise HTTPException(404, "A service of the incident does not exist")
