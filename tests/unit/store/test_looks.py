"""Whose turn it is to look at the pages, what stands open there, and when each was last seen."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from bridge.model import Observed, Phase, Post, Progress
from bridge.store import Claim
from tests.unit.store.builders import LEASE_MS, MINUTE, all_of, contents, firing, held_by, to

OPEN = Progress(
    posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING, observed=Observed(at=1, status=Phase.INVESTIGATING))}
)


@pytest.fixture
async def shown(store) -> Progress:
    """An incident that stands open, and is not due."""
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    claim = await store.record(claim, OPEN, lease_ms=LEASE_MS)
    assert await store.settle(claim, due=None)
    return OPEN


async def standing(store) -> dict[str, Progress]:
    return {id_: progress async for part in store.looks.standing() for id_, progress in part.items()}


async def test_the_first_look_of_a_new_store_is_due_after_the_interval(store, clock):
    first = await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=MINUTE)
    assert (first.is_ours, first.wait_ms) == (False, MINUTE)
    clock.advance(MINUTE)
    assert (await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours


async def test_of_many_replicas_one_looks_and_then_nobody_for_the_interval(store, clock):
    await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=MINUTE)
    clock.advance(MINUTE)
    turns = await asyncio.gather(
        *(store.looks.claim(name, lease_ms=LEASE_MS, every_ms=MINUTE) for name in ("a", "b", "c"))
    )
    (name,) = (name for name, turn in zip("abc", turns, strict=True) if turn.is_ours)
    await store.looks.rest(name, for_ms=MINUTE)
    clock.advance(MINUTE // 2)
    assert not (await store.looks.claim("d", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours
    clock.advance(MINUTE // 2)
    assert (await store.looks.claim("d", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours


async def test_who_died_in_a_look_is_followed_by_another_and_what_it_says_later_counts_for_nothing(store, clock):
    await store.looks.claim("dead", lease_ms=LEASE_MS, every_ms=MINUTE)
    clock.advance(MINUTE)
    assert (await store.looks.claim("dead", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours
    clock.advance(LEASE_MS)
    assert (await store.looks.claim("next", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours
    await store.looks.rest("dead", for_ms=0)
    await store.looks.keep("dead", lease_ms=0)
    assert not (await store.looks.claim("third", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours


async def test_a_shorter_interval_counts_at_once(store, clock):
    await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=60 * MINUTE)
    assert (await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=MINUTE)).wait_ms == MINUTE
    clock.advance(MINUTE)
    assert (await store.looks.claim("a", lease_ms=LEASE_MS, every_ms=MINUTE)).is_ours


async def test_what_stands_open_is_to_be_looked_at(store, shown):
    await store.ingest([(firing("b"), to("other"))])
    assert await standing(store) == {"shop": shown}


@pytest.mark.usefixtures("shown")
async def test_the_time_of_the_last_look_is_that_of_what_was_observed(store):
    await store.looks.expect(["r"], 1)
    await store.looks.saw({"r": 5_000})
    await store.looks.saw({"r": 4_000})  # an answer that came late
    (listed,) = await all_of(store)
    one, _ = await held_by(store)
    for incident in (listed, one):
        observed = incident.progress.posts["v1"].observed
        assert observed == Observed(at=5_000, status=Phase.INVESTIGATING)


@pytest.mark.usefixtures("shown")
async def test_the_oldest_observation_ages_until_it_is_made_again_or_the_incident_is_over(store, clock):
    await store.looks.expect(["r"], clock.now)
    clock.advance(3 * MINUTE)
    assert 3 * MINUTE <= (await store.overview()).unseen_ms < 4 * MINUTE
    await store.looks.saw({"r": clock.now})
    assert (await store.overview()).unseen_ms < MINUTE
    clock.advance(3 * MINUTE)
    await store.looks.expect([], clock.now)
    assert (await store.overview()).unseen_ms == 0


async def test_what_is_leased_for_a_look_goes_back_as_it_was(store, db, shown):
    before = contents(db)
    leased = await store.looks.lease("shop", "look", lease_ms=LEASE_MS)
    assert leased is not None
    assert leased.claim.incident.progress == shown
    assert await store.settle(leased.claim, due=leased.due, refused=leased.refused)
    assert contents(db) == before


async def test_a_look_records_and_a_lost_lease_does_not(store, clock, shown):
    leased = await store.looks.lease("shop", "look", lease_ms=1_000)
    assert leased is not None
    seen = {"v1": replace(shown.posts["v1"], observed=Observed(at=2, status=Phase.RESOLVED, drift=("status",)))}
    claim = await store.record(leased.claim, Progress(posts=seen), lease_ms=1_000)
    assert claim is not None
    clock.advance(2_000)
    assert await store.record(claim, shown, lease_ms=1_000) is None
    assert (await all_of(store))[0].progress.posts == seen


@pytest.mark.usefixtures("shown")
async def test_what_is_in_hand_or_gone_is_not_leased_for_a_look(store):
    assert await store.looks.lease("nobody", "look", lease_ms=LEASE_MS) is None
    assert await store.looks.lease("shop", "look", lease_ms=LEASE_MS)
    assert await store.looks.lease("shop", "another", lease_ms=LEASE_MS) is None


@pytest.mark.usefixtures("shown")
async def test_what_was_woken_to_ask_for_room_is_left_to_who_asks(store, db):
    db.hset("bridge:{0}:incident:shop", "woken", 1)
    assert await store.looks.lease("shop", "look", lease_ms=LEASE_MS) is None
