"""Generation 1 of the API: status pages made of cards, account-wide services, incidents with a severity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Router

from bridge.sandbox.guard import Guard
from bridge.sandbox.v1.catalog import CatalogRoutes
from bridge.sandbox.v1.incidents import IncidentRoutes

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bridge.sandbox.state import State


def create_api(state: State) -> ASGIApp:
    """The API, to be mounted at ``/v1``; it never redirects."""
    routes = [*IncidentRoutes(state).routes(), *CatalogRoutes(state).routes()]
    return Guard(_Removal(Router(routes, redirect_slashes=False), state), state)


class _Removal:
    """ASGI layer that answers in the place of the status pages once they are removed; the account stays."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; raises ``HTTPException`` 404 or 410."""
        gone = self._state.settings.v1_gone
        if gone is not None and scope["path"].startswith("/v1/status-pages"):
            raise HTTPException(gone)
        await self._app(scope, receive, send)
