"""What the gate must never keep back, on a real Redis: ends, what stands on the page, and what there is room for."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.gate import MAILS, OPENS
from bridge.model import V1_PAGE, AlertStatus, v3_page
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, Rig
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
async def rig(redis_url, tmp_path):
    made = Rig(redis_url, tmp_path, ONE)
    yield made
    await made.close()


async def fires(rig: Rig, *groups: str, **what: Any) -> None:
    await tell(rig, FIRING, list(groups), **what)
    await work(rig)


async def lose_the_store(rig: Rig) -> None:
    """And the process with it, which remembers what it has read."""
    await rig.redis.flushall()
    rig.reconciler = rig.start()


class TestLostStore:
    async def test_what_stands_on_the_page_is_taken_over_and_ended_though_there_is_no_room(self, rig):
        await fires(rig, "a")
        await lose_the_store(rig)
        rig.reload(limited(open=2, share=1, reserve="{}"))
        await fires(rig, "b")
        rig.reload(ONE)
        await fires(rig, "a", severity="critical")
        assert visible(rig) == ["a", "b"]
        assert await withheld(rig) == []
        assert {each.severity for each in rig.shown if each.name.endswith("a")} == {"CRITICAL"}
        await end(rig, "a", "b")
        await rig.after(MINUTE, MINUTE)
        assert visible(rig) == []

    async def test_what_was_taken_over_counts_as_open(self, rig):
        await fires(rig, "a")
        await lose_the_store(rig)
        await fires(rig, "a", "b")
        assert len(rig.shown) <= 2
        await fires(rig, "c")
        assert "c" not in visible(rig)
        await end(rig, *visible(rig))
        await rig.after(MINUTE, MINUTE)
        assert "c" in visible(rig)


class TestWhoWaits:
    async def test_after_a_reload_all_of_one_kind_ask_again_for_their_pages_may_be_others(self, rig):
        await fires(rig, "a", "b", "c", "d")
        rig.reload(ONE.replace("open: 1", "open: 2"))
        looked_at = set()
        while not isinstance(lease := await rig.reconciler.claim(), int):
            looked_at.add(lease.incident.group["group"])
            await rig.reconciler.reconcile(lease)
        assert looked_at == {"a", "b", "c", "d"}
        assert len(visible(rig)) == 2

    async def test_the_oldest_asks_first_after_a_reload(self, rig):
        await fires(rig, "z")
        for group in ("d", "c", "b", "a"):
            await fires(rig, group)
        rig.reload(limited(open=3, share=1, reserve="{}"))
        await work(rig)
        assert visible(rig) == ["z", "d", "c"]

    async def test_who_vanished_without_a_word_keeps_nobody_waiting(self, rig):
        await fires(rig, "a")
        await fires(rig, "b")
        await fires(rig, "c")
        gone = next(each.id for each in await withheld(rig) if each.group["group"] == "b")
        keys = [f"{PREFIX}i:{gone}", *(f"{PREFIX}i:{gone}:{part}" for part in ("alerts", "facets", "timers"))]
        await rig.redis.delete(*keys)  # as an older release forgets
        await rig.redis.zrem(f"{PREFIX}due", gone)
        await end(rig, "a")
        assert visible(rig) == ["c"]

    async def test_who_does_not_ask_keeps_nobody_waiting_for_more_than_a_minute(self, rig):
        await fires(rig, "a")
        await fires(rig, "b")
        await fires(rig, "c")
        stuck = next(each.id for each in await withheld(rig) if each.group["group"] == "b")
        await tell(rig, RESOLVED, ["a"])
        while (lease := await rig.reconciler.claim()) and not isinstance(lease, int):
            if lease.incident.id == stuck:
                break  # and dies with it in hand
            await rig.reconciler.reconcile(lease)
        await work(rig)
        assert visible(rig) == []
        await aged(rig, MINUTE + SECOND)
        await rig.redis.hincrby(f"{PREFIX}i:{stuck}", "woken", -MINUTE - SECOND)
        await work(rig)
        assert visible(rig) == ["c"]

    async def test_who_was_woken_and_has_nothing_to_ask_for_makes_room_for_the_next(self, rig):
        await fires(rig, "a")
        await fires(rig, "b")
        await fires(rig, "c")
        (first, second) = sorted(await withheld(rig), key=lambda each: each.group["group"])
        assert (first.group["group"], second.group["group"]) == ("b", "c")
        await rig.redis.hset(f"{PREFIX}i:{first.id}", "woken", 1 << 50)
        await rig.redis.zadd(f"{PREFIX}due", {first.id: 1})
        await rig.redis.zadd(f"{PREFIX}openings:3|careless", {first.id: 1})
        lease = await rig.claim()
        assert lease.incident.id == first.id
        await lease.settle(None)
        await end(rig, "a")
        assert visible(rig) == ["c"]


class TestPages:
    """On a v1 page, a v3 page, and both."""

    V3 = ONE.replace("checkout: Checkout", "checkout: {page: platform, component: Orders}")
    BOTH = ONE.replace("checkout: Checkout", "checkout: [Checkout, {page: platform, component: Orders}]")
    PLATFORM = v3_page("platform")

    async def test_a_v3_page_has_budgets_of_its_own(self, rig):
        rig.reload(self.V3)
        await fires(rig, "a", "b")
        await fires(rig, "c", team="shop")  # on v1
        assert [each.open for each in rig.state.everything()] == [True, True]
        (kept,) = await withheld(rig)
        assert list(kept.progress.posts) == [self.PLATFORM]
        await end(rig, *({"a", "b"} - {kept.group["group"]}))
        assert await withheld(rig) == []
        await end(rig, "a", "b")
        await end(rig, "c", team="shop")
        assert not any(each.open for each in rig.state.everything())

    async def test_an_outage_on_two_pages_takes_tokens_of_both_and_mails_on_both(self, rig):
        rig.reload(self.BOTH)
        await fires(rig, "a")
        assert await budgets_of(rig) == {page: {"open": 1, OPENS: 1, MAILS: 2} for page in (V1_PAGE, self.PLATFORM)}
        assert [len(each.updates) for each in rig.state.everything()] == [1, 1]
        await end(rig, "a")
        assert await budgets_of(rig) == {page: {"open": 0, OPENS: 1, MAILS: 2} for page in (V1_PAGE, self.PLATFORM)}
        assert [[update.notify for update in each.updates] for each in rig.state.everything()] == [[True, True]] * 2

    async def test_where_one_page_has_no_room_the_other_goes_on_and_is_ended(self, rig):
        rig.reload(
            f"{self.before_budgets(self.BOTH)}budgets: {{pages: {{platform: {{open: 1, share: 1, reserve: {{}}}}}}}}\n"
        )
        await fires(rig, "a")
        await fires(rig, "b")
        assert visible(rig) == ["a", "b"]
        assert len(rig.state.page_incidents.latest_first()) == 1
        await fires(rig, "b", severity="critical")
        assert {each.severity for each in rig.shown if each.name.endswith("b")} == {"CRITICAL"}
        await end(rig, "b")
        await rig.after(5 * SECOND)
        assert visible(rig) == ["a"]
        assert len(rig.state.page_incidents.latest_first()) == 1
        await end(rig, "a")
        assert not any(each.open for each in rig.state.everything())

    async def test_who_waits_asks_with_the_severity_that_it_waits_by(self, rig):
        """Else one that is worse on another page stands before one that there is room for, and never goes."""
        services = "routes:\n  - {name: mixed, match: team = mixed, services: {label: service}}"
        budgets = "{pages: {platform: {open: 2, share: 1, reserve: {CRITICAL: 0.5}}}}"
        rig.reload(self.before_budgets(self.V3).replace("routes:", services) + f"budgets: {budgets}\n")
        await fires(rig, "a", severity="minor")
        await fires(rig, "b", severity="critical")
        await fires(rig, "c", team="mixed", service="payments", severity="critical")
        await fires(rig, "c", team="mixed", service="checkout", severity="minor")
        await fires(rig, "d", team="mixed", service="checkout", severity="critical")
        assert len(rig.state.page_incidents.latest_first()) == 2
        await end(rig, "a", severity="minor")
        assert len([each for each in rig.state.page_incidents.latest_first() if each.open]) == 2

    @staticmethod
    def before_budgets(config: str) -> str:
        return config[: config.index("budgets:")]
