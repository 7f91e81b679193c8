"""Readiness and the gauges that are sampled from the store."""

from __future__ import annotations

import structlog

from bridge.health import ANSWER_AGE_MS, Health
from bridge.silence import Silence
from bridge.store import Durability, Overview, StoreUnavailable
from bridge.telemetry import REGISTRY


class Samples:
    """A store that is asked for nothing but its state."""

    def __init__(self) -> None:
        self.is_there = True
        self.checks = 0
        self.problems: tuple[str, ...] = ()
        self.overview_now = Overview(
            phases={"INVESTIGATING": 2, "RESOLVED": 1}, parked=1, oldest_due_ms=1500, paused=None
        )

    async def check(self) -> None:
        self.checks += 1
        self._answer()

    async def overview(self) -> Overview:
        self._answer()
        return self.overview_now

    async def inspect(self) -> Durability:
        self._answer()
        return Durability(server="Redis 7", problems=self.problems)

    def _answer(self) -> None:
        if not self.is_there:
            raise StoreUnavailable("gone")


class Stage:
    def __init__(self) -> None:
        self.now = 1
        self.store = Samples()
        self.health = Health(self.store, Silence([], clock=lambda: self.now), clock=lambda: self.now)  # type: ignore[arg-type]  # as much of a store as it asks


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_readiness_follows_the_store_within_a_second():
    stage = Stage()
    assert await stage.health.ready() == (True, "ready")
    stage.store.is_there = False
    assert await stage.health.ready() == (True, "ready")
    stage.now += ANSWER_AGE_MS
    ready, reason = await stage.health.ready()
    assert (ready, value("bridge_store_available")) == (False, 0)
    assert "Redis" in reason
    stage.store.is_there, stage.now = True, stage.now + ANSWER_AGE_MS
    assert await stage.health.ready() == (True, "ready")
    assert (stage.store.checks, value("bridge_store_available")) == (3, 1)


async def test_the_gauges_show_the_store_and_forget_phases_that_are_gone():
    stage = Stage()
    await stage.health._sample()
    assert value("bridge_incidents", phase="INVESTIGATING") == 2
    assert (value("bridge_incidents_parked"), value("bridge_oldest_due_seconds")) == (1, 1.5)
    assert value("bridge_writes_paused") == 0
    stage.store.overview_now = Overview(phases={"RESOLVED": 3}, parked=0, oldest_due_ms=0, paused="401")
    await stage.health._sample()
    assert value("bridge_incidents", phase="INVESTIGATING") is None
    assert (value("bridge_incidents", phase="RESOLVED"), value("bridge_writes_paused")) == (3, 1)
    stage.store.is_there = False
    await stage.health._sample()
    assert value("bridge_store_available") == 0


async def test_what_stands_against_durability_is_said():
    stage = Stage()
    stage.store.problems = ("maxmemory-policy is allkeys-lru",)
    with structlog.testing.capture_logs() as lines:
        await stage.health.inspect()
    assert [(line["event"], line["problem"]) for line in lines] == [("store_not_durable", stage.store.problems[0])]
    assert value("bridge_store_durable") == 0
    stage.store.is_there = False
    with structlog.testing.capture_logs() as lines:
        assert await stage.health.inspect() is None
    assert [line["event"] for line in lines] == ["store_unavailable"]
