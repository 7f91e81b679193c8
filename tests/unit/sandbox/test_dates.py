"""Public dates that are earlier than their incident, for an account that refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bridge.sandbox.instants import iso
from tests.unit.sandbox.helpers import INCIDENTS as INCIDENTS_V1
from tests.unit.sandbox.helpers import Clock, update
from tests.unit.sandbox.helpers import new_incident as body_v1
from tests.unit.sandbox.v3.helpers import INCIDENTS as INCIDENTS_V3
from tests.unit.sandbox.v3.helpers import new_incident as body_v3

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account

Body = Callable[..., dict[str, Any]]


@pytest.fixture(params=["v1", "v3"])
def generation(request: pytest.FixtureRequest, account: Account) -> tuple[str, Body]:
    """The list of one generation, and what makes an incident of it."""
    if request.param == "v3":
        return INCIDENTS_V3, body_v3
    return INCIDENTS_V1, lambda **changes: body_v1(account, **changes)


def dated(at: int) -> dict[str, Any]:
    return update(publicIncidentUpdateDate=iso(at))


async def test_early_dates_are_taken_by_default(
    api: httpx.AsyncClient, clock: Clock, generation: tuple[str, Body]
) -> None:
    incidents, body = generation
    assert (await api.post(incidents, json=body(incidentUpdates=[dated(clock.at - 60_000)]))).status_code == 201


@pytest.mark.parametrize("status", [400, 422])
async def test_early_dates_are_refused(
    api: httpx.AsyncClient, clock: Clock, generation: tuple[str, Body], status: int
) -> None:
    incidents, body = generation
    await api.patch("/sandbox/settings", json={"early_date": status})
    refused = await api.post(incidents, json=body(incidentUpdates=[dated(clock.at - 1)]))
    assert (refused.status_code, refused.json()["statusCode"]) == (status, status)
    assert "created_at" in refused.json()["message"]
    assert (await api.get(incidents)).json()["entries"] == []

    assert (await api.post(incidents, json=body())).status_code == 201
    made = (await api.post(incidents, json=body(incidentUpdates=[dated(clock.at)]))).json()
    updates = f"{incidents}/{made['id']}/incident-updates"
    first = f"{updates}/{made['incidentUpdates'][0]['id']}"
    created = clock.at
    clock.advance(5_000)
    assert (await api.post(updates, json=dated(created - 1))).status_code == status
    assert (await api.put(first, json=dated(created - 1))).status_code == status
    assert (await api.post(updates, json=dated(created))).is_success
    assert (await api.put(first, json=dated(created))).is_success
    assert len((await api.get(updates)).json()) == 2


async def test_only_400_and_422_can_be_chosen(api: httpx.AsyncClient) -> None:
    assert (await api.patch("/sandbox/settings", json={"early_date": 500})).status_code == 400
    assert (await api.patch("/sandbox/settings", json={"early_date": 422})).json()["early_date"] == 422
    assert (await api.patch("/sandbox/settings", json={"early_date": None})).json()["early_date"] is None
