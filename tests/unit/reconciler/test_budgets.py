"""Budgets of what becomes public, on a real Redis: what is withheld, what is quiet, what comes when there is room."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import count
from typing import Any

import pytest

from bridge.core.gate import MAILS, OPENS
from bridge.core.routing import route
from bridge.model import V1_PAGE, Alert, AlertStatus, Incident, Phase, Routed
from bridge.reconciler.leases import Lease
from bridge.sandbox.faults import Answer
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, Rig, together

HOUR = 60 * MINUTE
SERVICES = "services: {checkout: Checkout, payments: Payments}"
CONFIG = (
    """
version: 1
checkly: {notify: [open, update, resolved], second_writer: ignore, requests_per_minute: 100000}
"""
    + SERVICES
    + """
severity: [{match: severity = critical, is: CRITICAL}, {match: severity = major, is: MAJOR}, {is: MINOR}]
public_labels: [group]
texts: {name: "Outage {{ labels.group }}"}
defaults: {publish_after: 0s, resolve_after: 0s, reopen_after: 10m, group_by: [group]}
routes:
  - {name: careless, match: team = careless, services: [checkout]}
  - {name: shop, match: team = shop, services: [payments]}
  - {name: pay, match: team = pay, services: [payments]}
  - {name: other, services: [payments]}
"""
)


BOUNDED = f"{CONFIG}budgets: {{}}\n"


@pytest.fixture
async def rig(redis_url, tmp_path):
    made = Rig(redis_url, tmp_path, BOUNDED)
    yield made
    await made.close()


async def tell(
    rig: Rig,
    status: AlertStatus,
    groups: list[str],
    *,
    team: str = "careless",
    severity: str = "major",
    service: str = "",
) -> None:
    now = int(time.time() * 1000)
    items = []
    for group in groups:
        labels = {"group": group, "team": team, "severity": severity, "service": service}
        routed = route(labels, rig.live.current)
        assert isinstance(routed, Routed)
        is_over = status is AlertStatus.RESOLVED
        items.append(
            (
                Alert(
                    source="alertmanager",
                    fingerprint=f"{team}-{group}{service}",
                    status=status,
                    labels=labels,
                    starts_at=now - 20 * MINUTE,
                    ends_at=now - MINUTE if is_over else None,
                ),
                routed,
            )
        )
    await rig.store.ingest(items)


async def work(rig: Rig) -> None:
    """Do all that is due."""
    for _ in range(2_000):
        lease = await rig.reconciler.claim()
        if not isinstance(lease, Lease):
            return
        await rig.reconciler.reconcile(lease)
    raise AssertionError("no end of claims")


async def fire(rig: Rig, count: int, **what: Any) -> None:
    await tell(rig, AlertStatus.FIRING, [f"g{number:03}" for number in range(count)], **what)
    await work(rig)


async def end(rig: Rig, *groups: str, **what: Any) -> None:
    await tell(rig, AlertStatus.RESOLVED, list(groups), **what)
    await work(rig)


def visible(rig: Rig) -> list[str]:
    return [each.name.removeprefix("Outage ") for each in rig.shown if each.open]


def mails(rig: Rig) -> Counter[str]:
    """The updates that were sent with notify, by their status."""
    return Counter(update.status for each in rig.shown for update in each.updates if update.notify)


async def stored(rig: Rig) -> list[Incident]:
    return [each async for part in rig.store.incidents() for each in part]


async def withheld(rig: Rig) -> list[Incident]:
    return [each for each in await stored(rig) if any(post.withheld for post in each.progress.posts.values())]


def limited(**changes: Any) -> str:
    return CONFIG + f"budgets: {changes}\n".replace("'", "")


@pytest.mark.parametrize(("severity", "share"), [("major", 12), ("critical", 15)])
async def test_a_careless_route_gets_its_share_and_no_more(rig, severity, share):
    await fire(rig, 40, severity=severity)
    assert len(visible(rig)) == len(rig.shown) == share
    kept = await withheld(rig)
    assert len(kept) == 40 - share
    said = [each.progress.posts[V1_PAGE].withheld for each in kept]
    assert all(each is not None and "budgets.open" in each.detail for each in said)
    assert (await rig.store.overview()).withheld == {"budget": 40 - share}


async def test_a_real_outage_of_another_route_is_on_the_page_beside_it(rig):
    await fire(rig, 40, severity="critical")
    await tell(rig, AlertStatus.FIRING, ["real"], team="shop", severity="minor")
    await work(rig)
    assert "real" in visible(rig)


async def test_the_last_fifth_is_for_what_is_critical(rig):
    for team in ("careless", "shop", "pay"):
        await tell(rig, AlertStatus.FIRING, [f"{team}{number}" for number in range(20)], team=team)
    await work(rig)
    assert len(visible(rig)) == 24
    await tell(rig, AlertStatus.FIRING, ["worst"], team="other", severity="critical")
    await work(rig)
    assert len(visible(rig)) == 25
    assert "worst" in visible(rig)


async def test_an_end_is_told_and_makes_room_for_the_oldest_of_the_worst(rig):
    await fire(rig, 13)
    (waits,) = await withheld(rig)
    await end(rig, "g000")
    assert waits.group["group"] in visible(rig)
    assert "g000" not in visible(rig)
    assert await withheld(rig) == []


async def test_the_highest_severity_comes_first_and_then_routes_in_turn(rig):
    rig.reload(limited(open=3, share=1, reserve="{}"))
    await fire(rig, 3)
    for team in ("careless", "shop"):
        await tell(rig, AlertStatus.FIRING, [f"{team}-b", f"{team}-c"], team=team, severity="minor")
        await work(rig)
    await tell(rig, AlertStatus.FIRING, ["top"], team="pay", severity="critical")
    await work(rig)
    for nth in range(3):
        await end(rig, f"g{nth:03}")
    first, *others = [each.name.removeprefix("Outage ") for each in rig.shown[3:]]
    assert first == "top"
    assert {each.partition("-")[0] for each in others} == {"careless", "shop"}


async def test_an_hour_later_there_is_room_again(rig):
    rig.reload(limited(open=10, opens_per_hour=5, share=1, reserve="{}"))
    await fire(rig, 7)
    assert len(visible(rig)) == 5
    await aged(rig, HOUR + SECOND)
    await work(rig)
    assert len(visible(rig)) == 7


async def aged(rig: Rig, ms: int) -> None:
    """Make the tokens, and when to look for room, that much older."""
    for key in [key async for key in rig.redis.scan_iter(f"{PREFIX}spent:*_per_hour:*")] + [f"{PREFIX}waiting"]:
        members: list[Any] = await rig.redis.zrange(key, 0, -1)
        for member in members:
            await rig.redis.zincrby(key, -ms, member)


async def test_a_reload_lets_out_what_has_room_by_its_rules(rig):
    await fire(rig, 40)
    rig.reload(CONFIG + "budgets: off\n")
    await work(rig)
    assert len(visible(rig)) == 40
    assert await withheld(rig) == []


async def test_observed_budgets_withhold_nothing_and_are_counted(rig):
    rig.reload(limited(mode="observe", mails_per_hour=1))
    await fire(rig, 40)
    assert len(visible(rig)) == 40
    assert mails(rig) == {"INVESTIGATING": 40}
    _, waiting = await budget_of(rig)
    assert waiting == 0


async def budgets_of(rig: Rig) -> dict[str, dict[str, int]]:
    """What is spent, by page."""
    over_at = {page: {"open": 0, OPENS: 0, MAILS: 0} for page in rig.live.current.pages}
    states, _ = await rig.store.budgets(over_at, list(rig.live.current.publishing))
    return {state.page: state.spent for state in states}


async def budget_of(rig: Rig) -> tuple[dict[str, int], int]:
    over_at = {V1_PAGE: {"open": 0, OPENS: 0, MAILS: 0}}
    (state,), _ = await rig.store.budgets(over_at, list(rig.live.current.publishing))
    return state.spent, state.waiting


async def test_who_was_told_of_a_start_is_told_of_the_end_whatever_the_budget_says(rig):
    rig.reload(limited(mails_per_hour=4, share=1, reserve="{}"))
    await fire(rig, 5)
    assert mails(rig) == {"INVESTIGATING": 2}
    assert len(visible(rig)) == 5
    assert (await budget_of(rig))[0][MAILS] == 4
    await end(rig, *(f"g{number:03}" for number in range(5)))
    assert visible(rig) == []
    assert mails(rig) == {"INVESTIGATING": 2, "RESOLVED": 2}


async def test_an_end_that_no_mail_tells_of_gives_its_token_back(rig):
    await fire(rig, 1)
    assert (await budget_of(rig))[0] == {"open": 1, OPENS: 1, MAILS: 2}
    rig.reload(BOUNDED.replace("update, resolved]", "update]"))
    await end(rig, "g000")
    assert (await budget_of(rig))[0] == {"open": 0, OPENS: 1, MAILS: 1}


async def test_what_was_not_sent_gives_its_tokens_back(rig):
    rig.state.faults.queue.append(Answer(method="POST", status=429))
    await tell(rig, AlertStatus.FIRING, ["a"])
    await work(rig)
    assert rig.shown == []
    assert (await budget_of(rig))[0] == {"open": 0, OPENS: 0, MAILS: 0}
    await rig.after(MINUTE)
    assert visible(rig) == ["a"]
    assert (await budget_of(rig))[0] == {"open": 1, OPENS: 1, MAILS: 2}


async def test_two_replicas_race_for_the_last_token_and_one_wins(rig):
    rig.reload(limited(open=1, share=1, reserve="{}"))
    other = rig.start()
    await tell(rig, AlertStatus.FIRING, ["a", "b"])
    first, second = await rig.claim(), await rig.claim(other)
    meet(rig.reconciler, other)
    await together(rig.reconciler.reconcile(first), other.reconcile(second))
    await work(rig)
    assert len(rig.shown) == 1
    assert len(await withheld(rig)) == 1


def meet(*reconcilers: Any) -> None:
    """None of them acts upon its first decision before all have made theirs."""
    barrier = asyncio.Barrier(len(reconcilers))
    for each in reconcilers:
        decide, asked = each._worker._gatekeeper.decide, count()  # noqa: SLF001 - no collaborator is called between a decision and its act

        async def decided(*args: Any, decide: Any = decide, asked: Any = asked) -> Any:
            decision = await decide(*args)
            if next(asked) == 0:
                await barrier.wait()
            return decision

        each._worker._gatekeeper.decide = decided  # noqa: SLF001 - as above


async def test_what_clears_while_it_is_withheld_was_not_published_and_says_why(rig):
    await fire(rig, 13)
    (waits,) = await withheld(rig)
    await end(rig, waits.group["group"])
    (over,) = [each for each in await stored(rig) if each.id == waits.id]
    assert (over.progress.phase, over.progress.note) == (Phase.RESOLVED, "not published: budget")
    assert (await rig.store.overview()).withheld == {}
    assert (await budget_of(rig))[1] == 0


async def test_a_reopening_is_an_opening(rig):
    rig.reload(limited(open=10, opens_per_hour=1, share=1, reserve="{}"))
    await fire(rig, 1)
    await end(rig, "g000")
    await aged_start(rig)
    await fire(rig, 1)
    assert visible(rig) == []
    assert len(await withheld(rig)) == 1
    await aged(rig, HOUR + SECOND)
    await work(rig)
    assert visible(rig) == ["g000"]


async def aged_start(rig: Rig) -> None:
    """What fires now began after its resolve, by its sender's clock, too."""
    await rig.age(3 * MINUTE)
    for key in [key async for key in rig.redis.scan_iter(f"{PREFIX}i:*:alerts")]:
        await rig.redis.delete(key)


async def test_a_trip_is_told_once_with_what_the_withheld_differ_in(rig):
    await fire(rig, 20)
    over_at = {V1_PAGE: {"open": 14, OPENS: 29, MAILS: 9}}
    await rig.redis.hset(f"{PREFIX}trips", f"{V1_PAGE}\nopen", -1)
    routes = list(rig.live.current.publishing)
    _, trips = await rig.store.budgets(over_at, routes)
    (trip,) = [each for each in trips if each.budget == "open"]
    assert (trip.page, trip.waiting, len(trip.groups)) == (V1_PAGE, 8, 8)
    _, again = await rig.store.budgets(over_at, routes)
    assert again == ()


async def test_what_an_older_release_ended_is_counted_no_more(rig):
    await fire(rig, 2)
    ids = [each.id for each in await stored(rig)]
    await rig.redis.srem(f"{PREFIX}open", ids[0])
    assert (await budget_of(rig))[0]["open"] == 1


async def test_ten_times_as_many_withheld_cost_redis_no_more_work(rig):
    async def idle_work(count: int) -> Counter[str]:
        await fire(rig, count)
        await rig.redis.config_resetstat()
        for _ in range(20):
            assert not isinstance(await rig.reconciler.claim(), Lease)
            await rig.store.overview()
        stats = await rig.redis.info("commandstats")
        return Counter({name: each["calls"] for name, each in stats.items()})

    await idle_work(20)  # the server knows the scripts
    few, many = await idle_work(30), await idle_work(300)
    assert len(await withheld(rig)) == 288
    by_time = {"cmdstat_hset"}  # the scripts note the time, four times a second at most
    assert {name: many[name] for name in few if name not in by_time} == {
        name: calls for name, calls in few.items() if name not in by_time
    }
