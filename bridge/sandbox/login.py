"""What Checkly's own command line asks when it logs in, beside the public API: whose account and whose key it is.

No document describes these paths; the shapes are those that the command line reads, 8.23 and 9.5 alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from bridge.sandbox.guard import Guard
from bridge.sandbox.reading import named
from bridge.sandbox.v1.wire import Wire

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from bridge.sandbox.state import State


def create_api(state: State) -> ASGIApp:
    """The API, to be mounted at ``/next``; it never redirects."""
    return Guard(Router(LoginRoutes(state).routes(), redirect_slashes=False), state)


class LoginRoutes:
    """Who is calling; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._account = state.account
        self._wire = Wire(state)

    def routes(self) -> list[Route]:
        """All routes, relative to ``/next``."""
        return [
            Route("/accounts/{account}", self.account, methods=["GET"]),
            Route("/users/me", self.user, methods=["GET"]),
        ]

    async def account(self, request: Request) -> Response:
        """The account of this id: there is one, which answers as ``/v1/accounts/me`` does."""
        named(request, "account", {self._account.uuid: self._account}.get)
        return JSONResponse(self._wire.account())

    async def user(self, _request: Request) -> Response:
        """Whose key it is: the account has one user."""
        id_ = self._account.derive("users", "operator")
        return JSONResponse({"id": id_, "name": "Operator", "email": "operator@example.com"})
