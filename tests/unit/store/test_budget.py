"""What all replicas share: the outbound budget, and the pause while the status page refuses the key."""

from __future__ import annotations

import pytest

from bridge.store import Claim, Idle, Store
from tests.unit.store.builders import LEASE_MS, MINUTE, contents, firing, to
from tests.unit.store.clock import Clock

PROBE_MS = 5_000


async def greedy(store: Store, clock: Clock, *, per_minute: int, duration_ms: int) -> list[int]:
    """When each request went out, in a run that sends whenever it may; waits are jumped over."""
    began, jumped = clock.now, 0
    sent: list[int] = []
    while (at := clock.now - began + jumped) < duration_ms:
        wait_ms = await store.take(requests_per_minute=per_minute)
        if wait_ms:
            clock.advance(wait_ms)
            jumped += wait_ms
        else:
            sent.append(at)
    return sent


@pytest.mark.parametrize("per_minute", [1, 2, 3, 4, 5, 10, 60, 240])
@pytest.mark.parametrize("idle_ms", [0, 10_000, 10 * MINUTE])
async def test_no_minute_sees_more_than_the_budget_and_most_of_it_is_used(store, clock, per_minute, idle_ms):
    await store.take(requests_per_minute=per_minute)
    clock.advance(idle_ms)
    sent = await greedy(store, clock, per_minute=per_minute, duration_ms=4 * MINUTE)
    busiest = max(sum(start <= at < start + MINUTE for at in sent) for start in sent)
    assert busiest <= per_minute
    assert len(sent) >= 4 * (per_minute * 3 // 4) - 1  # the first may still be paying for the one before


async def test_a_quarter_of_the_budget_may_go_at_once(store):
    waits = [await store.take(requests_per_minute=40) for _ in range(11)]
    assert waits[:10] == [0] * 10
    assert 0 < waits[10] <= 2_000


@pytest.mark.parametrize("per_minute", [2, 3, 4, 5, 7, 8, 10, 60, 240])
async def test_two_requests_are_taken_together_or_not_at_all(store, clock, per_minute):
    began, jumped = clock.now, 0
    sent: list[int] = []
    while (at := clock.now - began + jumped) < 4 * MINUTE:
        count = 2 - len(sent) % 3 // 2  # two, then one, in turn
        wait_ms = await store.take(count, requests_per_minute=per_minute)
        if wait_ms:
            clock.advance(wait_ms)
            jumped += wait_ms
        else:
            sent += [at] * count
    busiest = max(sum(start <= at < start + MINUTE for at in sent) for start in sent)
    assert busiest <= per_minute
    assert len(sent) >= 4 * (per_minute * 3 // 4) - 2


async def test_a_wait_that_was_told_is_enough(store, clock):
    while not (wait_ms := await store.take(requests_per_minute=8)):
        pass
    clock.advance(wait_ms)
    assert await store.take(requests_per_minute=8) == 0


async def test_an_unused_budget_is_no_state(store, db, clock):
    await store.take(requests_per_minute=8)
    clock.advance(2 * MINUTE)
    assert db.keys() == []


async def work(store: Store, count: int = 2) -> None:
    await store.ingest([(firing(str(number)), to(f"incident-{number}")) for number in range(count)])


async def claim(store: Store) -> Claim | Idle:
    return await store.claim(token="t", lease_ms=LEASE_MS)


async def test_while_paused_one_claim_every_few_seconds_is_a_probe(store, clock):
    await work(store, 3)
    assert await store.pause("401 from Checkly", now=clock.now)
    assert (await store.overview()).paused == "401 from Checkly"
    before = clock.now
    idle = await claim(store)
    assert isinstance(idle, Idle)
    assert idle.paused
    assert before < idle.next_at <= before + PROBE_MS
    for _ in range(2):
        clock.advance(PROBE_MS)
        probe = await claim(store)
        assert isinstance(probe, Claim)
        assert probe.probing
        recorded = await store.record(probe, probe.incident.progress, lease_ms=LEASE_MS)
        assert recorded is not None
        assert recorded.probing
        assert isinstance(await claim(store), Idle)


async def test_resumed_claims_go_on(store, clock):
    await work(store)
    await store.pause("403", now=clock.now)
    assert await store.resume()
    assert not await store.resume()
    assert (await store.overview()).paused is None
    for _ in range(2):
        got = await claim(store)
        assert isinstance(got, Claim)
        assert not got.probing


async def test_only_the_first_of_several_pauses_says_so_and_the_last_reason_stands(store, clock):
    assert await store.pause("401", now=clock.now)
    assert not await store.pause("403", now=clock.now)
    assert (await store.overview()).paused == "403"


async def test_a_probe_that_proved_nothing_lets_the_next_claim_probe_at_once(store, clock):
    await work(store)
    await store.pause("401", now=clock.now)
    clock.advance(PROBE_MS)
    assert isinstance(await claim(store), Claim)
    await store.probe_again(clock.now)
    assert isinstance(await claim(store), Claim)


async def test_a_late_probe_does_not_pause_what_was_resumed_meanwhile(store, db, clock):
    await work(store)
    await store.pause("401", now=clock.now)
    await store.resume()
    before = contents(db)
    await store.probe_again(clock.now)
    assert contents(db) == before
    got = await claim(store)
    assert isinstance(got, Claim)
    assert not got.probing


async def test_a_paused_store_still_takes_alerts(store, clock):
    await store.pause("401", now=clock.now)
    assert [change.outcome for change in await store.ingest([(firing(), to())])] == ["opened"]
