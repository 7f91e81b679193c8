from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.checkly.errors import NotSent
from bridge.model import Phase
from bridge.reconciler.circuit_breaker import ASK_EVERY_S, LOST_IN_A_ROW, TRY_EVERY_S, CircuitBreaker
from tests.unit.reconciler.redis_harness import RedisHarness


class Api:
    """An API that is there or not, asked on a clock that the test moves."""

    def __init__(self) -> None:
        self.status = 0
        self.asked = 0
        self.now = 100.0
        self.breaker = CircuitBreaker(self._ask, monotonic=lambda: self.now)

    async def _ask(self) -> None:
        self.asked += 1
        self.breaker.seen(self.status)
        if self.status != 200:
            raise NotSent("no")

    def seen(self, *statuses: int) -> None:
        for status in statuses:
            self.breaker.seen(status)

    def allows(self) -> bool:
        return asyncio.run(self.breaker.allows())


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def away(api: Api) -> Api:
    api.seen(*[0] * LOST_IN_A_ROW)
    return api


@pytest.mark.parametrize("lost", [0, 500, 503])
def test_a_few_calls_in_a_row_without_an_answer_are_enough(api: Api, lost: int) -> None:
    api.status = lost
    for _ in range(LOST_IN_A_ROW):
        assert api.allows()
        api.seen(lost)
    assert not api.allows()


@pytest.mark.parametrize("status", [200, 201, 401, 404, 429])
def test_any_answer_starts_the_count_anew(api: Api, status: int) -> None:
    api.seen(*[0, 0, status] * LOST_IN_A_ROW)
    assert api.allows()
    assert api.asked == 0


def test_while_it_is_away_a_call_a_second_asks_for_it(away: Api) -> None:
    for _ in range(3):
        assert not away.allows()
        assert not away.allows()
        away.now += ASK_EVERY_S
    assert away.asked == 3


def test_it_is_back_with_the_first_answer_and_both_are_said_once(away: Api, logged: list[Any]) -> None:
    assert not away.allows()
    away.status = 200
    away.now += ASK_EVERY_S
    assert away.allows()
    away.seen(200)
    assert away.allows()
    assert away.asked == 2
    assert [line["event"] for line in logged] == ["checkly_unavailable", "checkly_recovered"]


def test_going_away_is_said_once(api: Api, logged: list[Any]) -> None:
    api.seen(*[503] * 10)
    assert [line["event"] for line in logged] == ["checkly_unavailable"]


def test_should_only_the_asking_fail_something_is_begun_now_and_then(away: Api) -> None:
    away.now += TRY_EVERY_S
    assert [away.allows() for _ in range(3)] == [True, False, False]
    away.now += TRY_EVERY_S
    assert away.allows()


async def test_nothing_is_claimed_while_it_is_away(redis_url: str, tmp_path: Any) -> None:
    harness = RedisHarness(redis_url, tmp_path)
    harness.publish_at_once()
    answers = iter([False, False, True, True])

    async def allows() -> bool:
        return next(answers)

    harness.reconciler = harness.start(allows=allows)
    try:
        await harness.fire()
        assert harness.writes == []
        await harness.settle()
        await harness.settle()
        assert harness.only.status == Phase.INVESTIGATING
    finally:
        await harness.close()
