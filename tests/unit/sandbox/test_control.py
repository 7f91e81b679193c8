from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.unit.sandbox.helpers import INCIDENTS, SERVICES, key_of, new_incident

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from bridge.sandbox import Account
    from bridge.sandbox.state import State


@pytest.fixture
async def api(app: Starlette) -> httpx.AsyncClient:
    """A client without a key: the control endpoint needs none."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://checkly")


async def test_others_open_edit_and_delete_incidents(api: httpx.AsyncClient, account: Account, state: State) -> None:
    body = {"name": "By hand", "services": ["Checkout", account.derive("services", "Search")], "notify": True}
    made = (await api.post("/sandbox/incidents", json=body)).json()
    assert (made["origin"], made["severity"], made["lastUpdateStatus"]) == ("others", "MINOR", "INVESTIGATING")
    assert [one["name"] for one in made["services"]] == ["Checkout", "Search"]
    assert [mail.subject for mail in state.mails] == ["[Acme] Investigating: By hand"]

    path = f"/sandbox/incidents/{made['id']}"
    edit = {"name": "Renamed", "severity": "CRITICAL", "services": ["Payments"], "status": "RESOLVED"}
    edited = (await api.patch(path, json=edit)).json()
    assert (edited["name"], edited["severity"], edited["lastUpdateStatus"]) == ("Renamed", "CRITICAL", "RESOLVED")
    assert [one["name"] for one in edited["services"]] == ["Payments"]
    assert len((await api.patch(path, json={"name": "Again"})).json()["incidentUpdates"]) == 2

    listed = await api.get(INCIDENTS, headers=key_of(account))
    assert "origin" not in listed.json()["entries"][0]
    assert (await api.delete(path)).status_code == 204
    assert (await api.delete(path)).status_code == 404
    assert not len(state.incidents)


async def test_a_service_disappears(api: httpx.AsyncClient, account: Account) -> None:
    assert (await api.delete("/sandbox/services/Checkout")).status_code == 204
    assert (await api.delete("/sandbox/services/Checkout")).status_code == 404
    services = (await api.get(SERVICES, headers=key_of(account))).json()["entries"]
    assert "Checkout" not in {one["name"] for one in services}


async def test_settings_change_one_by_one(api: httpx.AsyncClient) -> None:
    await api.patch("/sandbox/settings", json={"rate_limit": 600})
    answer = await api.patch("/sandbox/settings", json={"whole_seconds": True})
    assert answer.json() == {
        "rate_limit": 600,
        "retry_after": None,
        "list_lag_ms": 0,
        "read_lag_ms": 0,
        "early_date": None,
        "whole_seconds": True,
        "v1_gone": None,
    }
    assert (await api.patch("/sandbox/settings", json={"rate_limit": None})).json()["rate_limit"] is None
    assert (await api.patch("/sandbox/settings", json={"rate_limit": -1})).status_code == 400


async def test_reset_returns_to_the_account(api: httpx.AsyncClient, account: Account) -> None:
    before = (await api.get("/sandbox/state")).json()
    await api.post(INCIDENTS, json=new_incident(account), headers=key_of(account))
    await api.delete("/sandbox/services/Search")
    await api.post("/sandbox/faults", json={"kind": "drop"})
    await api.patch("/sandbox/settings", json={"rate_limit": 1})
    assert (await api.post("/sandbox/reset")).status_code == 204
    assert (await api.get("/sandbox/state")).json() == before
    assert (await api.get("/sandbox/calls")).json() == []
    assert (await api.get("/sandbox/mails")).json() == []


async def test_faults_can_be_forgotten(api: httpx.AsyncClient, account: Account) -> None:
    await api.post("/sandbox/faults", json={"kind": "answer", "status": 500, "count": None})
    assert (await api.get(SERVICES, headers=key_of(account))).status_code == 500
    await api.delete("/sandbox/faults")
    assert (await api.get(SERVICES, headers=key_of(account))).status_code == 200


async def test_wrong_requests_are_explained(api: httpx.AsyncClient) -> None:
    answer = await api.post("/sandbox/faults", json={"kind": "explode"})
    assert (answer.status_code, "explode" in answer.json()["message"]) == (400, True)
    answer = await api.post("/sandbox/incidents", json={"name": "x", "services": ["Nowhere"]})
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no service 'Nowhere'")
