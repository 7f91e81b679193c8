"""A broad session in which every request and every response is held against Checkly's OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from bridge.sandbox.instants import iso
from bridge.sandbox.v3.bodies import Part
from tests.contracts.openapi import Contract, ContractViolation
from tests.unit.sandbox.helpers import START, update
from tests.unit.sandbox.v3.helpers import (
    COMPONENTS,
    DASHBOARD,
    INCIDENTS,
    ORDERS,
    PAGES,
    PLATFORM,
    impacts,
    new_incident,
)

if TYPE_CHECKING:
    import httpx

COLORS = dict.fromkeys(get_args(Part), "#0A0B0C")


async def test_the_life_of_an_incident(checked: httpx.AsyncClient) -> None:
    created = await checked.post(INCIDENTS, json=new_incident())
    assert created.status_code == 201
    incident = f"{INCIDENTS}/{created.json()['id']}"

    both = impacts(orders="MAJOR_OUTAGE", dashboard="DEGRADED_PERFORMANCE")
    changed = (await checked.put(incident, json={"name": "Orders are lost", "componentImpacts": both})).json()
    assert (changed["name"], len(changed["componentImpacts"])) == ("Orders are lost", 3)

    posted = await checked.post(f"{incident}/incident-updates", json=update("IDENTIFIED"))
    assert posted.status_code == 201
    one = f"{incident}/incident-updates/{posted.json()['id']}"
    assert (await checked.put(one, json=update("MONITORING", description="Better."))).json()["description"] == "Better."
    assert (await checked.get(one)).json()["status"] == "MONITORING"
    assert [each["status"] for each in (await checked.get(f"{incident}/incident-updates")).json()] == [
        "MONITORING",
        "INVESTIGATING",
    ]
    assert (await checked.delete(one)).status_code == 204
    assert (await checked.get(incident)).json()["lastUpdateStatus"] == "INVESTIGATING"

    await checked.post(f"{incident}/incident-updates", json=update("RESOLVED"))
    listed = (await checked.get(INCIDENTS)).json()["entries"][0]
    assert (listed["lastUpdateStatus"], listed["duration"], "incidentUpdates" in listed) == ("RESOLVED", 0, False)
    window = {"componentId": ORDERS, "status": "PARTIAL_OUTAGE", "startedAt": iso(START - 9), "endedAt": iso(START)}
    rewritten = await checked.put(f"{incident}/component-impacts", json={"componentImpacts": [window]})
    assert rewritten.json()["componentImpacts"] == [window]
    assert (await checked.delete(incident)).status_code == 204
    assert (await checked.get(incident)).status_code == 404


async def test_pages_and_components(checked: httpx.AsyncClient) -> None:
    theme = {"light": COLORS, "dark": COLORS}
    made = await checked.post(PAGES, json={"name": "New", "url": "New-Page", "themeColors": theme, "footerText": "x"})
    assert (made.status_code, made.json()["url"], made.json()["themeColors"]) == (201, "new-page", theme)
    page = f"{PAGES}/{made.json()['id']}"
    reset = (await checked.put(page, json={"name": "Newer", "url": "new"})).json()
    assert (reset["name"], reset["url"], reset["themeColors"], reset["footerText"]) == ("Newer", "new", None, None)
    assert (await checked.get(page)).json() == reset

    group = (await checked.post(f"{page}/components", json={"name": "G", "type": "GROUP", "displayOrder": 1})).json()
    body = {"name": "C", "displayOrder": 0, "parentId": group["id"], "description": "x", "hidden": True}
    answer = await checked.post(f"{page}/components", json=body)
    assert (answer.status_code, answer.json()["parentId"]) == (201, group["id"])
    one = f"{page}/components/{answer.json()['id']}"
    other = await checked.post(f"{page}/components", json={"name": "D", "displayOrder": 0, "parentId": group["id"]})
    alone = (await checked.put(one, json={"name": "C", "displayOrder": 0})).json()
    assert (alone["parentId"], alone["description"], alone["hidden"]) == (None, None, False)
    listed = (await checked.get(f"{page}/components")).json()["entries"]
    assert [entry["name"] for entry in listed] == ["C", "G", "D"]
    assert (await checked.delete(one)).status_code == 204
    assert (await checked.get(one)).status_code == 404

    assert (await checked.delete(f"{page}/components/{group['id']}")).status_code == 204
    detached = (await checked.get(f"{page}/components/{other.json()['id']}")).json()
    assert detached["parentId"] is None
    assert (await checked.delete(page)).status_code == 204
    assert (await checked.get(page)).status_code == 404


@pytest.mark.parametrize("path", [PAGES, COMPONENTS, INCIDENTS])
async def test_lists_are_read_to_the_end_by_cursor(checked: httpx.AsyncClient, path: str) -> None:
    for number in range(4):
        await checked.post(PAGES, json={"name": f"Page {number}", "url": f"page-{number}"})
        await checked.post(COMPONENTS, json={"name": f"Component {number}", "displayOrder": number})
        await checked.post(INCIDENTS, json=new_incident(name=f"Incident {number}"))
    whole = (await checked.get(path, params={"limit": 100})).json()
    assert whole["nextId"] is None
    entries: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        part = (await checked.get(path, params={"limit": 2, **cursor})).json()
        assert part["length"] == len(part["entries"]) <= 2
        entries += part["entries"]
        if not part["nextId"]:
            break
        cursor = {"nextId": part["nextId"]}
    assert entries == whole["entries"]


async def test_key_and_rate_limit_are_those_of_v1(checked: httpx.AsyncClient, state: Any) -> None:
    assert (await checked.get(PAGES, headers={"Authorization": "Bearer wrong"})).json()["message"] == "Bad Token"
    state.settings.rate_limit, state.settings.retry_after = 1, 7
    assert (await checked.get("/v1/accounts/me")).status_code == 200
    assert (await checked.get(PAGES)).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", PLATFORM, 200, {"name": "no id"}),
        ("GET", PAGES, 200, {"length": 0, "entries": [], "unknown": 1}),
        ("GET", PAGES, 418, {}),
        ("PATCH", INCIDENTS, 200, {}),
    ],
)
def test_the_contract_sees_a_wrong_response(method: str, path: str, status: int, body: Any) -> None:
    with pytest.raises(ContractViolation):
        Contract.v3().validate_response(method, path, status, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 256},
        {"severity": "MAJOR"},
        {"componentImpacts": [{"componentId": DASHBOARD}]},
        {"componentImpacts": impacts(orders="BROKEN")},
        {"incidentUpdates": []},
        {"incidentUpdates": [{"description": "no status"}]},
        {"incidentUpdates": [update(publicIncidentUpdateDate="yesterday")]},
    ],
)
def test_the_contract_sees_a_wrong_request(changes: dict[str, Any]) -> None:
    Contract.v3().validate_request("POST", INCIDENTS, new_incident())
    with pytest.raises(ContractViolation):
        Contract.v3().validate_request("POST", INCIDENTS, new_incident(**changes))
