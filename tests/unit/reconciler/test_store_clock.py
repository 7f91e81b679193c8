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


class ClockHarness:
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
def harness():
    return ClockHarness()


def test_time_that_passes_counts(harness):
    harness.passes(7_000)
    assert harness.clock.passed_ms(100_000, harness.store) == 7_000


def test_a_step_of_the_clock_does_not_count(harness):
    harness.passes(2_000)
    assert harness.steps(3_600_000) == 3_600_000
    harness.passes(3_000)
    assert harness.clock.passed_ms(100_000, harness.store) == 5_000
    assert harness.clock.passed_ms(harness.store - 1_000, harness.store) == 1_000


def test_what_was_before_this_process_does_not_count(harness):
    harness.passes(1_500)
    assert harness.clock.passed_ms(40_000, harness.store) == 1_500


def test_a_slow_answer_is_no_step(harness):
    harness.store += 20_000
    asked_at, harness.steady = harness.steady, harness.steady + 20
    assert harness.clock.observe(harness.store, asked_at) == 0


def test_a_lost_write_is_not_repeated_before_the_settle_time_has_really_passed(harness):
    post = Post(intent=INTENT)
    harness.passes(1_000)
    harness.steps(60_000)
    waiting = unhurried(post, harness.clock.passed_ms, harness.store, settle_ms=SETTLE_MS)
    assert waiting.intent is not None
    assert waiting.intent.unknown_at == harness.store - 1_000
    for _ in range(SETTLE_MS // 1_000):
        harness.passes(1_000)
        waiting = unhurried(waiting, harness.clock.passed_ms, harness.store, settle_ms=SETTLE_MS)
    assert waiting.intent is not None
    assert waiting.intent.unknown_at == harness.store - SETTLE_MS


def test_a_look_for_a_late_duplicate_is_not_brought_forward(harness):
    post = Post(check_duplicates_at=harness.store + 30_000, duplicate_checks=1)
    harness.passes(1_000)
    harness.steps(60_000)
    waiting = unhurried(post, harness.clock.passed_ms, harness.store, settle_ms=SETTLE_MS)
    assert waiting.check_duplicates_at == harness.store + 29_000


def test_without_a_step_nothing_is_put_off(harness):
    harness.passes(12_000)
    for post in (Post(intent=INTENT), Post(check_duplicates_at=harness.store + 18_000, duplicate_checks=1), Post()):
        assert unhurried(post, harness.clock.passed_ms, harness.store, settle_ms=SETTLE_MS) == post
