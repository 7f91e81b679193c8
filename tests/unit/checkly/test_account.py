import httpx
import pytest

from bridge.checkly.account import Account, account, pages
from bridge.checkly.client import Client
from bridge.checkly.errors import Unauthorized, UnknownOutcome
from bridge.sandbox.state import State
from tests.unit.checkly.helpers import ClientFor


async def test_the_account_of_the_key(simulated: tuple[Client, State]) -> None:
    client, state = simulated
    found = await account(client)
    assert (found.id, found.name) == (state.account.uuid, "Acme")
    assert found.plan.lower() == "team"


async def test_an_account_needs_no_more_than_an_id(client_for: ClientFor) -> None:
    assert await account(client_for(lambda _: httpx.Response(200, json={"id": "1", "addons": None}))) == Account(id="1")
    tier = {"id": "1", "plan": "team", "addons": {"communicate": {"tier": "starter"}}}
    found = await account(client_for(lambda _: httpx.Response(200, json=tier)))
    assert (found.plan, found.communicate) == ("team", "starter")


async def test_a_wrong_key_and_an_odd_answer_are_errors(client_for: ClientFor) -> None:
    with pytest.raises(Unauthorized, match="Bad Token"):
        await account(client_for(lambda _: httpx.Response(401, json={"message": "Bad Token"})))
    with pytest.raises(UnknownOutcome):
        await account(client_for(lambda _: httpx.Response(200, json={"error": "none"})))


async def test_the_pages_and_the_services_they_show(simulated: tuple[Client, State]) -> None:
    client, state = simulated
    (page,) = await pages(client)
    assert (page.name, page.url, page.private) == ("Acme", "acme", False)
    assert page.services == frozenset(state.catalog.services)


async def test_a_page_may_be_private_have_its_own_domain_or_no_cards(client_for: ClientFor) -> None:
    found = [
        {"id": "1", "name": "A", "url": "a", "customDomain": "status.example.com", "isPrivate": True, "version": 2},
        {"id": "2", "name": "B", "url": "b", "customDomain": None, "cards": None, "version": None},
        {"id": "3", "url": "c", "cards": [{"services": None}, {"services": [{"id": "s"}, {"id": "s"}, {}]}]},
        {"id": "4", "url": "d", "cards": {"services": 1}, "version": "3"},
        {"id": "5", "url": "e", "cards": [None, {"services": ["s"]}]},
    ]
    read = await pages(client_for(lambda _: httpx.Response(200, json={"entries": found})))
    assert [(page.url, page.domain, page.private, page.services, page.version) for page in read] == [
        ("a", "status.example.com", True, frozenset(), 2),
        ("b", "", False, frozenset(), None),
        ("c", "", False, frozenset({"s"}), None),
        ("d", "", False, frozenset(), None),
        ("e", "", False, frozenset(), None),
    ]
