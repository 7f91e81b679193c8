"""The routes for the components of a status page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.components import Component
from bridge.sandbox.paging import listing
from bridge.sandbox.reading import decode, named
from bridge.sandbox.v3 import wire
from bridge.sandbox.v3.bodies import ComponentBody
from bridge.sandbox.v3.pages import named_page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.components import ComponentPage
    from bridge.sandbox.state import State


class ComponentRoutes:
    """Components; every endpoint's errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v3``."""
        all_, one = "/status-pages/{page}/components", "/status-pages/{page}/components/{component}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """In display order, each group before what it holds."""
        page = named_page(request, self._state)
        return listing(request, page.in_order(), lambda component: wire.component(component, page.id))

    async def create(self, request: Request) -> Response:
        """Answers 201; names need not be unique."""
        page, body = named_page(request, self._state), decode(await request.body(), ComponentBody)
        component = Component(id=self._state.new_id(), name=body.name, created_at=self._state.wall_ms())
        _set(page, component, body)
        page.add(component)
        return JSONResponse(wire.component(component, page.id), 201)

    async def read(self, request: Request) -> Response:
        """One component."""
        page = named_page(request, self._state)
        return JSONResponse(wire.component(_component(request, page), page.id))

    async def replace(self, request: Request) -> Response:
        """What is left out is reset."""
        page = named_page(request, self._state)
        component = _component(request, page)
        _set(page, component, decode(await request.body(), ComponentBody))
        component.updated_at = self._state.wall_ms()
        return JSONResponse(wire.component(component, page.id))

    async def delete(self, request: Request) -> Response:
        """Takes it out of the incidents too; what it groups is detached."""
        page = named_page(request, self._state)
        component = _component(request, page)
        _check_group_keeps_some(page, component)
        self._state.remove_component(page, component)
        return Response(status_code=204)


def _component(request: Request, page: ComponentPage) -> Component:
    return named(request, "component", page.components.get)


def _set(page: ComponentPage, component: Component, body: ComponentBody) -> None:
    """Groups are one level deep and on the same page."""
    parent_id = None if body.parent_id is None else str(body.parent_id)
    if parent_id is not None:
        parent = page.components.get(parent_id)
        if parent is None or parent.type != "GROUP" or body.type == "GROUP":
            raise HTTPException(400, "`parentId` must name a GROUP of the same page, and only a SERVICE may have one")
    if body.type == "SERVICE" and page.within(component.id):
        raise HTTPException(400, "A GROUP that holds components cannot become a SERVICE")
    if component.parent_id != parent_id:
        _check_group_keeps_some(page, component)
    component.name, component.description = body.name, body.description
    component.type, component.hidden = body.type, body.hidden
    component.display_order, component.parent_id = body.display_order, parent_id


def _check_group_keeps_some(page: ComponentPage, leaving: Component) -> None:
    if leaving.parent_id is not None and page.within(leaving.parent_id) == [leaving]:
        raise HTTPException(400, "A GROUP cannot be emptied")
