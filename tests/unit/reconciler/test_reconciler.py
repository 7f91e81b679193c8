"""The reconciler's stories, on a clock that the test moves: the main job, refusals, leases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import NEVER_PUBLISHED
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.model import Phase, Severity, UpdateKind, Write
from bridge.reconciler.leases import Lease, LeaseLost
from bridge.telemetry import MISSED
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import (
    LEASE_MS,
    MINUTE,
    POLICY,
    SECOND,
    START,
    World,
    names,
    published,
    value_of,
)

pytestmark = pytest.mark.usefixtures("generation")


class TestMainJob:
    def test_an_outage_is_told_from_its_start_to_its_end(self) -> None:
        world = published(notify=frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED}))
        world.after(MINUTE)
        world.fire("payments", Severity.CRITICAL)
        world.after(MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.writes == [
            "open MAJOR",
            "change CRITICAL",
            "update INVESTIGATING",
            "update MONITORING",
            "update RESOLVED",
        ]
        assert world.page.mails == ["open MAJOR", "update RESOLVED"]
        assert world.page.only.services == ("checkout", "payments")

    def test_an_outage_that_is_over_and_told_costs_no_call(self) -> None:
        world = published()
        world.clear()
        world.after(5 * MINUTE)
        calls = world.page.calls
        world.after(24 * 60 * MINUTE)
        assert world.page.calls == calls

    def test_an_outage_while_the_page_is_out_of_reach_is_told_when_it_is_back(self) -> None:
        world = World(POLICY)
        world.page.is_down = True
        world.fire()
        world.after(30 * MINUTE)
        assert world.page.writes == []
        world.page.is_down = False
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR"]
        assert world.page.only.updates[0].public_at == START - 500

    def test_the_page_is_not_hammered_while_it_is_out_of_reach(self) -> None:
        world = World(POLICY)
        world.page.is_down = True
        world.fire()
        world.after(61 * MINUTE)
        assert 60 * MINUTE / 8_000 <= world.page.calls <= 60 * MINUTE / 4_000 + 10

    def test_a_page_that_refused_one_write_and_is_then_out_of_reach_is_not_hammered_either(self) -> None:
        world = published()
        world.page.outcomes.append(Outcome.REJECTED)
        world.fire("payments")
        world.page.is_down = True
        calls = world.page.calls
        world.clear()
        world.after(MINUTE)
        assert world.page.calls - calls < 30

    def test_an_outage_that_cleared_while_the_page_was_out_of_reach_is_counted_as_missed(self) -> None:
        missed = value_of(MISSED)
        world = World(POLICY)
        world.page.is_down = True
        world.fire()
        world.after(10 * MINUTE)
        world.clear()
        world.after(10 * MINUTE)
        world.page.is_down = False
        world.after(10 * MINUTE)
        assert (world.page.writes, world.progress.note, value_of(MISSED)) == ([], NEVER_PUBLISHED, missed + 1)

    def test_an_outage_is_also_counted_when_its_lost_post_is_found_missing_after_its_end(self) -> None:
        missed = value_of(MISSED)
        world = published(Outcome.LOST_BEFORE)
        world.page.is_down = True
        world.clear()
        world.after(5 * MINUTE)
        assert value_of(MISSED) == missed
        world.page.is_down = False
        world.after(5 * MINUTE)
        assert (world.page.writes, world.progress.note, value_of(MISSED)) == ([], NEVER_PUBLISHED, missed + 1)

    def test_a_new_outage_long_after_another_is_another_incident(self) -> None:
        world = published()
        world.clear()
        world.after(30 * MINUTE)
        world.fire()
        world.after(MINUTE)
        assert [incident.status for incident in world.page.incidents] == [Phase.RESOLVED, Phase.INVESTIGATING]
        assert (world.store.episode, len(world.store.archive)) == (2, 1)

    def test_news_that_arrives_while_a_phase_is_recorded_is_acted_on(self) -> None:
        world = World(POLICY)
        world.fire()
        record = world.store.record

        async def fire_and_record(*arguments: Any, **options: Any) -> Any:
            world.store.record = record  # type: ignore[method-assign]
            world.alerts.fire(world.now)
            return await record(*arguments, **options)

        world.store.record = fire_and_record  # type: ignore[method-assign]
        world.clear()  # DISCARDED is recorded at the very moment at which it fires again
        world.after(2 * MINUTE)
        assert world.page.writes == ["open MAJOR"]


class TestRefusals:
    def test_a_refused_key_stops_all_writes_and_loses_none(self, logged: list[Any]) -> None:
        world = published(Outcome.REFUSED, Outcome.REFUSED)
        assert "writes_paused" in names(logged)
        calls = world.page.calls
        world.after(SECOND)
        assert world.page.calls == calls, "all writes wait"
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR"]
        assert names(logged).count("writes_paused") == 1
        assert "writes_resumed" in names(logged)

    def test_a_refused_update_is_sent_once_when_the_key_is_good_again(self) -> None:
        world = published(Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED)
        world.after(MINUTE)
        world.clear()
        world.after(30 * MINUTE)
        assert world.page.writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]

    def test_a_write_refused_for_good_says_why_and_is_tried_again_rarely(self, logged: list[Any]) -> None:
        world = published(Outcome.REJECTED, Outcome.REJECTED)
        assert (world.post.parked, world.post.retry_at) == ("413", world.now + PARK_RETRY_MS)
        assert "incident_parked" in names(logged)
        calls = world.page.calls
        world.after(PARK_RETRY_MS - 1)
        assert world.page.calls == calls
        world.after(2 * PARK_RETRY_MS)
        assert (world.page.writes, world.post.parked) == (["open MAJOR"], None)

    def test_a_refused_change_does_not_keep_the_incident_open(self) -> None:
        world = published(Outcome.DONE, *[Outcome.REJECTED] * 3)
        world.fire("payments", Severity.CRITICAL)
        assert world.post.parked == "413"
        world.clear()
        world.page.outcomes.clear()
        world.after(5 * MINUTE)
        assert world.page.only.status is Phase.RESOLVED

    def test_a_wider_outage_is_another_write_and_is_tried_at_once(self) -> None:
        world = published(Outcome.REJECTED)
        assert world.page.writes == []
        world.fire("payments")
        assert world.page.writes == ["open MAJOR"]


async def test_a_loop_that_is_cancelled_at_rest_leaves_nothing_running() -> None:
    world = World(POLICY)
    is_idle, claim = asyncio.Event(), world.store.claim

    async def claim_and_tell(**options: Any) -> Any:
        is_idle.set()
        return await claim(**options)

    world.store.claim = claim_and_tell  # type: ignore[method-assign]
    loop = asyncio.create_task(world.reconciler.run(asyncio.Event()))
    await is_idle.wait()
    await asyncio.sleep(0)
    loop.cancel()
    await asyncio.wait([loop])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestLeases:
    async def claim(self, world: World) -> Lease:
        world.store.notice()
        lease = await world.reconciler.claim()
        assert isinstance(lease, Lease)
        return lease

    async def test_nothing_is_sent_once_the_lease_has_run_out(self) -> None:
        world = World(replace(POLICY, publish_after_ms=0))
        world.alerts.fire(world.now)
        lease = await self.claim(world)
        record = world.store.record

        async def record_slowly(*arguments: Any, **options: Any) -> Any:
            claim = await record(*arguments, **options)
            world.now += LEASE_MS  # a stop of the whole process, say
            return claim

        world.store.record = record_slowly  # type: ignore[method-assign]
        with pytest.raises(LeaseLost):
            await world.reconciler.reconcile(lease)
        assert world.page.writes == []
        world.store.record = record  # type: ignore[method-assign]
        assert world.post.intent is not None
        assert world.post.intent.write is Write.OPEN

    async def test_who_lost_the_lease_records_nothing(self) -> None:
        world = World(replace(POLICY, publish_after_ms=0))
        world.alerts.fire(world.now)
        lease = await self.claim(world)
        world.now += LEASE_MS
        await self.claim(world)
        with pytest.raises(LeaseLost):
            await world.reconciler.reconcile(lease)
        assert (world.page.writes, world.progress.phase) == ([], Phase.PENDING)

    async def test_an_incident_in_hand_is_not_claimed_twice(self) -> None:
        world = World(replace(POLICY, publish_after_ms=0))
        world.alerts.fire(world.now)
        await self.claim(world)
        assert not isinstance(await world.reconciler.claim(), Lease)
