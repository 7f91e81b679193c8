"""Whole rounds on a real store, in the worlds of the campaign: what they close is held against what was true."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.healing.ours import FIRING, HELD, OurAlert
from bridge.healing.clusters import ClusterChore
from bridge.model import SENDER_LABEL, Alert, AlertStatus
from bridge.store.connect import connect
from bridge.store.told import ToldMemory
from tests.chaos.healing import LENGTH_MS, Healer, healing_of
from tests.chaos.healing_world import SenderWorld
from tests.unit.healing.rounds_harness import Configuration
from tests.unit.reconciler.clocked import NOW, ClockedStore
from tests.unit.store.builders import to

if TYPE_CHECKING:
    import redis

    from bridge.config.healing import Cluster
    from bridge.core.healing.seen import Poll

ALERTS = 20


class StoredHealer(Healer):
    """The chore itself on the store; each delivery arrives at its time."""

    def __init__(self, rng: Random, world: SenderWorld, redis_url: str, db: redis.Redis, *, calm: bool) -> None:
        cluster, healing = healing_of(rng, len(world.peers), world.servers, calm=calm)
        super().__init__(rng, world, healing, cluster, calm=calm)
        config = Configuration(healing)
        self._db = db
        self.store = ClockedStore(connect(redis_url), tell=ToldMemory(lambda: config.current))
        self._arrived: list[tuple[int, Alert]] = []
        self._chore = ClusterChore(
            cluster.name,
            store=self.store,
            ask=self._ask,
            on_change=lambda: None,
            monotonic=lambda: world.now / 1000,
            token=lambda: "t",
            sleep=self._sleep,
        )

    def deliver(self, name: str, fires: bool, starts_at: int) -> None:
        labels = {**self._world.alerts[name].labels, SENDER_LABEL: "eu"}
        status = AlertStatus.FIRING if fires else AlertStatus.RESOLVED
        delivered = Alert(
            source="alertmanager",
            sender="eu",
            fingerprint=name,
            status=status,
            labels=labels,
            starts_at=starts_at,
            ends_at=0 if fires else self._world.now,
        )
        self._arrived.append((self._world.now, delivered))

    async def round(self) -> None:
        await self._take_in()
        before = await self._open()
        self._begin()
        at = self._world.now
        await self._chore.play_if_due(self._cluster, self.healing)
        after = await self._open()
        detail = await self.store.incident("shop")
        ends: dict[str, Any] = {each.fingerprint: each for each in detail.alerts} if detail else {}
        for name in before.keys() - after.keys():
            if ends[name].healed:
                self.ours[name] = before[name]
                self._check(name, at, ends[name].ends_at, ends[name].healed)
        self.ours = after

    async def _ask(self, _: Cluster, url: str) -> Poll:
        try:
            return await self._poll(url)
        finally:
            await self._take_in()

    async def _sleep(self, seconds: float) -> None:
        self._world.advance(int(seconds * 1000))

    async def _take_in(self) -> None:
        arrived, self._arrived = self._arrived, []
        for at, each in arrived:
            self._db.set(NOW, at)
            await self.store.ingest([(each, to("shop"))])
        self._db.set(NOW, self._world.now)

    async def _open(self) -> dict[str, OurAlert]:
        places = [place async for part in self.store.healing.places() for place in part]
        alerts = await self.store.healing.alerts(places)
        return {each.fingerprint: each for each in alerts.values() if each.state in {FIRING, HELD}}


@pytest.mark.parametrize("seed", range(1, 7))
async def test_nothing_is_closed_without_every_condition(redis_url, db, seed):
    rng = Random(seed)
    calm = seed == 1
    world = SenderWorld(
        rng,
        alerts=ALERTS,
        peers=rng.choice((1, 2, 3)),
        servers=rng.choice((1, 2)),
        length_ms=LENGTH_MS,
        calm=calm,
    )
    healer = StoredHealer(rng, world, redis_url, db, calm=calm)
    world.deliver = healer.deliver
    while world.now < world.ends_at:
        await healer.round()
        world.advance(healer.healing.interval_ms)
    await healer.store.close()
    assert healer.wrong == []
    assert healer.closed or not calm
