"""The simulator as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from bridge.sandbox import instants, login, v1, v3
from bridge.sandbox.control import Control
from bridge.sandbox.errors import on_http_error
from bridge.sandbox.gateway import Gateway
from bridge.sandbox.page import Pages
from bridge.sandbox.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.sandbox.account import Account


def create_app(
    account: Account,
    wall_ms: Callable[[], int] = instants.wall_ms,
    ids: Callable[[], str] = lambda: str(uuid4()),
) -> Starlette:
    """A Checkly account: its API (``/v1``, ``/v3``, ``/next``), its control endpoint (``/sandbox``), its pages (``/``).

    Args:
        account: what it starts from.
        wall_ms: milliseconds since the epoch.
        ids: a new UUID at each call, for what is made while it runs; with it and ``wall_ms``, runs repeat exactly.
    """
    state = State(account, wall_ms, ids)
    app = Starlette(
        routes=[
            Mount("/v1", app=v1.create_api(state)),
            Mount("/v3", app=v3.create_api(state)),
            Mount("/next", app=login.create_api(state)),
            Control(state).mount(),
            *Pages(state).routes(),
        ],
        exception_handlers={HTTPException: on_http_error},
    )
    app.router.redirect_slashes = False
    app.state.sandbox = state
    app.middleware_stack = Gateway(app.build_middleware_stack(), state)
    return app
