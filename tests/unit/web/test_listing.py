"""``GET /api/incidents`` with parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from bridge.model import Incident, Phase, Post, Progress, Retry, Severity, Summary
from bridge.store import StoreUnavailable, Wanted
from tests.unit.web.application import Bridge, assert_refused

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = Incident(
    id="A0",
    key="checkout",
    route="checkout",
    summary=Summary(firing=1, services={"checkout": Severity.MAJOR}, firing_since=1),
    progress=Progress(phase=Phase.INVESTIGATING, posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING)}),
)
REFUSED = structs.replace(
    SHOWN, progress=Progress(phase=Phase.INVESTIGATING, posts={"v1": Post(retry=Retry(parked="400"))})
)


@pytest.fixture
async def bridge(tmp_path: Path):
    running = Bridge(tmp_path)
    running.store.held = [(structs.replace(SHOWN, id=f"A{number}"), []) for number in range(9)]
    async with running.client:
        yield running


async def followed(bridge: Bridge, query: str) -> list[list[str]]:
    """The ids of all answers."""
    found, after = [], ""
    while True:
        answer = (await bridge.get(f"/api/incidents?{query}&after={after}")).json()
        found.append([each["id"] for each in answer["incidents"]])
        after = answer["after"]
        if after is None:
            return found


async def test_a_list_comes_by_parts_of_at_most_the_limit(bridge):
    assert await followed(bridge, "limit=4") == [["A0", "A1", "A2", "A3"], ["A4", "A5", "A6", "A7"], ["A8"]]
    assert await followed(bridge, "limit=1000") == [[f"A{n}" for n in range(6)], ["A6", "A7", "A8"]]


async def test_the_word_on_the_page_chooses_among_those_that_are_read(bridge):
    for number in (1, 7):
        bridge.store.held[number] = structs.replace(REFUSED, id=f"A{number}"), []
    assert [each for part in await followed(bridge, "page=refused") for each in part] == ["A1", "A7"]
    assert await followed(bridge, "page=refused&limit=1") == [["A1"], ["A7"], []]
    assert len([each for part in await followed(bridge, "page=open") for each in part]) == 7
    assert [each for part in await followed(bridge, "page=withheld") for each in part] == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("active=true", Wanted(active=True)),
        ("active=false", Wanted()),
        ("limit=5", Wanted()),
        (
            "phase=pending&route=checkout&service=checkout",
            Wanted(phases=("PENDING",), routes=("checkout",), services=("checkout",)),
        ),
        ("trouble=false", Wanted(in_trouble=False)),
        ("page=refused", Wanted(in_trouble=True)),
        ("page=not%20yet", Wanted()),
        ("since=1h30m", Wanted(since=-5_400_000)),
        ("since=2026-11-23T18:47:10Z", Wanted(since=1_795_459_630_000)),
    ],
)
async def test_filters_reach_the_store(bridge, query, wanted):
    assert (await bridge.get(f"/api/incidents?{query}")).status_code == 200
    assert bridge.store.listing.asked[0] == wanted


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("active=1", "active: expected true or false"),
        ("trouble=yes", "trouble: expected true or false"),
        ("phase=OPEN", "phase: expected one of PENDING, INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED, DISCARDED"),
        ("route=chekout", 'route: expected a route of the configuration; did you mean "checkout"?'),
        ("route=zzz", "route: expected a route of the configuration"),
        ("service=Chckout", 'service: expected a service of the configuration; did you mean "checkout"?'),
        ("page=opn", "page: expected one of refused, taken over, withheld: operator, "),
        ("since=yesterday", "since: expected a duration such as 2h30m, or a time such as "),
        ("since=2026-11-23T18:47:10", "since: expected a duration such as 2h30m, or a time such as "),
        ("limit=0", "limit: expected a whole number from 1 to 1000"),
        ("limit=1001", "limit: expected a whole number from 1 to 1000"),
        ("after=7", "after: expected the after of an earlier answer"),
    ],
)
async def test_a_wrong_value_is_answered_with_what_was_expected(bridge, query, said):
    answer = await bridge.get(f"/api/incidents?{query}")
    assert_refused(answer, 400, "wrong_parameter")
    assert answer.json()["message"].startswith(said)


async def test_an_unknown_parameter_is_answered_with_those_that_there_are(bridge):
    answer = await bridge.get("/api/incidents?active=true&colour=red")
    assert_refused(answer, 400, "unknown_parameter")
    known = "active, phase, route, service, page, trouble, since, limit, after"
    assert answer.json()["message"] == f"a parameter is unknown here; expected: {known}"


async def test_a_list_that_cannot_be_read_is_answered_as_such(bridge):
    bridge.store.error = StoreUnavailable("gone")
    assert_refused(await bridge.get("/api/incidents?limit=1"), 503, "store_unavailable")
