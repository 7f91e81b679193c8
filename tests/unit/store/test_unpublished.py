"""The groups of alerts that were not published, on a real server: merged, bounded, forgotten."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from bridge.store import MOST_GROUPS, Example, Store, Unpublished, UnpublishedGroup
from bridge.store.connect import connect

HOUR = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def group(value: str = "a", *, count: int = 1, first_at: int, last_at: int | None = None, example: str = "f"):
    return UnpublishedGroup(
        about=Unpublished("unknown_service", "shop", "Errors", "service", value),
        count=count,
        first_at=first_at,
        last_at=first_at if last_at is None else last_at,
        example=Example("alertmanager", "", example),
    )


@pytest.fixture
async def replica(redis_url):
    """Another bridge on the same Redis."""
    opened = Store(connect(redis_url))
    yield opened
    await opened.close()


async def test_what_two_replicas_fold_is_one_group(store, replica):
    now = now_ms()
    early, late = now - 3 * HOUR, now - HOUR
    await store.unpublished.add([group(count=2, first_at=late, last_at=now - 10, example="late")], now=now)
    await replica.unpublished.add([group(count=3, first_at=early, last_at=late, example="early")], now=now)
    await store.unpublished.add([group(first_at=late, example="between")], now=now)
    found = await store.unpublished.all(now=now)
    (one,) = found.groups
    assert (one.about.value, one.count, one.example.fingerprint) == ("a", 6, "late")
    assert abs(one.first_at - early) < 5_000
    assert abs(one.last_at - (now - 10)) < 5_000
    assert found.cut_at is None


async def test_no_count_is_lost_between_replicas_that_write_at_once(store, replica):
    now = now_ms()
    writes = [each.unpublished.add([group(first_at=now)], now=now) for _ in range(25) for each in (store, replica)]
    await asyncio.gather(*writes)
    assert [each.count for each in (await store.unpublished.all(now=now)).groups] == [50]


async def test_beyond_a_thousand_groups_the_oldest_go_and_that_is_said(store, db):
    now = now_ms()
    everything = [group(str(n), first_at=now - 20_000 + n) for n in range(MOST_GROUPS + 300)]
    await store.unpublished.add(everything[:MOST_GROUPS], now=now)
    assert (await store.unpublished.all(now=now)).cut_at is None
    await store.unpublished.add(everything[MOST_GROUPS:], now=now)
    found = await store.unpublished.all(now=now)
    assert [each.about.value for each in found.groups] == [str(n) for n in range(MOST_GROUPS + 299, 299, -1)]
    assert found.cut_at is not None
    assert db.zcard("bridge:{0}:unpublished:latest") == db.hlen("bridge:{0}:unpublished") == MOST_GROUPS
    assert db.memory_usage("bridge:{0}:unpublished", samples=0) < 512 << 10


async def test_a_flood_of_one_reason_does_not_crowd_out_the_others(store):
    now = now_ms()
    flood = [replace(group(first_at=now), about=Unpublished("unmatched", "", f"N{n}")) for n in range(1_300)]
    await store.unpublished.add([group(f"old {n}", first_at=now - 9_000) for n in range(5)], now=now)
    await store.unpublished.add(flood, now=now)
    reasons = [each.about.reason for each in (await store.unpublished.all(now=now)).groups]
    assert (reasons.count("unknown_service"), reasons.count("unmatched")) == (5, MOST_GROUPS - 5)


async def test_what_had_no_room_in_the_process_is_said(store):
    now = now_ms()
    await store.unpublished.add([group(first_at=now)], now=now, left_out=7)
    assert (await store.unpublished.all(now=now)).cut_at is not None


async def test_a_day_later_it_is_forgotten(store, db):
    now = now_ms()
    await store.unpublished.add([group("old", first_at=now - 25 * HOUR), group("new", first_at=now)], now=now)
    assert [each.about.value for each in (await store.unpublished.all(now=now)).groups] == ["new"]
    assert db.hlen("bridge:{0}:unpublished") == 1
    assert (await store.unpublished.all(now=now + 25 * HOUR)).groups == []
    for key in ("unpublished", "unpublished:latest"):
        assert 0 < db.pttl(f"bridge:{{0}}:{key}") <= 24 * HOUR
