"""Pages and incidents as the control endpoint tells them: all that is known of them, alike for both generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox.components import ComponentPage
from bridge.sandbox.incidents import Incident
from bridge.sandbox.v1.wire import Wire
from bridge.sandbox.v3 import wire as v3

if TYPE_CHECKING:
    from bridge.sandbox.catalog import AnyPage
    from bridge.sandbox.impacts import AnyIncident
    from bridge.sandbox.state import State


def page_to_json(state: State, page: AnyPage) -> dict[str, Any]:
    """A page as its API tells it, a page of components together with these."""
    if not isinstance(page, ComponentPage):
        return Wire(state).page(page)
    components = [v3.component(component, page.id) for component in page.in_order()]
    return {**v3.page(page, state.account.uuid), "components": components}


def incident_to_json(state: State, incident: AnyIncident) -> dict[str, Any]:
    """An incident as its API tells it, and what no API tells; the keys are alike for both generations."""
    besides = {"origin": incident.origin, "pages": [page.url for page in state.pages_of(incident)]}
    if isinstance(incident, Incident):
        return {**Wire(state).incident(incident), **besides, "api": "v1", "impacts": {}, "copy_of": None}
    components = state.catalog.component_pages[incident.page_id].components
    return {
        **v3.incident(incident),
        **besides,
        "api": "v3",
        "severity": None,
        "services": [{"id": id_, "name": components[id_].name} for id_ in incident.impacts],
        "impacts": {components[id_].name: impact for id_, impact in incident.impacts.items()},
        "copy_of": incident.copy_of,
    }
