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
from bridge.store import Lifted, NotReplicated
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, RedisHarness, together

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
async def harness(redis_url, tmp_path):
    made = RedisHarness(redis_url, tmp_path, BOUNDED)
    yield made
    await made.close()


async def tell(
    harness: RedisHarness,
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
        routed = route(labels, harness.live.current)
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
    await harness.store.ingest(items)


async def work(harness: RedisHarness) -> None:
    """Do all that is due."""
    for _ in range(2_000):
        lease = await harness.reconciler.claim()
        if not isinstance(lease, Lease):
            return
        await harness.reconciler.reconcile(lease)
    raise AssertionError("no end of claims")


async def fire(harness: RedisHarness, count: int, **what: Any) -> None:
    await tell(harness, AlertStatus.FIRING, [f"g{number:03}" for number in range(count)], **what)
    await work(harness)


async def end(harness: RedisHarness, *groups: str, **what: Any) -> None:
    await tell(harness, AlertStatus.RESOLVED, list(groups), **what)
    await work(harness)


def visible(harness: RedisHarness) -> list[str]:
    return [each.name.removeprefix("Outage ") for each in harness.shown if each.open]


def mails(harness: RedisHarness) -> Counter[str]:
    """The updates that were sent with notify, by their status."""
    return Counter(update.status for each in harness.shown for update in each.updates if update.notify)


async def stored(harness: RedisHarness) -> list[Incident]:
    return [each async for part in harness.store.incidents() for each in part]


async def withheld(harness: RedisHarness) -> list[Incident]:
    return [each for each in await stored(harness) if any(post.withheld for post in each.progress.posts.values())]


def limited(**changes: Any) -> str:
    return CONFIG + f"budgets: {changes}\n".replace("'", "")


@pytest.mark.parametrize(("severity", "share"), [("major", 12), ("critical", 15)])
async def test_a_careless_route_gets_its_share_and_no_more(harness, severity, share):
    await fire(harness, 40, severity=severity)
    assert len(visible(harness)) == len(harness.shown) == share
    kept = await withheld(harness)
    assert len(kept) == 40 - share
    said = [each.progress.posts[V1_PAGE].withheld for each in kept]
    assert all(each is not None and "budgets.open" in each.detail for each in said)
    assert (await harness.store.overview()).withheld == {"budget": 40 - share}


async def test_a_real_outage_of_another_route_is_on_the_page_beside_it(harness):
    await fire(harness, 40, severity="critical")
    await tell(harness, AlertStatus.FIRING, ["real"], team="shop", severity="minor")
    await work(harness)
    assert "real" in visible(harness)


async def test_the_last_fifth_is_for_what_is_critical(harness):
    for team in ("careless", "shop", "pay"):
        await tell(harness, AlertStatus.FIRING, [f"{team}{number}" for number in range(20)], team=team)
    await work(harness)
    assert len(visible(harness)) == 24
    await tell(harness, AlertStatus.FIRING, ["worst"], team="other", severity="critical")
    await work(harness)
    assert len(visible(harness)) == 25
    assert "worst" in visible(harness)


async def test_an_end_is_told_and_makes_room_for_the_oldest_of_the_worst(harness):
    await fire(harness, 13)
    (waits,) = await withheld(harness)
    await end(harness, "g000")
    assert waits.group["group"] in visible(harness)
    assert "g000" not in visible(harness)
    assert await withheld(harness) == []


async def test_the_highest_severity_comes_first_and_then_routes_in_turn(harness):
    harness.reload(limited(open=3, share=1, reserve="{}"))
    await fire(harness, 3)
    for team in ("careless", "shop"):
        await tell(harness, AlertStatus.FIRING, [f"{team}-b", f"{team}-c"], team=team, severity="minor")
        await work(harness)
    await tell(harness, AlertStatus.FIRING, ["top"], team="pay", severity="critical")
    await work(harness)
    for nth in range(3):
        await end(harness, f"g{nth:03}")
    first, *others = [each.name.removeprefix("Outage ") for each in harness.shown[3:]]
    assert first == "top"
    assert {each.partition("-")[0] for each in others} == {"careless", "shop"}


async def test_an_hour_later_there_is_room_again(harness):
    harness.reload(limited(open=10, opens_per_hour=5, share=1, reserve="{}"))
    await fire(harness, 7)
    assert len(visible(harness)) == 5
    await aged(harness, HOUR + SECOND)
    await work(harness)
    assert len(visible(harness)) == 7


async def aged(harness: RedisHarness, ms: int) -> None:
    """Make the tokens, and when to look for room, that much older."""
    for key in [key async for key in harness.redis.scan_iter(f"{PREFIX}spent:*_per_hour:*")] + [f"{PREFIX}waiting"]:
        members: list[Any] = await harness.redis.zrange(key, 0, -1)
        for member in members:
            await harness.redis.zincrby(key, -ms, member)


async def test_a_reload_lets_out_what_has_room_by_its_rules(harness):
    await fire(harness, 40)
    harness.reload(CONFIG + "budgets: off\n")
    await work(harness)
    assert len(visible(harness)) == 40
    assert await withheld(harness) == []


async def test_observed_budgets_withhold_nothing_and_are_counted(harness):
    harness.reload(limited(mode="observe", mails_per_hour=1))
    await fire(harness, 40)
    assert len(visible(harness)) == 40
    assert mails(harness) == {"INVESTIGATING": 40}
    _, waiting = await budget_of(harness)
    assert waiting == 0


async def told_of(harness: RedisHarness, what: str) -> Counter[tuple[str, ...]]:
    """How many incidents have entries of that kind in their histories, by what these say."""
    details: Counter[tuple[str, ...]] = Counter()
    for incident in await stored(harness):
        found = await harness.store.incident(incident.id)
        assert found is not None
        details.update(
            (str(line.detail["reason"]), str(line.detail.get("decision", "")))
            for line in found.history
            if line.what == what
        )
    return details


async def test_what_an_observed_budget_would_do_is_told_in_the_history(harness):
    harness.reload(limited(mode="observe", open=8, mails_per_hour=2, share=1, reserve="{}"))
    await fire(harness, 10)
    assert await told_of(harness, "observed") == {("budget", "withhold"): 2, ("mail_budget", "quiet"): 7}
    assert await told_of(harness, "quiet") == {}


async def test_beyond_a_quiet_budget_all_is_visible_without_a_mail_and_says_why(harness):
    harness.reload(limited(over="quiet", open=4, mails_per_hour=12, share=1, reserve="{}"))
    await fire(harness, 10)
    assert len(visible(harness)) == 10
    assert await withheld(harness) == []
    assert mails(harness) == {"INVESTIGATING": 4}
    assert (await budget_of(harness))[0] == {"open": 10, OPENS: 10, MAILS: 8}
    assert await told_of(harness, "quiet") == {("budget", ""): 6}
    assert await harness.redis.hkeys(f"{PREFIX}trips") == [f"{V1_PAGE}\nopen".encode()]


async def lift(harness: RedisHarness, for_ms: int, **more: Any) -> Lifted:
    found = await harness.store.lift([V1_PAGE], by="alice", reason="a big day", for_ms=for_ms, **more)
    await work(harness)
    return found


@pytest.mark.parametrize("bound", [{"open": 2, "over": "quiet"}, {"mails_per_hour": 4}])
async def test_who_was_not_told_of_a_start_is_not_told_of_the_end(harness, bound):
    harness.reload(CONFIG.replace("update, ", "severity, ") + limited(**bound, share=1, reserve="{}")[len(CONFIG) :])
    await fire(harness, 3)
    assert len(visible(harness)) == 3
    assert mails(harness) == {"INVESTIGATING": 2}
    await aged(harness, 2 * HOUR)
    await end(harness, "g000", "g001", "g002")
    assert mails(harness) == {"INVESTIGATING": 2, "RESOLVED": 2}
    assert visible(harness) == []


async def test_who_was_told_of_an_update_in_between_is_told_of_the_end(harness):
    quiet = limited(open=1, over="quiet", share=1, reserve="{}")
    harness.reload(quiet.replace("update, ", "severity, "))
    await fire(harness, 2)
    assert mails(harness) == {"INVESTIGATING": 1}
    (untold,) = (each.name.removeprefix("Outage ") for each in harness.shown if not each.updates[0].notify)
    await tell(harness, AlertStatus.FIRING, [untold], severity="critical", service="worse")
    await work(harness)
    assert mails(harness) == {"INVESTIGATING": 2}
    await tell(harness, AlertStatus.RESOLVED, [untold], severity="critical", service="worse")
    await tell(harness, AlertStatus.RESOLVED, [untold])
    await harness.age(SECOND)
    await work(harness)
    assert mails(harness) == {"INVESTIGATING": 2, "RESOLVED": 1}


async def test_while_budgets_are_lifted_all_goes_out_with_its_mail_and_is_counted(harness):
    harness.reload(limited(open=4, mails_per_hour=4, share=1, reserve="{}"))
    await fire(harness, 6)
    assert (len(visible(harness)), mails(harness)) == (4, {"INVESTIGATING": 2})
    trips = await harness.redis.hkeys(f"{PREFIX}trips")
    assert (await lift(harness, HOUR)).due == 2
    assert (len(visible(harness)), await withheld(harness)) == (6, [])
    assert mails(harness) == {"INVESTIGATING": 4}, "what is withheld goes out at once"
    await tell(harness, AlertStatus.FIRING, ["new"])
    await work(harness)
    assert (len(visible(harness)), mails(harness)) == (7, {"INVESTIGATING": 5})
    assert (await budget_of(harness))[0] == {"open": 7, OPENS: 7, MAILS: 10}
    assert await harness.redis.hkeys(f"{PREFIX}trips") == trips, "nothing that is lifted trips"


async def test_once_the_lift_is_over_or_ended_the_budgets_hold_again(harness):
    harness.reload(limited(open=1, share=1, reserve="{}"))
    await lift(harness, HOUR)
    await fire(harness, 2)
    assert (len(visible(harness)), (await budget_of(harness))[0]["open"]) == (2, 2)
    assert (await lift(harness, 0)).pages == (V1_PAGE,)
    assert (await lift(harness, 0)).pages == (), "it was ended already"
    await tell(harness, AlertStatus.FIRING, ["a"])
    await work(harness)
    assert len(await withheld(harness)) == 1
    await lift(harness, 1)
    await tell(harness, AlertStatus.FIRING, ["b"])
    await work(harness)
    assert "b" not in visible(harness)
    assert [(each.by, each.reason, each.until > each.at) for each in await harness.store.lifts()] == [
        ("alice", "a big day", True),
        ("alice", "a big day", False),
        ("alice", "a big day", True),
    ]


async def test_a_lift_that_ends_between_a_decision_and_its_record_lets_nothing_out(harness):
    harness.reload(limited(open=1, share=1, reserve="{}"))
    await lift(harness, HOUR)
    await fire(harness, 1)
    decide = harness.reconciler._worker._gatekeeper.decide  # noqa: SLF001 - no collaborator is called between a decision and its act

    async def decided(*args: Any) -> Any:
        decision = await decide(*args)
        await harness.store.lift([V1_PAGE], by="bob", reason="", for_ms=0)
        return decision

    harness.reconciler._worker._gatekeeper.decide = decided  # noqa: SLF001 - as above
    await tell(harness, AlertStatus.FIRING, ["late"])
    await work(harness)
    assert (len(visible(harness)), len(await withheld(harness))) == (1, 1)


async def test_what_asked_before_the_lift_and_is_withheld_after_it_goes_out_at_once(harness):
    harness.reload(limited(open=1, share=1, reserve="{}"))
    await fire(harness, 1)
    decide = harness.reconciler._worker._gatekeeper.decide  # noqa: SLF001 - no collaborator is called between a decision and its act

    async def decided(*args: Any) -> Any:
        decision = await decide(*args)
        await harness.store.lift([V1_PAGE], by="bob", reason="", for_ms=HOUR)
        return decision

    harness.reconciler._worker._gatekeeper.decide = decided  # noqa: SLF001 - as above
    await tell(harness, AlertStatus.FIRING, ["late"])
    await work(harness)
    assert (len(visible(harness)), await withheld(harness)) == (2, [])


async def test_a_lift_with_a_known_key_changes_nothing(harness):
    assert (await lift(harness, HOUR, key="k")).pages == (V1_PAGE,)
    await lift(harness, 0)
    assert (await lift(harness, HOUR, key="k")).pages == ()
    (state,), _ = await harness.store.budgets({V1_PAGE: dict.fromkeys(("open", OPENS, MAILS), (0, 0))}, [])
    assert state.lifted is None


async def test_what_waits_is_named_by_its_groups_to_who_asks_for_that(harness):
    await fire(harness, 14)
    over_at = {V1_PAGE: dict.fromkeys(("open", OPENS, MAILS), (0, 0))}
    (state,), _ = await harness.store.budgets(over_at, [], groups=True)
    waiting = {f"g{number:03}" for number in range(14)} - set(visible(harness))
    assert {each["group"] for each in state.groups} == waiting
    assert len(waiting) == 2
    (state,), _ = await harness.store.budgets(over_at, [])
    assert state.groups == ()


async def budgets_of(harness: RedisHarness) -> dict[str, dict[str, int]]:
    """What is spent, by page."""
    over_at = {page: dict.fromkeys(("open", OPENS, MAILS), (0, 0)) for page in harness.live.current.pages}
    states, _ = await harness.store.budgets(over_at, list(harness.live.current.publishing))
    return {state.page: state.spent for state in states}


async def budget_of(harness: RedisHarness) -> tuple[dict[str, int], int]:
    over_at = {V1_PAGE: dict.fromkeys(("open", OPENS, MAILS), (0, 0))}
    (state,), _ = await harness.store.budgets(over_at, list(harness.live.current.publishing))
    return state.spent, state.waiting


async def test_who_was_told_of_a_start_is_told_of_the_end_whatever_the_budget_says(harness):
    harness.reload(limited(mails_per_hour=4, share=1, reserve="{}"))
    await fire(harness, 5)
    assert mails(harness) == {"INVESTIGATING": 2}
    assert len(visible(harness)) == 5
    assert (await budget_of(harness))[0][MAILS] == 4
    await end(harness, *(f"g{number:03}" for number in range(5)))
    assert visible(harness) == []
    assert mails(harness) == {"INVESTIGATING": 2, "RESOLVED": 2}


async def test_an_end_that_no_mail_tells_of_gives_its_token_back(harness):
    await fire(harness, 1)
    assert (await budget_of(harness))[0] == {"open": 1, OPENS: 1, MAILS: 2}
    harness.reload(BOUNDED.replace("update, resolved]", "update]"))
    await end(harness, "g000")
    assert (await budget_of(harness))[0] == {"open": 0, OPENS: 1, MAILS: 1}


async def test_what_was_not_sent_gives_its_tokens_back(harness):
    harness.state.faults.queue.append(Answer(method="POST", status=429))
    await tell(harness, AlertStatus.FIRING, ["a"])
    await work(harness)
    assert harness.shown == []
    assert (await budget_of(harness))[0] == {"open": 0, OPENS: 0, MAILS: 0}
    await harness.after(MINUTE)
    assert visible(harness) == ["a"]
    assert (await budget_of(harness))[0] == {"open": 1, OPENS: 1, MAILS: 2}


async def test_what_no_replica_has_of_an_opening_takes_no_tokens_however_often_it_is_tried(harness, monkeypatch):
    record = harness.store.record

    async def record_on_the_primary_alone(*arguments: Any, replicated: bool = False, **options: Any) -> Any:
        recorded = await record(*arguments, **options)
        if replicated:
            raise NotReplicated("0 replicas had the write")
        return recorded

    await tell(harness, AlertStatus.FIRING, ["a"])
    with monkeypatch.context() as lagging:
        lagging.setattr(harness.store, "record", record_on_the_primary_alone)
        for _ in range(3):
            await work(harness)
            await harness.after(SECOND)
    assert harness.shown == []
    assert (await budget_of(harness))[0] == {"open": 0, OPENS: 0, MAILS: 0}
    await harness.after(SECOND)
    assert visible(harness) == ["a"]
    assert (await budget_of(harness))[0] == {"open": 1, OPENS: 1, MAILS: 2}


async def race(harness: RedisHarness) -> None:
    """Two replicas, of an incident each, ask the gate before either acts upon its answer."""
    other = harness.start()
    await tell(harness, AlertStatus.FIRING, ["a", "b"])
    first, second = await harness.claim(), await harness.claim(other)
    meet(harness.reconciler, other)
    await together(harness.reconciler.reconcile(first), other.reconcile(second))
    await work(harness)


@pytest.mark.parametrize("budget", ["open", "opens_per_hour"])
async def test_two_replicas_race_for_the_last_token_and_one_wins(harness, budget):
    harness.reload(limited(**{budget: 1}, share=1, reserve="{}"))
    await race(harness)
    assert len(harness.shown) == 1
    assert len(await withheld(harness)) == 1


async def test_two_replicas_race_for_the_last_mails_and_one_goes_out_quiet(harness):
    harness.reload(limited(mails_per_hour=2, share=1, reserve="{}"))
    await race(harness)
    assert sorted(each.updates[0].notify for each in harness.shown) == [False, True]
    assert (await budget_of(harness))[0] == {"open": 2, OPENS: 2, MAILS: 2}


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


async def test_what_clears_while_it_is_withheld_was_not_published_and_says_why(harness):
    await fire(harness, 13)
    (waits,) = await withheld(harness)
    await end(harness, waits.group["group"])
    (over,) = [each for each in await stored(harness) if each.id == waits.id]
    assert (over.progress.phase, over.progress.note) == (Phase.RESOLVED, "not published: budget")
    assert (await harness.store.overview()).withheld == {}
    assert (await budget_of(harness))[1] == 0


async def test_a_reopening_is_an_opening(harness):
    harness.reload(limited(open=10, opens_per_hour=1, share=1, reserve="{}"))
    await fire(harness, 1)
    await end(harness, "g000")
    await aged_start(harness)
    await fire(harness, 1)
    assert visible(harness) == []
    assert len(await withheld(harness)) == 1
    await aged(harness, HOUR + SECOND)
    await work(harness)
    assert visible(harness) == ["g000"]


async def aged_start(harness: RedisHarness) -> None:
    """What fires now began after its resolve, by its sender's clock, too."""
    await harness.age(3 * MINUTE)
    for key in [key async for key in harness.redis.scan_iter(f"{PREFIX}incident:*:alerts")]:
        await harness.redis.delete(key)


async def test_a_trip_is_told_once_with_what_the_withheld_differ_in(harness):
    await fire(harness, 20)
    over_at = {V1_PAGE: {"open": (14, 7), OPENS: (29, 14), MAILS: (9, 4)}}
    await harness.redis.hset(f"{PREFIX}trips", f"{V1_PAGE}\nopen", -1)
    routes = list(harness.live.current.publishing)
    _, trips = await harness.store.budgets(over_at, routes)
    (trip,) = [each for each in trips if each.budget == "open"]
    assert (trip.page, trip.waiting, len(trip.groups)) == (V1_PAGE, 8, 8)
    _, again = await harness.store.budgets(over_at, routes)
    assert again == ()


async def test_a_trip_is_told_again_only_after_the_route_has_fallen_under_half_of_its_part(harness):
    async def told() -> int:
        """How many trips are to be told, two seconds later."""
        for name in await harness.redis.hkeys(trips):
            if int(await harness.redis.hget(trips, name)) < 0:
                await harness.redis.hset(trips, name, -1)
        _, found = await harness.store.budgets(over_at, list(harness.live.current.publishing))
        return sum(trip.budget == "open" for trip in found)

    trips, over_at = f"{PREFIX}trips", {V1_PAGE: {"open": (14, 7), OPENS: (29, 29), MAILS: (9, 9)}}
    await fire(harness, 13)
    assert await told() == 1
    first, *others = visible(harness)
    await end(harness, first)
    assert (await withheld(harness), await told()) == ([], 0)
    await tell(harness, AlertStatus.FIRING, ["another"])
    await work(harness)
    assert (len(await withheld(harness)), await told()) == (1, 0)
    await end(harness, "another", *others[:5])
    assert (len(visible(harness)), await told()) == (7, 0)
    await tell(harness, AlertStatus.FIRING, [f"h{number}" for number in range(6)])
    await work(harness)
    assert ((await budget_of(harness))[1], await told()) == (1, 1)


async def test_what_an_older_release_ended_is_counted_no_more(harness):
    await fire(harness, 2)
    ids = [each.id for each in await stored(harness)]
    await harness.redis.srem(f"{PREFIX}open", ids[0])
    assert (await budget_of(harness))[0]["open"] == 1


async def test_ten_times_as_many_withheld_cost_redis_no_more_work(harness):
    async def idle_work(count: int) -> Counter[str]:
        await fire(harness, count)
        await harness.redis.config_resetstat()
        for _ in range(20):
            assert not isinstance(await harness.reconciler.claim(), Lease)
            await harness.store.overview()
        stats = await harness.redis.info("commandstats")
        return Counter({name: each["calls"] for name, each in stats.items()})

    await idle_work(20)  # the server knows the scripts
    few, many = await idle_work(30), await idle_work(300)
    assert len(await withheld(harness)) == 288
    by_time = {"cmdstat_hset"}  # the scripts note the time, four times a second at most
    assert {name: many[name] for name in few if name not in by_time} == {
        name: calls for name, calls in few.items() if name not in by_time
    }
