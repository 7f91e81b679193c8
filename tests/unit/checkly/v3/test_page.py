"""The adapter against the simulator; every request of every test is held against Checkly's OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.checkly.cache import MAX_AGE_MS, RECHECK_AFTER_MS
from bridge.checkly.errors import Gone, NotSent, Nowhere, RateLimited, Rejected, Unauthorized, UnknownOutcome
from bridge.checkly.v3.components import PAGES, Directory
from bridge.checkly.v3.page import V3StatusPage
from bridge.config.schema import Component, Service
from bridge.model import Phase
from bridge.sandbox.components import Component as Shown
from bridge.sandbox.components import ComponentPage
from bridge.sandbox.faults import Answer, Drop, Reorder
from bridge.sandbox.state import State, UpdateFields
from tests.contracts.openapi import Contract
from tests.unit.checkly.helpers import START, Time
from tests.unit.checkly.v3.helpers import (
    DEGRADED,
    FINE,
    MAJOR,
    NOWHERE,
    OPEN,
    PARTIAL,
    RAISE,
    RESOLVE,
    ailing,
    reads,
    stands,
    writes,
)

if TYPE_CHECKING:
    from bridge.checkly.client import Client


@pytest.fixture
def configured() -> dict[str, Service]:
    return {
        name: Service(name=name, in_v1=False, components=(Component(page="platform", component=name.title()),))
        for name in ("orders", "catalog", "dashboard")
    }


@pytest.fixture
def state(simulated: tuple[Client, State]) -> State:
    return simulated[1]


@pytest.fixture
def shown(state: State) -> ComponentPage:
    """The page as the simulator keeps it."""
    (shown,) = state.catalog.component_pages.values()
    return shown


@pytest.fixture
async def page(
    simulated: tuple[Client, State], clock: Time, configured: dict[str, Service]
) -> AsyncIterator[V3StatusPage]:
    client, state = simulated
    yield V3StatusPage(client, Directory(client, clock=clock), "platform", lambda: configured)
    for call in state.calls:
        Contract.v3().validate_request(call.method, call.path, call.request)


async def test_opening_sends_exactly_what_the_intent_says(
    page: V3StatusPage, state: State, shown: ComponentPage
) -> None:
    opened = await page.open(OPEN)
    (call,) = writes(state)
    orders, catalog = shown.named("Orders").id, shown.named("Catalog").id
    impacts = [
        {"componentId": orders, "status": "PARTIAL_OUTAGE"},
        {"componentId": catalog, "status": "DEGRADED_PERFORMANCE"},
    ]
    assert call.path == f"{PAGES}/{shown.id}/incidents"
    assert call.request == {
        "name": "Orders are slow",
        "componentImpacts": sorted(impacts, key=lambda each: each["componentId"]),
        "incidentUpdates": [
            {
                "description": "We are looking into it. [br-1]",
                "status": "INVESTIGATING",
                "publicIncidentUpdateDate": "2026-09-21T14:12:18.993Z",
                "notifySubscribers": True,
            }
        ],
    }
    read = await page.read(opened.id)
    assert (read.status, read.severity, read.is_whole) == (Phase.INVESTIGATING, None, True)
    assert read.impacts == {"orders": PARTIAL, "catalog": DEGRADED, "dashboard": FINE}
    assert read.concerns == {"orders", "catalog"}
    assert read.updates[0].public_at == OPEN.public_at


async def test_the_updates_of_an_incident_end_it_and_whatever_was_wrong(
    page: V3StatusPage, state: State, clock: Time
) -> None:
    opened = await page.open(OPEN)
    clock.now += 5_000
    update = await page.update(opened.id, replace(RESOLVE, status=Phase.IDENTIFIED, public_at=clock.now))
    assert (update.status, update.text, update.public_at) == (Phase.IDENTIFIED, "All is well.", clock.now)
    assert update.id
    await page.update(opened.id, replace(RESOLVE, public_at=clock.now + 1))
    assert writes(state)[-1].request["notifySubscribers"] is False
    read = await page.read(opened.id)
    assert (read.status, read.concerns, read.components) == (Phase.RESOLVED, frozenset(), {})
    assert [update.status for update in read.updates] == [Phase.RESOLVED, Phase.IDENTIFIED, Phase.INVESTIGATING]


class TestChange:
    async def test_a_change_sets_the_impacts_and_keeps_the_name(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        opened = await page.open(OPEN)
        stands(state, opened.id).name = "Renamed by a person"
        changed = await page.change(await page.read(opened.id), RAISE)
        assert changed.name == "Renamed by a person"
        assert ailing(shown, stands(state, opened.id)) == {"Orders": "MAJOR_OUTAGE"}
        assert set(writes(state)[-1].request) == {"name", "componentImpacts"}

    @pytest.mark.parametrize("is_configured", [True, False])
    async def test_it_leaves_what_a_person_said_of_other_components(
        self,
        page: V3StatusPage,
        state: State,
        shown: ComponentPage,
        configured: dict[str, Service],
        is_configured: bool,
    ) -> None:
        if not is_configured:
            del configured["dashboard"]
        opened = await page.open(OPEN)
        incident = stands(state, opened.id)
        incident.set_impacts({**incident.impacts, shown.named("Dashboard").id: "UNDER_MAINTENANCE"}, state.wall_ms())
        await page.change(await page.read(opened.id), RAISE)
        assert ailing(shown, incident) == {"Orders": "MAJOR_OUTAGE", "Dashboard": "UNDER_MAINTENANCE"}

    async def test_it_does_without_a_persons_component_that_was_deleted_meanwhile(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        opened = await page.open(OPEN)
        incident, dashboard = stands(state, opened.id), shown.named("Dashboard")
        incident.set_impacts({**incident.impacts, dashboard.id: "UNDER_MAINTENANCE"}, state.wall_ms())
        current = await page.read(opened.id)
        state.remove_component(shown, dashboard)
        await page.change(current, RAISE)
        assert ailing(shown, incident) == {"Orders": "MAJOR_OUTAGE"}
        assert [call.status for call in writes(state)] == [201, 404, 200]

    async def test_what_has_recovered_is_not_sent_along_for_ever(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        opened = await page.open(OPEN)
        await page.change(await page.read(opened.id), RAISE)
        await page.change(await page.read(opened.id), replace(RAISE, impacts={"orders": PARTIAL}))
        orders = shown.named("Orders").id
        assert writes(state)[-1].request["componentImpacts"] == [{"componentId": orders, "status": "PARTIAL_OUTAGE"}]


class TestList:
    async def test_it_gives_those_of_everyone_that_are_not_resolved_without_updates(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        mine, over = await page.open(OPEN), await page.open(replace(OPEN, name="Over"))
        await page.update(over.id, RESOLVE)
        dashboard = shown.named("Dashboard").id
        theirs = state.open_on(shown, "By hand", {dashboard: "MAJOR_OUTAGE"}, UpdateFields(description="x"), "others")
        found = {incident.id: incident for incident in await page.open_incidents()}
        assert found.keys() == {mine.id, theirs.id}
        assert {(each.is_whole, each.updates) for each in found.values()} == {(False, ())}
        assert found[theirs.id].concerns == {"dashboard"}
        assert found[theirs.id].impacts["dashboard"] is MAJOR

    async def test_a_part_of_it_has_what_is_resolved_too_and_says_where_the_next_begins(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        for n in range(150):
            state.open_on(shown, f"n{n}", {}, UpdateFields(description="x"), "others")
        over, mine = await page.open(replace(OPEN, name="Over")), await page.open(OPEN)
        await page.update(over.id, RESOLVE)
        first, cursor = await page.listed()
        rest, end = await page.listed(cursor)
        assert (len(first), len(rest), end) == (100, 52, "")
        found = {each.id: each for each in (*first, *rest)}
        assert (found[over.id].status, found[over.id].is_whole) == (Phase.RESOLVED, False)
        assert found[mine.id].impacts == (await page.read(mine.id)).impacts

    async def test_the_version_of_an_entry_moves_with_the_incident(self, page: V3StatusPage, clock: Time) -> None:
        opened = await page.open(OPEN)

        async def version() -> str:
            (listed,) = await page.open_incidents()
            return listed.version

        seen = [await version(), await version()]
        assert seen[0] == seen[1] == (await page.read(opened.id)).version != ""
        clock.now += 1
        await page.update(opened.id, replace(RESOLVE, status=Phase.IDENTIFIED))
        seen.append(await version())
        clock.now += 1
        await page.change(await page.read(opened.id), RAISE)
        seen.append(await version())
        assert len(set(seen)) == 3

    async def test_one_that_moves_while_it_is_read_gives_each_incident_once(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        for n in range(250):
            state.open_on(shown, f"n{n}", {}, UpdateFields(description="x"), "others")
        state.faults.queue.append(Reorder(method="GET", path=f"{PAGES}/*/incidents", skip=1))
        names = [incident.name for incident in await page.open_incidents()]
        assert len(names) == len(set(names)) >= 249

    @pytest.mark.parametrize(("status", "kind"), [(403, Unauthorized), (404, NotSent), (503, NotSent)])
    async def test_one_that_cannot_be_read_is_not_a_lost_incident(
        self, page: V3StatusPage, state: State, status: int, kind: type[Exception]
    ) -> None:
        state.faults.queue.append(Answer(method="GET", path=f"{PAGES}/*/incidents", status=status))
        with pytest.raises(kind):
            await page.open_incidents()


class TestMissing:
    async def test_an_incident_that_does_not_exist_is_gone(self, page: V3StatusPage) -> None:
        with pytest.raises(Gone):
            await page.read(NOWHERE)
        with pytest.raises(Gone):
            await page.update(NOWHERE, RESOLVE)
        opened = await page.open(OPEN)
        with pytest.raises(Gone):
            await page.change(replace(opened, id=NOWHERE), RAISE)

    async def test_of_a_page_that_was_deleted_nothing_is_listed(self, page: V3StatusPage, state: State) -> None:
        await page.open(OPEN)
        state.catalog.component_pages.clear()
        with pytest.raises(NotSent, match="the whole list is gone"):
            await page.open_incidents()
        with pytest.raises(NotSent):
            await page.open(OPEN)

    async def test_a_page_that_is_not_on_the_account_is_named_with_what_is_near(
        self, simulated: tuple[Client, State], clock: Time, configured: dict[str, Service]
    ) -> None:
        client, state = simulated
        page = V3StatusPage(client, Directory(client, clock=clock), "platfrom", lambda: configured)
        for _ in range(3):
            with pytest.raises(Nowhere, match=r"no v3 status page 'platfrom'; did you mean 'platform'"):
                await page.open_incidents()
        with pytest.raises(Nowhere):
            await page.open(OPEN)
        assert (writes(state), reads(state)) == ([], 1), "not read at every try"
        clock.now += RECHECK_AFTER_MS
        next(iter(state.catalog.component_pages.values())).url = "platfrom"
        assert await page.open_incidents() == []

    async def test_a_page_that_was_renamed_is_found_by_its_address_and_one_named_by_name_is_missed(
        self, simulated: tuple[Client, State], page: V3StatusPage, shown: ComponentPage, clock: Time
    ) -> None:
        by_name = V3StatusPage(simulated[0], Directory(simulated[0], clock=clock), "Acme Platform", dict)
        assert await by_name.open_incidents() == []
        shown.name = "Another"
        clock.now += MAX_AGE_MS
        assert await page.open_incidents() == []
        with pytest.raises(Nowhere):
            await by_name.open_incidents()

    async def test_what_is_on_the_page_is_published_and_the_rest_is_reported(
        self, page: V3StatusPage, state: State, shown: ComponentPage, configured: dict[str, Service]
    ) -> None:
        configured["catalog"] = Service(
            name="catalog", in_v1=False, components=(Component(page="platform", component="Catalogue"),)
        )
        with capture_logs() as logs:
            opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)) == {"Orders": "PARTIAL_OUTAGE"}
        (line,) = [line for line in logs if line["event"] == "service_missing"]
        assert line["log_level"] == "error"
        assert "'catalog'" in line["reason"]
        assert "did you mean 'Catalog'" in line["reason"]

    async def test_nothing_on_the_page_is_a_rejection_that_says_why(
        self, page: V3StatusPage, state: State, configured: dict[str, Service]
    ) -> None:
        configured.clear()
        with pytest.raises(Nowhere, match=r"nothing to publish on: service 'orders' is not configured for page 'plat"):
            await page.open(OPEN)
        with pytest.raises(Nowhere, match="no services"):
            await page.open(replace(OPEN, impacts={}))
        assert writes(state) == []

    async def test_a_component_that_was_renamed_is_looked_for_again_but_not_at_every_write(
        self, page: V3StatusPage, state: State, shown: ComponentPage, clock: Time
    ) -> None:
        shown.named("Catalog").name = "Catalogue"
        await page.open(OPEN)
        shown.named("Catalogue").name = "Catalog"
        before = reads(state)
        opened = await page.open(OPEN)
        assert (ailing(shown, stands(state, opened.id)), reads(state)) == ({"Orders": "PARTIAL_OUTAGE"}, before)
        clock.now += RECHECK_AFTER_MS
        opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)).keys() == {"Orders", "Catalog"}


class TestComponentsThatMove:
    async def test_one_made_anew_is_found_and_the_write_repeated_with_it(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        await page.open(OPEN)
        old = shown.named("Orders")
        state.remove_component(shown, old)
        shown.add(Shown(id=NOWHERE, name="Orders", created_at=START))
        opened = await page.open(OPEN)
        assert stands(state, opened.id).impacts[NOWHERE] == "PARTIAL_OUTAGE"
        assert [call.status for call in writes(state)] == [201, 404, 201]

    async def test_a_component_that_became_a_group_is_left_out(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        await page.open(OPEN)
        shown.named("Orders").type = "GROUP"
        opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)) == {"Catalog": "DEGRADED_PERFORMANCE"}
        assert [call.status for call in writes(state)] == [201, 400, 201]

    async def test_of_two_with_one_name_neither_is_chosen(
        self, page: V3StatusPage, state: State, shown: ComponentPage
    ) -> None:
        shown.add(Shown(id=NOWHERE, name="Orders", created_at=START))
        with capture_logs() as logs:
            opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)) == {"Catalog": "DEGRADED_PERFORMANCE"}
        assert "has 2 components 'Orders'" in str(logs)

    async def test_a_component_under_two_names_of_the_configuration_shows_the_worse(
        self, page: V3StatusPage, state: State, shown: ComponentPage, configured: dict[str, Service]
    ) -> None:
        by_id = Component(page="platform", component=shown.named("Orders").id)
        configured["catalog"] = Service(name="catalog", in_v1=False, components=(by_id,))
        opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)) == {"Orders": "PARTIAL_OUTAGE"}
        peers = (await page.read(opened.id)).peers
        assert peers == {"catalog": frozenset({"orders"}), "orders": frozenset({"catalog"})}

    async def test_all_components_of_a_service_on_this_page_are_meant_and_none_of_another(
        self, page: V3StatusPage, state: State, shown: ComponentPage, configured: dict[str, Service]
    ) -> None:
        components = [Component(page="platform", component=name) for name in ("Orders", "Dashboard")]
        elsewhere = Component(page="elsewhere", component="Catalog")
        configured["orders"] = Service(name="orders", in_v1=False, components=(*components, elsewhere))
        configured["catalog"] = Service(name="catalog", in_v1=False, components=(elsewhere,))
        opened = await page.open(OPEN)
        assert ailing(shown, stands(state, opened.id)) == dict.fromkeys(("Orders", "Dashboard"), "PARTIAL_OUTAGE")
        assert (await page.read(opened.id)).impacts == {"orders": PARTIAL, "dashboard": PARTIAL}


class TestOutcomes:
    @pytest.mark.parametrize("commit", [True, False])
    async def test_a_dropped_answer_is_unknown_whatever_happened(
        self, page: V3StatusPage, state: State, *, commit: bool
    ) -> None:
        state.faults.queue.append(Drop(method="POST", commit=commit))
        with pytest.raises(UnknownOutcome):
            await page.open(OPEN)
        assert (len(state.page_incidents.latest_first()), len(writes(state))) == (int(commit), 1)

    @pytest.mark.parametrize("body", ["unreadable", "empty", "html"])
    async def test_an_unreadable_success_is_unknown(self, page: V3StatusPage, state: State, body: Any) -> None:
        opened = await page.open(OPEN)
        state.faults.queue += [Answer(method=method, body=body, commit=True) for method in ("POST", "PUT", "POST")]
        with pytest.raises(UnknownOutcome):
            await page.open(OPEN)
        with pytest.raises(UnknownOutcome):
            await page.change(opened, RAISE)
        with pytest.raises(UnknownOutcome):
            await page.update(opened.id, RESOLVE)

    @pytest.mark.parametrize(("status", "kind"), [(422, Rejected), (500, UnknownOutcome), (409, UnknownOutcome)])
    async def test_a_refusal_that_no_component_explains_is_not_repeated(
        self, page: V3StatusPage, state: State, status: int, kind: type[Exception]
    ) -> None:
        state.faults.queue.append(Answer(method="POST", status=status))
        with pytest.raises(kind):
            await page.open(OPEN)
        assert len(writes(state)) == 1

    @pytest.mark.parametrize("path", [PAGES, f"{PAGES}/*/components"])
    @pytest.mark.parametrize(
        ("status", "kind"),
        [(401, Unauthorized), (429, RateLimited), (500, NotSent), (404, NotSent), (422, NotSent), (302, NotSent)],
    )
    async def test_a_failure_before_the_write_says_that_nothing_was_written(
        self, page: V3StatusPage, state: State, path: str, status: int, kind: type[Exception]
    ) -> None:
        state.faults.queue.append(Answer(method="GET", path=path, status=status))
        with pytest.raises(kind) as failure:
            await page.open(OPEN)
        assert not isinstance(failure.value, Nowhere)
        assert writes(state) == []
        await page.open(OPEN)

    async def test_no_write_leaves_when_the_guard_says_no(self, page: V3StatusPage, state: State) -> None:
        opened = await page.open(OPEN)
        with pytest.raises(NotSent):
            await page.open(OPEN, guard=lambda: False)
        with pytest.raises(NotSent):
            await page.change(opened, RAISE, guard=lambda: False)
        with pytest.raises(NotSent):
            await page.update(opened.id, RESOLVE, guard=lambda: False)
        assert len(writes(state)) == 1
