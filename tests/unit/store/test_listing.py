"""Lists by parts: what they cost, that they lose and repeat nothing meanwhile, and what filters let through."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bridge.config import schema
from bridge.model import Phase, Post, Progress, Retry
from bridge.store import Claim, Listing, Store, Wanted, codec
from bridge.store.connect import connect
from bridge.store.reading import READS, Reading
from bridge.store.runner import ScriptRunner
from bridge.store.write_concern import WriteConcern
from tests.unit.store.builders import LEASE_MS, PREFIX, firing, resolved, to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bridge.model import Incident

FEW = Wanted()
ACTIVE = Wanted(active=True)


async def opened(store: Store, *names: str, services: tuple[str, ...] = ("checkout",)) -> None:
    for name in names:
        await store.ingest([(firing(name), to(name, services=services))])


async def over(store: Store, *names: str) -> None:
    for name in names:
        await store.ingest([(resolved(name), to(name))])


async def recorded(store: Store, name: str, progress: Progress) -> None:
    """Have the progress of an incident that is due recorded."""
    claims: list[Claim] = []
    while isinstance(claim := await store.claim(token=f"t{len(claims)}", lease_ms=LEASE_MS), Claim):
        claims.append(claim)
    for claim in claims:
        if claim.incident.id == name:
            assert await store.record(claim, progress, lease_ms=LEASE_MS)
        await store.settle(claim, due=None)


async def listed(store: Store, wanted: Wanted = FEW, *, count: int = 100, looked_at: int = 1_000) -> list[str]:
    """All of a list, by parts."""
    found, after = [], ""
    while True:
        part = await store.listing.part(wanted, after=after, count=count, looked_at=looked_at)
        found += [incident.id for incident in part.incidents]
        after = part.after
        if not after:
            return found


async def test_the_last_begun_comes_first_and_keeps_its_place_until_it_is_over_and_begins_again(store, clock):
    for name in "abc":
        await opened(store, name)
        clock.advance(1_000)
    assert await listed(store) == await listed(store, ACTIVE) == ["c", "b", "a"]
    await store.ingest([(firing("more"), to("a"))])
    assert await listed(store, ACTIVE) == ["c", "b", "a"]
    await over(store, "b")
    assert await listed(store, ACTIVE) == ["c", "a"]
    assert await listed(store) == ["c", "b", "a"]
    clock.advance(700_000)
    await opened(store, "b")
    assert await listed(store) == await listed(store, ACTIVE) == ["b", "c", "a"]


async def test_what_stands_on_a_page_is_active_though_nothing_fires(store):
    await opened(store, "a")
    await recorded(
        store, "a", Progress(phase=Phase.MONITORING, posts={"v1": Post(remote_id="r", status=Phase.MONITORING)})
    )
    await over(store, "a")
    assert await listed(store, ACTIVE) == ["a"]
    await recorded(store, "a", Progress(phase=Phase.RESOLVED, posts={"v1": Post(remote_id="r", status=Phase.RESOLVED)}))
    assert await listed(store, ACTIVE) == []
    assert await listed(store) == ["a"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(routes=("a-route", "c-route")), ["c", "a"]),
        (Wanted(services=("mail",)), ["shown", "c"]),
        (Wanted(services=("checkout", "mail")), ["shown", "c", "b", "a"]),
        (Wanted(phases=("INVESTIGATING",)), ["shown", "refused"]),
        (Wanted(in_trouble=True), ["refused"]),
        (Wanted(in_trouble=False, phases=("INVESTIGATING",)), ["shown"]),
        (Wanted(since=-30_000), ["shown", "refused"]),
        (Wanted(routes=("a-route",), services=("mail",)), []),
    ],
)
async def test_filters_let_through_what_has_one_of_each(store, clock, wanted, expected):
    await opened(store, "a", "b")
    clock.advance(10)
    await opened(store, "c", services=("mail", "cart"))
    clock.advance(60_000)
    post = Post(remote_id="r1", status=Phase.INVESTIGATING, services=("pay",))
    refused = Progress(phase=Phase.INVESTIGATING, posts={"v1": Post(retry=Retry(parked="400"), services=("pay",))})
    for name, progress in (
        ("refused", refused),
        ("shown", Progress(phase=Phase.INVESTIGATING, posts={"v1": post, "v3:x": Post(services=("mail",))})),
    ):
        await opened(store, name, services=("pay",))
        await recorded(store, name, progress)
        clock.advance(10)
    assert await listed(store, wanted) == expected
    assert await listed(store, wanted, count=1, looked_at=2) == expected


async def test_a_part_says_where_the_next_begins_only_if_there_is_more(store):
    await opened(store, *"abcd")
    first = await store.listing.part(FEW, count=2)
    assert first.after
    second = await store.listing.part(FEW, after=first.after, count=2)
    assert len(second.incidents) == 2
    assert second.after == ""


async def test_equal_times_do_not_confuse_the_places(store, db):
    names = [f"n{number}" for number in range(20)]
    await store.ingest([(firing(name), to(name)) for name in names])
    assert len(set(dict(db.zrange(f"{PREFIX}begun", 0, -1, withscores=True)).values())) == 1
    for count in (1, 3, 7):
        assert await listed(store, count=count) == sorted(names, reverse=True)


def replay(seed: int) -> Callable[[Store], Awaitable[None]]:
    """Any of what happens to incidents, but for one that begins again."""
    rng = random.Random(seed)
    fresh = iter(range(10_000))

    async def step(store: Store) -> None:
        match rng.randrange(4):
            case 0:
                await opened(store, f"new{next(fresh)}")
            case 1:
                await over(store, f"goes{rng.randrange(40)}")
            case 2:
                await store.ingest([(firing(f"extra{next(fresh)}"), to(f"stays{rng.randrange(40)}"))])
            case 3:
                claim = await store.claim(token=f"{next(fresh)}", lease_ms=LEASE_MS)
                if isinstance(claim, Claim) and not (claim.incident.summary.firing and rng.random() < 0.5):
                    await store.drop(claim)
                elif isinstance(claim, Claim):
                    await store.settle(claim, due=None)

    return step


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("active", [True, False])
async def test_what_stays_is_neither_skipped_nor_repeated_while_others_come_and_go(redis_url, store, seed, active):
    stays, goes = [f"stays{n}" for n in range(40)], [f"goes{n}" for n in range(40)]
    order = [*stays, *goes]
    random.Random(seed).shuffle(order)
    await opened(store, *order)
    replica = Store(connect(redis_url))
    step, after, found = replay(seed), "", []
    for reader in (store, replica) * 100:  # each part by another replica
        part = await reader.listing.part(Wanted(active=active), after=after, count=7)
        found += [incident.id for incident in part.incidents]
        after = part.after
        if not after:
            break
        for _ in range(5):
            await step(store)
    await replica.close()
    assert [name for name, times in Counter(found).items() if times > 1] == []
    assert set(stays) <= set(found)


async def test_what_another_release_began_ended_and_dropped_is_listed_right(store, db, redis_url):
    await opened(store, *"abcd")
    await over(store, "d")
    db.delete(f"{PREFIX}begun", f"{PREFIX}active")
    assert await listed(store) != []
    for list_ in ("begun", "active"):
        db.zrem(f"{PREFIX}{list_}", "a")  # it began
        db.zadd(f"{PREFIX}{list_}", {"gone": 1, "gone2": 2})  # it dropped
    db.zadd(f"{PREFIX}active", {"d": 5})  # it ended
    with_another = Store(connect(redis_url))
    assert sorted(await listed(with_another, ACTIVE)) == ["a", "b", "c"]
    assert sorted(await listed(with_another)) == ["a", "b", "c", "d"]
    await with_another.close()


async def test_a_store_that_another_release_goes_on_writing_is_put_right_once_a_second(store, db, redis_url):
    await opened(store, *"ab")
    time = [0.0]
    client = connect(redis_url)
    runner = ScriptRunner(client, PREFIX, WriteConcern(client, f"{PREFIX}check", schema.Store), None)
    listing = Listing(Reading(client, PREFIX), runner.run, lambda: time[0])

    async def ids() -> list[str]:
        return sorted(incident.id for incident in (await listing.part(FEW)).incidents)

    db.zrem(f"{PREFIX}begun", "a")
    assert await ids() == ["a", "b"]
    db.zrem(f"{PREFIX}begun", "a")
    assert await ids() == ["b"]
    time[0] = 1.0
    assert await ids() == ["a", "b"]
    await client.aclose()


async def test_one_that_is_gone_when_it_is_read_is_left_out(store, db):
    await opened(store, *"ab")
    db.delete(f"{PREFIX}incident:a")
    assert await listed(store) == ["b"]


@pytest.mark.parametrize("wanted", [FEW, ACTIVE])
async def test_a_hundred_of_thousands_cost_as_much_as_a_hundred(store, db, monkeypatch, wanted):
    decoded: list[Incident] = []

    async def cost() -> int:
        decoded.clear()
        db.config_resetstat()
        part = await store.listing.part(wanted, count=100)
        assert len(part.incidents) == 100
        stats: dict[str, int] = {name: each["calls"] for name, each in db.info("commandstats").items()}
        return sum(stats.values()) - stats["cmdstat_config|resetstat"]

    unpack = codec.unpack_incident

    def counting(*arguments: Any) -> Incident:
        decoded.append(unpack(*arguments))
        return decoded[-1]

    monkeypatch.setattr(codec, "unpack_incident", counting)
    await store.ingest([(firing(f"a{n}"), to(f"a{n}")) for n in range(101)])
    await store.listing.part(wanted)
    few = await cost()
    await store.ingest([(firing(f"b{n}"), to(f"b{n}")) for n in range(3_000)])
    many = await cost()
    assert len(decoded) == 100
    assert few <= 100 * (READS + 1) + 20
    assert many <= few + 10


async def test_a_filter_that_nothing_passes_looks_at_no_more_than_it_may(store, db):
    await store.ingest([(firing(f"a{n}"), to(f"a{n}")) for n in range(3_000)])
    await store.listing.part(FEW, count=1)
    db.config_resetstat()
    part = await store.listing.part(Wanted(routes=("none",)), looked_at=500)
    assert (part.incidents, bool(part.after)) == ([], True)
    stats: dict[str, int] = {name: each["calls"] for name, each in db.info("commandstats").items()}
    assert sum(stats.values()) <= 530
