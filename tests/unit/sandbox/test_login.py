"""What Checkly's own command line asks before it does anything, as far as it reads the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.sandbox.helpers import SERVICES

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State

USER = "/next/users/me"
ENTITLEMENTS = "/v1/accounts/me/entitlements"


async def test_the_account_is_the_same_at_login_and_in_the_public_api(api: httpx.AsyncClient, account: Account) -> None:
    at_login = (await api.get(f"/next/accounts/{account.uuid}")).json()
    assert at_login == (await api.get("/v1/accounts/me")).json()
    assert (at_login["id"], at_login["name"], at_login["planDisplayName"]) == (account.uuid, "Acme", "Team")


@pytest.mark.parametrize(("id_", "status"), [("00000000-0000-4000-8000-000000000000", 404), ("acme", 400)])
async def test_there_is_no_other_account(api: httpx.AsyncClient, id_: str, status: int) -> None:
    assert (await api.get(f"/next/accounts/{id_}")).status_code == status


async def test_the_user_has_a_name_and_an_address(api: httpx.AsyncClient) -> None:
    user = (await api.get(USER)).json()
    assert (user["name"], user["email"]) == ("Operator", "operator@example.com")


async def test_the_entitlements_have_what_checkly_s_document_requires(api: httpx.AsyncClient) -> None:
    entitlements = (await api.get(ENTITLEMENTS)).json()
    assert (entitlements["plan"], entitlements["locations"], entitlements["entitlements"]) == ("team", {"all": []}, [])
    assert entitlements["addons"]["communicate"]["tier"] == "team"


async def test_v1_s_removal_keeps_the_account(api: httpx.AsyncClient, state: State) -> None:
    state.settings.v1_gone = 410
    assert (await api.get(ENTITLEMENTS)).status_code == 200
    assert (await api.get(SERVICES)).status_code == 410


@pytest.mark.parametrize("path", [USER, ENTITLEMENTS])
async def test_login_needs_the_key_is_limited_logged_and_struck_by_faults_as_every_call(
    api: httpx.AsyncClient, state: State, path: str
) -> None:
    assert (await api.get(path, headers={"Authorization": "Bearer wrong"})).json()["message"] == "Bad Token"
    await api.post("/sandbox/faults", json={"kind": "answer", "status": 503, "path": path})
    assert (await api.get(path)).status_code == 503
    state.settings.rate_limit = 0
    assert (await api.get(path)).status_code == 429
    assert [call.status for call in state.calls] == [401, 503, 429]


@pytest.mark.parametrize(("method", "path"), [("POST", USER), ("GET", "/next/accounts"), ("GET", f"{USER}/")])
async def test_login_has_nothing_else(api: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await api.request(method, path)).status_code == 404
