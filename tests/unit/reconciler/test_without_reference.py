"""Two incidents that readers cannot tell apart, without references, and answers that get lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import pytest

from bridge.model import V1_PAGE
from bridge.reconciler import Reconciler
from bridge.reconciler.leases import LeaseLost
from bridge.sandbox.faults import Drop
from tests.unit.reconciler.redis_harness import INCIDENTS, MINUTE, SECOND, SETTLE_MS, RedisHarness, together
from tests.unit.store.builders import all_of

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
version: 1
checkly: {reference: false, settle: 10s}
services: {checkout: Checkout, payments: Payments}
severity: [{is: MINOR}]
texts: {name: Degraded}
defaults: {publish_after: 1m, resolve_after: 2m}
routes: [{name: shop, group_by: [service], services: {label: service}}]
"""
SHOP = ("checkout", "payments")


@pytest.fixture
async def harness(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path, CONFIG)
    yield harness
    await harness.close()


async def test_of_two_that_find_the_same_post_at_the_same_moment_one_looks_on(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, both, now = harness.start(), asyncio.Barrier(2), int(time.time() * 1000)
    owners = harness.store.owners

    async def read_together(remote_ids: Sequence[str]) -> dict[str, str]:
        found = await owners(remote_ids)
        await both.wait()
        return found

    harness.state.faults.queue += [Drop(method="POST", path=INCIDENTS, commit=True)] * 2
    for service in SHOP:
        await harness.fire(service, now=now)  # in one second: what began in another is told apart by its date
    await harness.after(MINUTE)
    await harness.age(SECOND)
    leases = await harness.claim(), await harness.claim(other)
    monkeypatch.setattr(harness.store, "owners", read_together)
    outcomes = await asyncio.gather(
        *map(Reconciler.reconcile, (harness.reconciler, other), leases), return_exceptions=True
    )
    monkeypatch.undo()
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [LeaseLost]
    await harness.after(MINUTE, MINUTE)
    held = [incident.progress.posts[V1_PAGE].remote_id for incident in await all_of(harness.store)]
    assert sorted(map(str, held)) == sorted(incident.id for incident in harness.shown)


@pytest.mark.parametrize("arrived", [(True, True), (True, False), (False, True), (False, False)])
async def test_each_finds_or_repeats_its_own_post(harness: RedisHarness, arrived: tuple[bool, bool]) -> None:
    other = harness.start()
    harness.state.faults.queue += [Drop(method="POST", path=INCIDENTS, commit=commit) for commit in arrived]
    for service in SHOP:
        await harness.fire(service)
    await harness.after(MINUTE)
    assert len(harness.shown) == sum(arrived)
    for span_ms in (SECOND, SETTLE_MS, MINUTE, MINUTE, MINUTE, MINUTE):
        await harness.age(span_ms)
        await together(harness.settle(harness.reconciler), harness.settle(other))
    assert [incident.status for incident in harness.shown] == ["INVESTIGATING"] * 2
    held = [incident.progress.posts[V1_PAGE].remote_id for incident in await all_of(harness.store)]
    assert sorted(map(str, held)) == sorted(incident.id for incident in harness.shown)
    await harness.clear("checkout")
    await harness.after(2 * MINUTE, 2 * MINUTE)
    assert sorted(incident.status for incident in harness.shown) == ["INVESTIGATING", "RESOLVED"]
    await harness.clear("payments")
    await harness.after(2 * MINUTE, 2 * MINUTE)
    assert [incident.status for incident in harness.shown] == ["RESOLVED"] * 2
