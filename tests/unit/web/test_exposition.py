from __future__ import annotations

import asyncio

from bridge.web.exposition import RESTS, Exposition

TOOK_S = 0.25


class ExpositionHarness:
    """A clock that only renderings and waits move."""

    def __init__(self):
        self.now = 100.0
        self.rendered = 0
        self.exposition = Exposition(self.render, monotonic_s=lambda: self.now, sleep=self.sleep)

    def render(self):
        self.now += TOOK_S
        self.rendered += 1
        return b"%d" % self.rendered

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)

    async def ask(self, count):
        return await asyncio.gather(*(self.exposition.text() for _ in range(count)))


async def test_one_rendering_answers_all_who_ask_at_once():
    harness = ExpositionHarness()
    assert await harness.ask(50) == [b"1"] * 50
    assert harness.now == 100 + TOOK_S


async def test_however_often_it_is_asked_most_of_the_time_is_for_others():
    harness = ExpositionHarness()
    for _ in range(20):
        await harness.ask(3)
    assert harness.rendered == 20
    assert harness.rendered * TOOK_S <= (harness.now - 100) / RESTS + TOOK_S


async def test_who_asks_after_a_while_does_not_wait_and_sees_what_is_now():
    harness = ExpositionHarness()
    await harness.ask(1)
    harness.now += RESTS * TOOK_S
    before = harness.now
    assert await harness.ask(1) == [b"2"]
    assert harness.now == before + TOOK_S


async def test_who_goes_away_takes_nothing_from_the_others():
    harness = ExpositionHarness()
    asked = [asyncio.create_task(harness.exposition.text()) for _ in range(2)]
    await asyncio.sleep(0)
    asked[0].cancel()
    assert await asked[1] == b"1"
