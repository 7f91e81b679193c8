"""What was read from the account is remembered for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bridge.checkly.cache import MAX_AGE_MS, Cached
from bridge.checkly.errors import NotSent

if TYPE_CHECKING:
    from tests.unit.checkly.helpers import Time


class Account:
    """Gives 1, 2, 3 ...; reading takes ``slow_ms`` and ends when others had their turn."""

    def __init__(self, clock: Time) -> None:
        self.clock, self.reads, self.slow_ms, self.is_down = clock, 0, 0, False

    async def __call__(self) -> int:
        self.reads += 1
        read = self.reads
        await asyncio.sleep(0)
        self.clock.now += self.slow_ms
        if self.is_down:
            raise NotSent("refused")
        return read


@pytest.fixture
def account(clock: Time) -> Account:
    return Account(clock)


@pytest.fixture
def remembered(account: Account, clock: Time) -> Cached[int]:
    return Cached(account, clock=clock)


async def test_it_is_read_again_when_it_is_too_old(remembered: Cached[int], clock: Time) -> None:
    assert await remembered.get() == 1
    clock.now += MAX_AGE_MS - 1
    assert await remembered.get() == 1
    clock.now += 1
    assert await remembered.get() == 2


async def test_each_caller_says_how_old_is_too_old(remembered: Cached[int], clock: Time) -> None:
    await remembered.get()
    clock.now += 10
    assert [await remembered.get(max_age_ms=age) for age in (11, 10, 10, 0)] == [1, 2, 2, 3]


async def test_it_is_as_old_as_the_beginning_of_its_reading(remembered: Cached[int], account: Account) -> None:
    account.slow_ms = 100
    await remembered.get()
    assert await remembered.get(max_age_ms=100) == 2


async def test_those_who_ask_together_share_one_reading(remembered: Cached[int], account: Account) -> None:
    assert await asyncio.gather(*(remembered.get(max_age_ms=1) for _ in range(50))) == [1] * 50
    assert account.reads == 1


async def test_a_reading_that_failed_leaves_what_was_known(remembered: Cached[int], account: Account) -> None:
    await remembered.get()
    account.is_down = True
    with pytest.raises(NotSent):
        await remembered.get(max_age_ms=0)
    assert await remembered.get() == 1
    account.is_down = False
    assert await remembered.get(max_age_ms=0) == 3
