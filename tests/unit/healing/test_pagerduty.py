"""One account's chore: when it asks, what it closes, and what it makes of answers that say nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from bridge.healing.paged_ends import Ending
from bridge.pagerduty_api.client import Subscription
from bridge.pagerduty_api.errors import Kind, PagerDutyError
from bridge.telemetry import REGISTRY
from tests.unit.healing.account import INTERVAL, MINUTE, RESOLVED, START, TRIGGERED, World

HOUR = 60 * MINUTE
LIMITED = PagerDutyError(Kind.RATE_LIMITED, "429", retry_ms=7 * MINUTE)
MISSING = PagerDutyError(Kind.NOT_FOUND, "404")


@pytest.fixture
def world():
    return World()


def events(logs) -> list[str]:
    return [line["event"] for line in logs]


async def test_what_is_heard_of_is_not_asked_about(world):
    for _ in range(20):
        world.fires("Q1")
        await world.passes(INTERVAL - 1)
    assert world.ids == []


async def test_a_lost_end_is_taken_within_twice_the_interval(world):
    for lost_after in range(0, INTERVAL, INTERVAL // 7):
        world.fires("Q1")
        world.answers["Q1"] = TRIGGERED
        await world.passes(lost_after)
        lost_at = world.now
        world.answers["Q1"] = RESOLVED
        while not world.ends.taken:
            await world.passes(1_000)
        assert world.now - lost_at <= 2 * INTERVAL
        world.ends.taken.clear()


async def test_it_asks_again_each_interval_as_long_as_it_fires(world):
    world.fires("Q1")
    await world.passes(4 * INTERVAL)
    assert [at - START for at, _ in world.asked] == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL, 4 * INTERVAL]
    assert world.ends.taken == []


async def test_at_most_sixty_questions_a_minute_one_after_the_other_and_all_in_turn(world):
    ids = [f"Q{number}" for number in range(150)]
    world.fires(*ids)
    await world.passes(INTERVAL + 4 * MINUTE)
    assert world.ids == sorted(ids)
    times = [at for at, _ in world.asked]
    assert min(b - a for a, b in pairwise(times)) >= 1_000


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.NOT_FOUND}))
async def test_no_answer_closes_anything_and_a_later_one_does(world, kind):
    world.fires("Q1", "Q2", "Q3")
    world.answers |= dict.fromkeys(("Q1", "Q2", "Q3"), PagerDutyError(kind, "said", retry_ms=MINUTE))
    await world.passes(INTERVAL + 2 * HOUR)
    assert world.ends.taken == []
    world.answers |= dict.fromkeys(("Q1", "Q2", "Q3"), RESOLVED)
    await world.passes(HOUR + INTERVAL)
    assert sorted(world.ends.taken) == ["Q1", "Q2", "Q3"]


async def test_after_two_without_an_answer_the_others_are_spared_and_come_first_the_next_time(world):
    world.fires("Q1", "Q2", "Q3")
    world.answers |= dict.fromkeys(("Q1", "Q2"), PagerDutyError(Kind.STATUS, "500"))
    world.answers["Q3"] = RESOLVED
    with capture_logs() as logs:
        await world.passes(INTERVAL + 2_000)
    assert world.ids == ["Q1", "Q2"]
    assert "pagerduty_unanswered" in events(logs)
    await world.passes(MINUTE)
    assert world.ids[2] == "Q3"
    assert world.ends.taken == ["Q3"]


async def test_after_a_429_it_leaves_the_account_alone_for_as_long_as_that_says(world):
    world.fires("Q1", "Q2")
    world.answers["Q1"] = LIMITED
    await world.passes(INTERVAL)
    (first,) = world.asked
    world.answers["Q1"] = TRIGGERED
    await world.passes(7 * MINUTE - 1)
    assert world.asked == [first]
    await world.passes(2_000)
    assert world.ids == ["Q1", "Q2", "Q1"]


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.FORBIDDEN])
async def test_a_refused_key_is_told_once_and_not_used_for_an_hour(world, kind):
    world.fires("Q1", "Q2")
    world.answers["Q1"] = PagerDutyError(kind, "401")
    with capture_logs() as logs:
        await world.passes(INTERVAL + HOUR - 1)
    assert events(logs) == ["pagerduty_refused"]
    assert world.ids == ["Q1"]
    await world.passes(1)
    assert world.ids == ["Q1", "Q2", "Q1"]


async def test_another_key_is_used_within_the_interval(world):
    world.fires("Q1")
    world.answers["Q1"] = PagerDutyError(Kind.REFUSED, "401")
    await world.passes(INTERVAL)
    world.key, world.answers["Q1"] = "second", RESOLVED
    await world.passes(INTERVAL)
    assert world.ends.taken == ["Q1"]


async def test_without_a_key_nothing_is_asked(world):
    world.key = None
    world.fires("Q1")
    await world.passes(HOUR)
    assert world.ids == []


async def test_what_pagerduty_does_not_know_is_told_after_three_times_and_never_closed(world):
    world.fires("Q1", "Q2")
    world.answers["Q1"] = MISSING
    with capture_logs() as logs:
        await world.passes(3 * INTERVAL)
        assert events(logs) == []
        await world.passes(10 * HOUR)
    assert events(logs) == ["paged_incident_missing"]
    assert logs[0]["fingerprint"] == "Q1"
    assert world.ends.taken == []
    assert world.ids.count("Q2") > 50


async def test_with_an_interval_of_an_hour_three_times_still_come_within_one():
    world = World(interval_ms=HOUR)
    world.fires("Q1")
    world.answers["Q1"] = MISSING
    with capture_logs() as logs:
        await world.passes(2 * HOUR)
    assert events(logs) == ["paged_incident_missing"]


async def test_what_was_merged_is_asked_about_by_its_target(world):
    world.fires("Q1", part_of="Q9")
    world.answers["Q9"] = TRIGGERED
    await world.passes(INTERVAL)
    assert world.ids == ["Q9"]
    world.answers["Q9"] = RESOLVED
    await world.passes(INTERVAL)
    assert world.ends.taken == ["Q9"]
    assert world.alerts.alerts == {}


async def test_with_mode_observe_it_is_told_once_and_stays(world):
    world.ends.says = Ending.OBSERVED
    world.fires("Q1")
    world.answers["Q1"] = RESOLVED
    await world.passes(HOUR)
    assert world.ends.told == ["Q1"]
    assert "Q1" in world.alerts.alerts


async def test_an_end_that_cannot_be_read_is_no_answer(world):
    world.ends.says = Ending.UNREADABLE
    world.fires("Q1")
    world.answers["Q1"] = RESOLVED
    with capture_logs() as logs:
        await world.passes(INTERVAL)
    assert events(logs) == ["pagerduty_unanswered"]


async def test_nothing_is_remembered_of_what_fires_no_more(world):
    world.fires("Q1", "Q2")
    await world.passes(INTERVAL + 2_000)
    assert set(world.alerts.memory.asked) == {"Q1", "Q2"}
    del world.alerts.alerts["Q1"]
    await world.passes(INTERVAL)
    assert set(world.alerts.memory.asked) == {"Q2"}


async def test_the_age_is_that_of_the_last_round_in_which_everything_was_answered(world):
    def age() -> float:
        return REGISTRY.get_sample_value("bridge_healing_age_seconds", {"cluster": "pagerduty"}) or 0

    world.fires("Q1")
    await world.passes(INTERVAL)
    assert age() == 0
    world.answers["Q1"] = PagerDutyError(Kind.TIMEOUT, "slow")
    await world.passes(HOUR)
    assert HOUR - MINUTE <= age() * 1000 <= HOUR
    world.answers["Q1"] = TRIGGERED
    await world.passes(MINUTE)
    assert age() == 0


async def test_who_is_asked_seldom_is_not_old_because_of_that():
    world = World(interval_ms=HOUR)
    world.fires("Q1")
    ages = []
    for _ in range(3 * 60):
        await world.passes(MINUTE)
        await world.account.ask_if_due()  # as every replica does, whose turn it is or not
        ages.append(REGISTRY.get_sample_value("bridge_healing_age_seconds", {"cluster": "pagerduty"}) or 0)
    assert max(ages) < 600
    world.answers["Q1"] = PagerDutyError(Kind.TIMEOUT, "slow")
    await world.passes(3 * HOUR)
    assert (REGISTRY.get_sample_value("bridge_healing_age_seconds", {"cluster": "pagerduty"}) or 0) > 3_600


class TestSubscription:
    """The webhook subscription, if the configuration names it."""

    @pytest.fixture
    def world(self):
        world = World(subscription="PSUB", sender="eu")
        world.subscription = Subscription(active=True, temporarily_disabled=False)
        return world

    @staticmethod
    def shown() -> float:
        return REGISTRY.get_sample_value("bridge_sender_disabled", {"source": "pagerduty", "sender": "eu"}) or 0

    async def test_it_is_asked_about_each_interval_whether_anything_fires_or_not(self, world):
        await world.passes(3 * INTERVAL)
        assert world.ids == ["PSUB"] * 4
        assert self.shown() == 0

    @pytest.mark.parametrize(("active", "disabled"), [(False, False), (True, True)])
    async def test_one_that_is_off_is_told_once_a_day_and_shown_until_it_is_on(self, world, active, disabled):
        world.subscription = Subscription(active=active, temporarily_disabled=disabled)
        with capture_logs() as logs:
            await world.passes(INTERVAL)
            assert events(logs) == ["sender_disabled"]
            await world.passes(25 * HOUR)
        assert events(logs) == ["sender_disabled"] * 2
        assert logs[0]["sender"] == "eu"
        assert self.shown() == 1
        world.subscription = Subscription(active=True, temporarily_disabled=False)
        await world.passes(INTERVAL)
        assert self.shown() == 0

    @pytest.mark.parametrize("kind", [Kind.FORBIDDEN, Kind.NOT_FOUND])
    async def test_one_that_the_key_may_not_read_keeps_nothing_from_healing(self, world, kind):
        world.subscription = PagerDutyError(kind, "403")
        world.fires("Q1")
        world.answers["Q1"] = RESOLVED
        with capture_logs() as logs:
            await world.passes(INTERVAL + 2_000)
        assert events(logs) == ["subscription_unreadable"]
        assert world.ends.taken == ["Q1"]
        assert world.ids.count("PSUB") == 1

    async def test_no_answer_about_it_leaves_what_was_known(self, world):
        world.subscription = Subscription(active=True, temporarily_disabled=True)
        await world.passes(INTERVAL)
        world.subscription = PagerDutyError(Kind.TIMEOUT, "slow")
        await world.passes(HOUR)
        assert self.shown() == 1
