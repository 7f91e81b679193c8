"""Generation 1 of the API: status pages made of cards, account-wide services, incidents with a severity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router

from bridge.sandbox.v1.catalog import CatalogRoutes
from bridge.sandbox.v1.guard import Guard
from bridge.sandbox.v1.incidents import IncidentRoutes

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from bridge.sandbox.state import State


def create_api(state: State) -> ASGIApp:
    """The API, to be mounted at ``/v1``; it never redirects."""
    routes = [*IncidentRoutes(state).routes(), *CatalogRoutes(state).routes()]
    return Guard(Router(routes, redirect_slashes=False), state)
