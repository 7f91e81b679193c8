"""The routes for the status pages of the newer generation; those of the older are v1's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.components import ComponentPage
from bridge.sandbox.paging import listing
from bridge.sandbox.reading import decode, named
from bridge.sandbox.v3 import wire
from bridge.sandbox.v3.bodies import PageBody

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.state import State


class PageRoutes:
    """Pages; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v3``."""
        all_, one = "/status-pages", "/status-pages/{page}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Oldest first."""
        return listing(request, list(self._state.catalog.component_pages.values()), self._to_json)

    async def create(self, request: Request) -> Response:
        """Answers 201; the page has no components yet."""
        body = decode(await request.body(), PageBody)
        page = ComponentPage(id=self._state.new_id(), name="", url="", created_at=self._state.wall_ms())
        self._set(page, body)
        self._state.catalog.component_pages[page.id] = page
        return JSONResponse(self._to_json(page), 201)

    async def read(self, request: Request) -> Response:
        """One page."""
        return JSONResponse(self._to_json(named_page(request, self._state)))

    async def replace(self, request: Request) -> Response:
        """What is left out is reset."""
        page, body = named_page(request, self._state), decode(await request.body(), PageBody)
        self._set(page, body)
        page.updated_at = self._state.wall_ms()
        return JSONResponse(self._to_json(page))

    async def delete(self, request: Request) -> Response:
        """Takes its components and incidents with it."""
        page = named_page(request, self._state)
        for incident in self._state.on(page):
            self._state.delete(incident)
        del self._state.catalog.component_pages[page.id]
        return Response(status_code=204)

    def _set(self, page: ComponentPage, body: PageBody) -> None:
        url = body.url.lower()
        if self._state.catalog.page_at(url) not in (None, page):
            raise HTTPException(400, "`url` is taken by another page")
        look: dict[str, Any] = msgspec.to_builtins(body)
        page.name, page.url, page.look = look.pop("name"), url, look

    def _to_json(self, page: ComponentPage) -> wire.Json:
        return wire.page(page, self._state.account.uuid)


def named_page(request: Request, state: State) -> ComponentPage:
    """The page that the path names; as ``named``."""
    return named(request, "page", state.catalog.component_pages.get)
