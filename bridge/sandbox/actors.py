"""What others do to the account, behind the API's back: people, Checkly's own rules, and Checkly itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.components import ComponentPage
from bridge.sandbox.crowd import Crowd
from bridge.sandbox.impacts import Impact
from bridge.sandbox.incidents import Incident, Severity, Status
from bridge.sandbox.instants import instant
from bridge.sandbox.migration import Choice, Migration
from bridge.sandbox.reading import Moment, Name, Text, bad_request, decode
from bridge.sandbox.report import incident_to_json, page_to_json
from bridge.sandbox.state import UpdateFields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.catalog import AnyPage
    from bridge.sandbox.components import Component
    from bridge.sandbox.impacts import AnyIncident, PageIncident
    from bridge.sandbox.incidents import Origin
    from bridge.sandbox.state import State


class Posting(Struct, kw_only=True, forbid_unknown_fields=True):
    """The words of an update."""

    description: Text = "We are looking into it."
    public_at: Moment | None = None
    notify: bool = False

    def update_fields(self, status: Status) -> UpdateFields:
        """The update with this status."""
        public_at = None if self.public_at is None else instant(self.public_at)
        return UpdateFields(description=self.description, status=status, public_at=public_at, notify=self.notify)


class Opening(Posting, kw_only=True):
    """An incident on services, or on a page (id or address) with its components' impacts; all by name or id."""

    name: Name
    services: list[str] = field(default_factory=list)
    severity: Severity = "MINOR"
    page: str | None = None
    impacts: dict[str, Impact] = field(default_factory=dict)
    status: Status = "INVESTIGATING"

    def __post_init__(self) -> None:
        if bool(self.services) == (self.page is not None):
            raise ValueError("give either `services` or a `page`")


class Edit(Posting, kw_only=True):
    """What a person changes on an incident: services and severity, or impacts; a status is posted as an update."""

    name: Name | None = None
    services: list[str] | None = None
    severity: Severity | None = None
    impacts: dict[str, Impact] | None = None
    status: Status | None = None
    description: Text = "Edited by hand."


class Recovery(Posting, kw_only=True):
    """The last words of a rule."""

    description: Text = "The check has recovered."


class Actors:
    """The endpoints under ``/sandbox`` that change what the account shows; their errors are ``HTTPException``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[BaseRoute]:
        """All routes."""
        return [
            Route("/incidents", self.open, methods=["POST"]),
            Route("/incidents/{id}", self.edit, methods=["PATCH"]),
            Route("/incidents/{id}", self.delete, methods=["DELETE"]),
            Route("/crowd", self.join, methods=["POST"]),
            Route("/rules/{rule}/fire", self.fire, methods=["POST"]),
            Route("/rules/{rule}/clear", self.clear, methods=["POST"]),
            Route("/services/{service}", self.remove_service, methods=["DELETE"]),
            Route("/pages/{page}/components/{component}", self.remove_component, methods=["DELETE"]),
            Route("/pages/{page}/migrate", self.migrate, methods=["POST"]),
        ]

    async def open(self, request: Request) -> Response:
        """Open an incident as a person would."""
        incident = self._open(decode(await request.body(), Opening), "others")
        return JSONResponse(incident_to_json(self._state, incident), 201)

    async def edit(self, request: Request) -> Response:
        """Change an incident as a person would."""
        incident, body = self._find(request.path_params["id"]), decode(await request.body(), Edit)
        if body.status is not None:
            with bad_request():
                self._state.post(incident, body.update_fields(body.status))
        if isinstance(incident, Incident):
            self._edit_account_wide(incident, body)
        else:
            self._edit_on_page(incident, body)
        incident.name = body.name or incident.name
        self._state.touch(incident)
        return JSONResponse(incident_to_json(self._state, incident))

    async def delete(self, request: Request) -> Response:
        """Delete an incident."""
        self._state.delete(self._find(request.path_params["id"]))
        return Response(status_code=204)

    async def join(self, request: Request) -> Response:
        """Make the account large; answers the ids of the incidents."""
        crowd = decode(await request.body(), Crowd)
        page = None if crowd.page is None else self._component_page(crowd.page)
        try:
            return JSONResponse({"incidents": crowd.join(self._state, page)}, 201)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error

    async def fire(self, request: Request) -> Response:
        """A check trigger (on services) or an automation rule (on a page) opens its incident, if it has none open."""
        rule, body = request.path_params["rule"], decode(await request.body(), Opening)
        standing = self._state.find(self._state.rules.get(rule, ""))
        incident = standing if standing and standing.open else self._open(body, "checkly")
        self._state.rules[rule] = incident.id
        return JSONResponse(incident_to_json(self._state, incident), 201)

    async def clear(self, request: Request) -> Response:
        """The rule resolves its incident, unless somebody else did."""
        incident = self._find(self._state.rules.get(request.path_params["rule"], ""))
        if incident.open:
            self._state.post(incident, decode(await request.body() or b"{}", Recovery).update_fields("RESOLVED"))
        return JSONResponse(incident_to_json(self._state, incident))

    async def remove_service(self, request: Request) -> Response:
        """Delete a service by name or id."""
        for service in self._services([request.path_params["service"]]):
            del self._state.catalog.services[service]
        return Response(status_code=204)

    async def remove_component(self, request: Request) -> Response:
        """Delete a component by name or id."""
        page = self._component_page(request.path_params["page"])
        self._state.remove_component(page, _component(page, request.path_params["component"]))
        return Response(status_code=204)

    async def migrate(self, request: Request) -> Response:
        """Turn a page of cards into one of components; answers it."""
        page, choice = self._page(request.path_params["page"]), decode(await request.body() or b"{}", Choice)
        if isinstance(page, ComponentPage):
            raise HTTPException(400, f"page {page.url!r} is made of components already")
        return JSONResponse(page_to_json(self._state, Migration(self._state, choice).run(page)))

    def _open(self, body: Opening, origin: Origin) -> AnyIncident:
        first = body.update_fields(body.status)
        if body.page is None:
            return self._state.open(body.name, body.severity, self._services(body.services), first, origin)
        page = self._component_page(body.page)
        return self._state.open_on(page, body.name, _impacts(page, body.impacts), first, origin)

    def _edit_account_wide(self, incident: Incident, body: Edit) -> None:
        if body.impacts is not None:
            raise HTTPException(400, "this incident is on services, which have no `impacts`")
        incident.severity = body.severity or incident.severity
        if body.services is not None:
            incident.service_ids = self._services(body.services)

    def _edit_on_page(self, incident: PageIncident, body: Edit) -> None:
        if body.services is not None or body.severity is not None:
            raise HTTPException(400, "this incident is on a page of components: give `impacts`")
        if body.impacts is not None:
            page = self._state.catalog.component_pages[incident.page_id]
            with bad_request():
                incident.set_impacts(_impacts(page, body.impacts), self._state.wall_ms())

    def _find(self, incident_id: str) -> AnyIncident:
        incident = self._state.find(incident_id)
        if incident is None:
            raise HTTPException(404)
        return incident

    def _services(self, names: list[str]) -> tuple[str, ...]:
        try:
            return tuple(self._state.catalog.named(names))
        except LookupError as error:
            raise HTTPException(404, str(error)) from error

    def _page(self, url_or_id: str) -> AnyPage:
        for page in self._state.catalog.all_pages():
            if url_or_id in (page.id, page.url):
                return page
        raise HTTPException(404, f"page {url_or_id!r} not found")

    def _component_page(self, url_or_id: str) -> ComponentPage:
        page = self._page(url_or_id)
        if not isinstance(page, ComponentPage):
            raise HTTPException(400, f"page {page.url!r} is made of cards")
        return page


def _impacts(page: ComponentPage, impacts: Mapping[str, Impact]) -> dict[str, Impact]:
    return {_component(page, name).id: impact for name, impact in impacts.items()}


def _component(page: ComponentPage, name_or_id: str) -> Component:
    try:
        return page.named(name_or_id)
    except LookupError as error:
        raise HTTPException(404, str(error)) from error
