"""Reading all that the account has, where it may lack a generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from bridge.checkly.errors import Gone, UnknownOutcome
from bridge.checkly.inventory import read_inventory
from bridge.sandbox.errors import envelope

if TYPE_CHECKING:
    from bridge.checkly.client import Client
    from bridge.sandbox.state import State
    from tests.unit.checkly.helpers import ClientFor, Handler

SERVICES, PAGES, V3_PAGES = "/v1/status-pages/services", "/v1/status-pages", "/v3/status-pages"


def account(*, lacks: str = "", status: int = 404) -> Handler:
    """An account with one of each; every path that begins with ``lacks`` answers ``status``."""
    lists = {
        SERVICES: {"id": "s", "name": "Checkout", "accountId": "a"},
        PAGES: {"id": "p", "name": "Acme", "url": "acme", "cards": [{"services": [{"id": "s"}]}]},
        V3_PAGES: {"id": "q", "name": "Platform", "url": "platform", "customDomain": None},
        f"{V3_PAGES}/q/components": {"id": "c", "name": "Orders", "type": "SERVICE", "hidden": False},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if lacks and request.url.path.startswith(lacks):
            return httpx.Response(status, json=envelope(status))
        return httpx.Response(200, json={"length": 1, "entries": [lists[request.url.path]]})

    return answer


async def test_both_generations_are_read(client_for: ClientFor) -> None:
    found = await read_inventory(client_for(account()))
    assert [service.id for service in found.services] == ["s"]
    assert [page.id for page in found.pages] == ["p"]
    assert [page.id for page in found.v3_pages] == ["q"]
    assert [component.id for component in found.components["q"]] == ["c"]
    assert found.v1_gone == ""


async def test_the_simulators_account_is_read(simulated: tuple[Client, State]) -> None:
    client, state = simulated
    found = await read_inventory(client)
    assert {page.id for page in found.pages} == set(state.catalog.pages)
    assert {page.id for page in found.v3_pages} == set(state.catalog.component_pages)
    assert {page.id: {each.id for each in found.components[page.id]} for page in found.v3_pages} == {
        page.id: set(page.components) for page in state.catalog.component_pages.values()
    }


@pytest.mark.parametrize("status", [404, 410])
async def test_a_retired_v1_api_is_told_apart_from_an_empty_one(client_for: ClientFor, status: int) -> None:
    found = await read_inventory(client_for(account(lacks="/v1/", status=status)))
    assert found.v1_gone.startswith(f"GET {SERVICES}: {status} ")
    assert (found.services, found.pages) == ((), ())
    assert len(found.v3_pages) == 1


async def test_an_account_without_v3_has_no_such_pages(client_for: ClientFor) -> None:
    found = await read_inventory(client_for(account(lacks="/v3/")))
    assert (found.v3_pages, found.components) == ((), {})
    assert len(found.services) == 1


async def test_v1_is_left_alone_where_nothing_names_it(client_for: ClientFor) -> None:
    found = await read_inventory(client_for(account(lacks="/v1/", status=500)), with_v1=False)
    assert len(found.v3_pages) == 1


async def test_an_account_with_neither_is_no_account(client_for: ClientFor) -> None:
    with pytest.raises(Gone, match="account id right"):
        await read_inventory(client_for(account(lacks="/")))
    with pytest.raises(Gone, match="account id right"):
        await read_inventory(client_for(account(lacks="/v3/")), with_v1=False)


@pytest.mark.parametrize("path", [SERVICES, V3_PAGES])
async def test_what_cannot_be_read_is_not_taken_for_empty(client_for: ClientFor, path: str) -> None:
    with pytest.raises(UnknownOutcome):
        await read_inventory(client_for(account(lacks=path, status=502)))
