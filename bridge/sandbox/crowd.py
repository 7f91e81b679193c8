"""A large account at one request: many pages of components, services and open incidents of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from bridge.sandbox.catalog import Service
from bridge.sandbox.components import Component, ComponentPage
from bridge.sandbox.faults import Milliseconds
from bridge.sandbox.impacts import PageIncident, Phase
from bridge.sandbox.incidents import Incident, Update
from bridge.sandbox.reading import Name

if TYPE_CHECKING:
    from bridge.sandbox.state import State

Many = Annotated[int, Meta(ge=0, le=10_000)]


class Crowd(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What to add: ``pages`` with ``components`` each, ``services`` that no page shows, and open ``incidents``.

    The incidents are on ``page`` (id or address; one of components), each on one of its components in turn, or, without
    ``page``, on one of the services of v1. The newest is made now, each of the others ``every_ms`` before the next.
    Without a ``name`` they are numbered from the oldest on.
    """

    pages: Many = 0
    components: Annotated[int, Meta(ge=1, le=1_000)] = 1
    services: Many = 0
    incidents: Many = 0
    page: str | None = None
    name: Name | None = None
    every_ms: Milliseconds = 0

    def join(self, state: State, page: ComponentPage | None) -> list[str]:
        """Add everything to the account, numbered on from what is there; returns the incidents' ids, oldest first.

        Raises:
            LookupError: there is no service or component that could have the incidents.
        """
        catalog, now = state.catalog, state.wall_ms()
        first = len(catalog.all_pages()) + 1
        for added in (self._page(state, number, now) for number in range(first, first + self.pages)):
            catalog.component_pages[added.id] = added
        first = len(catalog.services) + 1
        for number in range(first, first + self.services):
            service = Service(state.new_id(), f"Service {number}", now)
            catalog.services[service.id] = service
        suffer = [*catalog.services] if page is None else [one.id for one in page.in_order() if one.type == "SERVICE"]
        if self.incidents and not suffer:
            raise LookupError("there is no service or component that could have incidents")
        return [
            self._open(
                state, page, number, suffer[number % len(suffer)], now - (self.incidents - number) * self.every_ms
            )
            for number in range(1, self.incidents + 1)
        ]

    def _page(self, state: State, number: int, now: int) -> ComponentPage:
        page = ComponentPage(id=state.new_id(), name=f"Page {number}", url=f"page-{number}", created_at=now)
        for place in range(self.components):
            name = f"Component {place + 1}"
            page.add(Component(id=state.new_id(), name=name, display_order=place, created_at=now))
        return page

    def _open(self, state: State, page: ComponentPage | None, number: int, suffers: str, at: int) -> str:
        id_, name = state.new_id(), self.name or f"Incident {number}"
        updates = [Update(state.new_id(), "We are looking into it.", "INVESTIGATING", at, at, notify=False)]
        if page is None:
            state.incidents.touch(
                Incident(
                    id=id_,
                    name=name,
                    severity="MINOR",
                    service_ids=(suffers,),
                    created_at=at,
                    updated_at=at,
                    updates=updates,
                    origin="others",
                ),
                at,
            )
        else:
            state.page_incidents.touch(
                PageIncident(
                    id=id_,
                    name=name,
                    page_id=page.id,
                    phases=[Phase(suffers, "DEGRADED_PERFORMANCE", at)],
                    created_at=at,
                    updated_at=at,
                    updates=updates,
                    origin="others",
                ),
                at,
            )
        return id_
