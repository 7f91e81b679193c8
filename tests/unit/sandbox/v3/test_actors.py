"""What others do to a page of components, Checkly's own rules, and the end of v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sandbox.helpers import new_incident, update
from tests.unit.sandbox.v3.helpers import INCIDENTS, ORDERS, PAGES, create, current

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State

ON_PAGE = {"name": "Orders fail", "page": "platform", "impacts": {"Orders": "MAJOR_OUTAGE"}, "notify": True}
ON_SERVICE = {"name": "Checkout fails", "services": ["Checkout"], "severity": "CRITICAL"}


async def incidents(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/sandbox/state")).json()["incidents"]
    return found


async def test_others_open_and_edit_on_a_page(api: httpx.AsyncClient, state: State) -> None:
    made = (await api.post("/sandbox/incidents", json=ON_PAGE)).json()
    assert (made["origin"], made["api"], made["pages"], made["impacts"]) == (
        "others",
        "v3",
        ["platform"],
        {"Orders": "MAJOR_OUTAGE"},
    )
    assert [mail.page for mail in state.mails] == ["platform"]
    path = f"/sandbox/incidents/{made['id']}"
    edited = (await api.patch(path, json={"name": "x", "impacts": {"Dashboard": "UNDER_MAINTENANCE"}})).json()
    assert edited["impacts"] == {"Orders": "OPERATIONAL", "Dashboard": "UNDER_MAINTENANCE"}
    assert [one["name"] for one in edited["services"]] == ["Orders", "Dashboard"]
    assert (await api.patch(path, json={"status": "RESOLVED"})).json()["lastUpdateStatus"] == "RESOLVED"
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(INCIDENTS)).json()["length"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 400),
        ({"name": "x", "page": "platform", "services": ["Checkout"]}, 400),
        ({"name": "x", "page": "acme"}, 400),
        ({"name": "x", "page": "nowhere"}, 404),
        ({"name": "x", "page": "platform", "impacts": {"Nothing": "MAJOR_OUTAGE"}}, 404),
    ],
)
async def test_wrong_incidents_of_others_are_explained(api: httpx.AsyncClient, body: Any, status: int) -> None:
    assert (await api.post("/sandbox/incidents", json=body)).status_code == status


async def test_an_edit_fits_the_generation(api: httpx.AsyncClient) -> None:
    for body, edit in ((ON_PAGE, {"severity": "MINOR"}), (ON_SERVICE, {"impacts": {"Orders": "MAJOR_OUTAGE"}})):
        made = (await api.post("/sandbox/incidents", json=body)).json()
        assert (await api.patch(f"/sandbox/incidents/{made['id']}", json=edit)).status_code == 400


async def test_the_state_tells_of_both_generations_alike(api: httpx.AsyncClient, account: Account) -> None:
    await api.post("/v1/status-pages/incidents", json=new_incident(account))
    await create(api)
    newest, oldest = await incidents(api)
    assert newest.keys() - oldest.keys() == {"statusPageId", "componentImpacts"}
    assert not oldest.keys() - newest.keys()
    assert [one["api"] for one in (newest, oldest)] == ["v3", "v1"]
    assert [one["pages"] for one in (newest, oldest)] == [["platform"], ["acme"]]
    assert [one["impacts"] for one in (newest, oldest)] == [{"Orders": "PARTIAL_OUTAGE"}, {}]
    assert [one["severity"] for one in (newest, oldest)] == [None, "MAJOR"]


@pytest.mark.parametrize("body", [ON_PAGE, ON_SERVICE], ids=["automation rule", "check trigger"])
async def test_a_rule_opens_one_incident_and_resolves_it(api: httpx.AsyncClient, body: dict[str, Any]) -> None:
    fired = [(await api.post("/sandbox/rules/checks/fire", json=body)).json() for _ in range(2)]
    assert fired[0]["id"] == fired[1]["id"]
    assert (fired[0]["origin"], fired[0]["lastUpdateStatus"]) == ("checkly", "INVESTIGATING")
    cleared = (await api.post("/sandbox/rules/checks/clear")).json()
    assert (cleared["id"], cleared["lastUpdateStatus"]) == (fired[0]["id"], "RESOLVED")
    assert len((await api.post("/sandbox/rules/checks/clear")).json()["incidentUpdates"]) == 2
    again = (await api.post("/sandbox/rules/checks/fire", json=body)).json()
    assert again["id"] != fired[0]["id"]
    other = (await api.post("/sandbox/rules/other/fire", json=body)).json()
    assert other["id"] != again["id"]
    assert (await api.post("/sandbox/rules/unknown/clear")).status_code == 404


async def test_an_api_tells_nothing_of_the_origin(api: httpx.AsyncClient) -> None:
    fired = (await api.post("/sandbox/rules/checks/fire", json=ON_PAGE)).json()
    told = (await api.get(f"{INCIDENTS}/{fired['id']}")).json()
    by_api = (await api.get(await create(api))).json()
    assert told.keys() == by_api.keys()


async def test_a_component_disappears(api: httpx.AsyncClient) -> None:
    incident = await create(api)
    assert (await api.delete("/sandbox/pages/platform/components/Orders")).status_code == 204
    assert await current(api, incident) == {}
    assert (await api.delete("/sandbox/pages/platform/components/Orders")).status_code == 404
    assert (await api.delete(f"/sandbox/pages/platform/components/{ORDERS}")).status_code == 404
    assert (await api.delete("/sandbox/pages/acme/components/Orders")).status_code == 400


@pytest.mark.parametrize("gone", [404, 410])
async def test_v1_can_be_removed(api: httpx.AsyncClient, account: Account, gone: int) -> None:
    assert (await api.patch("/sandbox/settings", json={"v1_gone": gone})).json()["v1_gone"] == gone
    for path in ("", "/incidents", "/services"):
        assert (await api.get(f"/v1/status-pages{path}")).status_code == gone
    assert (await api.post("/v1/status-pages/incidents", json=new_incident(account))).status_code == gone
    assert (await api.get("/v1/accounts/me")).status_code == (await api.get(PAGES)).status_code == 200
    assert (await api.patch("/sandbox/settings", json={"v1_gone": 200})).status_code == 400
    assert await incidents(api) == []


class TestMigration:
    """``/pages/{page}/migrate``: by default copies with new ids, the nastiest choice."""

    @pytest.fixture
    async def before(self, api: httpx.AsyncClient, account: Account) -> str:
        """The id of an open incident on Checkout, opened before the migration."""
        made = await api.post("/v1/status-pages/incidents", json=new_incident(account))
        found: str = made.json()["id"]
        return found

    async def test_the_page_keeps_its_address_and_changes_its_generation(self, api: httpx.AsyncClient) -> None:
        old = (await api.get("/v1/status-pages")).json()["entries"][0]
        made = (await api.post("/sandbox/pages/acme/migrate")).json()
        assert (made["url"], made["version"], made["id"] != old["id"]) == ("acme", 3, True)
        assert [one["name"] for one in made["components"]][:3] == ["Shop", "Website", "Checkout"]
        assert (await api.get("/v1/status-pages")).json()["entries"] == []
        assert (await api.get(f"/v1/status-pages/{old['id']}")).status_code == 404
        assert len((await api.get("/v1/status-pages/services")).json()["entries"]) == 6
        assert (await api.get(f"{PAGES}/{made['id']}")).status_code == 200
        assert (await api.post("/sandbox/pages/acme/migrate")).status_code == 400

    async def test_what_v1_writes_afterwards_reaches_no_reader(
        self, api: httpx.AsyncClient, account: Account, state: State
    ) -> None:
        await api.post("/sandbox/pages/acme/migrate")
        body = new_incident(account, incidentUpdates=[update(notifySubscribers=True)])
        assert (await api.post("/v1/status-pages/incidents", json=body)).status_code == 201
        assert (state.mails, (await incidents(api))[0]["pages"]) == ([], [])
        assert "All systems operational" in (await api.get("/pages/acme")).text

    async def test_copies_stay_open_when_v1_resolves(self, api: httpx.AsyncClient, before: str) -> None:
        await api.post("/sandbox/pages/acme/migrate")
        resolved = await api.post(f"/v1/status-pages/incidents/{before}/incident-updates", json=update("RESOLVED"))
        assert resolved.status_code == 200
        original, copy = await incidents(api)
        assert (original["id"], original["lastUpdateStatus"], original["pages"]) == (before, "RESOLVED", [])
        assert (copy["copy_of"], copy["lastUpdateStatus"], copy["pages"]) == (before, "INVESTIGATING", ["acme"])
        assert copy["impacts"] == {"Checkout": "MAJOR_OUTAGE"}
        assert copy["incidentUpdates"][0]["description"] == original["incidentUpdates"][-1]["description"]
        assert copy["id"] != before
        assert "Checkout is degraded" in (await api.get("/pages/acme")).text

    async def test_migration_keeps_subscribers(self, api: httpx.AsyncClient, state: State) -> None:
        await api.post("/sandbox/pages/acme/migrate")
        body = {"name": "x", "page": "acme", "impacts": {"Checkout": "MAJOR_OUTAGE"}, "notify": True}
        await api.post("/sandbox/incidents", json=body)
        assert [(mail.page, mail.to) for mail in state.mails] == [("acme", "reader@example.com")]

    async def test_migration_can_move_incidents_with_their_ids(self, api: httpx.AsyncClient, before: str) -> None:
        choice = {"ids": "kept", "incidents": "moved"}
        made = (await api.post("/sandbox/pages/acme/migrate", json=choice)).json()
        assert (await api.get(f"/v1/status-pages/incidents/{before}")).status_code == 404
        assert (await api.get(f"{PAGES}/{made['id']}/incidents/{before}")).status_code == 200
        services = {one["name"]: one["id"] for one in (await api.get("/v1/status-pages/services")).json()["entries"]}
        components = {one["name"]: one["id"] for one in made["components"] if one["type"] == "SERVICE"}
        assert components == services

    async def test_moved_only_when_no_other_page_shows_them(
        self, api: httpx.AsyncClient, state: State, before: str
    ) -> None:
        other = next(iter(state.catalog.pages.values()))
        duplicate = type(other)("duplicate", "Duplicate", "duplicate", private=False, created_at=0, cards=other.cards)
        state.catalog.pages[duplicate.id] = duplicate
        await api.post("/sandbox/pages/acme/migrate", json={"incidents": "moved"})
        assert (await api.get(f"/v1/status-pages/incidents/{before}")).status_code == 200
        await api.post("/sandbox/pages/duplicate/migrate", json={"incidents": "moved", "ids": "kept"})
        assert (await api.get(f"/v1/status-pages/incidents/{before}")).status_code == 404
        assert [one["pages"] for one in await incidents(api)] == [["duplicate"], ["acme"]]

    async def test_ids_that_are_taken_are_not_kept(self, api: httpx.AsyncClient, state: State, before: str) -> None:
        page = next(iter(state.catalog.pages.values()))
        state.catalog.pages["duplicate"] = type(page)(
            "duplicate", "Duplicate", "duplicate", private=False, created_at=0, cards=page.cards
        )
        first, second = [
            (await api.post(f"/sandbox/pages/{url}/migrate", json={"ids": "kept"})).json()
            for url in ("acme", "duplicate")
        ]
        assert not {one["id"] for one in first["components"]} & {one["id"] for one in second["components"]}
        assert [one["id"] == before for one in await incidents(api) if one["api"] == "v3"] == [False, True]

    async def test_migration_can_leave_incidents_in_v1(self, api: httpx.AsyncClient, before: str) -> None:
        await api.post("/sandbox/pages/acme/migrate", json={"incidents": "left"})
        (only,) = await incidents(api)
        assert (only["id"], only["pages"]) == (before, [])
