"""What the gate must never keep back, on a real Redis: ends, what stands on the page, and what there is room for."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.gate import MAILS, OPENS
from bridge.model import V1_PAGE, AlertStatus, v3_page
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, RedisHarness
from tests.unit.reconciler.test_budgets import (
    aged,
    budgets_of,
    end,
    limited,
    tell,
    visible,
    withheld,
    work,
)

ONE = limited(open=1, share=1, reserve="{}")
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


@pytest.fixture
async def harness(redis_url, tmp_path):
    made = RedisHarness(redis_url, tmp_path, ONE)
    yield made
    await made.close()


async def fires(harness: RedisHarness, *groups: str, **what: Any) -> None:
    await tell(harness, FIRING, list(groups), **what)
    await work(harness)


async def lose_the_store(harness: RedisHarness) -> None:
    """And the process with it, which remembers what it has read."""
    await harness.redis.flushall()
    harness.reconciler = harness.start()


class TestLostStore:
    async def test_what_stands_on_the_page_is_taken_over_and_ended_though_there_is_no_room(self, harness):
        await fires(harness, "a")
        await lose_the_store(harness)
        harness.reload(limited(open=2, share=1, reserve="{}"))
        await fires(harness, "b")
        harness.reload(ONE)
        await fires(harness, "a", severity="critical")
        assert visible(harness) == ["a", "b"]
        assert await withheld(harness) == []
        assert {each.severity for each in harness.shown if each.name.endswith("a")} == {"CRITICAL"}
        await end(harness, "a", "b")
        await harness.after(MINUTE, MINUTE)
        assert visible(harness) == []

    async def test_what_was_taken_over_counts_as_open(self, harness):
        await fires(harness, "a")
        await lose_the_store(harness)
        await fires(harness, "a", "b")
        assert len(harness.shown) <= 2
        await fires(harness, "c")
        assert "c" not in visible(harness)
        await end(harness, *visible(harness))
        await harness.after(MINUTE, MINUTE)
        assert "c" in visible(harness)


class TestWhoWaits:
    async def test_after_a_reload_all_of_one_kind_ask_again_for_their_pages_may_be_others(self, harness):
        await fires(harness, "a", "b", "c", "d")
        harness.reload(ONE.replace("open: 1", "open: 2"))
        looked_at = set()
        while not isinstance(lease := await harness.reconciler.claim(), int):
            looked_at.add(lease.incident.group["group"])
            await harness.reconciler.reconcile(lease)
        assert looked_at == {"a", "b", "c", "d"}
        assert len(visible(harness)) == 2

    async def test_the_oldest_asks_first_after_a_reload(self, harness):
        await fires(harness, "z")
        for group in ("d", "c", "b", "a"):
            await fires(harness, group)
        harness.reload(limited(open=3, share=1, reserve="{}"))
        await work(harness)
        assert visible(harness) == ["z", "d", "c"]

    async def test_who_vanished_without_a_word_keeps_nobody_waiting(self, harness):
        await fires(harness, "a")
        await fires(harness, "b")
        await fires(harness, "c")
        gone = next(each.id for each in await withheld(harness) if each.group["group"] == "b")
        parts = ("", ":alerts", ":facets", ":timers", ":progress")
        keys = [f"{PREFIX}incident:{gone}{part}" for part in parts]
        await harness.redis.delete(*keys)  # as an older release forgets
        await harness.redis.zrem(f"{PREFIX}due", gone)
        await end(harness, "a")
        assert visible(harness) == ["c"]

    async def test_who_does_not_ask_keeps_nobody_waiting_for_more_than_a_minute(self, harness):
        await fires(harness, "a")
        await fires(harness, "b")
        await fires(harness, "c")
        stuck = next(each.id for each in await withheld(harness) if each.group["group"] == "b")
        await tell(harness, RESOLVED, ["a"])
        while (lease := await harness.reconciler.claim()) and not isinstance(lease, int):
            if lease.incident.id == stuck:
                break  # and dies with it in hand
            await harness.reconciler.reconcile(lease)
        await work(harness)
        assert visible(harness) == []
        await aged(harness, MINUTE + SECOND)
        await harness.redis.hincrby(f"{PREFIX}incident:{stuck}", "woken", -MINUTE - SECOND)
        await work(harness)
        assert visible(harness) == ["c"]

    async def test_who_was_woken_and_has_nothing_to_ask_for_makes_room_for_the_next(self, harness):
        await fires(harness, "a")
        await fires(harness, "b")
        await fires(harness, "c")
        (first, second) = sorted(await withheld(harness), key=lambda each: each.group["group"])
        assert (first.group["group"], second.group["group"]) == ("b", "c")
        await harness.redis.hset(f"{PREFIX}incident:{first.id}", "woken", 1 << 50)
        await harness.redis.zadd(f"{PREFIX}due", {first.id: 1})
        await harness.redis.zadd(f"{PREFIX}openings:3|careless", {first.id: 1})
        lease = await harness.claim()
        assert lease.incident.id == first.id
        await lease.settle(None)
        await end(harness, "a")
        assert visible(harness) == ["c"]


class TestPages:
    """On a v1 page, a v3 page, and both."""

    V3 = ONE.replace("checkout: Checkout", "checkout: {page: platform, component: Orders}")
    BOTH = ONE.replace("checkout: Checkout", "checkout: [Checkout, {page: platform, component: Orders}]")
    PLATFORM = v3_page("platform")

    async def test_a_v3_page_has_budgets_of_its_own(self, harness):
        harness.reload(self.V3)
        await fires(harness, "a", "b")
        await fires(harness, "c", team="shop")  # on v1
        assert [each.open for each in harness.state.everything()] == [True, True]
        (kept,) = await withheld(harness)
        assert list(kept.progress.posts) == [self.PLATFORM]
        await end(harness, *({"a", "b"} - {kept.group["group"]}))
        assert await withheld(harness) == []
        await end(harness, "a", "b")
        await end(harness, "c", team="shop")
        assert not any(each.open for each in harness.state.everything())

    async def test_an_outage_on_two_pages_takes_tokens_of_both_and_mails_on_both(self, harness):
        harness.reload(self.BOTH)
        await fires(harness, "a")
        assert await budgets_of(harness) == {page: {"open": 1, OPENS: 1, MAILS: 2} for page in (V1_PAGE, self.PLATFORM)}
        assert [len(each.updates) for each in harness.state.everything()] == [1, 1]
        await end(harness, "a")
        assert await budgets_of(harness) == {page: {"open": 0, OPENS: 1, MAILS: 2} for page in (V1_PAGE, self.PLATFORM)}
        assert [[update.notify for update in each.updates] for each in harness.state.everything()] == [[True, True]] * 2

    async def test_where_one_page_has_no_room_the_other_goes_on_and_is_ended(self, harness):
        harness.reload(
            f"{self.before_budgets(self.BOTH)}budgets: {{pages: {{platform: {{open: 1, share: 1, reserve: {{}}}}}}}}\n"
        )
        await fires(harness, "a")
        await fires(harness, "b")
        assert visible(harness) == ["a", "b"]
        assert len(harness.state.page_incidents.latest_first()) == 1
        await fires(harness, "b", severity="critical")
        assert {each.severity for each in harness.shown if each.name.endswith("b")} == {"CRITICAL"}
        await end(harness, "b")
        await harness.after(5 * SECOND)
        assert visible(harness) == ["a"]
        assert len(harness.state.page_incidents.latest_first()) == 1
        await end(harness, "a")
        assert not any(each.open for each in harness.state.everything())

    async def test_who_waits_asks_with_the_severity_that_it_waits_by(self, harness):
        """Else one that is worse on another page stands before one that there is room for, and never goes."""
        services = "routes:\n  - {name: mixed, match: team = mixed, services: {label: service}}"
        budgets = "{pages: {platform: {open: 2, share: 1, reserve: {CRITICAL: 0.5}}}}"
        harness.reload(self.before_budgets(self.V3).replace("routes:", services) + f"budgets: {budgets}\n")
        await fires(harness, "a", severity="minor")
        await fires(harness, "b", severity="critical")
        await fires(harness, "c", team="mixed", service="payments", severity="critical")
        await fires(harness, "c", team="mixed", service="checkout", severity="minor")
        await fires(harness, "d", team="mixed", service="checkout", severity="critical")
        assert len(harness.state.page_incidents.latest_first()) == 2
        await end(harness, "a", severity="minor")
        assert len([each for each in harness.state.page_incidents.latest_first() if each.open]) == 2

    @staticmethod
    def before_budgets(config: str) -> str:
        return config[: config.index("budgets:")]
