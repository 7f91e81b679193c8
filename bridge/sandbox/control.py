"""The control endpoint ``/sandbox``: what tests and demos do behind the API's back. It needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from bridge.sandbox.clock import instant
from bridge.sandbox.faults import AnyFault
from bridge.sandbox.incidents import Severity, Status
from bridge.sandbox.state import Draft, Settings
from bridge.sandbox.v1.bodies import Moment, Name, Text, decode
from bridge.sandbox.v1.wire import Wire

if TYPE_CHECKING:
    from starlette.requests import Request

    from bridge.sandbox.incidents import Incident
    from bridge.sandbox.state import State


class OthersIncident(Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident that a person opens; services by name or id."""

    name: Name
    services: list[str]
    severity: Severity = "MINOR"
    status: Status = "INVESTIGATING"
    description: Text = "We are looking into it."
    public_at: Moment | None = None
    notify: bool = False


class OthersEdit(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a person changes on an incident; a status is posted as an update."""

    name: Name | None = None
    services: list[str] | None = None
    severity: Severity | None = None
    status: Status | None = None
    description: Text = "Edited by hand."
    public_at: Moment | None = None
    notify: bool = False


class SettingsChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """The settings to change; those left out stay."""

    rate_limit: int | UnsetType | None = UNSET
    retry_after: int | UnsetType | None = UNSET
    list_lag_ms: int | UnsetType = UNSET
    whole_seconds: bool | UnsetType = UNSET


class Control:
    """The endpoints under ``/sandbox``; their errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wire = Wire(state)

    def mount(self) -> Mount:
        """All routes."""
        return Mount(
            "/sandbox",
            routes=[
                Route("/state", self.state, methods=["GET"]),
                Route("/reset", self.reset, methods=["POST"]),
                Route("/settings", self.settings, methods=["PATCH"]),
                Route("/calls", self.calls, methods=["GET"]),
                Route("/mails", self.mails, methods=["GET"]),
                Route("/faults", self.queue_faults, methods=["POST"]),
                Route("/faults", self.clear_faults, methods=["DELETE"]),
                Route("/release", self.release, methods=["POST"]),
                Route("/incidents", self.open, methods=["POST"]),
                Route("/incidents/{id}", self.edit, methods=["PATCH"]),
                Route("/incidents/{id}", self.delete, methods=["DELETE"]),
                Route("/services/{service}", self.remove_service, methods=["DELETE"]),
            ],
        )

    async def state(self, _request: Request) -> Response:
        """The whole account, lists unlagged."""
        state, wire = self._state, self._wire
        return JSONResponse(
            {
                "account": wire.account(),
                "services": [wire.service(service) for service in state.catalog.services.values()],
                "pages": [wire.page(page) for page in state.catalog.pages.values()],
                "incidents": [self._incident(incident) for incident in state.incidents.latest_first()],
                "faults": msgspec.to_builtins(state.faults.queue),
                "settings": msgspec.to_builtins(state.settings),
            }
        )

    async def reset(self, _request: Request) -> Response:
        """Back to the account as loaded."""
        self._state.reset()
        return Response(status_code=204)

    async def settings(self, request: Request) -> Response:
        """Change some settings; answers all."""
        change = msgspec.to_builtins(decode(await request.body(), SettingsChange))
        merged = msgspec.to_builtins(self._state.settings) | change
        self._state.settings = decode(msgspec.json.encode(merged), Settings)
        return JSONResponse(msgspec.to_builtins(self._state.settings))

    async def calls(self, _request: Request) -> Response:
        """Every API call since the start, oldest first."""
        return JSONResponse(msgspec.to_builtins(list(self._state.calls)))

    async def mails(self, _request: Request) -> Response:
        """Every mail, oldest first."""
        return JSONResponse(msgspec.to_builtins(self._state.mails))

    async def queue_faults(self, request: Request) -> Response:
        """Append one fault or a list of them; answers the queue."""
        # A union is a type to msgspec, not to mypy.
        added: AnyFault | list[AnyFault] = decode(await request.body(), AnyFault | list[AnyFault])  # type: ignore[arg-type]
        self._state.faults.queue += added if isinstance(added, list) else [added]
        return JSONResponse(msgspec.to_builtins(self._state.faults.queue), 201)

    async def clear_faults(self, _request: Request) -> Response:
        """Forget the queue; held calls stay held."""
        self._state.faults.queue.clear()
        return Response(status_code=204)

    async def release(self, _request: Request) -> Response:
        """Let held calls go on."""
        return JSONResponse({"released": self._state.release()})

    async def open(self, request: Request) -> Response:
        """Open an incident as a person or Checkly itself would."""
        body = decode(await request.body(), OthersIncident)
        incident = self._state.open(body.name, body.severity, self._services(body.services), _draft(body), "others")
        return JSONResponse(self._incident(incident), 201)

    async def edit(self, request: Request) -> Response:
        """Change an incident as a person would."""
        incident, body = self._find(request), decode(await request.body(), OthersEdit)
        incident.name = body.name or incident.name
        incident.severity = body.severity or incident.severity
        if body.services is not None:
            incident.service_ids = self._services(body.services)
        if body.status is not None:
            self._state.post(incident, _draft(body))
        self._state.incidents.touch(incident, self._state.clock())
        return JSONResponse(self._incident(incident))

    async def delete(self, request: Request) -> Response:
        """Delete an incident."""
        self._state.incidents.delete(self._find(request).id)
        return Response(status_code=204)

    async def remove_service(self, request: Request) -> Response:
        """Delete a service by name or id."""
        for service in self._services([request.path_params["service"]]):
            del self._state.catalog.services[service]
        return Response(status_code=204)

    def _find(self, request: Request) -> Incident:
        incident = self._state.incidents.get(request.path_params["id"])
        if incident is None:
            raise HTTPException(404)
        return incident

    def _services(self, names: list[str]) -> tuple[str, ...]:
        try:
            return tuple(self._state.catalog.named(names))
        except LookupError as error:
            raise HTTPException(404, str(error)) from error

    def _incident(self, incident: Incident) -> dict[str, Any]:
        return {**self._wire.incident(incident), "origin": incident.origin}


def _draft(body: OthersIncident | OthersEdit) -> Draft:
    public_at = None if body.public_at is None else instant(body.public_at)
    return Draft(description=body.description, status=body.status, public_at=public_at, notify=body.notify)
