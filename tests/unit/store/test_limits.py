"""What is new, and fires, is kept only where there is room; whatever else a delivery says, always."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from bridge.config.schema import Limits
from bridge.model import Progress
from bridge.store import Claim, Store
from bridge.store.connect import connect
from tests.servers.redis import Redis
from tests.unit.store.builders import LEASE_MS, PREFIX, all_of, contents, firing, resolved, to
from tests.unit.store.statements import merged, over, tell, triggered

TWO_ALERTS = Limits(alerts=2)
TWO_INCIDENTS = Limits(incidents=2)


@pytest.fixture
async def limited(redis_url):
    """Opens stores with limits."""
    opened = []

    def open_store(limits: Limits) -> Store:
        opened.append(Store(connect(redis_url), limits=lambda: limits))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.close()


async def outcomes(store, *items):
    return [change.outcome for change in await store.ingest(items)]


async def test_beyond_the_limit_a_new_alert_is_not_kept_and_all_else_of_its_delivery_is(limited, db):
    store = limited(TWO_ALERTS)
    await store.ingest([(firing("a"), to()), (firing("b"), to())])
    heard = await outcomes(store, (firing("c"), to()), (firing("a"), to()), (resolved("b"), to()))
    assert heard == ["over_alerts", "repeat", "resolved"]
    assert set(contents(db)["index"]) == {"alertmanager/a", "alertmanager/b"}


async def test_what_was_refused_is_kept_when_it_comes_again_and_there_is_room(limited):
    store = limited(TWO_ALERTS)
    assert await outcomes(store, *((firing(name), to()) for name in "abc")) == ["opened", "added", "over_alerts"]
    await store.ingest([(resolved("a"), to())])
    assert await outcomes(store, (firing("c"), to())) == ["added"]


async def test_an_event_that_was_refused_is_no_repeat_when_it_comes_again(limited):
    store = limited(Limits(alerts=1))
    assert await tell(store, triggered("P", 1)) == ["opened"]
    assert await tell(store, triggered("Q", 2), with_event=True) == ["over_alerts"]
    assert await tell(store, merged("R", 3, "P", "cart")) == ["over_alerts"]
    await tell(store, over("P", 4, "cart"))
    assert await tell(store, triggered("Q", 2), with_event=True) == ["opened"]


async def test_a_known_alert_that_fires_again_goes_on(limited, clock):
    store = limited(Limits(alerts=1))
    await store.ingest([(firing("a"), to())])
    await store.ingest([(resolved("a"), to())])
    await store.ingest([(firing("b"), to())])
    clock.advance(180_000)
    assert await outcomes(store, (firing("a", starts_at=int(time.time() * 1000)), to())) == ["added"]


async def test_what_is_remembered_of_alerts_that_are_over_is_bounded_too(limited):
    store = limited(TWO_ALERTS)
    for name in "abcd":
        await store.ingest([(firing(name), to())])
        await store.ingest([(resolved(name), to())])
    assert await outcomes(store, (firing("e"), to())) == ["over_alerts"]


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        (Limits(alerts=4, shared=True), "over_alerts"),
        (Limits(alerts=1000, incidents=4, shared=True), "over_incidents"),
    ],
)
async def test_what_is_remembered_of_one_route_leaves_room_for_others(limited, limits, refusal):
    store = limited(limits)
    heard = []
    for name in map(str, range(20)):
        routed = replace(to(f"shop{name}"), route="careless")
        heard += await outcomes(store, (firing(name), routed))
        await store.ingest([(resolved(name), routed)])
    assert heard == ["opened"] * 8 + [refusal] * 12
    others = await outcomes(store, (firing("x"), to("bank")), (firing("y"), to("bank")))
    assert others == ["opened", "added"]


async def test_what_is_dropped_leaves_its_room(limited, db):
    store = limited(Limits(alerts=1, incidents=1))
    routed = {name: replace(to(name), route="shop-route") for name in "abc"}
    for name in "ab":
        await store.ingest([(firing(name), routed[name])])
        await store.ingest([(resolved(name), routed[name])])
    assert await outcomes(store, (firing("c"), routed["c"])) == ["over_alerts"]
    for _ in "ab":
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        assert await store.drop(claim)
    assert not {"stored", "index"} & contents(db).keys()
    assert await outcomes(store, (firing("c"), routed["c"])) == ["opened"]


async def test_one_route_leaves_room_for_others(limited):
    store = limited(Limits(alerts=4, shared=True))
    heard = await outcomes(store, *((firing(name), to()) for name in "abc"), (firing("x"), to("bank")))
    assert heard == ["opened", "added", "over_alerts", "opened"]


async def test_beyond_the_limit_no_new_incident_begins_and_others_take_new_alerts(limited):
    store = limited(TWO_INCIDENTS)
    heard = await outcomes(
        store, (firing("a"), to("one")), (firing("b"), to("two")), (firing("c"), to("three")), (firing("d"), to("two"))
    )
    assert heard == ["opened", "opened", "over_incidents", "added"]
    assert {incident.id for incident in await all_of(store)} == {"one", "two"}


async def test_what_is_over_but_stands_on_a_page_takes_room(limited, db):
    store = limited(Limits(incidents=1))
    await store.ingest([(firing("a"), to("one"))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    db.sadd(f"{PREFIX}open", "one")
    await store.ingest([(resolved("a"), to("one"))])
    assert await outcomes(store, (firing("b"), to("two"))) == ["over_incidents"]
    assert await store.record(claim, Progress(), lease_ms=LEASE_MS) is not None  # it is closed there
    assert await outcomes(store, (firing("b"), to("two"))) == ["opened"]


async def test_what_an_older_release_changed_is_counted_anew(limited, db):
    def counted() -> dict[str, object]:
        found = contents(db)
        sums = {name: count for name, count in found.get("stored", {}).items() if not name.startswith("remembered_")}
        return {"counted": found.get("counted", {}), "stored": sums}

    store = limited(TWO_ALERTS)
    await store.ingest([(firing("a"), to("one")), (firing("b"), to("two"))])
    before = counted()
    db.delete(f"{PREFIX}counted", f"{PREFIX}stored")  # it counts none
    assert await store.recount(0) == 0
    assert counted() == before
    db.delete(f"{PREFIX}incident:one", f"{PREFIX}incident:two")  # it drops both
    db.zrem(f"{PREFIX}due", "one", "two")
    assert await store.recount(0) == 0
    assert counted() == {"counted": {}, "stored": {}}


async def test_what_is_stored_is_told_by_route(limited):
    store = limited(Limits())
    await store.ingest([(firing("a"), to()), (firing("b"), to()), (firing("c"), to("bank"))])
    overview = await store.overview()
    assert overview.alerts_stored == {"shop-route": 2, "bank-route": 1}
    assert overview.incidents_stored == {"shop-route": 1, "bank-route": 1}


async def test_ends_of_what_was_never_seen_are_looked_into_last_and_are_bounded(limited):
    store = limited(Limits(incidents=100))
    await store.ingest([(resolved(str(number)), to(f"stray{number}")) for number in range(300)])
    for number in range(300, 400):
        await store.ingest([(resolved(str(number)), to(f"stray{number}"))])
    strays = len(await all_of(store))
    assert 10 <= strays <= 300
    await store.ingest([(firing("a"), to("outage"))])
    claimed = []
    while isinstance(claim := await store.claim(token="t", lease_ms=LEASE_MS), Claim):
        claimed.append(claim.incident.id)
    assert claimed[0] == "outage"
    assert len(claimed) == strays + 1


async def test_ends_of_what_was_never_seen_leave_an_outage_its_requests(store):
    await store.ingest([(resolved(str(number)), to(f"stray{number}")) for number in range(50)])
    claims = 0
    while isinstance(await store.claim(token="t", lease_ms=LEASE_MS, requests_per_minute=60), Claim):
        claims += 1
    assert 0 < claims < 50
    assert (await store.overview()).oldest_due_ms == 0
    await store.ingest([(firing("a"), to("outage"))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS, requests_per_minute=60)
    assert isinstance(claim, Claim)
    assert claim.incident.id == "outage"


@pytest.mark.needs("redis-server")
async def test_a_redis_that_is_almost_full_takes_ends_and_refuses_what_is_new(tmp_path):
    with Redis(tmp_path, maxmemory="32mb", maxmemory_policy="noeviction") as server:
        store = Store(connect(server.url))
        kept: list[str] = []
        heard: list[str] = []
        while "over_memory" not in heard:
            names = [f"{len(kept)}-{number}" for number in range(500)]
            heard = await outcomes(store, *((firing(name), to(why=("x" * 500,))) for name in names))
            kept += [name for name, outcome in zip(names, heard, strict=True) if outcome in {"opened", "added"}]
        assert len(kept) > 1_000
        for start in range(0, len(kept), 500):
            ended = await outcomes(store, *((resolved(name), to()) for name in kept[start : start + 500]))
            assert set(ended) == {"resolved"}
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        assert await store.record(claim, Progress(note="over"), lease_ms=LEASE_MS) is not None
        assert 0 < (await store.memory_used() or 0) < 1
        await store.close()


@pytest.mark.needs("redis-server")
async def test_without_a_limit_of_memory_nothing_is_refused_for_it(store):
    assert await store.memory_used() is None
    assert await outcomes(store, (firing(), to())) == ["opened"]
