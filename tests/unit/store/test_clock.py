"""The store's time never goes back, though the clock of Redis' host does. The scripts are the real ones."""

from __future__ import annotations

import pytest

from bridge.store import Claim
from bridge.store.connect import connect
from tests.unit.reconciler.clocked import NOW, ClockedStore
from tests.unit.store.builders import LEASE_MS, MINUTE, firing, held_by, to

NOON = 1_790_000_000_000
HOUR = 60 * MINUTE


@pytest.fixture
async def store(redis_url, db):
    db.set(NOW, NOON)
    opened = ClockedStore(connect(redis_url))
    yield opened
    await opened.close()


async def claimed(store: ClockedStore) -> Claim:
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    return claim


@pytest.mark.parametrize("back_ms", [30_000, 10 * MINUTE, HOUR, 400 * 24 * HOUR])
async def test_what_is_due_stays_due_when_the_clock_goes_back(store, db, back_ms):
    await store.ingest([(firing(), to())])
    db.set(NOW, NOON - back_ms)
    claim = await claimed(store)
    assert claim.now >= NOON
    assert claim.wall == NOON - back_ms


@pytest.mark.parametrize("back_ms", [30_000, HOUR])
async def test_what_waits_does_not_wait_longer_when_the_clock_goes_back(store, db, back_ms):
    await store.ingest([(firing(), to())])
    claim = await claimed(store)
    await store.settle(claim, due=claim.now + MINUTE)
    db.set(NOW, NOON - back_ms)
    await store.overview()
    db.set(NOW, NOON - back_ms + MINUTE)
    assert (await claimed(store)).now >= NOON + MINUTE


async def test_a_lease_lasts_as_long_as_it_was_given_when_the_clock_goes_back(store, db):
    await store.ingest([(firing(), to())])
    await claimed(store)
    db.set(NOW, NOON - HOUR)
    await store.overview()
    db.set(NOW, NOON - HOUR + LEASE_MS)
    assert await claimed(store)


async def test_the_overview_tells_how_often_the_clock_went_back_and_how_far_the_time_is_ahead(store, db):
    await store.overview()
    for step in (HOUR, 2 * HOUR):
        db.set(NOW, NOON - step)
        await store.overview()
    db.set(NOW, NOON - 2 * HOUR - 1)  # too small to tell of
    overview = await store.overview()
    assert (overview.clock_steps, overview.clock_ahead_ms) == (2, 2 * HOUR + 1)


async def test_a_clock_that_is_right_again_is_followed_from_there(store, db):
    await store.overview()
    db.set(NOW, NOON - HOUR)
    await store.ingest([(firing(), to())])
    db.set(NOW, NOON)
    claim = await claimed(store)
    assert (claim.now, claim.wall) == (NOON + HOUR, NOON)


async def test_dates_of_senders_are_held_against_the_clock_of_the_host(store, db):
    await store.overview()
    db.set(NOW, NOON - HOUR)
    await store.ingest([(firing(starts_at=NOON - HOUR + MINUTE), to())])
    incident, _ = await held_by(store)
    assert incident.summary.outage_started_at == NOON - HOUR
