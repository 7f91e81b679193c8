"""What operators order is carried out: on a real Redis, with the page that Checkly would show."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.actions import Action
from bridge.core.gate import MAILS, OPENS
from bridge.model import V1_PAGE, AlertStatus, Incident, Post
from bridge.orders import Orders, Verb
from bridge.store import ActionResult, Outcome
from tests.unit.reconciler.redis_harness import MINUTE, RedisHarness
from tests.unit.reconciler.test_budgets import CONFIG, budget_of, end, limited, mails, stored, tell, visible, work

HOUR = 60 * MINUTE
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
SLOW = CONFIG.replace("publish_after: 0s", "publish_after: 10m")
NONE = limited(open=1, share=1, opens_per_hour=1, mails_per_hour=0, reserve="{}")


@pytest.fixture
async def harness(redis_url, tmp_path):
    made = RedisHarness(redis_url, tmp_path, CONFIG)
    yield made
    await made.close()


async def fires(harness: RedisHarness, *groups: str, **what: Any) -> None:
    await tell(harness, FIRING, list(groups), **what)
    await work(harness)


async def incident(harness: RedisHarness, group: str = "a") -> Incident:
    return next(each for each in await stored(harness) if each.group["group"] == group)


async def post(harness: RedisHarness, group: str = "a") -> Post:
    return (await incident(harness, group)).progress.posts[V1_PAGE]


async def act(harness: RedisHarness, verb: Verb, group: str = "a", **more: Any) -> ActionResult:
    """Act, and let a bridge do what is due then."""
    id_ = (await incident(harness, group)).id
    done = await harness.store.act(id_, Action(verb=verb, by="alice", reason="because", **more))
    await work(harness)
    return done


async def told(harness: RedisHarness, group: str = "a") -> tuple[str, str, str]:
    """Why it is withheld, by whom, and what is noted of it."""
    found = await incident(harness, group)
    withheld = found.progress.posts[V1_PAGE].withheld
    assert withheld is not None
    return withheld.reason, withheld.by, found.progress.note or ""


async def is_parked(harness: RedisHarness) -> bool:
    """Whether nothing is due before the year 3000."""
    first: Any = await harness.redis.zrange("bridge:{0}:due", 0, 0, withscores=True)
    return bool(first[0][1] == 32_503_680_000_000)


async def act_between(harness: RedisHarness, verb: Verb) -> None:
    """Somebody acts between a decision of the gate and its record: while the page is read, which may take long."""
    gatekeeper: Any = harness.reconciler._worker._gatekeeper  # noqa: SLF001 - no collaborator is called between a decision and its act
    decide = gatekeeper.decide
    acted: list[ActionResult] = []

    async def decided(found: Incident, *more: Any) -> Any:
        decision = await decide(found, *more)
        if not acted:
            acted.append(await harness.store.act(found.id, Action(verb=verb, by="alice", reason="because")))
            assert acted[0].outcome is Outcome.DONE
        return decision

    gatekeeper.decide = decided


class TestBetweenDecisionAndRecord:
    @pytest.mark.parametrize("verb", [Verb.HOLD, Verb.DISMISS, Verb.TAKE_OVER])
    async def test_what_is_forbidden_meanwhile_is_not_opened_and_gives_its_tokens_back(self, harness, verb):
        await tell(harness, FIRING, ["a"])
        await act_between(harness, verb)
        await work(harness)
        assert harness.shown == []
        reason = "taken_over" if verb is Verb.TAKE_OVER else "operator"
        assert await told(harness) == (reason, "alice", "")
        assert (await budget_of(harness))[0] == {"open": 0, OPENS: 0, MAILS: 0}


class TestHold:
    async def waiting(self, harness: RedisHarness, **more: Any) -> None:
        harness.reload(SLOW)
        await fires(harness, "a")
        await act(harness, Verb.HOLD, **more)
        await harness.after(11 * MINUTE)

    async def test_what_is_on_hold_is_not_opened_until_it_is_released(self, harness):
        await self.waiting(harness)
        assert visible(harness) == []
        assert await told(harness) == ("operator", "alice", "")
        assert await is_parked(harness)
        await harness.after(24 * HOUR)
        assert visible(harness) == []
        assert (await act(harness, Verb.RELEASE)).outcome is Outcome.DONE
        assert visible(harness) == ["a"]

    async def test_a_hold_ends_when_its_time_is_over(self, harness):
        await self.waiting(harness, for_ms=HOUR)
        withheld = (await post(harness)).withheld
        assert withheld is not None
        assert withheld.until > 0
        await harness.after(48 * MINUTE)
        assert visible(harness) == []
        await harness.after(2 * MINUTE)
        assert visible(harness) == ["a"]

    async def test_what_clears_on_hold_was_not_published_for_that_reason(self, harness):
        await self.waiting(harness)
        await end(harness, "a")
        await harness.after(MINUTE)
        assert harness.shown == []
        assert (await incident(harness)).progress.note == "not published: operator"

    async def test_a_visible_one_goes_on_and_is_not_opened_again(self, harness):
        await fires(harness, "a")
        await act(harness, Verb.HOLD)
        await fires(harness, "a", severity="critical")
        assert harness.only.severity == "CRITICAL"
        await end(harness, "a")
        await harness.after(MINUTE, 4 * MINUTE)
        assert visible(harness) == []
        await tell(harness, FIRING, ["a"], service="x")
        await work(harness)
        assert visible(harness) == []
        await act(harness, Verb.RELEASE)
        assert visible(harness) == ["a"]
        assert len(harness.shown) == 1

    async def test_what_is_on_hold_does_not_wait_for_room(self, harness):
        harness.reload(limited(open=1, share=1, reserve="{}"))
        await fires(harness, "a")
        await fires(harness, "b")
        await fires(harness, "c")
        await act(harness, Verb.HOLD, "b")
        withheld = (await post(harness, "b")).withheld
        assert withheld is not None
        assert withheld.also == ("budget",)
        await end(harness, "a")
        assert visible(harness) == ["c"]


class TestPublish:
    async def test_it_passes_the_time_before_publishing(self, harness):
        harness.reload(SLOW)
        await fires(harness, "a")
        await act(harness, Verb.PUBLISH)
        assert visible(harness) == ["a"]

    async def test_it_passes_a_hold_and_a_budget_without_room(self, harness):
        harness.reload(NONE)
        await fires(harness, "a")
        await fires(harness, "b")
        await act(harness, Verb.HOLD, "b")
        assert visible(harness) == ["a"]
        await act(harness, Verb.PUBLISH, "b")
        assert visible(harness) == ["a", "b"]
        states, _ = await harness.store.budgets({V1_PAGE: {}}, [])
        assert states[0].spent["open"] == states[0].spent["opens_per_hour"] == 2  # more than there was

    async def test_it_mails_and_pays_for_it_unless_it_is_to_be_quiet(self, harness):
        harness.reload(NONE)
        await fires(harness, "z")
        assert mails(harness) == {}
        for group in ("a", "b"):
            await fires(harness, group)
            await act(harness, Verb.PUBLISH, group, quiet=group == "b")
        assert visible(harness) == ["z", "a", "b"]
        assert mails(harness) == {"INVESTIGATING": 1}
        await end(harness, "z", "a", "b")
        assert mails(harness) == {"INVESTIGATING": 1, "RESOLVED": 1}  # who was told of the start is told of the end

    async def test_quiet_is_quiet_without_budgets_too(self, harness):
        harness.reload(SLOW + "budgets: off\n")
        await fires(harness, "a")
        await act(harness, Verb.PUBLISH, quiet=True)
        assert visible(harness) == ["a"]
        assert mails(harness) == {}


class TestDismiss:
    async def test_it_is_not_published_in_this_outage_and_what_fires_anew_is_judged_anew(self, harness):
        harness.reload(SLOW)
        await fires(harness, "a")
        await act(harness, Verb.DISMISS)
        await harness.after(11 * MINUTE)
        await fires(harness, "a", service="x")
        assert visible(harness) == []
        assert await told(harness) == ("operator", "alice", "")
        assert await is_parked(harness)
        await end(harness, "a")
        await end(harness, "a", service="x")
        assert (await incident(harness)).progress.note == "not published: operator"
        await harness.after(20 * MINUTE)
        await fires(harness, "a", service="anew")
        await harness.after(11 * MINUTE)
        assert visible(harness) == ["a"]
        assert (await incident(harness)).orders == Orders()


class TestMute:
    async def test_the_silenced_alert_whose_resolve_never_comes_no_longer_keeps_it_open(self, harness):
        await fires(harness, "a")
        await act(harness, Verb.MUTE, alert="careless-a")
        await harness.after(MINUTE, MINUTE, MINUTE)
        assert visible(harness) == []
        assert len(harness.shown) == 1
        await act(harness, Verb.UNMUTE, alert="careless-a")
        assert visible(harness) == ["a"]
        assert len(harness.shown) == 1
