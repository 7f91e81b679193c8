"""The adapter against the simulator; every request of every test is held against Checkly's OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.checkly.cache import RECHECK_AFTER_MS
from bridge.checkly.errors import Gone, NotSent, RateLimited, Rejected, Unauthorized, UnknownOutcome
from bridge.checkly.v1.page import INCIDENTS, V1StatusPage
from bridge.checkly.v1.services import PATH, Catalog
from bridge.config.schema import Service
from bridge.model import Intent, Phase, Severity, UpdateKind, Write
from bridge.sandbox.errors import envelope
from bridge.sandbox.faults import Answer, Drop, Reorder
from bridge.sandbox.state import State, UpdateFields
from tests.contracts.openapi import Contract
from tests.unit.checkly.helpers import START, ClientFor, Handler, Time

if TYPE_CHECKING:
    from bridge.checkly.client import Client
    from bridge.checkly.port import StatusPage

OPEN = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("shop", "pay"),
    labels={},
    name="Checkout is degraded",
    text="We are looking into it. [br-1]",
    notify=True,
    public_at=START - 61_007,
    recorded_at=START,
)
RESOLVE = replace(OPEN, write=Write.UPDATE, status=Phase.RESOLVED, text="All is well.", notify=False, public_at=START)
RAISE = replace(
    OPEN, write=Write.CHANGE, severity=Severity.CRITICAL, services=("shop", "search"), name="Other", text=""
)


@pytest.fixture
def configured() -> dict[str, Service]:
    return {
        "shop": Service(name="shop", remote_name="Checkout"),
        "pay": Service(name="pay", remote_name="Payments"),
        "search": Service(name="search", remote_name="Search"),
    }


@pytest.fixture
def state(simulated: tuple[Client, State]) -> State:
    return simulated[1]


@pytest.fixture
async def page(
    simulated: tuple[Client, State], clock: Time, configured: dict[str, Service]
) -> AsyncIterator[StatusPage]:
    client, state = simulated
    yield V1StatusPage(client, Catalog(client, clock=clock), lambda: configured)
    for call in state.calls:
        Contract.v1().validate_request(call.method, call.path, call.request)


def service_ids(state: State, *names: str) -> tuple[str, ...]:
    return tuple(state.catalog.named(names))


def writes(state: State) -> list[Any]:
    return [call for call in state.calls if call.method != "GET"]


def scripted(client_for: ClientFor, clock: Time, configured: dict[str, Service], writing: Handler) -> V1StatusPage:
    """An adapter whose account is fixed and whose writes a function answers."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            return writing(request)
        found = [{"id": f"id-{name}", "name": name, "accountId": "a"} for name in ("Checkout", "Payments", "Search")]
        return httpx.Response(200, json={"length": 3, "entries": found})

    client = client_for(answer)
    return V1StatusPage(client, Catalog(client, clock=clock), lambda: configured)


async def test_opening_sends_exactly_what_the_intent_says(page: StatusPage, state: State) -> None:
    opened = await page.open(OPEN)
    (call,) = writes(state)
    account, (checkout, payments) = state.account.uuid, service_ids(state, "Checkout", "Payments")
    assert call.request == {
        "name": "Checkout is degraded",
        "severity": "MAJOR",
        "services": [
            {"id": checkout, "name": "Checkout", "accountId": account},
            {"id": payments, "name": "Payments", "accountId": account},
        ],
        "incidentUpdates": [
            {
                "description": "We are looking into it. [br-1]",
                "status": "INVESTIGATING",
                "publicIncidentUpdateDate": "2026-09-21T14:12:18.993Z",
                "notifySubscribers": True,
            }
        ],
    }
    assert (opened.status, opened.severity, opened.services) == (
        Phase.INVESTIGATING,
        Severity.MAJOR,
        (checkout, payments),
    )
    assert opened.updates[0].public_at == OPEN.public_at
    assert await page.read(opened.id) == replace(opened, concerns=frozenset({"shop", "pay"}))


async def test_two_names_of_one_service_are_sent_as_one(
    page: StatusPage, state: State, configured: dict[str, Service]
) -> None:
    (checkout,) = service_ids(state, "Checkout")
    configured["pay"] = Service(name="pay", id=checkout)
    opened = await page.open(OPEN)
    assert opened.services == (checkout,)


async def test_an_update_moves_the_status_and_resolves(page: StatusPage, state: State, clock: Time) -> None:
    opened = await page.open(OPEN)
    clock.now += 5_000
    update = await page.update(opened.id, replace(RESOLVE, status=Phase.IDENTIFIED, public_at=clock.now))
    assert (update.status, update.text, update.public_at) == (Phase.IDENTIFIED, "All is well.", clock.now)
    assert update.id
    await page.update(opened.id, replace(RESOLVE, public_at=clock.now + 1))
    assert writes(state)[-1].request["notifySubscribers"] is False
    read = await page.read(opened.id)
    assert read.status is Phase.RESOLVED
    assert [update.status for update in read.updates] == [Phase.RESOLVED, Phase.IDENTIFIED, Phase.INVESTIGATING]


async def test_what_goes_without_a_date_is_dated_by_the_page(page: StatusPage, state: State, clock: Time) -> None:
    state.settings.early_date = 422
    with pytest.raises(Rejected):
        await page.open(OPEN)
    opened = await page.open(replace(OPEN, is_dated=False))
    assert "publicIncidentUpdateDate" not in writes(state)[-1].request["incidentUpdates"][0]
    assert opened.updates[0].public_at == clock.now
    update = await page.update(opened.id, replace(RESOLVE, is_dated=False))
    assert (update.public_at, "publicIncidentUpdateDate" in writes(state)[-1].request) == (clock.now, False)


async def test_a_change_keeps_the_name_and_what_others_added(page: StatusPage, state: State) -> None:
    opened = await page.open(OPEN)
    incident = state.incidents.get(opened.id)
    assert incident is not None
    incident.name = "Renamed by a person"
    incident.service_ids += service_ids(state, "Webhooks")
    changed = await page.change(await page.read(opened.id), RAISE)
    assert changed.name == "Renamed by a person"
    assert changed.severity is Severity.CRITICAL
    assert changed.services == service_ids(state, "Checkout", "Payments", "Webhooks", "Search")
    assert set(writes(state)[-1].request) == {"name", "severity", "services"}


async def test_a_change_adds_no_service_that_a_person_took_off(page: StatusPage, state: State) -> None:
    opened = await page.open(OPEN)
    incident = state.incidents.get(opened.id)
    assert incident is not None
    (checkout,) = service_ids(state, "Checkout")
    incident.service_ids = tuple(each for each in incident.service_ids if each != checkout)
    changed = await page.change(await page.read(opened.id), RAISE, without=[checkout])
    assert changed.services == service_ids(state, "Payments", "Search")


async def test_an_incident_is_read_though_the_account_s_services_cannot_be(
    simulated: tuple[Client, State], clock: Time, configured: dict[str, Service]
) -> None:
    client, state = simulated
    stands = state.open("By hand", "MINOR", service_ids(state, "Search"), UpdateFields(description="x"), "others")
    state.faults.queue.append(Drop(method="GET", path=PATH))
    page = V1StatusPage(client, Catalog(client, clock=clock), lambda: configured)
    assert [(await page.read(stands.id)).concerns for _ in range(2)] == [frozenset(), frozenset({"search"})]


async def test_a_change_drops_a_service_that_was_deleted(page: StatusPage, state: State) -> None:
    opened = await page.open(OPEN)
    (payments,) = service_ids(state, "Payments")
    del state.catalog.services[payments]
    with capture_logs() as logs:
        changed = await page.change(opened, RAISE)
    assert changed.services == service_ids(state, "Checkout", "Search")
    assert payments in str(logs)


async def test_open_incidents_are_those_of_everyone_that_are_not_resolved(page: StatusPage, state: State) -> None:
    mine, resolved = await page.open(OPEN), await page.open(replace(OPEN, name="Over"))
    await page.update(resolved.id, RESOLVE)
    theirs = state.open("By hand", "MINOR", service_ids(state, "Search"), UpdateFields(description="x"), "others")
    found = await page.open_incidents()
    assert {incident.id for incident in found} == {mine.id, theirs.id}
    assert {incident.updates[0].text for incident in found} == {OPEN.text, "x"}


async def test_a_part_of_the_list_has_what_is_resolved_too_and_says_where_the_next_begins(
    page: StatusPage, state: State
) -> None:
    services = service_ids(state, "Search")
    for n in range(150):
        state.open(f"n{n}", "MINOR", services, UpdateFields(description="x"), "others")
    over = await page.open(OPEN)
    await page.update(over.id, RESOLVE)
    first, cursor = await page.listed()
    rest, end = await page.listed(cursor)
    assert (len(first), len(rest), end) == (100, 51, "")
    (found,) = (each for each in (*first, *rest) if each.id == over.id)
    assert (found.status, found.severity, found.is_whole) == (Phase.RESOLVED, OPEN.severity, True)


async def test_a_long_list_that_moves_while_it_is_read_gives_each_incident_once(page: StatusPage, state: State) -> None:
    services = service_ids(state, "Search")
    for n in range(250):
        state.open(f"n{n}", "MINOR", services, UpdateFields(description="x"), "others")
    state.faults.queue.append(Reorder(method="GET", path=INCIDENTS, skip=1))
    names = [incident.name for incident in await page.open_incidents()]
    assert len(names) == len(set(names)) >= 249


async def test_what_does_not_exist_is_gone(page: StatusPage) -> None:
    nowhere = "5f1c0d1e-0000-4000-8000-000000000001"
    with pytest.raises(Gone):
        await page.read(nowhere)
    with pytest.raises(Gone):
        await page.update(nowhere, RESOLVE)
    opened = await page.open(OPEN)
    with pytest.raises(Gone):
        await page.change(replace(opened, id=nowhere), RAISE)


async def test_an_id_cannot_leave_its_place_in_the_path(client_for: ClientFor) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404, json=envelope(404))

    client = client_for(answer)
    with pytest.raises(Gone):
        await V1StatusPage(client, Catalog(client, clock=Time()), dict).read("../checks?x#y")
    assert seen == [INCIDENTS.encode() + b"/..%2Fchecks%3Fx%23y"]


@pytest.mark.parametrize("commit", [True, False])
async def test_a_dropped_answer_is_unknown_whatever_happened(page: StatusPage, state: State, *, commit: bool) -> None:
    state.faults.queue.append(Drop(method="POST", commit=commit))
    with pytest.raises(UnknownOutcome):
        await page.open(OPEN)
    assert len(state.incidents.latest_first()) == int(commit)
    assert len(writes(state)) == 1


@pytest.mark.parametrize("body", ["unreadable", "empty", "html"])
async def test_an_unreadable_success_is_unknown(page: StatusPage, state: State, body: Any) -> None:
    state.faults.queue.append(Answer(method="POST", body=body, commit=True))
    with pytest.raises(UnknownOutcome):
        await page.open(OPEN)
    opened = await page.open(OPEN)
    state.faults.queue.append(Answer(method="POST", body=body, commit=True))
    with pytest.raises(UnknownOutcome):
        await page.update(opened.id, RESOLVE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (429, RateLimited), (500, NotSent), (404, NotSent), (422, NotSent), (302, NotSent)],
)
async def test_a_failure_before_the_write_says_that_nothing_was_written(
    page: StatusPage, state: State, status: int, kind: type[Exception]
) -> None:
    state.faults.queue.append(Answer(method="GET", path="/v1/status-pages/services", status=status))
    with pytest.raises(kind):
        await page.open(OPEN)
    assert writes(state) == []
    await page.open(OPEN)


@pytest.mark.parametrize(("status", "kind"), [(403, Unauthorized), (404, NotSent), (503, NotSent)])
async def test_a_list_that_cannot_be_read_is_not_a_lost_incident(
    page: StatusPage, state: State, status: int, kind: type[Exception]
) -> None:
    state.faults.queue.append(Answer(method="GET", path=INCIDENTS, status=status))
    with pytest.raises(kind):
        await page.open_incidents()


async def test_no_write_leaves_when_the_guard_says_no(page: StatusPage, state: State) -> None:
    opened = await page.open(OPEN)
    with pytest.raises(NotSent):
        await page.open(OPEN, guard=lambda: False)
    with pytest.raises(NotSent):
        await page.change(opened, RAISE, guard=lambda: False)
    with pytest.raises(NotSent):
        await page.update(opened.id, RESOLVE, guard=lambda: False)
    assert len(writes(state)) == 1


async def test_a_service_made_anew_is_found_and_the_write_repeated_with_it(page: StatusPage, state: State) -> None:
    await page.open(OPEN)
    (old,) = service_ids(state, "Checkout")
    service = state.catalog.services.pop(old)
    new = "5f1c0d1e-0000-4000-8000-0000000000ff"
    service.id = new
    state.catalog.services[new] = service
    opened = await page.open(OPEN)
    assert opened.services == (new, *service_ids(state, "Payments"))
    assert [call.status for call in writes(state)] == [201, 404, 201]


async def test_a_rejection_that_no_service_explains_is_not_repeated(page: StatusPage, state: State) -> None:
    state.faults.queue.append(Answer(method="POST", status=422))
    with pytest.raises(Rejected):
        await page.open(OPEN)
    assert len(writes(state)) == 1


async def test_a_write_of_unknown_outcome_is_not_repeated(page: StatusPage, state: State) -> None:
    state.faults.queue.append(Answer(method="POST", status=500, commit=True))
    with pytest.raises(UnknownOutcome):
        await page.open(OPEN)
    assert len(writes(state)) == 1


async def test_what_is_on_the_account_is_published_and_the_rest_is_reported(
    page: StatusPage, state: State, configured: dict[str, Service]
) -> None:
    configured["pay"] = Service(name="pay", remote_name="Paiments")
    with capture_logs() as logs:
        opened = await page.open(OPEN)
    assert opened.services == service_ids(state, "Checkout")
    (line,) = [line for line in logs if line["event"] == "service_missing"]
    assert line["log_level"] == "error"
    assert "'pay'" in line["reason"]
    assert "did you mean 'Payments'" in line["reason"]


async def test_nothing_on_the_account_is_a_rejection_that_says_why(
    page: StatusPage, state: State, configured: dict[str, Service]
) -> None:
    configured.clear()
    configured["shop"] = Service(name="shop", remote_name="Chekout")
    with pytest.raises(Rejected, match=r"nothing to publish on: .*did you mean 'Checkout'.*'pay' is not in the conf"):
        await page.open(OPEN)
    with pytest.raises(Rejected, match="no services"):
        await page.open(replace(OPEN, services=()))
    assert writes(state) == []


async def test_a_missing_service_is_looked_for_again_but_not_at_every_write(
    page: StatusPage, state: State, clock: Time
) -> None:
    (checkout, payments) = service_ids(state, "Checkout", "Payments")
    service = state.catalog.services.pop(payments)
    assert (await page.open(OPEN)).services == (checkout,)
    state.catalog.services[payments] = service
    assert (await page.open(OPEN)).services == (checkout,)
    clock.now += RECHECK_AFTER_MS
    assert (await page.open(OPEN)).services == (checkout, payments)
    assert len([call for call in state.calls if call.method == "GET"]) == 2


async def test_a_changed_configuration_counts_at_once(
    page: StatusPage, state: State, configured: dict[str, Service]
) -> None:
    await page.open(OPEN)
    configured["pay"] = Service(name="pay", remote_name="Search")
    assert (await page.open(OPEN)).services == service_ids(state, "Checkout", "Search")


async def test_a_success_without_an_id_is_unknown(
    client_for: ClientFor, clock: Time, configured: dict[str, Service]
) -> None:
    page = scripted(client_for, clock, configured, lambda _: httpx.Response(201, json={"name": "x"}))
    with pytest.raises(UnknownOutcome):
        await page.open(OPEN)


async def test_an_update_answered_without_an_id_is_done(
    client_for: ClientFor, clock: Time, configured: dict[str, Service]
) -> None:
    """Checkly's schema for this answer requires nothing but the description."""
    page = scripted(client_for, clock, configured, lambda _: httpx.Response(200, json={"description": "All is well."}))
    assert (await page.update("1", RESOLVE)).id == ""
