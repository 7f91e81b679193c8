"""The public status pages: what readers would see of the account, rendered on the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bridge.sandbox.clock import moment
from bridge.sandbox.uptime import DAY_MS, Day, last_days, percentage, worst

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox import catalog
    from bridge.sandbox.incidents import Incident, Severity, Update
    from bridge.sandbox.state import State

HISTORY_DAYS = 10
CONDITION: dict[Severity | None, str] = {
    None: "Operational",
    "MINOR": "Minor issues",
    "MEDIUM": "Degraded performance",
    "MAJOR": "Partial outage",
    "CRITICAL": "Major outage",
}


class ServiceView(NamedTuple):
    """One row: a service, how it is now, and its last 90 days."""

    name: str
    severity: Severity | None
    days: list[Day]
    uptime: str


class CardView(NamedTuple):
    """A titled group of rows."""

    name: str
    services: list[ServiceView]


class IncidentView(NamedTuple):
    """An incident as readers see it: its updates by their public date, newest first."""

    incident: Incident
    services: str
    updates: list[Update]


class PageView(NamedTuple):
    """All that a page shows. ``history`` is by the day (its start) on which incidents began."""

    name: str
    severity: Severity | None
    cards: list[CardView]
    open: list[IncidentView]
    history: list[tuple[int, list[IncidentView]]]


class Pages:
    """The HTML routes: ``/`` lists the account's pages, ``/pages/{url}`` is one."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._templates = _environment()

    def routes(self) -> list[BaseRoute]:
        """All routes."""
        return [Route("/", self.index, methods=["GET"]), Route("/pages/{url}", self.page, methods=["GET"])]

    async def index(self, _request: Request) -> Response:
        """The account's pages."""
        views = [(page.url, view(self._state, page)) for page in self._state.catalog.pages.values()]
        return self._render("index.html", account=self._state.account, pages=views)

    async def page(self, request: Request) -> Response:
        """One page."""
        page = self._state.catalog.page_at(request.path_params["url"])
        if page is None:
            raise HTTPException(404)
        return self._render("page.html", page=view(self._state, page))

    def _render(self, template: str, **values: object) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(values))


def view(state: State, page: catalog.Page) -> PageView:
    """What ``page`` shows now."""
    now = state.clock()
    shown = set(page.service_ids)
    incidents = [one for one in state.incidents.latest_first() if shown.intersection(one.service_ids)]
    ongoing = [one for one in incidents if one.open]
    return PageView(
        name=page.name,
        severity=worst(ongoing),
        cards=[
            CardView(
                card.name, [_service(service, incidents, now) for service in state.catalog.existing(card.service_ids)]
            )
            for card in page.cards
        ],
        open=[_incident(state, one) for one in ongoing],
        history=_history(state, incidents, now),
    )


def _service(service: catalog.Service, incidents: list[Incident], now: int) -> ServiceView:
    own = [one for one in incidents if service.id in one.service_ids]
    days = last_days(own, now)
    return ServiceView(service.name, worst(one for one in own if one.open), days, _percent(percentage(days)))


def _incident(state: State, incident: Incident) -> IncidentView:
    return IncidentView(
        incident=incident,
        services=", ".join(service.name for service in state.catalog.existing(incident.service_ids)),
        updates=sorted(incident.updates, key=lambda update: update.public_at)[::-1],
    )


def _history(state: State, incidents: list[Incident], now: int) -> list[tuple[int, list[IncidentView]]]:
    today = now // DAY_MS
    return [
        (day * DAY_MS, [_incident(state, one) for one in incidents if one.started_at // DAY_MS == day])
        for day in range(today, today - HISTORY_DAYS, -1)
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["condition"] = CONDITION
    environment.filters["date"] = lambda at: f"{moment(at):%b} {moment(at).day}, {moment(at).year}"
    environment.filters["time"] = lambda at: f"{moment(at):%H:%M:%S} UTC"
    environment.filters["span"] = _span
    return environment


def _percent(share: float) -> str:
    """Three decimals, and never rounded up to 100 %."""
    whole = 100
    return "100%" if share == whole else f"{min(share, 99.999):.3f}%"


def _span(seconds: int) -> str:
    """A duration in its two largest units, such as ``1 h 5 min``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
