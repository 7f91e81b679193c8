"""Another configuration: what may be due at another time by it is due now, once."""

from __future__ import annotations

import asyncio

import pytest

from bridge.model import Phase, Post, Progress
from bridge.store import Claim
from bridge.store.store import FAR_MS
from tests.unit.store.builders import LEASE_MS, MINUTE, PREFIX, firing, keys, resolved, to
from tests.unit.store.reference import NEVER

HOUR = 60 * MINUTE


async def decided(store, phase: Phase, *, due: int | None = None, config: str = "one", **progress):
    """What is due first is decided, and put away until then."""
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    recorded = await store.record(claim, Progress(phase=phase, **progress), lease_ms=LEASE_MS)
    assert recorded is not None
    assert await store.settle(recorded, due=None if due is None else claim.now + due, config=config)
    return recorded


def is_due(db, clock, id_: str = "shop"):
    return db.zscore(f"{PREFIX}due", id_) <= clock.now


@pytest.fixture(autouse=True)
async def one(store):
    """The configuration in force."""
    await store.config_changed("one", ["shop-route"])


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.INVESTIGATING, Phase.RESOLVED])
async def test_what_fires_is_due_whether_or_not_it_stands_on_a_page(store, db, clock, phase):
    await store.ingest([(firing(), to())])
    await decided(store, phase, due=HOUR)
    assert await store.config_changed("one", ["shop-route"]) == 0
    assert not is_due(db, clock)
    assert await store.config_changed("two", ["shop-route"]) == 1
    assert is_due(db, clock)
    assert await store.config_changed("two", ["shop-route"]) == 0


async def test_what_is_parked_for_good_is_due_too(store, db, clock):
    await store.ingest([(firing(), to())])
    await decided(store, Phase.INVESTIGATING)
    assert db.zscore(f"{PREFIX}due", "shop") == NEVER
    await store.config_changed("two")
    assert is_due(db, clock)


async def test_what_has_cleared_and_is_not_over_is_due(store, db, clock):
    await store.ingest([(firing(), to())])
    await decided(store, Phase.INVESTIGATING)
    await store.ingest([(resolved(), to())])
    await decided(store, Phase.MONITORING, due=HOUR)
    await store.config_changed("two")
    assert is_due(db, clock)


@pytest.mark.parametrize("phase", [Phase.RESOLVED, Phase.DISCARDED])
async def test_what_is_over_is_forgotten_after_the_new_retention_and_not_before(store, db, clock, phase):
    await store.ingest([(firing(), to())])
    await store.ingest([(resolved(), to())])
    await decided(store, phase, due=24 * HOUR)
    assert await store.config_changed("two", retention_ms=FAR_MS) == 0
    assert await store.config_changed("three", retention_ms=HOUR) == 0
    assert not is_due(db, clock)
    clock.advance(HOUR)
    assert is_due(db, clock)


async def test_what_was_never_seen_to_fire_goes_on_waiting_until_nothing_else_is_due(store, db, clock):
    await store.ingest([(resolved(), to())])
    assert await store.config_changed("two") == 0
    assert not is_due(db, clock)


async def test_who_has_it_in_hand_decides_anew(store, db, clock):
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    await store.config_changed("two")
    assert not is_due(db, clock)
    await store.settle(claim, due=claim.now + HOUR, config="one")
    assert is_due(db, clock)


async def test_what_a_replica_decided_that_had_not_read_the_file_yet_is_due_when_it_has(store, db, clock):
    """Its own reload is no news to the store: the other replica has told of it."""
    await store.config_changed("two")
    await store.ingest([(firing(), to())])
    await decided(store, Phase.PENDING, due=HOUR, config="one")
    assert not is_due(db, clock)
    assert await store.config_changed("two") == 1
    assert is_due(db, clock)
    await decided(store, Phase.PENDING, due=HOUR, config="two")
    assert await store.config_changed("two") == 0


async def test_what_was_decided_by_an_old_configuration_and_is_forgotten_leaves_nothing_behind(store, db):
    await store.ingest([(firing(), to())])
    await store.ingest([(resolved(), to())])
    await decided(store, Phase.DISCARDED, config="older")
    await store.config_changed("one")
    assert f"{PREFIX}outdated" not in keys(db)
    claim = await decided(store, Phase.DISCARDED, due=0, config="older")
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert await store.drop(claim)
    assert f"{PREFIX}outdated" not in keys(db)


@pytest.mark.parametrize("is_cut", [False, True])
async def test_very_many_are_due_by_parts_and_each_once_whoever_makes_them(store, db, clock, monkeypatch, is_cut):
    """Also after a process has died amid them."""
    names = [f"i{number:04}" for number in range(1_234)]
    await store.ingest([(firing(name), to(name)) for name in names])
    db.zadd(f"{PREFIX}due", dict.fromkeys(names, clock.now + HOUR))
    run, calls = store._run, 0  # noqa: SLF001 - it dies between two of its calls

    async def cut_off(*arguments):
        nonlocal calls
        calls += 1
        if is_cut and calls == 2:
            raise asyncio.CancelledError
        return await run(*arguments)

    monkeypatch.setattr(store, "_run", cut_off)
    if is_cut:
        with pytest.raises(asyncio.CancelledError):
            await store.config_changed("two")
    first, second = await asyncio.gather(store.config_changed("two"), store.config_changed("two"))
    assert first + second == (1_234 if not is_cut else 734)
    assert all(db.zscore(f"{PREFIX}due", name) <= clock.now for name in names)
    assert {db.llen(f"{PREFIX}history:{name}") for name in names} == {
        3
    }  # its beginning, the change, and that its route is gone
    assert calls >= 4


async def test_of_two_configurations_that_come_at_once_one_is_in_force(store, db, clock):
    names = [f"i{number:04}" for number in range(1_234)]
    await store.ingest([(firing(name), to(name)) for name in names])
    db.zadd(f"{PREFIX}due", dict.fromkeys(names, clock.now + HOUR))
    async with asyncio.timeout(30):
        await asyncio.gather(store.config_changed("two"), store.config_changed("three"))
    assert db.get(f"{PREFIX}config") in {b"two", b"three"}
    assert all(db.zscore(f"{PREFIX}due", name) <= clock.now for name in names)


async def test_what_redis_has_evicted_is_passed_over(store, db):
    await store.ingest([(firing(), to())])
    await decided(store, Phase.PENDING, due=HOUR)
    db.delete(f"{PREFIX}incident:shop")
    assert await store.config_changed("two") == 0
    assert not db.exists(f"{PREFIX}incident:shop")


@pytest.mark.parametrize("is_in_hand", [False, True])
async def test_what_stands_on_a_page_is_told_of_it_once(store, db, is_in_hand):
    await store.ingest([(firing(), to())])
    await decided(store, Phase.INVESTIGATING, posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING)})
    await store.ingest([(firing("b"), to(services=("cart",)))])
    if is_in_hand:
        await store.claim(token="t", lease_ms=LEASE_MS)
    before = db.llen(f"{PREFIX}history:shop")
    assert await store.config_changed("two", ["shop-route"]) == 1
    assert db.llen(f"{PREFIX}history:shop") == before + 1
