"""Readiness and the gauges that are sampled from the store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from bridge.config.loader import load
from bridge.flap import Span
from bridge.model import Summary
from bridge.store import Durability, NotDurable, NotReplicated, Overview, Quiet, StoreUnavailable
from bridge.telemetry import REGISTRY
from bridge.web.health import ANSWER_AGE_MS, ROLLED_OUT_MS, Health
from bridge.web.sender_watch import SenderWatch

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
version: 1
services: {checkout: Checkout}
defaults: {resolve_after: 2m}
routes:
  - {name: eu, match: cluster = eu, watchdog: true}
  - {name: us, match: cluster = us, watchdog: true}
  - {name: quick, match: urgency = high, services: [checkout], resolve_after: 1m}
  - {name: checkout, services: [checkout]}
"""


class Samples:
    """A store that is asked for nothing but its state."""

    def __init__(self) -> None:
        self.is_there = True
        self.error: StoreUnavailable | None = None
        self.checks = 0
        self.problems: tuple[str, ...] = ()
        self.misnamed = False
        self.incidents = 0
        self.counted: list[tuple[int, int]] = []
        self.overview_now = Overview(
            phases={"INVESTIGATING": 2, "RESOLVED": 1}, parked=1, oldest_due_ms=1500, paused=None
        )

    async def check(self) -> None:
        self.checks += 1
        self._answer()

    async def overview(self) -> Overview:
        self._answer()
        return self.overview_now

    async def recount(self, first: int, count: int) -> int:
        self._answer()
        self.counted.append((first, count))
        return first + count if first + count < self.incidents else 0

    async def memory_used(self) -> float | None:
        return 0.25

    async def budgets(self, _over_at: object, _routes: object, *, groups: bool = False) -> tuple[tuple[()], tuple[()]]:
        assert not groups
        self._answer()
        return (), ()

    async def inspect(self) -> Durability:
        self._answer()
        return Durability(server="Redis 7", problems=self.problems, misnamed=self.misnamed)

    def _answer(self) -> None:
        if not self.is_there:
            raise StoreUnavailable("gone")
        if self.error is not None:
            raise self.error


class Sampled(Exception):
    """A sample was taken."""


class StoppingWatch(SenderWatch):
    """Ends the watch over the store after a sample, on demand."""

    stops = False

    def check(self) -> None:
        if self.stops:
            raise Sampled
        super().check()


class HealthHarness:
    def __init__(self, directory: Path) -> None:
        self.now = 1
        self.store = Samples()
        self.sender_watch = StoppingWatch([], wall_ms=lambda: self.now)
        self.configure(directory, CONFIG)
        self.health = Health(
            self.store,  # type: ignore[arg-type]  # as much of a store as it asks
            self.sender_watch,
            config=self,
            monotonic_ms=lambda: self.now,
        )

    def configure(self, directory: Path, text: str) -> None:
        path = directory / "bridge.yaml"
        path.write_text(text)
        self.current = load(path)

    async def samples(self, **overview: Any) -> None:
        """Look at a store in this state."""
        self.store.overview_now = Overview(phases={}, parked=0, oldest_due_ms=0, paused=None, **overview)
        await self.sample()

    async def sample(self) -> None:
        """Sample once."""
        self.sender_watch.stops = True
        with suppress(Sampled):
            await self.health.watch()
        self.sender_watch.stops = False


@pytest.fixture
def harness(tmp_path):
    return HealthHarness(tmp_path)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_readiness_follows_the_store_within_a_second(harness):
    assert await harness.health.ready() == (True, "ready")
    harness.store.is_there = False
    assert await harness.health.ready() == (True, "ready")
    harness.now += ANSWER_AGE_MS
    ready, reason = await harness.health.ready()
    assert (ready, value("bridge_store_available")) == (False, 0)
    assert "Redis" in reason
    harness.store.is_there, harness.now = True, harness.now + ANSWER_AGE_MS
    assert await harness.health.ready() == (True, "ready")
    assert (harness.store.checks, value("bridge_store_available")) == (3, 1)


async def test_one_check_answers_all_who_ask_at_the_same_time_also_when_some_go_away(harness):
    asked, goes_on = asyncio.Event(), asyncio.Event()
    check = harness.store.check

    async def slow() -> None:
        asked.set()
        await goes_on.wait()
        await check()

    harness.store.check = slow
    first, *others = [asyncio.create_task(harness.health.ready()) for _ in range(50)]
    await asked.wait()
    first.cancel()
    harness.now += ANSWER_AGE_MS
    others.append(asyncio.create_task(harness.health.ready()))
    await asyncio.sleep(0)
    goes_on.set()
    assert set(await asyncio.gather(*others)) == {(True, "ready")}
    assert harness.store.checks == 1
    assert await harness.health.ready() == (True, "ready")
    assert harness.store.checks == 2  # that one was as of when it began


async def test_the_gauges_show_the_store_and_forget_phases_that_are_gone(harness):
    await harness.sample()
    assert value("bridge_incidents", phase="INVESTIGATING") == 2
    assert (value("bridge_incidents_parked"), value("bridge_oldest_due_seconds")) == (1, 1.5)
    assert value("bridge_writes_paused") == 0
    harness.store.overview_now = Overview(phases={"RESOLVED": 3}, parked=0, oldest_due_ms=0, paused="401")
    await harness.sample()
    assert value("bridge_incidents", phase="INVESTIGATING") is None
    assert (value("bridge_incidents", phase="RESOLVED"), value("bridge_writes_paused")) == (3, 1)
    harness.store.is_there, harness.now = False, harness.now + ANSWER_AGE_MS
    await harness.sample()
    assert value("bridge_store_available") == 0


async def test_all_is_counted_anew_at_the_start_and_then_a_little_with_each_sample(harness):
    harness.store.incidents = 2_500
    for _ in range(6):
        await harness.sample()
    assert harness.store.counted == [(0, 1_000), (1_000, 1_000), (2_000, 1_000), (0, 5), (5, 5), (10, 5)]


async def test_all_is_counted_anew_once_more_when_the_release_before_has_ended(harness):
    harness.store.incidents = 1_500
    for _ in range(3):
        await harness.sample()
    harness.store.counted.clear()
    harness.now += ROLLED_OUT_MS
    for _ in range(4):
        await harness.sample()
    assert harness.store.counted == [(0, 1_000), (1_000, 1_000), (0, 5), (5, 5)]


async def test_settings_that_endanger_durability_are_logged(harness):
    harness.store.problems = ("maxmemory-policy is allkeys-lru",)
    with structlog.testing.capture_logs() as lines:
        await harness.health.inspect()
    assert [(line["event"], line["problem"]) for line in lines] == [("store_not_durable", harness.store.problems[0])]
    assert value("bridge_store_durable") == 0
    harness.store.is_there = False
    with structlog.testing.capture_logs() as lines:
        assert await harness.health.inspect() is None
    assert [line["event"] for line in lines] == ["store_unavailable"]


async def test_an_outage_of_the_store_is_said_once_and_so_is_its_end(harness):
    harness.store.is_there = False
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            await harness.health.inspect()
            await harness.sample()
            harness.now += ANSWER_AGE_MS
        harness.store.is_there = True
        await harness.health.ready()
        harness.store.is_there, harness.now = False, harness.now + ANSWER_AGE_MS
        await harness.health.ready()
    assert [(line["event"], line["count"]) for line in lines] == [
        ("store_unavailable", 1),
        ("store_recovered", 14),
        ("store_unavailable", 1),
    ]


async def test_a_server_that_refuses_a_look_at_the_whole_is_no_less_available(harness):
    async def overview() -> Overview:
        raise StoreUnavailable("NoPermissionError: smembers")

    harness.store.overview = overview
    with structlog.testing.capture_logs() as lines:
        await harness.sample()
    assert [line["reason"] for line in lines] == ["NoPermissionError: smembers"]
    assert value("bridge_store_available") == 1


async def test_a_node_of_a_cluster_that_is_named_as_a_server_alone_is_said_once(harness):
    harness.store.misnamed = True
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            await harness.health.inspect()
    assert [line["event"] for line in lines] == ["store_url_mismatch"]


async def test_what_lasts_is_said_again_only_as_a_reminder(harness):
    harness.store.problems = ("no append-only file",)
    with structlog.testing.capture_logs() as lines:
        for remind in (False, False, True):
            await harness.health.inspect(remind=remind)
        harness.store.problems = ("no append-only file", "evicts")
        await harness.health.inspect(remind=False)
    assert [line["problem"] for line in lines] == ["no append-only file"] * 3 + ["evicts"]


@pytest.mark.parametrize("error", [NotDurable("set appendonly yes"), NotReplicated("0 replicas had it")])
async def test_a_store_that_answers_but_is_not_safe_is_not_ready(harness, error):
    harness.store.error = error
    assert await harness.health.ready() == (False, str(error))
    assert value("bridge_store_available") == 1


async def test_the_settings_are_looked_at_with_every_sample(harness, monkeypatch):
    monkeypatch.setattr("bridge.web.health.SAMPLE_S", 0.001)
    watching = asyncio.create_task(harness.health.watch())
    for problems, durable in ((("evicts",), 0), ((), 1), (("evicts",), 0)):
        harness.store.problems = problems
        async with asyncio.timeout(10):
            while value("bridge_store_durable") != durable:  # noqa: ASYNC110 - a metric wakes nobody
                await asyncio.sleep(0)
    watching.cancel()


async def test_an_incident_may_stand_open_without_an_alert_for_as_long_as_its_route_says(harness):
    minute = 60_000
    quiet = (Quiet("quick", 2 * minute), Quiet("checkout", 2 * minute), Quiet("renamed", 3 * minute))
    await harness.samples(quiet=quiet)
    assert value("bridge_incidents_open_without_alert") == 2
    await harness.samples()
    assert value("bridge_incidents_open_without_alert") == 0


async def test_one_that_flaps_may_stand_open_without_an_alert_until_it_has_settled(harness):
    minute, at = 60_000, 1_795_459_630_500
    flaps = Summary(
        firing_since=at, cleared_at=at + minute, earlier=(Span(at - 8 * minute, at - 7 * minute), Span(at - 4, at - 3))
    )
    await harness.samples(quiet=(Quiet("checkout", 15 * minute, flaps),))
    assert value("bridge_incidents_open_without_alert") == 0
    await harness.samples(quiet=(Quiet("checkout", 15 * minute + 1, flaps),))
    assert value("bridge_incidents_open_without_alert") == 1


async def test_each_watchdog_of_the_configuration_shows_when_it_was_last_heard(harness, tmp_path):
    metric = "bridge_watchdog_last_seen_timestamp_seconds"
    await harness.samples(watchdogs={"eu": 1_795_459_630_500, "renamed": 1})
    assert [value(metric, route=route) for route in ("eu", "us", "renamed", "checkout")] == [
        1_795_459_630.5,
        0,
        None,
        None,
    ]
    harness.configure(tmp_path, CONFIG.replace("name: eu", "name: europe"))
    await harness.samples(watchdogs={"eu": 1_795_459_630_500})
    assert [value(metric, route=route) for route in ("eu", "europe")] == [None, 0]


async def test_a_check_that_is_given_up_says_nothing_of_the_store(harness):
    asked, check = asyncio.Event(), harness.store.check

    async def endless() -> None:
        asked.set()
        await asyncio.Event().wait()

    harness.store.check = endless
    with structlog.testing.capture_logs() as lines:
        asyncio.get_running_loop().create_task(harness.health.ready())
        await asked.wait()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        harness.store.check = check
        assert await harness.health.ready() == (True, "ready")
    assert lines == []
