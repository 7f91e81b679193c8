"""The budget between the reconciler and the page, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import copy_context
from pathlib import Path

import pytest

from bridge.checkly.errors import RateLimited
from bridge.model import Phase
from bridge.reconciler import Budget
from bridge.sandbox.faults import Drop
from tests.unit.reconciler.rig import CONFIG, INCIDENTS, MINUTE, SECOND, Rig

TWO_A_MINUTE = CONFIG.replace("settle: 10s", "settle: 10s, requests_per_minute: 2")


@pytest.fixture
async def rig(redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(redis_url, tmp_path, TWO_A_MINUTE)
    yield rig
    await rig.close()


async def converge(rig: Rig, phase: Phase) -> None:
    for _ in range(60):
        rig.behind += 10
        await rig.after(10 * SECOND)
        if rig.shown and rig.only.status == phase:
            return
    raise AssertionError(f"after 10 minutes: {[call.path for call in rig.state.calls]}")


@pytest.mark.parametrize("is_lost", [False, True])
async def test_at_two_requests_a_minute_an_incident_opens_and_resolves(rig: Rig, *, is_lost: bool) -> None:
    if is_lost:
        rig.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await rig.fire()
    await converge(rig, Phase.INVESTIGATING)
    await rig.after(*[30 * SECOND] * 10)
    assert (await rig.post()).remote_id == rig.only.id
    await rig.clear()
    await converge(rig, Phase.MONITORING)
    await converge(rig, Phase.RESOLVED)


async def test_what_was_reserved_is_there_for_its_own_task_alone(rig: Rig) -> None:
    budget, another = Budget(rig.store, rig.live), copy_context()
    await budget.reserve(2)
    with pytest.raises(RateLimited) as caught:
        await asyncio.create_task(budget.reserve(2), context=another)
    assert caught.value.retry_after_ms is not None
    assert MINUTE < caught.value.retry_after_ms <= 2 * MINUTE
    await budget()
    await budget.reserve(1)
    await budget()
    with pytest.raises(RateLimited):
        await budget()
