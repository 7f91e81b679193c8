"""What the API does beyond the shape of its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.sandbox.instants import iso
from tests.unit.sandbox.helpers import INCIDENTS, SERVICES, START, Clock, new_incident, service, update

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State


async def create(api: httpx.AsyncClient, account: Account, **changes: Any) -> str:
    """Create an incident; returns its path."""
    answer = await api.post(INCIDENTS, json=new_incident(account, **changes))
    assert answer.status_code == 201, answer.text
    return f"{INCIDENTS}/{answer.json()['id']}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "$.name"),
        ({"name": "x" * 256}, "$.name"),
        ({"severity": "SEVERE"}, "$.severity"),
        ({"services": []}, "$.services"),
        ({"services": [{"id": "00000000-0000-4000-8000-000000000000", "name": "x"}]}, "accountId"),
        ({"incidentUpdates": []}, "$.incidentUpdates"),
        ({"incidentUpdates": [update(), update()]}, "$.incidentUpdates"),
        ({"incidentUpdates": [update("DONE")]}, "$.incidentUpdates[0].status"),
        ({"incidentUpdates": [update(description="")]}, "$.incidentUpdates[0].description"),
        ({"incidentUpdates": [update(publicIncidentUpdateDate="2026-01-01T00:00:00")]}, "publicIncidentUpdateDate"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_incident_is_refused(
    api: httpx.AsyncClient, account: Account, state: State, changes: dict[str, Any], told: str
) -> None:
    answer = await api.post(INCIDENTS, json=new_incident(account, **changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert told in answer.json()["message"]
    assert not len(state.incidents)


async def test_services_must_exist_once_and_on_this_account(api: httpx.AsyncClient, account: Account) -> None:
    checkout, other = service(account, "Checkout"), "00000000-0000-4000-8000-000000000000"
    for services, status in (
        ([checkout, checkout], 400),
        ([checkout | {"id": other}], 404),
        ([checkout | {"accountId": other}], 404),
    ):
        answer = await api.post(INCIDENTS, json=new_incident(account, services=services))
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{INCIDENTS}/not-a-uuid", 400),
        ("GET", f"{INCIDENTS}?limit=101", 400),
        ("GET", f"{INCIDENTS}?nextId=x", 400),
        ("POST", INCIDENTS, 400),
        ("PUT", INCIDENTS, 404),
        ("GET", f"{INCIDENTS}/", 404),
        ("GET", "/v1/nowhere", 404),
    ],
)
async def test_errors_are_enveloped(api: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await api.request(method, path)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


async def test_the_list_is_most_recently_updated_first(api: httpx.AsyncClient, account: Account) -> None:
    first, second = await create(api, account, name="first"), await create(api, account, name="second")

    async def names() -> list[str]:
        return [entry["name"] for entry in (await api.get(INCIDENTS)).json()["entries"]]

    assert await names() == ["second", "first"]
    await api.post(f"{first}/incident-updates", json=update())
    assert await names() == ["first", "second"]
    await api.patch(second, json={"severity": "MINOR"})
    assert await names() == ["second", "first"]


async def test_duration_and_reopening(api: httpx.AsyncClient, account: Account, clock: Clock) -> None:
    began = update(publicIncidentUpdateDate=iso(START - 30_000))
    incident = await create(api, account, incidentUpdates=[began])

    async def after(status: str) -> tuple[str, int | None]:
        clock.advance(60_000)
        await api.post(f"{incident}/incident-updates", json=update(status))
        shown = (await api.get(incident)).json()
        return shown["lastUpdateStatus"], shown["duration"]

    assert await after("RESOLVED") == ("RESOLVED", 90)
    assert await after("RESOLVED") == ("RESOLVED", 90)
    assert await after("INVESTIGATING") == ("INVESTIGATING", None)
    assert await after("RESOLVED") == ("RESOLVED", 270)


async def test_an_update_without_status_keeps_the_last(api: httpx.AsyncClient, account: Account) -> None:
    incident = await create(api, account, incidentUpdates=[{"description": "Hm."}])
    await api.post(f"{incident}/incident-updates", json=update("MONITORING"))
    answer = await api.post(f"{incident}/incident-updates", json={"description": "Still."})
    assert answer.json()["status"] == "MONITORING"


async def test_the_only_update_cannot_be_deleted(api: httpx.AsyncClient, account: Account) -> None:
    incident = await create(api, account)
    only = (await api.get(f"{incident}/incident-updates")).json()[0]["id"]
    assert (await api.delete(f"{incident}/incident-updates/{only}")).status_code == 400


async def test_at_most_100_updates_are_listed(api: httpx.AsyncClient, account: Account) -> None:
    incident = await create(api, account)
    for number in range(101):
        await api.post(f"{incident}/incident-updates", json=update(description=str(number)))
    listed = (await api.get(f"{incident}/incident-updates")).json()
    assert [one["description"] for one in listed] == [str(number) for number in range(100, 0, -1)]


async def test_a_mail_goes_to_each_verified_subscriber_of_each_page_once_per_update(
    api: httpx.AsyncClient, account: Account, state: State
) -> None:
    incident = await create(api, account)
    assert state.mails == []
    posted = (await api.post(f"{incident}/incident-updates", json=update(notifySubscribers=True))).json()
    assert [(mail.to, mail.page, mail.update) for mail in state.mails] == [("reader@example.com", "acme", posted["id"])]
    await api.put(f"{incident}/incident-updates/{posted['id']}", json=update(notifySubscribers=True))
    assert len(state.mails) == 1

    page = next(iter(state.catalog.pages.values()))
    next(iter(page.subscribers.values())).verified = False
    await api.post(f"{incident}/incident-updates", json=update(notifySubscribers=True))
    assert len(state.mails) == 1


async def test_services_may_share_a_name_and_leave_incidents_when_deleted(
    api: httpx.AsyncClient, account: Account
) -> None:
    incident = await create(api, account, services=[service(account, "Checkout"), service(account, "Search")])
    duplicate = await api.post(SERVICES, json={"name": "Checkout"})
    assert duplicate.status_code == 200
    await api.delete(f"{SERVICES}/{account.derive('services', 'Checkout')}")
    assert [one["name"] for one in (await api.get(incident)).json()["services"]] == ["Search"]


async def test_public_dates_may_lose_their_milliseconds(api: httpx.AsyncClient, account: Account, state: State) -> None:
    sent = update(publicIncidentUpdateDate="2026-01-01T02:00:00.789+02:00")
    kept = await api.get(await create(api, account, incidentUpdates=[sent]))
    assert kept.json()["incidentUpdates"][0]["publicIncidentUpdateDate"] == "2026-01-01T00:00:00.789Z"
    state.settings.whole_seconds = True
    cut = await api.get(await create(api, account, incidentUpdates=[sent]))
    assert cut.json()["incidentUpdates"][0]["publicIncidentUpdateDate"] == "2026-01-01T00:00:00.000Z"


async def test_runs_repeat_exactly(api: httpx.AsyncClient, account: Account) -> None:
    answer = await api.post(INCIDENTS, json=new_incident(account))
    assert answer.json()["id"] == "00000000-0000-0000-0000-000000000001"
    assert answer.json()["created_at"] == "2026-09-21T14:13:20.000Z"
