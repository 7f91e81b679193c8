from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from bridge.web.auth_throttle import ADDRESSES, BURST, GAP_MS, WAITING, WAITING_IN_ALL, AuthThrottle, TooManyAttempts

WRONG = "wrong"


class ThrottleHarness:
    """Attempts on a clock that sleeping alone moves; those that sleep go on in the order of their times."""

    def __init__(self) -> None:
        self.now = 100
        self.looked: list[int] = []
        self.asleep: list[tuple[int, asyncio.Event]] = []
        self.attempts: AuthThrottle[str] = AuthThrottle(monotonic_ms=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        awake = asyncio.Event()
        self.asleep.append((self.now + round(seconds * 1000), awake))
        await awake.wait()

    async def wake_all(self) -> None:
        while self.asleep:
            first = min(self.asleep, key=lambda each: each[0])
            self.asleep.remove(first)
            self.now = first[0]
            first[1].set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def guess(self, address: str = "a", answer: str | None = WRONG) -> asyncio.Task[str | None]:
        def look() -> str | None:
            self.looked.append(self.now)
            return answer

        return asyncio.create_task(self.attempts.check(address, look))

    async def guesses(self, count: int, address: str = "a") -> Counter[str]:
        """What became of so many at once, those that wait included."""
        tasks = [self.guess(address) for _ in range(count)]
        await asyncio.sleep(0)
        await self.wake_all()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return Counter("refused" if isinstance(each, TooManyAttempts) else str(each) for each in found)


@pytest.fixture
def harness():
    return ThrottleHarness()


async def test_right_credentials_alone_never_wait(harness):
    for _ in range(10 * BURST):
        assert await harness.guess(answer=None) is None
    assert not harness.asleep


async def test_after_a_burst_each_waits_its_turn_and_those_beyond_are_not_looked_at(harness):
    found = await harness.guesses(1_000)
    assert found == {WRONG: BURST + WAITING, "refused": 1_000 - BURST - WAITING}
    turns = harness.looked[BURST - 1 :]
    assert [later - earlier for earlier, later in pairwise(turns)] == [GAP_MS] * WAITING


async def test_a_right_one_waits_too_and_then_does_not_count(harness):
    await harness.guesses(BURST)
    right = harness.guess(answer=None)
    await asyncio.sleep(0)
    assert len(harness.asleep) == 1
    await harness.wake_all()
    assert await right is None
    assert harness.now == 100 + GAP_MS


async def test_wrong_ones_are_forgotten_with_time_and_other_addresses_do_not_wait(harness):
    await harness.guesses(BURST)
    assert await harness.guesses(1, "b") == {WRONG: 1}
    assert harness.now == 100
    harness.now += BURST * GAP_MS
    await harness.guesses(BURST)
    assert harness.now == 100 + BURST * GAP_MS


async def test_too_many_attempts_name_the_time_to_try_again(harness):
    tasks = [harness.guess() for _ in range(BURST + WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts, match="try again after 5 seconds"):
        await tasks[-1]
    await harness.wake_all()


async def test_who_goes_away_while_waiting_frees_the_place_and_all_addresses_together_are_bounded(harness):
    for address in map(str, range(WAITING_IN_ALL + 1)):
        for _ in range(BURST):
            await harness.guess(address)
    waiting = [harness.guess(address) for address in map(str, range(WAITING_IN_ALL))]
    await asyncio.sleep(0)
    last = str(WAITING_IN_ALL)
    with pytest.raises(TooManyAttempts):
        await harness.guess(last)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    harness.asleep.pop(0)
    another = harness.guess(last)
    await asyncio.sleep(0)
    assert len(harness.asleep) == WAITING_IN_ALL
    await harness.wake_all()
    assert await another == WRONG


async def test_the_throttle_remembers_a_bounded_number_of_addresses(harness):
    for address in ("first", "second"):
        for _ in range(BURST):
            await harness.guess(address)
    for number in range(ADDRESSES - 1):
        await harness.guess(str(number))
    waiting = harness.guess("second")
    await asyncio.sleep(0)
    assert len(harness.asleep) == 1
    assert await harness.guess("first") == WRONG  # at once, since it is forgotten
    await harness.wake_all()
    assert await waiting == WRONG
