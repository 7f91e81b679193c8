"""A broad session in which every request and every response is held against Checkly's OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts.openapi import Contract, ContractViolation
from tests.unit.sandbox.helpers import (
    INCIDENTS,
    SERVICES,
    new_incident,
    service,
    update,
)

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account


async def test_the_life_of_an_incident(checked: httpx.AsyncClient, account: Account) -> None:
    created = await checked.post(INCIDENTS, json=new_incident(account))
    assert created.status_code == 201
    incident = f"{INCIDENTS}/{created.json()['id']}"

    both = [service(account, "Checkout"), service(account, "Payments")]
    changed = await checked.put(incident, json={"name": "Checkout is down", "severity": "CRITICAL", "services": both})
    assert (changed.json()["severity"], len(changed.json()["services"])) == ("CRITICAL", 2)

    posted = await checked.post(f"{incident}/incident-updates", json=update("IDENTIFIED"))
    assert posted.status_code == 200
    one = f"{incident}/incident-updates/{posted.json()['id']}"
    assert (await checked.put(one, json=update("MONITORING", description="Better."))).json()["description"] == "Better."
    assert (await checked.get(one)).json()["status"] == "MONITORING"
    assert [each["status"] for each in (await checked.get(f"{incident}/incident-updates")).json()] == [
        "MONITORING",
        "INVESTIGATING",
    ]
    assert (await checked.delete(one)).status_code == 204
    assert (await checked.get(incident)).json()["lastUpdateStatus"] == "INVESTIGATING"

    await checked.post(f"{incident}/incident-updates", json=update("RESOLVED"))
    resolved = (await checked.get(INCIDENTS)).json()["entries"][0]
    assert (resolved["lastUpdateStatus"], resolved["duration"]) == ("RESOLVED", 0)
    assert (await checked.delete(incident)).status_code == 204
    assert (await checked.get(incident)).status_code == 404


async def test_accounts_services_and_pages_keep_to_the_specification(
    checked: httpx.AsyncClient, account: Account
) -> None:
    assert (await checked.get("/v1/accounts/me")).json()["id"] == account.uuid
    made = (await checked.post(SERVICES, json={"name": "Reports"})).json()
    one = f"{SERVICES}/{made['id']}"
    await checked.put(one, json={"name": "Reporting"})
    assert (await checked.get(one)).json()["name"] == "Reporting"
    assert (await checked.delete(one)).status_code == 204
    assert (await checked.get(one)).status_code == 404

    pages = (await checked.get("/v1/status-pages")).json()["entries"]
    page = f"/v1/status-pages/{pages[0]['id']}"
    assert [card["name"] for card in (await checked.get(page)).json()["cards"]] == ["Shop", "Developers"]
    wanted = [{"type": "EMAIL", "config": "new@example.com"}, {"type": "EMAIL", "config": "reader@example.com"}]
    added = await checked.post(f"{page}/subscriptions/bulk", json={"subscriptions": wanted, "autoVerify": True})
    assert added.json() == {"created": 1, "skipped": 1, "status": "VERIFIED"}
    subscriptions = (await checked.get(f"{page}/subscriptions")).json()
    gone = await checked.delete(f"{page}/subscriptions/{subscriptions[0]['id']}")
    assert gone.status_code == 204
    assert [one["address"] for one in (await checked.get(f"{page}/subscriptions")).json()] == ["new@example.com"]


@pytest.mark.parametrize("path", [SERVICES, INCIDENTS])
async def test_lists_are_read_to_the_end_by_cursor(checked: httpx.AsyncClient, account: Account, path: str) -> None:
    for number in range(5):
        await checked.post(SERVICES, json={"name": f"Extra {number}"})
        await checked.post(INCIDENTS, json=new_incident(account, name=f"Incident {number}"))
    whole = (await checked.get(path, params={"limit": 100})).json()
    assert whole["nextId"] is None
    entries: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        part = (await checked.get(path, params={"limit": 2, **cursor})).json()
        assert part["length"] == len(part["entries"]) <= 2
        entries += part["entries"]
        if not part["nextId"]:
            break
        cursor = {"nextId": part["nextId"]}
    assert entries == whole["entries"]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Authorization": ""}, "Missing authentication"),
        ({"Authorization": "Bearer wrong"}, "Bad Token"),
        ({"X-Checkly-Account": ""}, "Bad Token"),
        ({"X-Checkly-Account": "00000000-0000-4000-8000-000000000000"}, "Bad Token"),
    ],
)
async def test_without_key_or_account(checked: httpx.AsyncClient, headers: dict[str, str], message: str) -> None:
    answer = await checked.get(INCIDENTS, headers=headers)
    assert answer.json() == {"statusCode": 401, "error": "Unauthorized", "message": message}


async def test_past_the_rate_limit(checked: httpx.AsyncClient, state: Any, clock: Any) -> None:
    state.settings.rate_limit = 2
    answers = [await checked.get(SERVICES) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "retry-after" not in answers[2].headers
    state.settings.retry_after = 7
    assert (await checked.get(SERVICES)).headers["retry-after"] == "7"
    clock.advance(60_000)
    assert (await checked.get(SERVICES)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v1/accounts/me", 200, {"name": "no id"}),
        ("GET", "/v1/accounts/me", 200, {"id": "not a uuid"}),
        ("GET", "/v1/accounts/me", 418, {}),
        ("GET", SERVICES, 200, {"length": 0, "entries": [], "unknown": 1}),
        ("GET", SERVICES, 429, {"statusCode": 429, "error": "Slow down"}),
        ("PATCH", SERVICES, 200, {}),
        ("GET", "/v1/nowhere", 200, {}),
        ("DELETE", f"{SERVICES}/x", 204, "a body"),
    ],
)
def test_the_contract_sees_a_wrong_response(method: str, path: str, status: int, body: Any) -> None:
    with pytest.raises(ContractViolation):
        Contract.v1().validate_response(method, path, status, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 256},
        {"severity": "SEVERE"},
        {"services": []},
        {"services": [{"id": "x"}]},
        {"incidentUpdates": []},
        {"incidentUpdates": [update(), update()]},
        {"incidentUpdates": [update(publicIncidentUpdateDate="yesterday")]},
    ],
)
def test_the_contract_sees_a_wrong_request(account: Account, changes: dict[str, Any]) -> None:
    Contract.v1().validate_request("POST", INCIDENTS, new_incident(account))
    with pytest.raises(ContractViolation):
        Contract.v1().validate_request("POST", INCIDENTS, new_incident(account, **changes))
