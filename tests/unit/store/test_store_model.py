"""The store against its restatement in `reference`: any messages, in any order, with time and workers in between."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from msgspec.structs import replace

from bridge.core.actions import Action
from bridge.model import Alert, Progress, Routed, Severity
from bridge.orders import Verb
from bridge.store import Claim, Idle, Store, Wanted
from bridge.store.codec import unpack_spans
from bridge.store.connect import connect
from tests.unit.store.builders import END, HOLD_MS, PREFIX, START, contents, firing, held_by, resolved, to
from tests.unit.store.clock import Clock
from tests.unit.store.reference import CLOCKS, NEVER, Kept, Message, Recorded
from tests.unit.store.reference_orders import Act, Ordered

if TYPE_CHECKING:
    from bridge.store.codec import Item

# No two sums of these lengths are within seconds of each other, so that the time a test takes decides nothing.
PAUSE_MS = 70_000
LEASE_MS = 30_000
REST_MS = 90_000
STEP_MS = 10  # of one message, so that no two share an instant

STARTS = st.integers(0, 3).map(lambda nth: START + nth * 20_000)
ENDS = st.integers(0, 3).map(lambda nth: END - 15_000 + nth * 20_000)
OBSERVED = st.integers(1, 6).map(lambda nth: START + nth)
ROUTED = st.sampled_from(
    [
        *(
            to(incident, severity=severity, services=services)
            for incident in ("shop", "shop", "bank")
            for severity in (Severity.MAJOR, Severity.CRITICAL)
            for services in (("cart",), ("cart", "mail"))
        ),
        None,
    ]
)
FEW_PAUSES = st.sampled_from([0, 0, 1, 2])


class StoreMachine(RuleBasedStateMachine):
    url: str
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = redis.Redis.from_url(self.url)
        self.db.flushall()
        self.client = connect(self.url)
        self.store = Store(self.client)
        self.clock = Clock(self.db)
        self.reference = Ordered(HOLD_MS)
        self.reference.now = self.clock.now
        self.began: dict[str, int] = {}  # as readers list incidents
        self.were_active: set[str] = set()
        self.tokens = (f"token-{number}" for number in itertools.count())

    def teardown(self):
        self.runner.run(self.client.aclose())
        self.runner.close()
        self.db.close()

    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms)
        self.reference.now += ms

    def send(self, *items: Item) -> None:
        """One delivery."""
        self.pass_time(STEP_MS)
        expected = self.reference.deliver([message(alert, routed) for alert, routed in items])
        changes = self.runner.run(self.store.ingest(items))
        assert [(change.outcome, change.incident_id) for change in changes] == expected
        self.the_store_holds_what_the_reference_says_and_nothing_else()

    @rule(
        name=st.sampled_from("abcd"),
        sayings=st.lists(st.tuples(st.booleans(), STARTS, ENDS, ROUTED, FEW_PAUSES), min_size=1, max_size=6),
    )
    def hear_of_one_alert(self, name, sayings):
        for fires, starts_at, ends_at, routed, pauses in sayings:
            self.send((firing(name, starts_at=starts_at) if fires else resolved(name, ends_at=ends_at), routed))
            self.pass_time(pauses * PAUSE_MS)

    @rule(
        name=st.sampled_from("pq"),
        sayings=st.lists(st.tuples(st.booleans(), st.booleans(), OBSERVED, ROUTED), min_size=1, max_size=6),
    )
    def hear_of_one_alert_from_a_sender_with_a_clock(self, name, sayings):
        for fires, acknowledged, observed_at, routed in sayings:
            alert = firing(name, observed_at=observed_at, acknowledged=acknowledged)
            self.send((alert if fires else resolved(name, observed_at=observed_at), routed))

    @rule(
        sayings=st.lists(
            st.tuples(st.sampled_from("abcd"), st.booleans(), STARTS, ENDS, ROUTED), min_size=2, max_size=5
        ),
        pauses=FEW_PAUSES,
    )
    def hear_of_several_alerts_at_once(self, sayings, pauses):
        self.send(
            *(
                (firing(name, starts_at=starts_at) if fires else resolved(name, ends_at=ends_at), routed)
                for name, fires, starts_at, ends_at, routed in sayings
            )
        )
        self.pass_time(pauses * PAUSE_MS)

    @rule(pauses=st.sampled_from([1, 1, 2, 5, 6, 13]))
    def wait(self, pauses):
        self.pass_time(pauses * PAUSE_MS)

    @rule(target=claims)
    def claim(self):
        self.pass_time(STEP_MS)
        due, token = self.reference.due(), next(self.tokens)
        claim = self.runner.run(self.store.claim(token=token, lease_ms=LEASE_MS))
        if not due:
            assert isinstance(claim, Idle)
            return multiple()
        assert isinstance(claim, Claim)
        assert claim.incident.id in due  # which of them goes first, other tests say
        self.reference.claim(token, LEASE_MS, claim.incident.id)
        return claim

    @rule(claim=claims)
    def record(self, claim):
        self.pass_time(STEP_MS)
        holds = self.reference.holds(claim.incident.id, claim.token)
        assert (self.runner.run(self.store.record(claim, Progress(), lease_ms=LEASE_MS)) is not None) == holds
        if holds:
            self.reference.extend(claim.incident.id, LEASE_MS)
            self.reference.record(claim.incident.id, Recorded("PENDING"))

    @rule(
        id_=st.sampled_from(["shop", "shop", "bank"]),
        verb=st.sampled_from(
            ["hold", "release", "publish", "dismiss", "say", "resolve", "take-over", "hand-back", "retry"]
        ),
        by=st.sampled_from(["alice", "bob"]),
        seen=st.sampled_from([None, None, 0, 1]),
        key=st.sampled_from(["", "", "one"]),
    )
    def an_operator_acts(self, id_, verb, by, seen, key):
        """On what they saw just now, or one change ago, or without saying."""
        incident = self.reference.incidents.get(id_)
        revision = None if seen is None or incident is None else incident.revision - seen
        self.act(id_, Act(verb, by, revision=revision, key=key, text="Words."))

    @rule(
        name=st.sampled_from("abcdpq"),
        verb=st.sampled_from(["mute", "mute", "unmute"]),
        pauses=st.sampled_from([1.5, 3.5, None]),
    )
    def an_operator_mutes(self, name, verb, pauses):
        name = f"alertmanager/{name}"
        id_ = self.reference.index.get(name, "shop")
        for_ms = None if pauses is None else int(pauses * PAUSE_MS)
        self.act(id_, Act(verb, "alice", for_ms=for_ms, alert=name))

    def act(self, id_: str, act: Act) -> None:
        self.pass_time(STEP_MS)
        action = Action(
            verb=Verb(act.verb),
            by=act.by,
            revision=act.revision,
            key=act.key,
            for_ms=act.for_ms,
            alert=act.alert,
            text=act.text,
        )
        result = self.runner.run(self.store.act(id_, action))
        ended_at = int(self.db.hget(f"{PREFIX}incident:{id_}", "outage_ended_at") or 0)
        if act.verb == "mute" and abs(self.clock.now - ended_at) < PAUSE_MS / 2:
            self.reference.wall = ended_at  # which senders' dates do not follow when the test lets time pass
        assert result.outcome == self.reference.act(id_, act), result

    @rule(config=st.sampled_from(["one", "two"]), pauses=st.sampled_from([1.5, 40.5]))
    def the_configuration_changes(self, config, pauses):
        self.pass_time(STEP_MS)
        retention_ms = int(pauses * PAUSE_MS)
        self.runner.run(self.store.config_changed(config, retention_ms=retention_ms))
        self.reference.config_changed(config, retention_ms)

    @rule(claim=claims, rests=st.booleans(), knows_latest=st.booleans(), config=st.sampled_from(["", "one", "two"]))
    def settle(self, claim, rests, knows_latest, config):
        self.pass_time(STEP_MS)
        id_, due = claim.incident.id, self.clock.now + REST_MS if rests else None
        holds = self.reference.holds(id_, claim.token)
        if holds and knows_latest:
            latest, _ = self.runner.run(held_by(self.store, id_))
            claim = replace(claim, incident=latest)
        assert self.runner.run(self.store.settle(claim, due=due, config=config)) == holds
        if holds:
            due = self.reference.now + REST_MS if rests else None
            self.reference.settle(id_, claim.incident.revision, due, config)

    @rule(claim=claims)
    def drop(self, claim):
        self.pass_time(STEP_MS)
        id_ = claim.incident.id
        drops = self.reference.holds(id_, claim.token) and self.reference.may_drop(id_)
        assert self.runner.run(self.store.drop(claim)) == drops
        if drops:
            self.reference.drop(id_)

    @rule(active=st.booleans(), count=st.integers(1, 3))
    def list_by_parts(self, active, count):
        self.lists_all_that_there_is(active, count)

    @rule(what=st.sampled_from(["begun", "active"]), id_=st.sampled_from(["shop", "bank", "gone"]), adds=st.booleans())
    def another_release_lists_nothing(self, what, id_, adds):
        if adds and self.db.zscore(f"{PREFIX}{what}", id_) is None:
            self.db.zadd(f"{PREFIX}{what}", {id_: self.clock.now})
        elif not adds:
            self.db.zrem(f"{PREFIX}{what}", id_)
        self.store = Store(self.client)  # which has put nothing right yet
        self.lists_all_that_there_is(what == "active", 2)
        begun = contents(self.db).get("begun", {})  # what another release began is known but roughly
        self.began = {each: self.reference.now - int(self.clock.now - at) for each, at in begun.items()}

    def lists_all_that_there_is(self, active: bool, count: int) -> None:
        """By parts, each once, the last begun first."""
        listed, after = [], ""
        while True:
            part = self.runner.run(self.store.listing.part(Wanted(active=active), after=after, count=count))
            assert len(part.incidents) <= count
            listed += [incident.id for incident in part.incidents]
            after = part.after
            if not after:
                break
        expected = {id_ for id_, each in self.reference.incidents.items() if each.count("F") or not active}
        assert sorted(listed) == sorted(expected)
        index = contents(self.db).get("active" if active else "begun", {})
        assert listed == sorted(listed, key=lambda id_: (index[id_], id_), reverse=True)

    def check_lists(self, kept: dict[str, Any]) -> None:
        """Readers are shown every incident by when it began to fire, however often that was forgotten since."""
        active = {id_ for id_, each in self.reference.incidents.items() if each.count("F")}
        assert set(kept.get("begun", {})) == set(self.reference.incidents)
        assert set(kept.get("active", {})) == active
        for id_ in {*self.reference.incidents} - {*self.began} | active - self.were_active:
            self.began[id_] = self.reference.now
        self.began = {id_: at for id_, at in self.began.items() if id_ in self.reference.incidents}
        self.were_active = active
        ages = {id_: self.reference.now - at for id_, at in self.began.items()}
        assert all(abs(self.clock.now - kept["begun"][id_] - age) < PAUSE_MS / 2 for id_, age in ages.items()), ages
        assert all(kept["begun"][id_] == at for id_, at in kept.get("active", {}).items())

    @staticmethod
    def check_orders(kept: dict[str, Any], path: str, incident: Kept) -> set[str]:
        """What stands is stored; the keys in which it is."""
        if incident.last is None:
            return set()
        assert set(kept[f"{path}:orders"]) - {"born", "last"} == set(incident.orders)
        return {f"{path}:orders"}

    def check_what_people_did(self, kept: dict[str, Any]) -> set[str]:
        """The keys that tell of it."""
        ids = {id_.encode() for id_, each in self.reference.incidents.items() if "take-over" in each.orders}
        assert kept.get("taken_over", set()) == ids
        reference = self.reference
        kinds = {"taken_over": ids, "config": reference.config, "outdated": reference.outdated}
        return {kind for kind, what in kinds.items() if what}

    @invariant()
    def the_store_holds_what_the_reference_says_and_nothing_else(self):
        kept = contents(self.db)
        expected_keys = {"due", "tallies"} if self.reference.incidents else set()
        assert kept.get("index", {}) == {name: id_.encode() for name, id_ in self.reference.index.items()}
        expected_keys |= {"index"} if self.reference.index else set()
        expected_keys |= {f"ended:{name}" for name in self.reference.ends_heard}
        expected_keys |= {f"merged_into:{name}" for name in self.reference.ignored}
        assert set(kept.get("due", {})) == set(self.reference.incidents)
        for id_, incident in self.reference.incidents.items():
            path = f"incident:{id_}"
            names = ("rev", "firing", "held", "outage_started_at", "outage_ended_at")
            fields = {name: int(kept[path][name]) for name in names}
            assert fields == {
                "rev": incident.revision,
                "firing": incident.count("F"),
                "held": incident.count("H"),
                "outage_started_at": incident.starts,
                "outage_ended_at": incident.ends,
            }
            ages = {name: self.reference.now - at for name, at in incident.clocks.items() if at}
            kept_ages = {name: self.clock.now - int(kept[path][name]) for name in CLOCKS if int(kept[path][name])}
            assert ages.keys() == kept_ages.keys()
            assert all(abs(kept_ages[name] - age) < PAUSE_MS / 2 for name, age in ages.items()), (ages, kept_ages)
            spans = [self.clock.now - at for span in unpack_spans(kept[path]) for at in (span.since, span.until)]
            expected = [self.reference.now - at for span in incident.spans for at in span]
            assert len(spans) == len(expected)
            assert all(abs(one - other) < PAUSE_MS / 2 for one, other in zip(spans, expected, strict=True)), spans
            assert {facet: int(count) for facet, count in kept.get(f"{path}:facets", {}).items()} == incident.facets()
            assert {
                name: (a["state"], a["starts"], a["ends"], a["observed"])
                for name, a in kept.get(f"{path}:alerts", {}).items()
            } == {
                name: (known.status, known.starts, known.ends, known.observed)
                for name, known in incident.alerts.items()
            }
            timed = {name for name, known in incident.alerts.items() if known.timer is not None}
            assert set(kept.get(f"{path}:timers", {})) == timed
            assert (kept["due"][id_] == NEVER) == (incident.due == NEVER)
            assert (kept["due"][id_] <= self.clock.now) == (incident.due <= self.reference.now)
            expected_keys |= {path, f"{path}:alerts"} if incident.alerts else {path}
            expected_keys |= {f"{path}:progress"} if incident.is_recorded else set()
            expected_keys |= {f"{path}:facets"} if incident.count("F") else set()
            expected_keys |= {f"{path}:timers"} if timed else set()
            expected_keys |= self.check_orders(kept, path, incident)
        firing = {f"{id_}|{id_}-route": each.count("F") for id_, each in self.reference.incidents.items()}
        counted = {entry: count for entry, count in firing.items() if count}
        assert kept.get("counted", {}) == counted
        stored = {f"{kind}|": total for kind, total in (("alerts", sum(counted.values())), ("incidents", len(counted)))}
        stored |= {f"alerts|{entry.partition('|')[2]}": count for entry, count in counted.items()}
        stored |= {f"incidents|{entry.partition('|')[2]}": 1 for entry in counted}
        stored = stored if counted else {}
        stored |= {f"remembered_incidents|{id_}-route": 1 for id_ in self.reference.incidents}
        stored |= {f"remembered_alerts|{id_}-route": n for id_, n in Counter(self.reference.index.values()).items()}
        assert {name: int(count) for name, count in kept.get("stored", {}).items()} == stored
        expected_keys |= {"counted", "active"} if counted else set()
        expected_keys |= {"begun"} if self.reference.incidents else set()
        self.check_lists(kept)
        expected_keys |= {"stored"} if stored else set()
        hints = {name for name in kept if name == "strays" or name.startswith(("openings", "acted:"))}
        expected_keys |= self.check_what_people_did(kept)
        told = {name for name in kept if name.startswith("history:")}  # what it tells, other tests say
        assert {name.removeprefix("history:") for name in told} <= set(self.reference.incidents)
        assert set(kept) - hints - told == expected_keys


def message(alert: Alert, routed: Routed | None) -> Message:
    services = () if routed is None else tuple(f"s|{service}|{routed.severity:d}" for service in routed.services)
    return Message(
        name=f"{alert.source}/{alert.fingerprint}",
        fires=alert.status != "resolved",
        starts=alert.starts_at,
        ends=alert.ends_at or 0,
        observed=alert.observed_at or 0,
        facets=services + (("a",) if alert.status == "acknowledged" and routed else ()),
        incident=None if routed is None else routed.id,
    )


@pytest.mark.parametrize("redis_kind", ["redis", "valkey"])
def test_the_store_keeps_its_promises(redis_url):
    class OnThisServer(StoreMachine):
        url = redis_url

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(max_examples=100, stateful_step_count=20, deadline=None),
    )
