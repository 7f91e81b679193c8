"""The outages of the last time: what is current and what was put away, each by parts, whoever put it away."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from bridge.core.history import What, entry
from bridge.model import Phase, Post, Progress
from tests.unit.store.builders import END, LEASE_MS, PREFIX, START, firing, resolved, to

DAY = 86_400_000
EPISODES = f"{PREFIX}episodes"


async def put_away(store, key: str, *, retention_ms: int = DAY, ended_at: int = 0) -> None:
    """One more episode of this incident ends, on a page by its number."""
    await store.ingest([(firing(key), to(key))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    ended = replace(
        claim.incident,
        progress=Progress(
            phase=Phase.RESOLVED,
            phase_since=ended_at or claim.now,
            posts={"v1": Post(name=f"{claim.incident.episode}")},
        ),
    )
    archive = msgspec.json.encode(ended)
    after = await store.record(claim, Progress(), lease_ms=LEASE_MS, archive=archive, retention_ms=retention_ms)
    await store.ingest([(resolved(key), to(key))])
    await store.settle(after, due=None)


async def everything(store, *, since: int = 0, count: int = 100) -> tuple[list[str], list[str]]:
    """The names of all episodes: the current ones, and those that were put away, as often as they come."""
    current, ended, after = [], [], ""
    for _ in range(1_000):
        part = await store.episode_archive.episodes(since, after=after, count=count)
        current += [f"{each.id}.{each.episode}" for each in part.current]
        ended += [f"{each.id}.{each.episode}" for each in part.ended]
        after = part.after
        if not after:
            return current, ended
    raise AssertionError("no end of parts")


async def test_an_empty_store_has_no_outages(store):
    assert await everything(store) == ([], [])


async def test_an_end_stays_with_its_episode_though_the_next_begins_in_the_same_millisecond(store, db):
    await store.ingest([(firing("shop"), to("shop"))])
    await store.ingest([(resolved("shop"), to("shop"))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    await store.ingest([(firing("shop", starts_at=END + DAY), to("shop"))])
    db.hset(f"{PREFIX}incident:shop", "firing_since", (await store.incident("shop")).history[1].at)
    archive = msgspec.json.encode(replace(claim.incident, progress=Progress(phase=Phase.RESOLVED)))
    await store.record(claim, Progress(), lease_ms=LEASE_MS, archive=archive, retention_ms=DAY)
    assert [line.what for line in (await store.incident("shop.1")).history] == ["alerts_began", "alerts_ended"]
    assert [line.what for line in (await store.incident("shop")).history] == ["alerts_began"]


async def test_an_episode_whose_end_is_recorded_again_has_ended_once(store, db):
    await store.ingest([(firing("shop"), to("shop"))])
    await store.ingest([(resolved("shop"), to("shop"))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    await store.ingest([(firing("shop", starts_at=END + DAY), to("shop"))])
    archive = msgspec.json.encode(replace(claim.incident, progress=Progress(phase=Phase.RESOLVED)))
    told = (entry(What.EPISODE_BEGAN, episode=2),)
    for _ in range(2):  # the answer to the first is lost, and the connection's owner asks again
        await store.record(
            claim, Progress(), lease_ms=LEASE_MS, archive=archive, retention_ms=DAY, history=told, number=1
        )
    assert await everything(store) == (["shop.2"], ["shop.1"])
    assert [line.what for line in (await store.incident("shop.1")).history] == ["alerts_began", "alerts_ended"]
    assert db.keys(f"{PREFIX}episode:*") == [f"{PREFIX}episode:shop.1".encode()]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
async def test_every_outage_comes_once_whatever_the_size_of_a_part(store, count):
    for key in ("shop", "search", "shop", "mail", "shop"):
        await put_away(store, key)
    current, ended = await everything(store, count=count)
    assert sorted(current) == ["mail.2", "search.2", "shop.4"]
    assert ended == ["shop.1", "search.1", "shop.2", "mail.1", "shop.3"]


async def test_outages_that_ended_in_one_millisecond_are_told_apart(store):
    for key in "abcde":
        await put_away(store, key, ended_at=START)
    for count in (1, 2, 5):
        _, ended = await everything(store, count=count)
        assert ended == ["a.1", "b.1", "c.1", "d.1", "e.1"]


async def test_only_those_are_read_that_ended_since(store, clock):
    await put_away(store, "old")
    clock.advance(DAY // 2)
    since = clock.now
    await put_away(store, "new")
    _, ended = await everything(store, since=since)
    assert ended == ["new.1"]


async def test_what_another_release_put_away_without_listing_it_is_found(store, db):
    for _ in range(3):
        await put_away(store, "shop")
    # so it is when the release before put away the second and this one the others
    db.zrem(EPISODES, "shop.2")
    db.hset(f"{PREFIX}incident:shop", "archived", 1)
    assert sorted((await everything(store))[1]) == ["shop.1", "shop.2", "shop.3", "shop.3"]
    # and so when it put away all
    db.delete(EPISODES)
    db.hdel(f"{PREFIX}incident:shop", "archived")
    assert (await everything(store))[1] == ["shop.1", "shop.2", "shop.3"]


async def test_after_a_gap_the_next_release_does_not_hide_it(store, db):
    await put_away(store, "shop")
    db.zrem(EPISODES, "shop.1")
    db.hdel(f"{PREFIX}incident:shop", "archived")
    await put_away(store, "shop")
    assert sorted(set((await everything(store))[1])) == ["shop.1", "shop.2"]


async def test_the_list_forgets_with_what_it_lists(store, db, clock):
    await put_away(store, "old")
    clock.advance(DAY + 1)
    assert (await everything(store))[1] == [], "what is put away is kept for its time"
    clock.advance(DAY)
    await put_away(store, "new")
    assert db.zrange(EPISODES, 0, -1) == [b"new.1"]
    assert 0 < db.pttl(EPISODES) <= 2 * DAY


async def test_the_list_is_bounded(store, db):
    db.zadd(EPISODES, {f"x{number}.1": 2_000_000_000_000 + number for number in range(20_050)})
    await put_away(store, "shop")
    assert db.zcard(EPISODES) == 20_000
    assert db.zrange(EPISODES, 0, 0) == [b"x50.1"], "the newest stay"


@pytest.mark.parametrize(
    "after",
    [
        *("x", "ended", "ended-1", "ended-a-1", "ended--1-1", "current-", "current-1-1", "-", "9"),
        *(f"current-{1 << 64}", f"ended-0-{1 << 63}", f"ended-{1 << 63}-0"),  # no number of Redis'
    ],
)
async def test_a_place_that_no_answer_gave_is_refused(store, after):
    with pytest.raises(ValueError, match="no place"):
        await store.episode_archive.episodes(0, after=after)
