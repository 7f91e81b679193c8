"""The page of components of the sample account, and what is sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox import Account
from tests.unit.sandbox.helpers import update

if TYPE_CHECKING:
    import httpx

PAGES = "/v3/status-pages"
PLATFORM = f"{PAGES}/{Account.sample().derive('pages', 'platform')}"
INCIDENTS = f"{PLATFORM}/incidents"
COMPONENTS = f"{PLATFORM}/components"
NOBODY = "00000000-0000-4000-8000-000000000000"


def component(*names: str) -> str:
    """The id of a component, by its group and name, or its name alone."""
    return Account.sample().derive("pages", "platform", "components", *names)


DASHBOARD, API, ORDERS = component("Dashboard"), component("API"), component("API", "Orders")


def impacts(**by_name: str) -> list[dict[str, str]]:
    """``componentImpacts`` of Dashboard and Orders."""
    ids = {"dashboard": DASHBOARD, "orders": ORDERS}
    return [{"componentId": ids[name], "status": impact} for name, impact in by_name.items()]


def new_incident(**changes: Any) -> dict[str, Any]:
    """A body that creates an incident on Orders."""
    return {
        "name": "Orders are late",
        "componentImpacts": impacts(orders="PARTIAL_OUTAGE"),
        "incidentUpdates": [update()],
        **changes,
    }


async def create(api: httpx.AsyncClient, **changes: Any) -> str:
    """Create an incident; returns its path."""
    answer = await api.post(INCIDENTS, json=new_incident(**changes))
    assert answer.status_code == 201, answer.text
    return f"{INCIDENTS}/{answer.json()['id']}"


async def current(api: httpx.AsyncClient, incident: str) -> dict[str, str]:
    """What the components suffer now, by their ids."""
    shown = (await api.get(incident)).json()["componentImpacts"]
    return {one["componentId"]: one["status"] for one in shown if one["endedAt"] is None}
