"""Outages of several routes under small budgets, on a real Redis: whatever happens, what has room is on the page."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from bridge.core.gate import BUDGETS, OPEN, Ask, gate, limit
from bridge.model import V1_PAGE, AlertStatus, Severity
from bridge.orders import Orders
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, RedisHarness
from tests.unit.reconciler.test_budgets import HOUR, aged, limited, tell, work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bridge.sandbox.incidents import Update

LIMITS = {"open": 4, "opens_per_hour": 9, "mails_per_hour": 6, "reserve": "{CRITICAL: 0.25}"}
TEAMS = ("careless", "shop")
SEVERITIES = {"critical": Severity.CRITICAL, "major": Severity.MAJOR, "minor": Severity.MINOR}


def mails_match(updates: Sequence[Update]) -> None:
    """Who was told of a start is told of the end; who was told of nothing since the start is not."""
    was_opened, was_told, begins = False, False, True
    for update in updates:
        if begins:
            was_opened, was_told = update.notify, False
        begins = update.status == "RESOLVED"
        if begins:
            assert update.notify or not was_opened, "who was told of the start is not told of the end"
            assert was_told or not update.notify, "who was told of nothing is told of the end"
        was_told = was_told or update.notify


class BudgetsMachine(RuleBasedStateMachine):
    url: str
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        with redis.Redis.from_url(self.url) as db:
            db.flushall()
        self.runner = asyncio.Runner()
        self.harness = self.run(self.set_up())
        self.firing: dict[tuple[str, str], str] = {}
        self.numbers = itertools.count()
        self.most = 0
        self.visible: set[str] = set()

    async def set_up(self) -> RedisHarness:
        return RedisHarness(self.url, self.folder, limited(**LIMITS))

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def teardown(self):
        self.run(self.harness.close())
        self.runner.close()

    def go_on(self, *groups: str, status: AlertStatus, team: str, severity: str) -> None:
        self.run(tell(self.harness, status, list(groups), team=team, severity=severity))
        self.run(work(self.harness))
        self.run(self.harness.after(5 * SECOND))  # updates are dated a second apart
        self.run(work(self.harness))
        self.run(self.look())

    @initialize()
    def a_flood(self):
        for team in TEAMS:
            self.outages_begin(team, 4, "major")

    @rule(team=st.sampled_from(TEAMS), count=st.integers(1, 5), severity=st.sampled_from([*SEVERITIES]))
    def outages_begin(self, team, count, severity):
        new = [f"g{next(self.numbers)}" for _ in range(count)]
        self.firing.update({(team, group): severity for group in new})
        self.go_on(*new, status=AlertStatus.FIRING, team=team, severity=severity)

    @precondition(lambda self: self.firing)
    @rule(data=st.data(), is_visible=st.sampled_from([True, True, False]))
    def outages_end(self, data, is_visible):
        ending = [each for each in sorted(self.firing) if (each[1] in self.visible) == is_visible] or sorted(
            self.firing
        )
        which = data.draw(st.lists(st.sampled_from(ending), min_size=1, max_size=3, unique=True))
        for team, group in which:
            severity = self.firing.pop((team, group))
            self.go_on(group, status=AlertStatus.RESOLVED, team=team, severity=severity)

    @precondition(lambda self: self.firing)
    @rule()
    def an_hour_passes(self):
        self.run(aged(self.harness, HOUR + MINUTE))
        self.run(work(self.harness))
        self.run(self.look())

    @precondition(lambda self: self.firing)
    @rule(changes=st.sampled_from([{}, {"open": 8}, {"share": 1}, {"mails_per_hour": 0}]))
    def the_configuration_is_reloaded(self, changes):
        self.harness.reload(limited(**{**LIMITS, **changes}))
        self.run(work(self.harness))
        self.run(self.look())

    async def look(self) -> None:
        incidents = {
            each.group["group"]: each
            async for part in self.harness.store.incidents()
            for each in part
            if each.summary.firing
        }
        firing = {group for _, group in self.firing}
        visible = [each.name.removeprefix("Outage ") for each in self.harness.shown if each.open]
        assert set(visible) <= firing, "nothing keeps an end back"
        assert len(visible) == len(set(visible))
        self.visible = set(visible)
        assert set(incidents) == firing
        budgets = self.harness.live.current.budgets
        assert budgets is not None
        budget = budgets.of(V1_PAGE)
        for group in firing - set(visible):
            incident = incidents[group]
            assert incident.progress.posts[V1_PAGE].withheld is not None
            severity = max(incident.summary.services.values())
            spent, _ = await self.harness.store.spent(V1_PAGE, incident)
            assert gate(Ask(severity=severity, opens=True), Orders(), budget, spent, alone=False).withholds, (
                "there is room"
            )
        for each in self.harness.shown:
            mails_match(each.updates)
        over_at = {V1_PAGE: dict.fromkeys(BUDGETS, (0, 0))}
        (state,), _ = await self.harness.store.budgets(over_at, list(TEAMS))
        assert state.spent[OPEN] == len(visible)
        assert state.waiting == len(firing) - len(visible)
        self.most = max(self.most, limit(budget, OPEN, Severity.CRITICAL, alone=False).of_all)
        assert len(visible) <= self.most  # what a reload made smaller withholds nothing that is visible


@pytest.mark.parametrize("redis_kind", ["redis"])
def test_whatever_happens_what_has_room_is_published_and_what_is_over_ends(redis_url, tmp_path):
    class OnThisServer(BudgetsMachine):
        url = redis_url
        folder = tmp_path

    run_state_machine_as_test(OnThisServer, settings=settings(max_examples=12, stateful_step_count=10, deadline=None))
