"""The routes for the account, its services, its status pages and their subscribers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.catalog import Service
from bridge.sandbox.paging import listing
from bridge.sandbox.reading import decode, named
from bridge.sandbox.subscribers import Subscriber
from bridge.sandbox.v1.bodies import ServiceBody, SubscriptionsBody
from bridge.sandbox.v1.wire import Wire

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.catalog import Page
    from bridge.sandbox.state import State


class CatalogRoutes:
    """What an account shows; every endpoint's errors are ``HTTPException``. Pages themselves are read-only here."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wire = Wire(state)

    def routes(self) -> list[BaseRoute]:
        """All routes, relative to ``/v1``; a page's id matches any word, so its routes come last."""
        services, service = "/status-pages/services", "/status-pages/services/{service}"
        page, subscriptions = "/status-pages/{page}", "/status-pages/{page}/subscriptions"
        return [
            Route("/accounts/me", self.account, methods=["GET"]),
            Route("/accounts/me/entitlements", self.entitlements, methods=["GET"]),
            Route(services, self.list_services, methods=["GET"]),
            Route(services, self.create_service, methods=["POST"]),
            Route(service, self.read_service, methods=["GET"]),
            Route(service, self.rename_service, methods=["PUT"]),
            Route(service, self.delete_service, methods=["DELETE"]),
            Route("/status-pages", self.list_pages, methods=["GET"]),
            Route(page, self.read_page, methods=["GET"]),
            Route(subscriptions, self.list_subscriptions, methods=["GET"]),
            Route(f"{subscriptions}/bulk", self.subscribe, methods=["POST"]),
            Route(f"{subscriptions}/{{subscription}}", self.unsubscribe, methods=["DELETE"]),
        ]

    async def account(self, _request: Request) -> Response:
        """The account that the key belongs to."""
        return JSONResponse(self._wire.account())

    async def entitlements(self, _request: Request) -> Response:
        """What its plan includes."""
        return JSONResponse(self._wire.entitlements())

    async def list_services(self, request: Request) -> Response:
        """Oldest first."""
        return listing(request, list(self._state.catalog.services.values()), self._wire.service)

    async def create_service(self, request: Request) -> Response:
        """Answers the documented 200; names need not be unique."""
        body = decode(await request.body(), ServiceBody)
        service = Service(self._state.new_id(), body.name, self._state.wall_ms())
        self._state.catalog.services[service.id] = service
        return JSONResponse(self._wire.service(service))

    async def read_service(self, request: Request) -> Response:
        """One service."""
        return JSONResponse(self._wire.service(self._service(request)))

    async def rename_service(self, request: Request) -> Response:
        """Set the name."""
        service, body = self._service(request), decode(await request.body(), ServiceBody)
        service.name, service.updated_at = body.name, self._state.wall_ms()
        return JSONResponse(self._wire.service(service))

    async def delete_service(self, request: Request) -> Response:
        """Takes the service off every card and incident."""
        del self._state.catalog.services[self._service(request).id]
        return Response(status_code=204)

    async def list_pages(self, request: Request) -> Response:
        """Pages with their cards, oldest first."""
        return listing(request, list(self._state.catalog.pages.values()), self._wire.listed_page)

    async def read_page(self, request: Request) -> Response:
        """One page."""
        return JSONResponse(self._wire.page(self._page(request)))

    async def list_subscriptions(self, request: Request) -> Response:
        """A bare array."""
        return JSONResponse([self._wire.subscriber(one) for one in self._page(request).subscribers.values()])

    async def subscribe(self, request: Request) -> Response:
        """Add subscribers; those whose address is there already are skipped."""
        page, body = self._page(request), decode(await request.body(), SubscriptionsBody)
        wanted = dict.fromkeys(one.config for one in body.subscriptions)
        fresh = [address for address in wanted if address not in {one.address for one in page.subscribers.values()}]
        for address in fresh:
            one = Subscriber(self._state.new_id(), address, body.auto_verify, self._state.wall_ms())
            page.subscribers[one.id] = one
        counts = {"created": len(fresh), "skipped": len(body.subscriptions) - len(fresh)}
        return JSONResponse({**counts, "status": "VERIFIED" if body.auto_verify else "PENDING"}, 201)

    async def unsubscribe(self, request: Request) -> Response:
        """Remove one subscriber."""
        page = self._page(request)
        del page.subscribers[named(request, "subscription", page.subscribers.get).id]
        return Response(status_code=204)

    def _service(self, request: Request) -> Service:
        return named(request, "service", self._state.catalog.services.get)

    def _page(self, request: Request) -> Page:
        return named(request, "page", self._state.catalog.pages.get)
