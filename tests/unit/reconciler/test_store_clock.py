from __future__ import annotations

import pytest

from bridge.core.outcomes import unhurried
from bridge.model import Intent, Phase, Post, Severity, UpdateKind, Write
from bridge.reconciler.store_clock import StoreClock

SETTLE_MS = 10_000
INTENT = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MINOR,
    services=("checkout",),
    labels={},
    name="n",
    text="t",
    notify=False,
    public_at=0,
    recorded_at=0,
    unknown_at=100_000,
)


class World:
    """A store's clock, and one that only time moves."""

    def __init__(self) -> None:
        self.store, self.steady = 100_000, 50.0
        self.clock = StoreClock(lambda: self.steady)
        self.look()

    def look(self) -> int:
        return self.clock.observe(self.store, self.steady)

    def passes(self, ms: int) -> None:
        self.store += ms
        self.steady += ms / 1000
        self.look()

    def steps(self, ms: int) -> int:
        self.store += ms
        return self.look()


@pytest.fixture
def world():
    return World()


def test_time_that_passes_counts(world):
    world.passes(7_000)
    assert world.clock.passed_ms(100_000, world.store) == 7_000


def test_a_step_of_the_clock_does_not_count(world):
    world.passes(2_000)
    assert world.steps(3_600_000) == 3_600_000
    world.passes(3_000)
    assert world.clock.passed_ms(100_000, world.store) == 5_000
    assert world.clock.passed_ms(world.store - 1_000, world.store) == 1_000


def test_what_was_before_this_process_does_not_count(world):
    world.passes(1_500)
    assert world.clock.passed_ms(40_000, world.store) == 1_500


def test_a_slow_answer_is_no_step(world):
    world.store += 20_000
    asked_at, world.steady = world.steady, world.steady + 20
    assert world.clock.observe(world.store, asked_at) == 0


def test_a_lost_write_is_not_repeated_before_the_settle_time_has_really_passed(world):
    post = Post(intent=INTENT)
    world.passes(1_000)
    world.steps(60_000)
    waiting = unhurried(post, world.clock.passed_ms, world.store, settle_ms=SETTLE_MS)
    assert waiting.intent is not None
    assert waiting.intent.unknown_at == world.store - 1_000
    for _ in range(SETTLE_MS // 1_000):
        world.passes(1_000)
        waiting = unhurried(waiting, world.clock.passed_ms, world.store, settle_ms=SETTLE_MS)
    assert waiting.intent is not None
    assert waiting.intent.unknown_at == world.store - SETTLE_MS


def test_a_look_for_a_late_duplicate_is_not_brought_forward(world):
    post = Post(verify_at=world.store + 30_000, verifications=1)
    world.passes(1_000)
    world.steps(60_000)
    waiting = unhurried(post, world.clock.passed_ms, world.store, settle_ms=SETTLE_MS)
    assert waiting.verify_at == world.store + 29_000


def test_without_a_step_nothing_is_put_off(world):
    world.passes(12_000)
    for post in (Post(intent=INTENT), Post(verify_at=world.store + 18_000, verifications=1), Post()):
        assert unhurried(post, world.clock.passed_ms, world.store, settle_ms=SETTLE_MS) == post
