"""The public status pages: what readers would see of the account, rendered on the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bridge.sandbox.instants import moment
from bridge.sandbox.views import view

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.state import State


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
        views = [(page.url, view(self._state, page)) for page in self._state.catalog.all_pages()]
        return self._render("index.html", account=self._state.account, pages=views)

    async def page(self, request: Request) -> Response:
        """One page."""
        page = self._state.catalog.page_at(request.path_params["url"])
        if page is None:
            raise HTTPException(404)
        return self._render("page.html", page=view(self._state, page))

    def _render(self, template: str, **values: object) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(values))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = lambda at: f"{moment(at):%b} {moment(at).day}, {moment(at).year}"
    environment.filters["time"] = lambda at: f"{moment(at):%H:%M:%S} UTC"
    environment.filters["span"] = _span
    environment.filters["percent"] = _percent
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
