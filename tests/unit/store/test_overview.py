"""The store at a glance: what stands open without an alert, what a refused key keeps waiting, which watchdogs live."""

from __future__ import annotations

import pytest

from bridge.model import Phase, Post, Progress, Retry
from bridge.store import Claim, Quiet
from bridge.store.codec import pack_progress
from bridge.store.store import PROBE_MS
from tests.unit.store.builders import LEASE_MS, MINUTE, all_of, contents, firing, resolved, to

OPEN = Progress(posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING)})
ENDED = Progress(posts={"v1": Post(remote_id="r", status=Phase.RESOLVED)})
CLOSED_BY_HAND = Progress(posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING, closed_at=5)})
NOT_POSTED = Progress(posts={"v1": Post(retry=Retry(parked="no such service"))})
LATE_MS = 5_000  # as much as a slow machine may take


async def claimed(store) -> Claim:
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    return claim


async def shown_as(store, progress: Progress) -> None:
    """Somebody reconciles the one incident that is due."""
    claim = await store.record(await claimed(store), progress, lease_ms=LEASE_MS)
    assert await store.settle(claim, due=None)


@pytest.fixture
async def quiet(store, clock):
    """An incident that stands open; its alert ended a minute ago."""
    await store.ingest([(firing(), to())])
    await shown_as(store, OPEN)
    await store.ingest([(resolved(), None)])
    clock.advance(MINUTE)


@pytest.mark.usefixtures("quiet")
async def test_an_incident_that_stands_open_without_an_alert_says_for_how_long(store):
    (found,) = (await store.overview()).quiet
    assert found.route == "shop-route"
    assert MINUTE <= found.quiet_ms < MINUTE + LATE_MS


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("progress", [ENDED, CLOSED_BY_HAND, NOT_POSTED, Progress()])
async def test_what_does_not_stand_open_is_not_missing_an_alert(store, progress):
    await shown_as(store, progress)
    assert (await store.overview()).quiet == ()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("alert", [firing(), firing("b")], ids=["held", "firing"])
async def test_an_alert_that_fires_or_is_held_keeps_an_incident_open(store, alert):
    await store.ingest([(alert, to())])
    assert (await store.overview()).quiet == ()


@pytest.mark.usefixtures("quiet")
async def test_a_dropped_incident_stands_nowhere(store, db):
    assert await store.drop(await claimed(store))
    assert (await store.overview()).quiet == ()
    assert contents(db) == {}


async def test_each_open_incident_counts_for_its_route(store):
    for name in ("shop", "bank"):
        await store.ingest([(firing(name), to(name))])
        await shown_as(store, Progress(posts={"v1": Post(remote_id=name, status=Phase.MONITORING)}))
    await store.ingest([(resolved("shop"), None), (resolved("bank"), None)])
    found = (await store.overview()).quiet
    assert {each.route for each in found} == {"shop-route", "bank-route"}
    assert all(isinstance(each, Quiet) for each in found)


async def test_what_a_refused_key_keeps_waiting_is_overdue_since_it_first_was(store, clock):
    await store.ingest([(firing(), to())])
    await store.pause("401", now=clock.now - PROBE_MS)
    for _ in range(3):
        clock.advance(MINUTE)
        claim = await claimed(store)
        assert await store.settle(claim, due=claim.now, refused=True)
    assert 3 * MINUTE <= (await store.overview()).oldest_due_ms < 3 * MINUTE + LATE_MS
    clock.advance(PROBE_MS)
    claim = await claimed(store)
    assert (await store.overview()).oldest_due_ms >= 3 * MINUTE, "also while it is tried"
    await store.settle(claim, due=None)
    assert (await store.overview()).oldest_due_ms == 0


async def test_each_that_a_refused_key_keeps_waiting_gets_its_turn(store, clock):
    for name in ("shop", "bank"):
        await store.ingest([(firing(name), to(name))])
        clock.advance(MINUTE)
    tried = []
    for _ in range(4):
        claim = await claimed(store)
        tried.append(claim.incident.id)
        await store.settle(claim, due=claim.now, refused=True)
        clock.advance(1_000)
    assert tried == ["shop", "bank", "shop", "bank"]


async def test_a_dropped_incident_waits_for_no_key(store, db, clock):
    await store.ingest([(firing(), to()), (resolved(), to())])
    clock.advance(MINUTE)
    claim = await claimed(store)
    await store.settle(claim, due=claim.now, refused=True)
    assert await store.drop(await claimed(store))
    assert contents(db) == {}


async def test_a_watchdog_is_heard_of_on_redis_clock_and_each_route_for_itself(store, clock):
    assert (await store.overview()).watchdogs == {}
    before = clock.now
    await store.heartbeat({"eu", "us"})
    first = (await store.overview()).watchdogs
    assert first.keys() == {"eu", "us"}
    assert before <= first["eu"] == first["us"] <= clock.now
    clock.advance(MINUTE)
    await store.heartbeat({"eu"})
    later = (await store.overview()).watchdogs
    assert later["eu"] - later["us"] >= MINUTE


@pytest.mark.usefixtures("quiet")
async def test_what_an_older_release_resolved_is_not_missing_an_alert(store, db):
    """It records progress, but not whether anything stands open."""
    (incident,) = await all_of(store)
    db.set(f"bridge:{{0}}:incident:{incident.id}:progress", pack_progress(ENDED))
    assert (await store.overview()).quiet == ()
