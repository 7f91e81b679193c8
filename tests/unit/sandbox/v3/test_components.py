from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sandbox.v3.helpers import API, COMPONENTS, DASHBOARD, INCIDENTS, NOBODY, ORDERS, PAGES, PLATFORM, create

if TYPE_CHECKING:
    import httpx


async def test_the_list_is_in_display_order(api: httpx.AsyncClient) -> None:
    names = [one["name"] for one in (await api.get(COMPONENTS)).json()["entries"]]
    assert names == ["Dashboard", "API", "Orders", "Catalog"]


@pytest.mark.parametrize(
    ("component", "changes"),
    [
        (ORDERS, {"name": ""}),
        (ORDERS, {"parentId": DASHBOARD}),
        (ORDERS, {"parentId": NOBODY}),
        (ORDERS, {"type": "GROUP", "parentId": API}),
        (API, {"type": "SERVICE"}),
        (API, {"surprise": 1}),
    ],
)
async def test_a_wrong_component_is_refused(api: httpx.AsyncClient, component: str, changes: dict[str, Any]) -> None:
    before = (await api.get(COMPONENTS)).json()
    answer = await api.put(f"{COMPONENTS}/{component}", json={"name": "x", "displayOrder": 0, **changes})
    assert answer.status_code == 400
    assert (await api.get(COMPONENTS)).json() == before


async def test_a_group_cannot_be_emptied(api: httpx.AsyncClient) -> None:
    catalog = next(one["id"] for one in (await api.get(COMPONENTS)).json()["entries"] if one["name"] == "Catalog")
    assert (await api.delete(f"{COMPONENTS}/{catalog}")).status_code == 204
    assert (await api.delete(f"{COMPONENTS}/{ORDERS}")).status_code == 400
    assert (await api.put(f"{COMPONENTS}/{ORDERS}", json={"name": "x", "displayOrder": 0})).status_code == 400
    kept = {"name": "x", "displayOrder": 0, "parentId": API}
    assert (await api.put(f"{COMPONENTS}/{ORDERS}", json=kept)).status_code == 200


async def test_a_deleted_component_leaves_its_incidents(api: httpx.AsyncClient) -> None:
    incident = await create(api)
    assert (await api.delete(f"{COMPONENTS}/{ORDERS}")).status_code == 204
    assert (await api.get(incident)).json()["componentImpacts"] == []


async def test_a_deleted_page_takes_everything_with_it(api: httpx.AsyncClient) -> None:
    incident = await create(api)
    assert (await api.delete(PLATFORM)).status_code == 204
    assert [(await api.get(path)).status_code for path in (PLATFORM, COMPONENTS, INCIDENTS, incident)] == 4 * [404]
    assert (await api.get("/sandbox/state")).json()["incidents"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "a b"},
        {"url": "ACME"},
        {"name": ""},
        {"logo": "ftp://x"},
        {"themeColors": {}},
        {"themeColors": {"light": {}, "dark": {}}},
        {"isPrivate": True},
    ],
)
async def test_a_wrong_page_is_refused(api: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    assert (await api.post(PAGES, json={"name": "New", "url": "new", **changes})).status_code == 400
    assert (await api.get(PAGES)).json()["length"] == 1


async def test_each_generation_lists_its_own_pages(api: httpx.AsyncClient) -> None:
    cards, components = [(await api.get(path)).json()["entries"] for path in ("/v1/status-pages", PAGES)]
    assert ([one["url"] for one in cards], [one["url"] for one in components]) == (["acme"], ["platform"])
    assert (await api.get(f"/v1/status-pages/{components[0]['id']}")).status_code == 404
    assert (await api.get(f"{PAGES}/{cards[0]['id']}")).status_code == 404
