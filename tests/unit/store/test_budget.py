"""What all replicas share: the outbound budget, and the pause while the status page refuses the key."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import cycle, repeat

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model import Phase, Post, Priority, Progress
from bridge.store import Claim, Idle, Store
from bridge.store.connect import connect
from bridge.store.results import Turn
from tests.unit.store.builders import LEASE_MS, MINUTE, PREFIX, contents, firing, keys, resolved, to
from tests.unit.store.clock import Clock

PROBE_MS = 5_000
ASKING_MS = 200  # the most that may pass from when a request is asked for to Redis' own time of it


class Minute:
    """When requests went out, in a run of so many milliseconds whose waits are jumped over; nobody else takes any."""

    def __init__(self, store: Store, clock: Clock, *, per_minute: int) -> None:
        self._store = store
        self._clock = clock
        self._per_minute = per_minute
        self._began = clock.now
        self._jumped = 0
        self.sent: list[int] = []

    @property
    def at(self) -> int:
        return self._clock.now - self._began + self._jumped

    def pass_time(self, ms: int) -> None:
        self._clock.advance(ms)
        self._jumped += ms

    async def take(self, count: int = 1, priority: Priority = Priority.END, *, ahead_ms: int = 0) -> Turn:
        asked_at = self.at
        turn = await self._store.take_requests(
            count, requests_per_minute=self._per_minute, priority=priority, ahead_ms=ahead_ms
        )
        if turn.taken:
            self.sent += [asked_at + turn.wait_ms] * count
        return turn

    async def greedily(self, counts: Iterable[int], priority: Priority = Priority.END, *, until: int) -> None:
        """Take whenever it may."""
        for count in counts:
            while not (turn := await self.take(count, priority)).taken:
                self.pass_time(turn.wait_ms)
                if self.at >= until:
                    return

    @property
    def busiest(self) -> int:
        """The most that went in any 60 seconds, but for what it took to ask."""
        span = MINUTE - ASKING_MS
        return max((sum(start <= at < start + span for at in self.sent) for start in self.sent), default=0)


@pytest.mark.parametrize("per_minute", [1, 2, 3, 4, 5, 10, 60, 240])
@pytest.mark.parametrize("idle_ms", [0, 10_000, 10 * MINUTE])
async def test_no_minute_sees_more_than_the_budget_and_most_of_it_is_used(store, clock, per_minute, idle_ms):
    await store.take_requests(requests_per_minute=per_minute)
    clock.advance(idle_ms)
    run = Minute(store, clock, per_minute=per_minute)
    await run.greedily(repeat(1), until=4 * MINUTE)
    assert run.busiest <= per_minute
    assert len(run.sent) >= 4 * (per_minute * 11 // 15) - 1  # the first may still be paying for the one before


@pytest.mark.parametrize("per_minute", [2, 3, 4, 5, 7, 8, 10, 60, 240])
async def test_two_requests_are_taken_together_or_not_at_all(store, clock, per_minute):
    run = Minute(store, clock, per_minute=per_minute)
    await run.greedily(cycle([2, 1]), until=4 * MINUTE)
    assert run.busiest <= per_minute
    assert len(run.sent) >= 4 * (per_minute * 11 // 15) - 2


async def test_a_sixtieth_of_the_budget_stays_unused_for_requests_that_arrive_late(store, clock):
    run = Minute(store, clock, per_minute=240)
    await run.greedily(repeat(1), until=2 * MINUTE)
    assert 230 <= run.busiest <= 240 - 240 // 60


async def test_a_quarter_of_the_budget_may_go_at_once(store):
    turns = [await store.take_requests(requests_per_minute=40, priority=Priority.END) for _ in range(11)]
    assert turns[:10] == [Turn(0, taken=True)] * 10
    assert not turns[10].taken
    assert 0 < turns[10].wait_ms <= 2_100


async def test_a_wait_that_was_told_is_enough(store, clock):
    while (turn := await store.take_requests(requests_per_minute=8)).taken:
        pass
    clock.advance(turn.wait_ms)
    assert (await store.take_requests(requests_per_minute=8)).taken


async def test_an_unused_budget_is_no_state(store, db, clock):
    await store.take_requests(requests_per_minute=8)
    clock.advance(2 * MINUTE)
    assert keys(db) == []


async def exhaust(run: Minute, priority: Priority) -> None:
    while (await run.take(1, priority)).taken:
        pass


@pytest.mark.parametrize("priority", list(Priority)[1:])
@pytest.mark.parametrize("per_minute", [60, 240, 600])
async def test_however_many_take_at_a_priority_those_before_it_find_something(store, clock, per_minute, priority):
    run = Minute(store, clock, per_minute=per_minute)
    await exhaust(run, priority)
    assert (await run.take(2, Priority(priority - 1))).taken


@pytest.mark.parametrize("per_minute", [2, 4, 8, 16, 60, 240])
async def test_ends_are_served_in_their_order_before_all_else_however_small_the_budget(store, clock, per_minute):
    run = Minute(store, clock, per_minute=per_minute)
    await exhaust(run, Priority.OPENING)
    ends = [(await run.take(2, ahead_ms=60 * MINUTE)) for _ in range(3)]
    assert all(end.taken for end in ends)
    due = [run.at + end.wait_ms for end in ends]
    assert due == sorted(due)
    for priority in list(Priority)[1:]:  # singles, which need less, ask all the time
        while run.at < due[-1]:
            turn = await run.take(1, priority)
            assert not turn.taken or run.at + turn.wait_ms >= due[-1] - 1_000
            run.pass_time(max(1, min(turn.wait_ms, due[-1] - run.at)))
    assert run.busiest <= max(per_minute, 2)


async def test_an_end_that_would_have_to_wait_for_too_long_books_nothing(store, clock):
    run = Minute(store, clock, per_minute=240)
    await exhaust(run, Priority.END)
    before = await run.take(2)
    assert not before.taken
    assert not (await run.take(2, ahead_ms=before.wait_ms - 100)).taken
    assert (await run.take(2, ahead_ms=before.wait_ms)).taken


async def test_nobody_but_an_end_books_ahead(store, clock):
    run = Minute(store, clock, per_minute=240)
    await exhaust(run, Priority.END)
    assert not (await run.take(1, Priority.CHANGE, ahead_ms=MINUTE)).taken


async def test_who_asked_and_died_keeps_nobody_waiting(store, clock):
    run = Minute(store, clock, per_minute=240)
    await exhaust(run, Priority.CHANGE)
    for _ in range(5):
        assert not (await run.take(2, Priority.CHANGE)).taken  # and never asks again
    told = (await run.take(1, Priority.OPENING)).wait_ms
    run.pass_time(told)
    assert (await run.take(1, Priority.OPENING)).taken


async def test_an_audit_leaves_nearly_all_that_may_go_at_once(store, clock):
    run = Minute(store, clock, per_minute=240)
    await exhaust(run, Priority.AUDIT)
    assert len(run.sent) <= 2
    await exhaust(run, Priority.OPENING)
    assert len(run.sent) >= 45


async def test_looks_take_a_tenth_of_any_minute_at_most(store, clock):
    run = Minute(store, clock, per_minute=240)
    for _ in range(40):
        await exhaust(run, Priority.OBSERVE)
        run.pass_time(2_000)
    assert 12 <= run.busiest <= 24


async def test_looks_of_a_budget_below_ten_wait_for_more_than_a_minute(store, clock):
    run = Minute(store, clock, per_minute=5)
    for _ in range(40):
        await exhaust(run, Priority.OBSERVE)
        run.pass_time(30_000)
    assert len(run.sent) in {10, 11}  # of 20 minutes, one in two


async def test_under_a_backlog_of_openings_a_look_has_a_request_a_minute_and_none_before_ends(store, clock):
    run, looks = Minute(store, clock, per_minute=240), 0
    for _ in range(120):
        await exhaust(run, Priority.OPENING)
        looks += (await run.take(1, Priority.OBSERVE)).taken
        run.pass_time(2_000)
    assert 3 <= looks <= 4
    for _ in range(60):
        await exhaust(run, Priority.END)
        assert not (await run.take(1, Priority.OBSERVE)).taken
        run.pass_time(2_000)


async def test_requests_that_are_held_are_exchanged(store, clock):
    run = Minute(store, clock, per_minute=240)
    await exhaust(run, Priority.CHANGE)
    clock.advance(8_000)
    assert (await run.take(2, Priority.OPENING)).taken
    ask = partial(store.take_requests, requests_per_minute=240)
    while (await ask(1, priority=Priority.LOOK)).taken:
        pass
    assert (await ask(2, priority=Priority.LOOK, held=2)).taken
    assert not (await ask(2, priority=Priority.LOOK, held=1)).taken


@given(data=st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_whoever_takes_whatever_no_minute_sees_more_than_the_budget(redis_url, db, data):
    db.flushall()
    client = connect(redis_url)
    clock = Clock(db)
    per_minute = data.draw(st.sampled_from([4, 12, 60, 100]))
    run = Minute(Store(client), clock, per_minute=per_minute)
    try:
        for _ in range(data.draw(st.integers(1, 20))):
            priority, count = data.draw(st.sampled_from(Priority)), data.draw(st.integers(1, 2))
            for _ in range(data.draw(st.sampled_from([1, 2, 20]))):
                await run.take(count, priority, ahead_ms=data.draw(st.sampled_from([0, 2_000, 8_000])))
            run.pass_time(data.draw(st.sampled_from([1, 300, 5_000, 20_000, MINUTE])))
    finally:
        await client.aclose()
    assert run.busiest <= max(per_minute, 2)


class TestClaims:
    """An incident is leased with the requests that it may need."""

    PER_MINUTE = 240

    async def claim(self, store: Store, *, ends_alone: bool = False) -> Claim | Idle:
        return await store.claim(
            token="t", lease_ms=LEASE_MS, requests_per_minute=self.PER_MINUTE, ends_alone=ends_alone
        )

    async def exhaust(self, store: Store, priority: Priority) -> None:
        while (await store.take_requests(requests_per_minute=self.PER_MINUTE, priority=priority)).taken:
            pass

    async def test_a_claim_comes_with_two_requests(self, store):
        await work(store)
        got = await self.claim(store)
        assert isinstance(got, Claim)
        assert (got.requests, got.go_in_ms) == (2, 0)

    async def test_without_a_budget_it_waits_until_there_is_one(self, store, clock):
        await work(store)
        await self.exhaust(store, Priority.OPENING)
        idle = await self.claim(store)
        assert isinstance(idle, Idle)
        assert idle.next_at is not None
        assert not idle.paused
        clock.advance(idle.next_at - idle.now)
        assert isinstance(await self.claim(store), Claim)

    @pytest.mark.parametrize("ends_alone", [False, True])
    async def test_what_is_over_but_shown_books_ahead_of_all_else(self, store, clock, *, ends_alone):
        await shown_and_over(store, clock, "over")
        await work(store, 3)
        await self.exhaust(store, Priority.END)
        got = await self.claim(store, ends_alone=ends_alone)
        assert isinstance(got, Claim)
        assert got.incident.id == "over"
        assert 0 < got.go_in_ms <= 2_000
        idle = await self.claim(store)
        assert isinstance(idle, Idle)
        assert idle.next_at is not None
        assert idle.next_at > got.now + got.go_in_ms

    async def test_ends_alone_are_claimed_where_nothing_else_may_be(self, store):
        await work(store)
        assert isinstance(await self.claim(store, ends_alone=True), Idle)
        assert isinstance(await self.claim(store), Claim)

    async def test_more_ends_than_the_budget_has_soon_wait_in_the_queue(self, store, clock):
        await shown_and_over(store, clock, *(f"over-{number}" for number in range(20)))
        await self.exhaust(store, Priority.END)
        claims = []
        while isinstance(got := await self.claim(store), Claim):
            claims.append(got)
        assert 1 <= len(claims) <= 4
        assert got.next_at is not None
        clock.advance(got.next_at - got.now)
        assert isinstance(await self.claim(store), Claim)

    @pytest.mark.parametrize("ends_by", ["settle", "drop"])
    async def test_a_claim_returns_the_requests_it_does_not_use(self, store, db, ends_by):
        await store.ingest([(resolved(), to())])
        await store.ingest([(firing("b"), to("other"))])
        before = (await self.claim(store), await self.claim(store))
        claim = next(each for each in before if isinstance(each, Claim) and each.incident.id == "other")
        free_at = float(db.get(f"{PREFIX}rate"))
        if ends_by == "settle":
            assert await store.settle(claim, due=None, unused=2)
        else:
            await store.ingest([(resolved("b"), to("other"))])
            assert await store.drop(claim, unused=2)
        assert float(db.get(f"{PREFIX}rate") or 0) <= free_at - 2 * claim.request_ms + 1

    async def test_nothing_goes_back_for_who_lost_the_lease(self, store, db, clock):
        await work(store, 1)
        claim = await self.claim(store)
        assert isinstance(claim, Claim)
        clock.advance(LEASE_MS)
        assert isinstance(await self.claim(store), Claim)
        free_at = db.get(f"{PREFIX}rate")
        assert not await store.settle(msgspec.structs.replace(claim, token="u"), due=None, unused=2)
        assert db.get(f"{PREFIX}rate") == free_at

    async def test_a_probe_does_not_ask_the_budget(self, store, clock):
        await work(store)
        await store.pause("401", now=clock.now)
        clock.advance(PROBE_MS)
        await self.exhaust(store, Priority.END)
        got = await self.claim(store)
        assert isinstance(got, Claim)
        assert (got.probing, got.requests) == (True, 0)


async def shown_and_over(store: Store, clock: Clock, *names: str) -> None:
    """These incidents stand open on the page, and nothing of them fires any more."""
    await store.ingest([(firing(name), to(name)) for name in names])
    for _ in names:
        claim = await store.claim(token="s", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        posts = {"v1": Post(remote_id=f"remote-{claim.incident.id}", status=Phase.INVESTIGATING)}
        shown = await store.record(claim, Progress(phase=Phase.INVESTIGATING, posts=posts), lease_ms=LEASE_MS)
        assert shown is not None
        await store.settle(shown, due=None)
    clock.advance(1_000)
    await store.ingest([(resolved(name), to(name)) for name in names])


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
    assert await store.is_paused()
    await store.resume()
    assert not await store.is_paused()


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
