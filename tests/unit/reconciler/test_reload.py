"""A reload: whatever is due at another time by the new configuration is looked at anew. On a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bridge.core.actions import Action
from bridge.orders import Verb
from tests.unit.reconciler.redis_harness import CONFIG, MINUTE, RedisHarness
from tests.unit.store.builders import all_of

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 60 * MINUTE
DAY = 24 * HOUR


def configured(**changes: Any) -> str:
    """The harness' configuration; what is no top-level key replaces a default."""
    parsed = yaml.safe_load(CONFIG)
    parsed["defaults"]["hold_refire"] = "0s"  # here no message is late
    for name, value in changes.items():
        (parsed if name in {"checkly", "retention", "budgets", "services"} else parsed["defaults"])[name] = value
    return yaml.safe_dump(parsed)


class Reloaded(RedisHarness):
    """Only a reload is to make anything due."""

    async def reloads(self, **changes: Any) -> None:
        self.reload(configured(**changes))
        await self.settle()

    @property
    def stands(self) -> list[str]:
        return [str(each.status) for each in self.shown]


@pytest.fixture
async def begin(redis_url: str, tmp_path: Path):
    made: list[Reloaded] = []

    def with_configuration(**changes: Any) -> Reloaded:
        made.append(Reloaded(redis_url, tmp_path, configured(**changes)))
        return made[0]

    yield with_configuration
    for each in made:
        await each.close()


async def test_a_lower_publish_after_publishes_what_is_old_enough_by_now(begin):
    harness = begin(publish_after="1d")
    await harness.fire()
    await harness.after(2 * MINUTE)
    assert harness.stands == []
    await harness.reloads(publish_after="5m")
    assert harness.stands == []
    await harness.reloads(publish_after="1m")
    assert harness.stands == ["INVESTIGATING"]


async def test_a_higher_publish_after_keeps_what_is_not_old_enough(begin):
    harness = begin(publish_after="5m")
    await harness.fire()
    await harness.after(2 * MINUTE)
    await harness.reloads(publish_after="1h")
    await harness.after(10 * MINUTE)
    assert harness.stands == []
    await harness.after(50 * MINUTE)
    assert harness.stands == ["INVESTIGATING"]


async def test_blips_that_are_to_be_published_are(begin):
    harness = begin(publish_after="3m", flap={"returns": 9, "within": "1h", "settle": "15m"})
    for _ in range(2):
        await harness.fire()
        await harness.after(2 * MINUTE)
        await harness.clear()
        await harness.after(MINUTE)
    await harness.fire()
    assert harness.stands == []
    await harness.reloads(publish_after="3m", flap={"returns": 9, "within": "1h", "settle": "15m", "blips": "publish"})
    assert harness.stands == ["INVESTIGATING"]


@pytest.mark.parametrize(("resolve_after", "stands"), [("1m", "RESOLVED"), ("1h", "MONITORING")])
async def test_another_resolve_after_ends_what_has_cleared_sooner_or_later(begin, resolve_after, stands):
    harness = begin(publish_after="0s", resolve_after="10m")
    await harness.fire()
    await harness.clear()
    await harness.after(5 * MINUTE)
    assert harness.stands == ["MONITORING"]
    await harness.reloads(publish_after="0s", resolve_after=resolve_after)
    assert harness.stands == [stands]
    await harness.after(7 * MINUTE)
    assert harness.stands == [stands]


async def test_a_lower_resolve_after_lets_the_severity_fall(begin):
    harness = begin(publish_after="0s", resolve_after="1h")
    await harness.fire("payments")
    await harness.fire("checkout", "critical")
    await harness.clear("checkout", "critical")
    await harness.after(5 * MINUTE)
    assert harness.only.severity == "CRITICAL"
    await harness.reloads(publish_after="0s", resolve_after="2m")
    assert harness.only.severity == "MINOR"


@pytest.mark.parametrize(("reopen_after", "stands"), [("1m", 2), ("1d", 1)])
async def test_another_reopen_after_decides_on_what_has_fired_anew_and_waits(begin, reopen_after, stands):
    harness = begin(publish_after="0s", resolve_after="0s", reopen_after="10m", flap="off")
    await harness.fire()
    await harness.clear()
    await harness.reloads(publish_after="10m", resolve_after="0s", reopen_after="10m", flap="off")
    await harness.after(5 * MINUTE)
    await harness.fire()
    assert harness.stands == ["RESOLVED"]
    await harness.reloads(publish_after="0s", resolve_after="0s", reopen_after=reopen_after, flap="off")
    assert harness.stands == ["RESOLVED", "INVESTIGATING"][2 - stands :]


FLAP = {"returns": 2, "within": "1h", "settle": "30m"}


@pytest.mark.parametrize(("flap", "stands"), [("off", "RESOLVED"), ({**FLAP, "settle": "3m"}, "RESOLVED")])
async def test_another_settle_ends_what_flaps(begin, flap, stands):
    harness = begin(publish_after="0s", flap=FLAP)
    for _ in range(3):
        await harness.fire()
        await harness.after(MINUTE)
        await harness.clear()
        await harness.after(MINUTE)
    await harness.after(5 * MINUTE)
    assert harness.stands == ["INVESTIGATING"]
    await harness.reloads(publish_after="0s", flap=flap)
    assert harness.stands == [stands]


@pytest.mark.parametrize("budgets", ["off", {"open": 9}, {"open": 1, "over": "quiet"}, {"open": 1, "mode": "observe"}])
async def test_other_budgets_let_out_what_waits(begin, budgets):
    harness = begin(publish_after="0s", group_by=["service"], budgets={"open": 1})
    await harness.fire("payments")
    await harness.fire()
    await harness.after(2 * HOUR)
    assert len(harness.stands) == 1
    await harness.reloads(publish_after="0s", group_by=["service"], budgets=budgets)
    assert len(harness.stands) == 2


async def test_what_is_on_hold_stays_so_and_asks_when_the_hold_ends(begin):
    harness = begin(publish_after="1d")
    await harness.fire()
    held = Action(verb=Verb.HOLD, by="alice", for_ms=30 * MINUTE)
    await harness.store.act((await harness.incident()).id, held)
    await harness.settle()
    await harness.reloads(publish_after="0s")
    assert harness.stands == []
    await harness.after(30 * MINUTE)
    assert harness.stands == ["INVESTIGATING"]


async def test_what_is_over_is_forgotten_after_a_lower_retention(begin):
    harness = begin(publish_after="0s", resolve_after="0s", retention="30d")
    await harness.fire()
    await harness.clear()
    await harness.after(2 * DAY)
    await harness.reloads(publish_after="0s", resolve_after="0s", retention="1d")
    assert await all_of(harness.store) == []
