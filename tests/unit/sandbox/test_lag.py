"""Reads that come from a replica: everything about an incident is as late as the settings say, in v1 and v3 alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sandbox.helpers import INCIDENTS as INCIDENTS_V1
from tests.unit.sandbox.helpers import Clock, new_incident, service, update
from tests.unit.sandbox.v3.helpers import INCIDENTS as INCIDENTS_V3
from tests.unit.sandbox.v3.helpers import ORDERS, create, current, impacts

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State

LAG_MS = 1_500
Make = Callable[[str], Awaitable[str]]


@pytest.fixture(params=["v1", "v3"])
def incidents(request: pytest.FixtureRequest) -> str:
    """The list of one generation."""
    return {"v1": INCIDENTS_V1, "v3": INCIDENTS_V3}[request.param]


@pytest.fixture
def make(api: httpx.AsyncClient, account: Account, incidents: str) -> Make:
    """Creates an incident with that name; returns its path."""

    async def make(name: str) -> str:
        if incidents == INCIDENTS_V3:
            return await create(api, name=name)
        answer = await api.post(incidents, json=new_incident(account, name=name))
        return f"{incidents}/{answer.json()['id']}"

    return make


async def lag(api: httpx.AsyncClient, **settings: int) -> None:
    assert (await api.patch("/sandbox/settings", json=settings)).status_code == 200


async def names(api: httpx.AsyncClient, incidents: str) -> list[str]:
    return [entry["name"] for entry in (await api.get(incidents)).json()["entries"]]


async def test_a_new_incident_is_not_found_until_reads_are_that_far(
    api: httpx.AsyncClient, clock: Clock, incidents: str, make: Make
) -> None:
    await lag(api, read_lag_ms=LAG_MS)
    one = await make("late")
    only = (await api.post(f"{one}/incident-updates", json=update())).json()["id"]
    for path in (one, f"{one}/incident-updates", f"{one}/incident-updates/{only}"):
        assert (await api.get(path)).status_code == 404
    assert await names(api, incidents) == ["late"]
    clock.advance(LAG_MS - 1)
    assert (await api.get(one)).status_code == 404
    clock.advance(1)
    assert (await api.get(one)).status_code == 200
    assert (await api.get(f"{one}/incident-updates/{only}")).status_code == 200


async def test_lists_lag_apart_from_reads(api: httpx.AsyncClient, clock: Clock, incidents: str, make: Make) -> None:
    await lag(api, list_lag_ms=LAG_MS)
    one = await make("unlisted")
    assert await names(api, incidents) == []
    assert (await api.get(f"{one}/incident-updates")).json() == []
    assert (await api.get(one)).json()["name"] == "unlisted"
    clock.advance(LAG_MS)
    assert await names(api, incidents) == ["unlisted"]


async def test_updates_name_and_order_are_late_alike(
    api: httpx.AsyncClient, clock: Clock, account: Account, incidents: str, make: Make
) -> None:
    first, second = await make("first"), await make("second")
    clock.advance(LAG_MS)
    await lag(api, list_lag_ms=LAG_MS, read_lag_ms=LAG_MS)
    renamed = {"name": "renamed", "componentImpacts": impacts(orders="PARTIAL_OUTAGE")}
    if incidents == INCIDENTS_V1:
        renamed = {"name": "renamed", "severity": "MAJOR", "services": [service(account, "Checkout")]}
    assert (await api.put(first, json=renamed)).json()["name"] == "renamed"
    assert (await api.post(f"{first}/incident-updates", json=update("RESOLVED"))).is_success

    async def shown() -> tuple[Any, ...]:
        entry, alone = (await api.get(incidents)).json()["entries"][-1], (await api.get(first)).json()
        statuses = [one["status"] for one in alone["incidentUpdates"]]
        return await names(api, incidents), entry["lastUpdateStatus"], alone["name"], statuses, alone["duration"]

    assert await shown() == (["second", "first"], "INVESTIGATING", "first", ["INVESTIGATING"], None)
    clock.advance(LAG_MS)
    found, _, name, statuses, duration = await shown()
    assert (found, name, statuses) == (["renamed", "second"], "renamed", ["RESOLVED", "INVESTIGATING"])
    assert duration is not None
    assert (await api.get(second)).json()["name"] == "second"


async def test_impacts_are_late(api: httpx.AsyncClient, clock: Clock) -> None:
    incident = await create(api)
    clock.advance(LAG_MS)
    await lag(api, read_lag_ms=LAG_MS)
    await api.put(incident, json={"name": "worse", "componentImpacts": impacts(orders="MAJOR_OUTAGE")})
    assert await current(api, incident) == {ORDERS: "PARTIAL_OUTAGE"}
    clock.advance(LAG_MS)
    assert await current(api, incident) == {ORDERS: "MAJOR_OUTAGE"}


async def test_severity_and_services_are_late(api: httpx.AsyncClient, account: Account, clock: Clock) -> None:
    incident = f"{INCIDENTS_V1}/{(await api.post(INCIDENTS_V1, json=new_incident(account))).json()['id']}"
    clock.advance(LAG_MS)
    await lag(api, read_lag_ms=LAG_MS)
    await api.put(incident, json={"name": "x", "severity": "CRITICAL", "services": [service(account, "Payments")]})

    async def shown() -> tuple[str, str]:
        read = (await api.get(incident)).json()
        return read["severity"], read["services"][0]["name"]

    assert await shown() == ("MAJOR", "Checkout")
    clock.advance(LAG_MS)
    assert await shown() == ("CRITICAL", "Payments")


async def test_a_deleted_incident_is_there_for_a_while(
    api: httpx.AsyncClient, clock: Clock, incidents: str, make: Make
) -> None:
    one = await make("deleted")
    clock.advance(LAG_MS)
    await lag(api, list_lag_ms=LAG_MS, read_lag_ms=LAG_MS)
    assert (await api.delete(one)).status_code == 204
    assert (await api.delete(one)).status_code == 404  # writes are never late
    assert ((await api.get(one)).status_code, await names(api, incidents)) == (200, ["deleted"])
    clock.advance(LAG_MS)
    assert ((await api.get(one)).status_code, await names(api, incidents)) == (404, [])


async def test_writes_and_the_control_endpoint_never_lag(api: httpx.AsyncClient, make: Make) -> None:
    await lag(api, list_lag_ms=LAG_MS, read_lag_ms=LAG_MS)
    one = await make("at once")
    assert (await api.post(f"{one}/incident-updates", json=update("RESOLVED"))).is_success
    (told,) = (await api.get("/sandbox/state")).json()["incidents"]
    assert (told["name"], told["lastUpdateStatus"]) == ("at once", "RESOLVED")
    assert (await api.get(one)).status_code == 404


async def test_what_nobody_can_ask_for_any_more_is_forgotten(clock: Clock, make: Make, state: State) -> None:
    one = await make("old")
    store = state.incidents if len(state.incidents) else state.page_incidents
    incident = store.latest_first()[0]
    for _ in range(100):
        clock.advance(60_000)
        state.touch(incident)
    assert len(store._past[incident.id]) <= 12  # noqa: SLF001 - what nobody can ask for shows nowhere else
    assert one.endswith(incident.id)
