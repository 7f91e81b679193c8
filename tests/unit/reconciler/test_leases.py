from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from bridge.reconciler.leases import LOOK_EVERY_S, LeaseRegistry
from bridge.store import Claim, Idle, Store, StoreUnavailable
from bridge.store.connect import connect
from tests.unit.store.builders import LEASE_MS, firing, to


class Bridge:
    """A bridge's claims, on a clock that the test moves."""

    def __init__(self, redis_url: str, name: str) -> None:
        numbers = count(1)
        self.now = 100.0
        self.store = Store(connect(redis_url))
        self.leases = LeaseRegistry(self.store, token=lambda: f"{name}{next(numbers)}", monotonic=lambda: self.now)

    async def claim(self) -> Claim | Idle:
        return await self.store.claim(token=self.leases.token(), lease_ms=LEASE_MS)

    async def release_orphans(self) -> None:
        self.now += LOOK_EVERY_S
        await self.leases.release_orphans(lease_ms=LEASE_MS)


@pytest.fixture
async def bridge(redis_url: str) -> AsyncIterator[Bridge]:
    bridge = Bridge(redis_url, "a")
    await bridge.store.ingest([(firing(), to())])
    yield bridge
    await bridge.store.close()


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Bridge]:
    bridge = Bridge(redis_url, "b")
    yield bridge
    await bridge.store.close()


async def test_what_was_leased_without_our_knowing_is_due_again(bridge: Bridge) -> None:
    lost = await bridge.claim()
    assert isinstance(await bridge.claim(), Idle)
    await bridge.release_orphans()
    assert isinstance(lost, Claim)
    assert await bridge.store.record(lost, lost.incident.progress, lease_ms=LEASE_MS) is None
    assert isinstance(await bridge.claim(), Claim)


async def test_what_is_worked_on_stays_leased_until_the_work_is_done(bridge: Bridge) -> None:
    claim = await bridge.claim()
    assert isinstance(claim, Claim)
    done = asyncio.Event()

    async def work() -> None:
        await done.wait()

    task = asyncio.create_task(work())
    bridge.leases.add(claim.token, task)
    await bridge.release_orphans()
    assert isinstance(await bridge.claim(), Idle)
    done.set()
    await task
    await bridge.release_orphans()
    assert isinstance(await bridge.claim(), Claim)


async def test_what_others_have_leased_is_theirs(bridge: Bridge, other: Bridge) -> None:
    assert isinstance(await other.claim(), Claim)
    await bridge.release_orphans()
    assert isinstance(await bridge.claim(), Idle)


async def test_it_looks_every_few_seconds_and_again_at_once_when_the_store_was_away(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    async def away(*_: Any, **__: Any) -> int:
        looks.append(1)
        raise StoreUnavailable("gone")

    async def there(*_: Any, **__: Any) -> int:
        looks.append(1)
        return 0

    monkeypatch.setattr(bridge.store, "release", away)
    await bridge.release_orphans()
    monkeypatch.setattr(bridge.store, "release", there)
    for _ in range(3):
        await bridge.leases.release_orphans(lease_ms=LEASE_MS)
    assert len(looks) == 2
