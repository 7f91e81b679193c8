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
from tests.unit.reconciler.redis_harness import INCIDENTS, MINUTE, SECOND, SETTLE_MS, Rig, together
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
async def rig(redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(redis_url, tmp_path, CONFIG)
    yield rig
    await rig.close()


async def test_of_two_that_find_the_same_post_at_the_same_moment_one_looks_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, both, now = rig.start(), asyncio.Barrier(2), int(time.time() * 1000)
    owners = rig.store.owners

    async def read_together(remote_ids: Sequence[str]) -> dict[str, str]:
        found = await owners(remote_ids)
        await both.wait()
        return found

    rig.state.faults.queue += [Drop(method="POST", path=INCIDENTS, commit=True)] * 2
    for service in SHOP:
        await rig.fire(service, now=now)  # in one second: what began in another is told apart by its date
    await rig.after(MINUTE)
    await rig.age(SECOND)
    leases = await rig.claim(), await rig.claim(other)
    monkeypatch.setattr(rig.store, "owners", read_together)
    outcomes = await asyncio.gather(*map(Reconciler.reconcile, (rig.reconciler, other), leases), return_exceptions=True)
    monkeypatch.undo()
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [LeaseLost]
    await rig.after(MINUTE, MINUTE)
    held = [incident.progress.posts[V1_PAGE].remote_id for incident in await all_of(rig.store)]
    assert sorted(map(str, held)) == sorted(incident.id for incident in rig.shown)


@pytest.mark.parametrize("arrived", [(True, True), (True, False), (False, True), (False, False)])
async def test_each_finds_or_repeats_its_own_post(rig: Rig, arrived: tuple[bool, bool]) -> None:
    other = rig.start()
    rig.state.faults.queue += [Drop(method="POST", path=INCIDENTS, commit=commit) for commit in arrived]
    for service in SHOP:
        await rig.fire(service)
    await rig.after(MINUTE)
    assert len(rig.shown) == sum(arrived)
    for span_ms in (SECOND, SETTLE_MS, MINUTE, MINUTE, MINUTE, MINUTE):
        await rig.age(span_ms)
        await together(rig.settle(rig.reconciler), rig.settle(other))
    assert [incident.status for incident in rig.shown] == ["INVESTIGATING"] * 2
    held = [incident.progress.posts[V1_PAGE].remote_id for incident in await all_of(rig.store)]
    assert sorted(map(str, held)) == sorted(incident.id for incident in rig.shown)
    await rig.clear("checkout")
    await rig.after(2 * MINUTE, 2 * MINUTE)
    assert sorted(incident.status for incident in rig.shown) == ["INVESTIGATING", "RESOLVED"]
    await rig.clear("payments")
    await rig.after(2 * MINUTE, 2 * MINUTE)
    assert [incident.status for incident in rig.shown] == ["RESOLVED"] * 2
