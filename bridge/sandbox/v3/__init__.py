"""Generation 3 of the API: status pages made of components, incidents of one page with an impact per component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router

from bridge.sandbox.guard import Guard
from bridge.sandbox.v3.components import ComponentRoutes
from bridge.sandbox.v3.incidents import IncidentRoutes
from bridge.sandbox.v3.pages import PageRoutes

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from bridge.sandbox.state import State


def create_api(state: State) -> ASGIApp:
    """The API, to be mounted at ``/v3``; it never redirects."""
    routes = [*PageRoutes(state).routes(), *ComponentRoutes(state).routes(), *IncidentRoutes(state).routes()]
    return Guard(Router(routes, redirect_slashes=False), state)
