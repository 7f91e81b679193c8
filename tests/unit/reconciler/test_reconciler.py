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
    PageHarness,
    names,
    published,
    value_of,
)

pytestmark = pytest.mark.usefixtures("generation")


class TestMainJob:
    def test_an_outage_is_told_from_its_start_to_its_end(self) -> None:
        harness = published(notify=frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED}))
        harness.after(MINUTE)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.writes == [
            "open MAJOR",
            "change CRITICAL",
            "update INVESTIGATING",
            "update MONITORING",
            "update RESOLVED",
        ]
        assert harness.page.mails == ["open MAJOR", "update RESOLVED"]
        assert harness.page.only.services == ("checkout", "payments")

    def test_an_outage_that_is_over_and_told_costs_no_call(self) -> None:
        harness = published()
        harness.clear()
        harness.after(5 * MINUTE)
        calls = harness.page.calls
        harness.after(24 * 60 * MINUTE)
        assert harness.page.calls == calls

    def test_an_outage_while_the_page_is_out_of_reach_is_told_when_it_is_back(self) -> None:
        harness = PageHarness(POLICY)
        harness.page.is_down = True
        harness.fire()
        harness.after(30 * MINUTE)
        assert harness.page.writes == []
        harness.page.is_down = False
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR"]
        assert harness.page.only.updates[0].public_at == START - 500

    def test_the_page_is_not_hammered_while_it_is_out_of_reach(self) -> None:
        harness = PageHarness(POLICY)
        harness.page.is_down = True
        harness.fire()
        harness.after(61 * MINUTE)
        assert 60 * MINUTE / 8_000 <= harness.page.calls <= 60 * MINUTE / 4_000 + 10

    def test_a_page_that_refused_one_write_and_is_then_out_of_reach_is_not_hammered_either(self) -> None:
        harness = published()
        harness.page.outcomes.append(Outcome.REJECTED)
        harness.fire("payments")
        harness.page.is_down = True
        calls = harness.page.calls
        harness.clear()
        harness.after(MINUTE)
        assert harness.page.calls - calls < 30

    def test_an_outage_that_cleared_while_the_page_was_out_of_reach_is_counted_as_missed(self) -> None:
        missed = value_of(MISSED)
        harness = PageHarness(POLICY)
        harness.page.is_down = True
        harness.fire()
        harness.after(10 * MINUTE)
        harness.clear()
        harness.after(10 * MINUTE)
        harness.page.is_down = False
        harness.after(10 * MINUTE)
        assert (harness.page.writes, harness.progress.note, value_of(MISSED)) == ([], NEVER_PUBLISHED, missed + 1)

    def test_an_outage_is_also_counted_when_its_lost_post_is_found_missing_after_its_end(self) -> None:
        missed = value_of(MISSED)
        harness = published(Outcome.LOST_BEFORE)
        harness.page.is_down = True
        harness.clear()
        harness.after(5 * MINUTE)
        assert value_of(MISSED) == missed
        harness.page.is_down = False
        harness.after(5 * MINUTE)
        assert (harness.page.writes, harness.progress.note, value_of(MISSED)) == ([], NEVER_PUBLISHED, missed + 1)

    def test_a_new_outage_long_after_another_is_another_incident(self) -> None:
        harness = published()
        harness.clear()
        harness.after(30 * MINUTE)
        harness.fire()
        harness.after(MINUTE)
        assert [incident.status for incident in harness.page.incidents] == [Phase.RESOLVED, Phase.INVESTIGATING]
        assert (harness.store.episode, len(harness.store.archive)) == (2, 1)

    def test_news_that_arrives_while_a_phase_is_recorded_is_acted_on(self) -> None:
        harness = PageHarness(POLICY)
        harness.fire()
        record = harness.store.record

        async def fire_and_record(*arguments: Any, **options: Any) -> Any:
            harness.store.record = record  # type: ignore[method-assign]
            harness.alerts.fire(harness.now)
            return await record(*arguments, **options)

        harness.store.record = fire_and_record  # type: ignore[method-assign]
        harness.clear()  # DISCARDED is recorded at the very moment at which it fires again
        harness.after(2 * MINUTE)
        assert harness.page.writes == ["open MAJOR"]


class TestRefusals:
    def test_a_refused_key_stops_all_writes_and_loses_none(self, logged: list[Any]) -> None:
        harness = published(Outcome.REFUSED, Outcome.REFUSED)
        assert "writes_paused" in names(logged)
        calls = harness.page.calls
        harness.after(SECOND)
        assert harness.page.calls == calls, "all writes wait"
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR"]
        assert names(logged).count("writes_paused") == 1
        assert "writes_resumed" in names(logged)

    def test_a_refused_update_is_sent_once_when_the_key_is_good_again(self) -> None:
        harness = published(Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED)
        harness.after(MINUTE)
        harness.clear()
        harness.after(30 * MINUTE)
        assert harness.page.writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]

    def test_a_write_refused_for_good_says_why_and_is_tried_again_rarely(self, logged: list[Any]) -> None:
        harness = published(Outcome.REJECTED, Outcome.REJECTED)
        assert (harness.post.retry.parked, harness.post.retry.at) == ("413", harness.now + PARK_RETRY_MS)
        assert "incident_parked" in names(logged)
        calls = harness.page.calls
        harness.after(PARK_RETRY_MS - 1)
        assert harness.page.calls == calls
        harness.after(2 * PARK_RETRY_MS)
        assert (harness.page.writes, harness.post.retry.parked) == (["open MAJOR"], None)

    def test_a_refused_change_does_not_keep_the_incident_open(self) -> None:
        harness = published(Outcome.DONE, *[Outcome.REJECTED] * 3)
        harness.fire("payments", Severity.CRITICAL)
        assert harness.post.retry.parked == "413"
        harness.clear()
        harness.page.outcomes.clear()
        harness.after(5 * MINUTE)
        assert harness.page.only.status is Phase.RESOLVED

    def test_a_wider_outage_is_another_write_and_is_tried_at_once(self) -> None:
        harness = published(Outcome.REJECTED)
        assert harness.page.writes == []
        harness.fire("payments")
        assert harness.page.writes == ["open MAJOR"]


async def test_a_loop_that_is_cancelled_at_rest_leaves_nothing_running() -> None:
    harness = PageHarness(POLICY)
    is_idle, claim = asyncio.Event(), harness.store.claim

    async def claim_and_tell(**options: Any) -> Any:
        is_idle.set()
        return await claim(**options)

    harness.store.claim = claim_and_tell  # type: ignore[method-assign]
    loop = asyncio.create_task(harness.reconciler.run(asyncio.Event()))
    await is_idle.wait()
    await asyncio.sleep(0)
    loop.cancel()
    await asyncio.wait([loop])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestLeases:
    async def claim(self, harness: PageHarness) -> Lease:
        harness.store.notice()
        lease = await harness.reconciler.claim()
        assert isinstance(lease, Lease)
        return lease

    async def test_nothing_is_sent_once_the_lease_has_run_out(self) -> None:
        harness = PageHarness(replace(POLICY, publish_after_ms=0))
        harness.alerts.fire(harness.now)
        lease = await self.claim(harness)
        record = harness.store.record

        async def record_slowly(*arguments: Any, **options: Any) -> Any:
            claim = await record(*arguments, **options)
            harness.now += LEASE_MS  # a stop of the whole process, say
            return claim

        harness.store.record = record_slowly  # type: ignore[method-assign]
        with pytest.raises(LeaseLost):
            await harness.reconciler.reconcile(lease)
        assert harness.page.writes == []
        harness.store.record = record  # type: ignore[method-assign]
        assert harness.post.intent is not None
        assert harness.post.intent.write is Write.OPEN

    async def test_who_lost_the_lease_records_nothing(self) -> None:
        harness = PageHarness(replace(POLICY, publish_after_ms=0))
        harness.alerts.fire(harness.now)
        lease = await self.claim(harness)
        harness.now += LEASE_MS
        await self.claim(harness)
        with pytest.raises(LeaseLost):
            await harness.reconciler.reconcile(lease)
        assert (harness.page.writes, harness.progress.phase) == ([], Phase.PENDING)

    async def test_an_incident_in_hand_is_not_claimed_twice(self) -> None:
        harness = PageHarness(replace(POLICY, publish_after_ms=0))
        harness.alerts.fire(harness.now)
        await self.claim(harness)
        assert not isinstance(await harness.reconciler.claim(), Lease)
