"""Everything between a delivery and the page, real: any story of alerts, trouble, crashes and time, step by step.

Two bridges share one Redis and one page, each stopped wherever Hypothesis likes. After every step the store must hold
what `expectation` says, and the page must look sound; once all is quiet, it must show what the alerts say.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import ClassVar, cast

import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import Alert, AlertStatus, Phase, Severity
from bridge.senders.alertmanager import parse
from bridge.store.connect import connect
from tests.unit.reconciler import checks
from tests.unit.reconciler.clocked import NOW, ClockedStore
from tests.unit.reconciler.expectation import Expectation
from tests.unit.reconciler.page import Outcome, Page
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, SECOND, SETTLE_MS, START
from tests.unit.reconciler.replica import Replica
from tests.unit.reconciler.senders import (
    INSTANTS,
    Alarm,
    configs,
    incident_of_pagerduty,
    is_heard,
    payload,
    routed,
    statement,
)
from tests.unit.store.builders import HOLD_MS, PREFIX, all_of, contents

CALM_MS = 30 * MINUTE  # longer than any timer of the bridge runs
NAMES = ("left", "right")
SERVICES = st.sampled_from(["checkout", "payments"])
LEVELS = st.sampled_from(["warning", "critical"])
REGIONS = st.sampled_from(["eu", "us"])
STARTS = st.one_of(st.integers(0, 3), st.integers(0, len(INSTANTS) - 1), st.none())
OUTCOMES = st.lists(
    st.sampled_from([outcome for outcome in Outcome if not outcome.name.startswith("CRASH")]), min_size=1, max_size=5
)
SPANS = st.sampled_from(
    [1, SECOND, SETTLE_MS, SETTLE_MS, LEASE_MS, MINUTE, MINUTE, 2 * MINUTE, 6 * MINUTE, 16 * MINUTE, 70 * MINUTE]
)
STATUSES = st.sampled_from([AlertStatus.FIRING, AlertStatus.FIRING, AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED])
REPLICAS = st.sampled_from([0, 1])
NUMBERS = st.integers(0, len(configs()) - 1)
ALARMS = st.builds(
    Alarm,
    name=st.sampled_from("abcd"),
    fires=st.sampled_from([True, True, False]),
    service=SERVICES,
    severity=LEVELS,
    region=REGIONS,
    start=STARTS,
    end=STARTS,
)
GROUPS = st.lists(ALARMS, min_size=1, max_size=4)


class BridgeMachine(RuleBasedStateMachine):
    """Give it the ``url`` of a Redis that is its own. ``steps`` and ``faults`` count what all machines went through."""

    url: ClassVar[str]
    may_be_quiet: ClassVar[bool] = False
    steps: ClassVar[int] = 0
    faults: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = redis.Redis.from_url(self.url)
        self.db.flushall()
        self.redis = connect(self.url)
        self.store = ClockedStore(self.redis)
        self.config = configs()[0]
        self.expectation = Expectation(START, HOLD_MS)
        self.page = Page(lambda: self.expectation.now)
        self.broken: list[str] = []
        self.others: dict[str, RemoteIncident] = {}
        self.said: list[Alert] = []
        self.numbers = itertools.count(1)
        self.replicas = [
            Replica(self.redis, self.page, self.expectation, self.config, self.broken, name) for name in NAMES
        ]
        self.advance(0)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_is_quiet_in_the_end()
        finally:
            for replica in self.replicas:
                self.runner.run(replica.die())
            self.runner.run(self.redis.aclose())
            self.runner.close()
            self.db.close()

    def advance(self, ms: int) -> None:
        self.expectation.now += ms
        self.db.set(NOW, self.expectation.now)

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """What `bridge.web.receiver` does with what a sender said."""
        self.advance(1)
        items = [(alert, routed(alert, self.config)) for alert in alerts]
        items = [(alert, to) for alert, to in items if to or is_heard(alert)]
        if not items:
            return
        expected = self.expectation.deliver(statement(alert, to) for alert, to in items)
        changes = self.runner.run(self.store.ingest(items))
        became = [(change.outcome, change.incident_id) for change in changes]
        self.demand([f"the alerts became {became}, expected {expected}"] * (became != expected))
        self.said += [alert for alert, _ in items]

    @initialize(
        list_lags=st.booleans(),
        reads_lag=st.booleans(),
        early_date=st.sampled_from([None, 400, 422]),
        number=NUMBERS,
        outcomes=OUTCOMES,
        alarms=GROUPS,
    )
    def begin(self, list_lags, reads_lag, early_date, number, outcomes, alarms):
        """Something happens, and what the bridges make of it goes wrong."""
        self.page.early_date = early_date
        self.page.read_lag_ms = SETTLE_MS // 2 if reads_lag else 0
        self.page.lag_ms = SETTLE_MS - 1 if list_lags else self.page.read_lag_ms
        self.page.late_ms = SETTLE_MS - 1 - self.page.lag_ms
        self.the_configuration_changes(number, [0, 1])
        self.the_page_is_in_trouble(outcomes, is_down=False)
        self.alertmanager_delivers(alarms, 0)

    @rule(alarms=GROUPS, truncated=st.integers(0, 2))
    def alertmanager_delivers(self, alarms, truncated):
        """Whatever each alert said before, and however many of the group are left out."""
        delivery = parse(payload(alarms, truncated, self.expectation.now), self.expectation.now)
        assert (len(delivery.alerts), delivery.truncated) == (len(alarms), truncated)
        self.deliver(delivery.alerts)

    @rule(name=st.sampled_from("pqr"), status=STATUSES, service=SERVICES, severity=LEVELS)
    def pagerduty_says(self, name, status, service, severity):
        if not self.expectation.is_part(f"pagerduty/{name}"):
            self.deliver([incident_of_pagerduty(name, status, service, severity, self.expectation.now)])

    @rule(source=st.sampled_from("pqr"), into=st.sampled_from("pqr"))
    def pagerduty_merges(self, source, into):
        if self.expectation.may_merge(f"pagerduty/{source}", f"pagerduty/{into}"):
            last = max(
                (alert for alert in self.said if alert.fingerprint == source), key=lambda each: each.observed_at or 0
            )
            now = self.expectation.now
            self.deliver([replace(last, status=AlertStatus.RESOLVED, ends_at=now, observed_at=now, merged_into=into)])

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def a_sender_repeats_itself(self, data):
        self.deliver([data.draw(st.sampled_from(self.said[-8:]))])

    @rule(number=NUMBERS, replicas=st.lists(REPLICAS, unique=True))
    def the_configuration_changes(self, number, replicas):
        """Receivers have it at once, the replicas' reconcilers maybe later."""
        self.config = configs()[number]
        for nth in replicas:
            self.replicas[nth].live.current = self.config

    @rule(ms=SPANS, keeping_up=st.lists(REPLICAS, unique=True))
    def time_passes(self, ms, keeping_up):
        self.runner.run(self.let_pass(ms, [self.replicas[nth] for nth in keeping_up]))

    @rule(nth=REPLICAS, boundaries=st.sampled_from([1, 2, 3, 5, 8, 13, 40]))
    def a_bridge_goes_on(self, nth, boundaries):
        self.runner.run(self.replicas[nth].step(boundaries))

    @rule(nth=REPLICAS, boundaries=st.integers(1, 20), ms=SPANS, other_keeps_up=st.booleans())
    def a_bridge_is_slow(self, nth, boundaries, ms, other_keeps_up):
        """It begins something, stops for so long, and goes on."""
        bridge, other = self.replicas[nth], self.replicas[1 - nth]
        self.runner.run(bridge.step(boundaries))
        self.runner.run(self.let_pass(ms, [other] if other_keeps_up else []))
        self.runner.run(bridge.step(2))

    @rule(nth=REPLICAS)
    def a_bridge_does_all_that_is_due(self, nth):
        self.runner.run(self.replicas[nth].finish())

    @rule(nth=REPLICAS, what=st.sampled_from(["it dies", "Redis' answer is lost"]))
    def a_bridge_is_in_trouble(self, nth, what):
        type(self).faults += 1
        if what == "it dies":
            self.runner.run(self.replicas[nth].die())
        else:
            self.replicas[nth].loses_answers += 1

    @rule(outcomes=OUTCOMES, is_down=st.sampled_from([False, False, False, True]))
    def the_page_is_in_trouble(self, outcomes, is_down):
        """These come of its next writes; and it is out of breaker, or is again in breaker."""
        self.page.outcomes.extend(outcomes)
        self.page.is_down = is_down
        type(self).faults += len(outcomes) + is_down

    @precondition(lambda self: 2 * len(self.others) < len(self.page.incidents))
    @rule(severity=st.sampled_from(Severity))
    def a_person_posts_an_incident_just_like_ours(self, severity):
        now, id_ = self.expectation.now, f"person-{next(self.numbers)}"
        update = RemoteUpdate(id=id_, status=Phase.INVESTIGATING, text="By hand.", public_at=now, created_at=now)
        incident = RemoteIncident(
            id=id_,
            name=self.page.incidents[0].name,
            status=Phase.INVESTIGATING,
            severity=severity,
            services=("checkout",),
            created_at=now,
            updates=(update,),
        )
        self.others[id_] = self.page.put(incident)

    @rule()
    def all_is_quiet_in_the_end(self):
        """No trouble any more, one configuration, and time for every timer."""
        self.page.outcomes.clear()
        self.page.is_down = False
        self.nothing_is_kept_back()
        for replica in self.replicas:
            replica.live.current = self.config
        self.runner.run(self.let_pass(CALM_MS, self.replicas))
        held = self.runner.run(all_of(self.store))
        self.demand(self.broken)
        self.demand(checks.not_converged(self.page, self.others, self.expectation, held))

    def nothing_is_kept_back(self) -> None:
        """What a policy keeps from the page ends."""

    async def let_pass(self, ms: int, keeping_up: Sequence[Replica]) -> None:
        """These do at once what falls due meanwhile; the others stand still."""
        end = self.expectation.now + ms
        while keeping_up:
            for replica in keeping_up:
                await replica.finish()
            idle = keeping_up[-1].idle
            if idle is None or idle.next_at is None or idle.next_at > end:
                break
            self.advance(max(1, idle.next_at - self.expectation.now))
        self.advance(max(0, end - self.expectation.now))

    @invariant()
    def every_promise_is_kept(self):
        type(self).steps += 1
        self.demand(self.broken)
        self.demand(checks.not_as_said(contents(self.db), self.expectation))
        self.demand(checks.forgotten(self.page, self.others, self.expectation))
        self.demand(checks.doubled(self.page, self.others, may_be_quiet=self.may_be_quiet))
        self.demand(checks.unsound(self.page, self.others, self.expectation.now))
        keys = cast("list[bytes]", self.db.keys("*"))
        self.demand(
            f"{key!r} is in another slot" for key in keys if not key.startswith((PREFIX.encode(), NOW.encode()))
        )

    @staticmethod
    def demand(breaches: Iterable[str]) -> None:
        """Raise what was broken, if anything was."""
        if found := list(breaches):
            raise AssertionError("; ".join(found))
