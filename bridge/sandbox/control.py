"""The control endpoint ``/sandbox``: what tests and demos do behind the API's back. It needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from bridge.sandbox.actors import Actors
from bridge.sandbox.faults import AnyFault
from bridge.sandbox.reading import decode
from bridge.sandbox.records import Settings
from bridge.sandbox.report import incident_to_json, page_to_json
from bridge.sandbox.v1.wire import Wire

if TYPE_CHECKING:
    from starlette.requests import Request

    from bridge.sandbox.state import State


class SettingsChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """The settings to change; those left out stay."""

    rate_limit: int | UnsetType | None = UNSET
    retry_after: int | UnsetType | None = UNSET
    list_lag_ms: int | UnsetType = UNSET
    read_lag_ms: int | UnsetType = UNSET
    early_date: int | UnsetType | None = UNSET
    whole_seconds: bool | UnsetType = UNSET
    v1_gone: int | UnsetType | None = UNSET


class Control:
    """The endpoints under ``/sandbox``; their errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wire = Wire(state)
        self._others = Actors(state)

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
                *self._others.routes(),
            ],
        )

    async def state(self, _request: Request) -> Response:
        """The whole account, without any lag."""
        state, wire = self._state, self._wire
        return JSONResponse(
            {
                "account": wire.account(),
                "services": [wire.service(service) for service in state.catalog.services.values()],
                "pages": [page_to_json(state, page) for page in state.catalog.all_pages()],
                "incidents": [incident_to_json(state, incident) for incident in state.everything()],
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
