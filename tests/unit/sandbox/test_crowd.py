"""A large account at one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox.instants import iso
from tests.unit.sandbox.helpers import INCIDENTS, SERVICES, Clock
from tests.unit.sandbox.v3.helpers import DASHBOARD, PAGES
from tests.unit.sandbox.v3.helpers import INCIDENTS as ON_PLATFORM

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State


async def crowd(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    """The control endpoint is in no document of Checkly's."""
    hooks, client.event_hooks = client.event_hooks, {}
    answer = await client.post("/sandbox/crowd", json=body)
    client.event_hooks = hooks
    return answer


async def test_pages_and_services(checked: httpx.AsyncClient, account: Account) -> None:
    answer = await crowd(checked, {"pages": 120, "components": 3, "services": 200})
    assert (answer.status_code, answer.json()) == (201, {"incidents": []})
    pages = (await checked.get(PAGES, params={"limit": 100})).json()
    assert (pages["length"], pages["nextId"]) == (100, "100")
    assert [page["url"] for page in pages["entries"][:3]] == ["platform", "page-3", "page-4"]
    components = (await checked.get(f"{PAGES}/{pages['entries'][1]['id']}/components")).json()["entries"]
    assert [one["name"] for one in components] == ["Component 1", "Component 2", "Component 3"]
    services = (await checked.get(SERVICES, params={"limit": 100, "nextId": "200"})).json()["entries"]
    assert services[-1]["name"] == f"Service {200 + len(account.services)}"


async def test_incidents_on_a_page(checked: httpx.AsyncClient, clock: Clock, state: State) -> None:
    body = {"page": "platform", "incidents": 150, "every_ms": 1_000}
    made = (await crowd(checked, body)).json()["incidents"]
    listed = (await checked.get(ON_PLATFORM, params={"limit": 100})).json()
    assert [entry["name"] for entry in listed["entries"][:2]] == ["Incident 150", "Incident 149"]
    assert [entry["created_at"] for entry in listed["entries"][:2]] == [iso(clock.at), iso(clock.at - 1_000)]
    oldest = (await checked.get(f"{ON_PLATFORM}/{made[0]}")).json()
    assert (oldest["lastUpdateStatus"], len(oldest["incidentUpdates"])) == ("INVESTIGATING", 1)
    assert oldest["created_at"] == iso(clock.at - 149_000)
    assert len({entry["componentImpacts"][0]["componentId"] for entry in listed["entries"]}) == 3
    assert DASHBOARD in {entry["componentImpacts"][0]["componentId"] for entry in listed["entries"]}
    assert {one.origin for one in state.page_incidents.latest_first()} == {"others"}
    assert state.mails == []


async def test_incidents_of_one_name_on_services(checked: httpx.AsyncClient) -> None:
    assert (await crowd(checked, {"incidents": 7, "name": "Busy"})).status_code == 201
    entries = (await checked.get(INCIDENTS)).json()["entries"]
    assert [entry["name"] for entry in entries] == 7 * ["Busy"]
    assert len({entry["services"][0]["id"] for entry in entries}) == 6


async def test_where_no_incident_can_be_is_explained(api: httpx.AsyncClient, state: State) -> None:
    assert (await crowd(api, {"page": "nowhere", "incidents": 1})).status_code == 404
    assert (await crowd(api, {"page": "acme", "incidents": 1})).status_code == 400
    state.catalog.services.clear()
    answer = await crowd(api, {"incidents": 1})
    assert (answer.status_code, "no service" in answer.json()["message"]) == (404, True)
