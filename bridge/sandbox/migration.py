"""Moving a status page from cards to components, which Checkly does on demand, one way, and keeping the address.

What becomes of ids and of incidents is not documented: the one who asks chooses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bridge.sandbox.components import Component, ComponentPage
from bridge.sandbox.impacts import PageIncident, Phase

if TYPE_CHECKING:
    from collections.abc import Container

    from bridge.sandbox.catalog import Page
    from bridge.sandbox.incidents import Incident
    from bridge.sandbox.state import State


class Choice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to migrate.

    ``ids`` of the page, its components (from services) and incidents: all ``new``, or ``kept`` where nothing else has
    them. ``incidents``: the new page gets copies and v1 goes on with its own (``copied``), or v1 loses those that no
    other page shows (``moved``), or the new page starts without any (``left``).
    """

    ids: Literal["new", "kept"] = "new"
    incidents: Literal["copied", "moved", "left"] = "copied"


class Migration:
    """One page's migration."""

    def __init__(self, state: State, choice: Choice) -> None:
        self._state = state
        self._choice = choice

    def run(self, page: Page) -> ComponentPage:
        """Put a page of components in the place of ``page``, whose services and their incidents v1 still knows."""
        catalog = self._state.catalog
        moved = ComponentPage(
            id=self._id(page.id, catalog.component_pages),
            name=page.name,
            url=page.url,
            created_at=self._state.wall_ms(),
            subscribers=page.subscribers,
        )
        components = self._components(page, moved)
        del catalog.pages[page.id]
        catalog.component_pages[moved.id] = moved
        if self._choice.incidents != "left":
            for incident in reversed(self._state.incidents.latest_first()):
                suffering = [one for service in incident.service_ids for one in components.get(service, ())]
                if suffering:
                    self._carry(incident, moved, suffering)
        return moved

    def _components(self, page: Page, moved: ComponentPage) -> dict[str, list[str]]:
        """A group per card with a component per service; returns the components' ids by the service's."""
        taken = {one for other in self._state.catalog.component_pages.values() for one in other.components}
        made: dict[str, list[str]] = {}
        for place, card in enumerate(page.cards):
            group = Component(
                id=self._state.new_id(), name=card.name, type="GROUP", display_order=place, created_at=moved.created_at
            )
            moved.add(group)
            for order, service in enumerate(self._state.catalog.existing(card.service_ids)):
                component = Component(
                    id=self._id(service.id, {*taken, *moved.components}),
                    name=service.name,
                    display_order=order,
                    parent_id=group.id,
                    created_at=moved.created_at,
                )
                moved.add(component)
                made.setdefault(service.id, []).append(component.id)
        return made

    def _carry(self, incident: Incident, page: ComponentPage, components: list[str]) -> None:
        """Its downtime is kept, and so every component was out in full: cards know no lesser downtime."""
        copy = PageIncident(
            id=self._id(incident.id, {one.id for one in self._state.page_incidents.latest_first()}),
            name=incident.name,
            created_at=incident.created_at,
            updated_at=incident.updated_at,
            updates=[
                replace(one, id=one.id if self._choice.ids == "kept" else self._state.new_id())
                for one in incident.updates
            ],
            origin=incident.origin,
            page_id=page.id,
            phases=[Phase(one, "MAJOR_OUTAGE", incident.started_at, incident.ended_at) for one in components],
            copy_of=incident.id,
        )
        self._state.page_incidents.touch(copy, incident.updated_at)
        if self._choice.incidents == "moved" and not self._state.pages_of(incident):
            self._state.delete(incident)

    def _id(self, old: str, taken: Container[str]) -> str:
        return old if self._choice.ids == "kept" and old not in taken else self._state.new_id()
