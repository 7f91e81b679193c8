"""The budget between the reconciler and the page, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import copy_context
from typing import TYPE_CHECKING

import pytest

from bridge.checkly.errors import OverBudget
from bridge.model import Phase, Priority
from bridge.reconciler import Budget, acting
from bridge.reconciler.budget import LOOK_AGAIN_MS, unused
from bridge.sandbox.faults import Drop
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import CONFIG, INCIDENTS, MINUTE, SECOND, RedisHarness

if TYPE_CHECKING:
    from pathlib import Path

TWO_A_MINUTE = CONFIG.replace("settle: 10s", "settle: 10s, requests_per_minute: 2")


@pytest.fixture
async def harness(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path, TWO_A_MINUTE)
    yield harness
    await harness.close()


async def converge(harness: RedisHarness, phase: Phase) -> None:
    for _ in range(60):
        harness.behind += 10
        await harness.after(10 * SECOND)
        if harness.shown and harness.only.status == phase:
            return
    raise AssertionError(f"after 10 minutes: {[call.path for call in harness.state.calls]}")


@pytest.mark.parametrize("is_lost", [False, True])
async def test_at_two_requests_a_minute_an_incident_opens_and_resolves(harness: RedisHarness, *, is_lost: bool) -> None:
    if is_lost:
        harness.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await harness.fire()
    await converge(harness, Phase.INVESTIGATING)
    await harness.after(*[30 * SECOND] * 10)
    assert (await harness.post()).remote_id == harness.only.id
    await harness.clear()
    await converge(harness, Phase.MONITORING)
    await converge(harness, Phase.RESOLVED)


async def test_what_was_reserved_is_there_for_its_own_task_alone(harness: RedisHarness) -> None:
    budget, another = Budget(harness.store, harness.live), copy_context()
    with acting(Priority.OPENING):
        await budget.reserve(2)
        with pytest.raises(OverBudget) as caught:
            await asyncio.create_task(budget.reserve(2, Priority.OPENING), context=another)
        assert MINUTE < caught.value.retry_after_ms <= 2 * MINUTE
        await budget()
        await budget.reserve(1)
        await budget()
        with pytest.raises(OverBudget):
            await budget()


class Slept:
    """A sleep that is over at once: what was slept is known, and the budget is as much older."""

    def __init__(self, harness: RedisHarness) -> None:
        self._rig = harness
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self._rig.age_budget(int(seconds * 1000))


@pytest.fixture
async def busy(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    """With the default budget, of which nothing is left."""
    harness = RedisHarness(redis_url, tmp_path)
    while (await harness.store.take_requests(requests_per_minute=240, priority=Priority.END)).taken:
        pass
    yield harness
    await harness.close()


async def test_an_audit_waits_as_long_as_it_takes(busy: RedisHarness) -> None:
    slept = Slept(busy)
    await Budget(busy.store, busy.live, sleep=slept)()
    assert sum(slept.seconds) > 15


async def test_a_look_that_finds_no_room_is_given_back_at_once_and_not_soon_tried_again(busy: RedisHarness) -> None:
    slept = Slept(busy)
    with acting(Priority.LOOK), pytest.raises(OverBudget) as caught:
        await Budget(busy.store, busy.live, sleep=slept).reserve(2)
    assert slept.seconds == []
    assert caught.value.retry_after_ms >= LOOK_AGAIN_MS


async def test_an_end_waits_once_for_the_requests_that_it_has_booked(busy: RedisHarness) -> None:
    slept = Slept(busy)
    with acting(Priority.END):
        await Budget(busy.store, busy.live, sleep=slept).reserve(2)
    assert len(slept.seconds) == 1
    assert unused() == 2


async def test_what_opens_waits_a_little_and_is_then_given_back_for_as_long_as_it_would_have_to_wait(
    busy: RedisHarness,
) -> None:
    slept = Slept(busy)
    with acting(Priority.OPENING), pytest.raises(OverBudget) as caught:
        await Budget(busy.store, busy.live, sleep=slept).reserve(2)
    assert sum(slept.seconds) <= 2
    assert 0 < caught.value.retry_after_ms < 6_000


async def test_after_a_good_priority_a_look_pays_its_own_way(busy: RedisHarness) -> None:
    budget = Budget(busy.store, busy.live, sleep=Slept(busy))
    with acting(Priority.END):
        await budget.reserve(2)
    with acting(Priority.LOOK), pytest.raises(OverBudget):
        await budget.reserve(2)
    assert unused() == 2


async def test_what_an_incident_did_not_use_goes_back(redis_url: str, tmp_path: Path) -> None:
    harness = RedisHarness(redis_url, tmp_path)
    await harness.fire()  # not to be published for a minute
    assert await harness.redis.get(f"{PREFIX}rate") is None
    await harness.close()
