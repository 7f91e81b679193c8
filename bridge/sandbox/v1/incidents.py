"""The routes under ``/v1/status-pages/incidents``.

Where Checkly's OpenAPI document is silent the simulator takes the stricter reading: docs/reference/sandbox.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.clock import instant
from bridge.sandbox.state import Draft
from bridge.sandbox.v1.bodies import IncidentBody, NewIncidentBody, Paging, SeverityBody, UpdateBody, convert, decode
from bridge.sandbox.v1.lookup import named
from bridge.sandbox.v1.wire import Wire, listing, window

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.incidents import Incident, Update
    from bridge.sandbox.state import State

UPDATES_LISTED = 100


class IncidentRoutes:
    """Incidents and their updates; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wire = Wire(state)

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v1``."""
        all_, one = "/status-pages/incidents", "/status-pages/incidents/{incident}"
        updates, update = f"{one}/incident-updates", f"{one}/incident-updates/{{update}}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.set_severity, methods=["PATCH"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(updates, self.list_updates, methods=["GET"]),
            Route(updates, self.create_update, methods=["POST"]),
            Route(update, self.read_update, methods=["GET"]),
            Route(update, self.replace_update, methods=["PUT"]),
            Route(update, self.delete_update, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Most recently updated first."""
        found, next_id = window(self._state.listed(), convert(dict(request.query_params), Paging))
        return JSONResponse(listing(map(self._wire.incident, found), next_id))

    async def create(self, request: Request) -> Response:
        """Answers 201."""
        body = decode(await request.body(), NewIncidentBody)
        self._check_services(body)
        incident = self._state.open(body.name, body.severity, body.service_ids, _draft(body.updates[0]))
        return JSONResponse(self._wire.incident(incident), 201)

    async def read(self, request: Request) -> Response:
        """Never lags behind a write, unlike the list."""
        return JSONResponse(self._wire.incident(self._incident(request)))

    async def replace(self, request: Request) -> Response:
        """Set name, severity and services; the updates stay, nobody is mailed."""
        incident, body = self._incident(request), decode(await request.body(), IncidentBody)
        self._check_services(body)
        incident.name, incident.severity, incident.service_ids = body.name, body.severity, body.service_ids
        return self._changed(incident)

    async def set_severity(self, request: Request) -> Response:
        """Undocumented, but what Checkly's own command line calls."""
        incident, body = self._incident(request), decode(await request.body(), SeverityBody)
        incident.severity = body.severity
        return self._changed(incident)

    async def delete(self, request: Request) -> Response:
        """Permanent, with all updates."""
        self._state.incidents.delete(self._incident(request).id)
        return Response(status_code=204)

    async def list_updates(self, request: Request) -> Response:
        """A bare array, newest first, without paging."""
        incident = self._incident(request)
        seen = incident.seen_at(self._state.clock() - self._state.settings.list_lag_ms)
        newest_first = list(reversed(seen.updates)) if seen else []
        return JSONResponse([self._wire.update(update) for update in newest_first[:UPDATES_LISTED]])

    async def create_update(self, request: Request) -> Response:
        """Answers 200, not 201. RESOLVED closes the incident, any other status re-opens a closed one."""
        incident, body = self._incident(request), decode(await request.body(), UpdateBody)
        return JSONResponse(self._wire.update(self._state.post(incident, _draft(body))))

    async def read_update(self, request: Request) -> Response:
        """One update."""
        return JSONResponse(self._wire.update(self._update(request, self._incident(request))))

    async def replace_update(self, request: Request) -> Response:
        """Edit an update; nobody is mailed again."""
        incident = self._incident(request)
        update, draft = self._update(request, incident), _draft(decode(await request.body(), UpdateBody))
        update.description, update.status, update.notify = (
            draft.description,
            draft.status or update.status,
            draft.notify,
        )
        if draft.public_at is not None:
            update.public_at = self._state.public_date(draft.public_at)
        self._changed(incident)
        return JSONResponse(self._wire.update(update))

    async def delete_update(self, request: Request) -> Response:
        """Refuses to delete the only one: an incident without any would have no status."""
        incident = self._incident(request)
        update = self._update(request, incident)
        if len(incident.updates) == 1:
            raise HTTPException(400, "The last remaining update of an incident cannot be deleted")
        incident.updates.remove(update)
        self._changed(incident)
        return Response(status_code=204)

    def _incident(self, request: Request) -> Incident:
        return named(request, "incident", self._state.incidents.get)

    def _update(self, request: Request, incident: Incident) -> Update:
        return named(request, "update", incident.find)

    def _changed(self, incident: Incident) -> Response:
        self._state.incidents.touch(incident, self._state.clock())
        return JSONResponse(self._wire.incident(incident))

    def _check_services(self, body: IncidentBody) -> None:
        for service in body.services:
            known = str(service.id) in self._state.catalog.services
            if not known or str(service.account_id) != self._state.account.uuid:
                raise HTTPException(404, "A service of the incident does not exist")


def _draft(body: UpdateBody) -> Draft:
    public_at = None if body.public_at is None else instant(body.public_at)
    return Draft(description=body.description, status=body.status, public_at=public_at, notify=body.notify)
