import asyncio

import httpx
import pytest

from bridge.checkly.cache import MAX_AGE_MS
from bridge.checkly.client import Client
from bridge.checkly.errors import UnknownOutcome
from bridge.checkly.v1.services import Catalog, RemoteService, ServiceMissing, find
from bridge.config.schema import Service
from bridge.sandbox.faults import Delay
from bridge.sandbox.state import State
from tests.unit.checkly.helpers import ClientFor, Time

KNOWN = tuple(
    RemoteService(id=str(n), name=name, account_id="a")
    for n, name in enumerate(["Checkout", "Payments", "Payments", "Public API"])
)


def test_a_service_is_found_by_id_or_exact_name() -> None:
    assert find(Service(name="pay", id="2"), KNOWN) is KNOWN[2]
    assert find(Service(name="shop", remote_name="Checkout"), KNOWN) is KNOWN[0]


def test_the_id_decides_over_the_name() -> None:
    assert find(Service(name="x", id="1", remote_name="Checkout"), KNOWN) is KNOWN[1]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Service(name="pay", remote_name="Payments"), r"'pay': the account has 2 services named 'Payments'.*\(1, 2\)"),
        (
            Service(name="shop", remote_name="checkout"),
            r"'shop'.*no service named 'checkout'; did you mean 'Checkout'\?",
        ),
        (Service(name="public-api", id="9"), r"no service id 9; did you mean 'Public API'\?"),
        (Service(name="q", remote_name="Zebra"), "no service named 'Zebra'; `bridge services` lists"),
    ],
)
def test_a_service_that_is_not_clear_is_explained(wanted: Service, says: str) -> None:
    with pytest.raises(ServiceMissing, match=says):
        find(wanted, KNOWN)


def test_an_account_without_services_is_said_to_be_one() -> None:
    with pytest.raises(ServiceMissing, match="no services at all"):
        find(Service(name="x", remote_name="X"), ())


async def test_the_accounts_services_are_read(simulated: tuple[Client, State], clock: Time) -> None:
    client, state = simulated
    services = await Catalog(client, clock=clock).services()
    assert [service.name for service in services] == list(state.account.services)
    assert {service.account_id for service in services} == {state.account.uuid}


async def test_services_are_cached_for_a_while(simulated: tuple[Client, State], clock: Time) -> None:
    client, state = simulated
    catalog = Catalog(client, clock=clock)
    await catalog.services()
    clock.now += MAX_AGE_MS - 1
    await catalog.services()
    assert len(state.calls) == 1
    await catalog.services(max_age_ms=1_000)
    assert len(state.calls) == 2
    await catalog.services(max_age_ms=0)
    assert len(state.calls) == 3
    clock.now += MAX_AGE_MS
    await catalog.services()
    assert len(state.calls) == 4


async def test_concurrent_callers_share_one_reading(simulated: tuple[Client, State], clock: Time) -> None:
    client, state = simulated
    catalog = Catalog(client, clock=clock)
    state.faults.queue.append(Delay(ms=1))  # so that the first gives way to the second
    first, second = await asyncio.gather(catalog.services(), catalog.services())
    assert first == second
    assert len(state.calls) == 1


async def test_a_failed_reading_keeps_nothing_and_is_tried_again(client_for: ClientFor, clock: Time) -> None:
    answers = iter(
        [httpx.Response(502), httpx.Response(200, json={"entries": [{"id": "1", "name": "A", "accountId": "a"}]})]
    )
    catalog = Catalog(client_for(lambda _: next(answers)), clock=clock)
    with pytest.raises(UnknownOutcome):
        await catalog.services()
    assert await catalog.services() == (RemoteService(id="1", name="A", account_id="a"),)


async def test_a_service_without_what_an_incident_needs_is_none(client_for: ClientFor, clock: Time) -> None:
    found = {
        "entries": [
            {"id": "1", "name": "A"},
            {"id": "2", "accountId": "a"},
            {"id": "3", "name": "C", "accountId": "a", "new": 1},
        ]
    }
    catalog = Catalog(client_for(lambda _: httpx.Response(200, json=found)), clock=clock)
    assert [service.id for service in await catalog.services()] == ["3"]
