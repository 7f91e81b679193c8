"""What the API does beyond the shape of its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.sandbox.instants import iso
from tests.unit.sandbox.helpers import START, Clock, update
from tests.unit.sandbox.v3.helpers import API, DASHBOARD, INCIDENTS, NOBODY, ORDERS, PAGES, create, current, impacts
from tests.unit.sandbox.v3.helpers import new_incident as body

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox.state import State


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "$.name"),
        ({"name": "x" * 256}, "$.name"),
        ({"severity": "MAJOR"}, "severity"),
        ({"componentImpacts": impacts(orders="BROKEN")}, "$.componentImpacts[0].status"),
        ({"componentImpacts": 2 * impacts(orders="MAJOR_OUTAGE")}, "duplicate"),
        ({"componentImpacts": [{"componentId": API, "status": "MAJOR_OUTAGE"}]}, "GROUP"),
        ({"incidentUpdates": []}, "$.incidentUpdates"),
        ({"incidentUpdates": [update(), update()]}, "$.incidentUpdates"),
        ({"incidentUpdates": [{"description": "no status"}]}, "status"),
        ({"incidentUpdates": [update(description="")]}, "$.incidentUpdates[0].description"),
        ({"incidentUpdates": [update(id=NOBODY)]}, "id"),
        ({"id": NOBODY}, "id"),
    ],
)
async def test_a_wrong_incident_is_refused(
    api: httpx.AsyncClient, state: State, changes: dict[str, Any], told: str
) -> None:
    answer = await api.post(INCIDENTS, json=body(**changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert told in answer.json()["message"]
    assert not len(state.page_incidents)


async def test_components_are_of_the_same_page(api: httpx.AsyncClient) -> None:
    other = (await api.post(PAGES, json={"name": "Other", "url": "other"})).json()["id"]
    assert (await api.post(f"{PAGES}/{other}/incidents", json=body())).status_code == 404
    incident = await create(api)
    elsewhere = incident.replace(INCIDENTS, f"{PAGES}/{other}/incidents")
    assert [(await api.get(path)).status_code for path in (incident, elsewhere)] == [200, 404]
    assert (await api.get(f"{PAGES}/{other}/incidents")).json()["length"] == 0


async def test_components_left_out_of_a_put_become_operational(api: httpx.AsyncClient, clock: Clock) -> None:
    incident = await create(api, componentImpacts=impacts(orders="PARTIAL_OUTAGE", dashboard="MAJOR_OUTAGE"))
    clock.advance(1_000)
    await api.put(incident, json={"name": "x", "componentImpacts": impacts(orders="PARTIAL_OUTAGE")})
    assert await current(api, incident) == {ORDERS: "PARTIAL_OUTAGE"}
    shown = {one["componentId"]: one for one in (await api.get(incident)).json()["componentImpacts"]}
    assert (shown[DASHBOARD]["startedAt"], shown[DASHBOARD]["endedAt"]) == (iso(START), iso(START + 1_000))
    assert shown[ORDERS]["startedAt"] == iso(START)
    await api.put(incident, json={"name": "y"})
    assert await current(api, incident) == {}


async def test_impacts_rise_and_fall_phase_by_phase(api: httpx.AsyncClient, clock: Clock) -> None:
    incident = await create(api)
    for impact in ("MAJOR_OUTAGE", "OPERATIONAL"):
        clock.advance(1_000)
        await api.put(incident, json={"name": "x", "componentImpacts": impacts(orders=impact)})
    assert await current(api, incident) == {ORDERS: "OPERATIONAL"}
    phases = (await api.get(incident)).json()["componentImpacts"]
    assert [(one["status"], one["startedAt"]) for one in phases] == [
        ("PARTIAL_OUTAGE", iso(START)),
        ("MAJOR_OUTAGE", iso(START + 1_000)),
        ("OPERATIONAL", iso(START + 2_000)),
    ]


async def test_a_resolve_ends_every_impact_and_a_reopening_brings_none_back(
    api: httpx.AsyncClient, clock: Clock
) -> None:
    incident = await create(api)
    clock.advance(60_000)
    ended = update("RESOLVED", publicIncidentUpdateDate=iso(START + 30_000))
    await api.post(f"{incident}/incident-updates", json=ended)
    (phase,) = (await api.get(incident)).json()["componentImpacts"]
    assert phase["endedAt"] == iso(START + 30_000)
    late = {"name": "x", "componentImpacts": impacts(orders="MAJOR_OUTAGE")}
    assert (await api.put(incident, json=late)).status_code == 400
    assert (await api.put(incident, json={"name": "renamed"})).json()["name"] == "renamed"

    await api.post(f"{incident}/incident-updates", json=update("INVESTIGATING"))
    assert await current(api, incident) == {}
    await api.put(incident, json=late)
    assert await current(api, incident) == {ORDERS: "MAJOR_OUTAGE"}


async def test_no_update_predates_the_incident(api: httpx.AsyncClient) -> None:
    incident = await create(api, incidentUpdates=[update(publicIncidentUpdateDate=iso(START - 60_000))])
    updates = f"{incident}/incident-updates"
    early, later = (update("MONITORING", publicIncidentUpdateDate=iso(START - ago)) for ago in (60_001, 60_000))
    assert (await api.post(updates, json=early)).status_code == 400
    posted = await api.post(updates, json=later)
    assert posted.status_code == 201
    second = f"{updates}/{posted.json()['id']}"
    assert (await api.put(second, json=early)).status_code == 400
    assert (await api.get(second)).json()["publicIncidentUpdateDate"] == iso(START - 60_000)
    first = (await api.get(updates)).json()[-1]["id"]
    assert (await api.put(f"{updates}/{first}", json=early)).status_code == 200


async def test_the_timeline_is_rewritten_only_in_a_sane_way(api: httpx.AsyncClient) -> None:
    incident = await create(api)
    timeline = f"{incident}/component-impacts"

    def window(**changes: Any) -> dict[str, Any]:
        one = {"componentId": ORDERS, "status": "MAJOR_OUTAGE", "startedAt": iso(START - 5_000), "endedAt": None}
        return {"componentImpacts": [one | changes]}

    assert (await api.put(timeline, json=window())).status_code == 200
    assert (await api.put(timeline, json=window(endedAt=iso(START - 6_000)))).status_code == 400
    assert (await api.put(timeline, json=window(status="OPERATIONAL"))).status_code == 400
    assert (await api.put(timeline, json=window(componentId=NOBODY))).status_code == 404
    await api.post(f"{incident}/incident-updates", json=update("RESOLVED"))
    assert (await api.put(timeline, json=window())).status_code == 400
    assert (await api.put(timeline, json=window(endedAt=iso(START)))).status_code == 200


async def test_the_only_update_cannot_be_deleted(api: httpx.AsyncClient) -> None:
    incident = await create(api)
    only = (await api.get(f"{incident}/incident-updates")).json()[0]["id"]
    assert (await api.delete(f"{incident}/incident-updates/{only}")).status_code == 400


async def test_the_list_is_most_recently_updated_first_and_lags(
    api: httpx.AsyncClient, state: State, clock: Clock
) -> None:
    first, second = await create(api, name="first"), await create(api, name="second")

    async def names() -> list[str]:
        return [entry["name"] for entry in (await api.get(INCIDENTS)).json()["entries"]]

    assert await names() == ["second", "first"]
    await api.post(f"{first}/incident-updates", json=update())
    assert await names() == ["first", "second"]
    await api.put(second, json={"name": "second"})
    assert await names() == ["second", "first"]
    clock.advance(5_000)
    state.settings.list_lag_ms = 5_000
    third = await create(api, name="third")
    assert await names() == ["second", "first"]
    assert (await api.get(third)).json()["name"] == "third"


async def test_creating_is_not_idempotent(api: httpx.AsyncClient) -> None:
    assert await create(api) != await create(api)


async def test_a_mail_goes_to_the_subscribers_of_the_page_once_per_update(api: httpx.AsyncClient, state: State) -> None:
    incident = await create(api, incidentUpdates=[update(notifySubscribers=True)])
    await api.post(f"{incident}/incident-updates", json=update())
    assert [(mail.to, mail.page, mail.subject) for mail in state.mails] == [
        ("developer@example.com", "platform", "[Acme Platform] Investigating: Orders are late")
    ]


@pytest.mark.parametrize(
    ("fault", "committed"),
    [
        ({"kind": "answer", "status": 503}, False),
        ({"kind": "answer", "status": 429}, False),
        ({"kind": "answer", "status": 502, "body": "html", "commit": True}, True),
        ({"kind": "answer", "body": "unreadable", "commit": True}, True),
    ],
)
async def test_faults_strike_v3_too(
    api: httpx.AsyncClient, state: State, fault: dict[str, Any], committed: bool
) -> None:
    path = "/v3/status-pages/*/incidents"
    await api.post("/sandbox/faults", json={"method": "POST", "path": path, **fault})
    await api.post(INCIDENTS, json=body())
    assert len(state.page_incidents) == committed
    assert [(call.method, call.path, call.committed) for call in state.calls] == [("POST", INCIDENTS, committed)]


async def test_reorder_makes_a_reader_of_one_page_miss_one(api: httpx.AsyncClient) -> None:
    for name in "abcd":
        await create(api, name=name)
    await api.post("/sandbox/faults", json={"kind": "reorder", "method": "GET", "skip": 1})
    first = (await api.get(INCIDENTS, params={"limit": 2})).json()
    second = (await api.get(INCIDENTS, params={"limit": 2, "nextId": first["nextId"]})).json()
    assert [one["name"] for one in first["entries"] + second["entries"]] == ["d", "c", "c", "b"]
