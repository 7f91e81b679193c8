"""A delivery is one change of facts: no clock of an incident follows a moment between two of its alerts."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from bridge.model import Severity
from bridge.store import store as store_module
from tests.unit.store.builders import END, LEASE_MS, MINUTE, START, firing, held_by, resolved, to
from tests.unit.store.statements import merged, over, tell, triggered

CLOCKS = ("firing_since", "last_fired_at", "cleared_at", "eased_at", "outage_started_at", "outage_ended_at")


async def summary(store, id_="shop"):
    incident, _ = await held_by(store, id_)
    return incident.summary


async def clocks(store, id_="shop"):
    facts = await summary(store, id_)
    return {name: getattr(facts, name) for name in CLOCKS}


def swap(old: str, new: str):
    """One alert in place of another, in the order in which Alertmanager sorts them by their labels."""
    return [(resolved(old), to()), (firing(new, starts_at=END), to())]


@pytest.mark.parametrize("order", list(permutations(range(2))), ids=["the end first", "the start first"])
async def test_an_alert_in_place_of_another_ends_and_begins_nothing(store, clock, order):
    await store.ingest([(firing("a"), to())])
    clock.advance(MINUTE)
    before, revision = await clocks(store), (await held_by(store))[0].revision
    changes = await store.ingest([swap("a", "b")[nth] for nth in order])
    assert sorted(change.outcome for change in changes) == ["added", "resolved"]
    after = await clocks(store)
    assert after == {**before, "outage_ended_at": END}
    assert (await held_by(store))[0].revision == revision


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_in_whatever_order_a_delivery_changes_everything_it_is_one_change(store, clock, order):
    await store.ingest([(firing("a"), to()), (firing("b"), to(services=("cart",), severity=Severity.CRITICAL))])
    clock.advance(MINUTE)
    since = (await summary(store)).firing_since
    items = [
        (resolved("a"), to()),
        (resolved("b"), to(services=("cart",), severity=Severity.CRITICAL)),
        (firing("c", starts_at=END), to()),
    ]
    await store.ingest([items[nth] for nth in order])
    facts = await summary(store)
    assert (facts.firing_since, facts.cleared_at, facts.firing) == (since, 0, 1)
    assert facts.eased_at >= since + MINUTE  # that of b, and nothing of a
    assert facts.services == {"checkout": Severity.MAJOR}


async def test_nobody_sees_a_moment_between_the_parts_of_a_large_delivery(store, clock, monkeypatch):
    monkeypatch.setattr(store_module, "ALERTS_A_CALL", 3)
    names = [str(number) for number in range(7)]
    await store.ingest([(firing(f"old-{name}"), to()) for name in names])
    clock.advance(MINUTE)
    before, seen = await clocks(store), []
    ingest_part = store._ingest  # noqa: SLF001 - no collaborator is called between two parts

    async def look_between(deliveries):
        changes = await ingest_part(deliveries)
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        seen.append((await summary(store)).firing)
        assert await store.settle(claim, due=clock.now)
        return changes

    monkeypatch.setattr(store, "_ingest", look_between)
    items = [(resolved(f"old-{name}"), to()) for name in names] + [
        (firing(f"new-{name}", starts_at=END), to()) for name in names
    ]
    changes = await store.ingest(items)
    assert [change.fingerprint for change in changes] == [alert.fingerprint for alert, _ in items]
    assert [change.outcome for change in changes] == ["resolved"] * 7 + ["added"] * 7
    assert len(seen) == 5
    assert min(seen) == 7
    after = await clocks(store)
    assert after == {**before, "last_fired_at": after["last_fired_at"], "outage_ended_at": END}


async def test_what_a_large_delivery_says_of_one_alert_stays_in_its_order(store, monkeypatch):
    monkeypatch.setattr(store_module, "ALERTS_A_CALL", 2)
    said = [(resolved("a", ends_at=END), to()), (firing("b"), to()), (firing("a", starts_at=END + 1), to())]
    await store.ingest([(firing("a"), to())])
    await store.ingest(said)
    _, alerts = await held_by(store)
    assert {alert.fingerprint: alert.status for alert in alerts} == {"a": "firing", "b": "firing"}


async def test_deliveries_that_come_together_are_as_many_changes(store, clock):
    await store.ingest([(firing("a"), to())])
    clock.advance(MINUTE)
    since = (await summary(store)).firing_since
    end, start = swap("a", "b")
    changes = await asyncio.gather(store.ingest([end]), store.ingest([start]))
    assert [change.outcome for (change,) in changes] == ["resolved", "opened"]
    facts = await summary(store)
    assert facts.firing_since >= since + MINUTE
    assert facts.cleared_at >= since + MINUTE


async def test_deliveries_that_come_together_share_calls_and_each_stays_whole(store, monkeypatch):
    monkeypatch.setattr(store_module, "ALERTS_A_CALL", 3)
    deliveries = [
        [(firing(f"{nth}-{number}"), to(f"i{nth}")) for number in range(size)]
        for nth, size in enumerate([2, 1, 2, 3, 5])
    ]
    answers = await asyncio.gather(*map(store.ingest, deliveries))
    assert [[change.incident_id for change in changes] for changes in answers] == [
        [f"i{nth}"] * len(items) for nth, items in enumerate(deliveries)
    ]
    assert [(await summary(store, f"i{nth}")).firing for nth in range(5)] == [2, 1, 2, 3, 5]


async def test_a_public_label_that_changes_with_each_alert_puts_off_no_lower_severity(store, clock):
    await store.ingest([(firing("a"), to(severity=Severity.CRITICAL)), (firing("b"), to(labels={"pod": "b"}))])
    await store.ingest([(resolved("a"), to(severity=Severity.CRITICAL))])
    eased_at = (await summary(store)).eased_at
    clock.advance(MINUTE)
    await store.ingest([(resolved("b"), to()), (firing("c", starts_at=END), to(labels={"pod": "c"}))])
    facts = await summary(store)
    assert (facts.labels, facts.eased_at) == ({"pod": ("c",)}, eased_at - MINUTE)


@pytest.mark.parametrize(
    ("routed", "begins"),
    [(to(), False), (to(services=("cart",)), True), (to(severity=Severity.CRITICAL), True)],
    ids=["the same", "another service", "another severity"],
)
async def test_in_place_of_another_only_what_is_new_begins(store, clock, routed, begins):
    await store.ingest([(firing("a"), to())])
    clock.advance(MINUTE)
    before = (await summary(store)).last_fired_at
    await store.ingest([(resolved("a"), to()), (firing("b", starts_at=END), routed)])
    assert ((await summary(store)).last_fired_at > before) is begins


async def test_an_alert_that_is_over_within_one_delivery_delays_no_end(store, clock):
    await store.ingest([(firing("a"), to())])
    await store.ingest([(resolved("a"), to())])
    clock.advance(MINUTE)
    before = await clocks(store)
    await store.ingest([(firing("b"), to()), (resolved("b", ends_at=END + 5), to())])
    after = await clocks(store)
    assert after == {**before, "outage_ended_at": END + 5}


async def test_the_outage_that_a_delivery_begins_has_its_earliest_start(store):
    await store.ingest([(firing("b", starts_at=START + 5), to()), (firing("a"), to())])
    assert (await summary(store)).outage_started_at == START


async def test_a_merge_that_brings_one_alert_and_takes_another_away_is_one_change(store, clock):
    await tell(store, triggered("A", 1), triggered("B", 2, "payments"))
    await tell(store, merged("A", 3, "B"))
    clock.advance(MINUTE)
    before = await clocks(store, "bank")
    await tell(store, triggered("C", 4, "payments"))
    await tell(store, over("B", 5, "payments"))
    after = await clocks(store, "bank")
    assert {name: after[name] for name in ("firing_since", "cleared_at", "outage_started_at")} == {
        name: before[name] for name in ("firing_since", "cleared_at", "outage_started_at")
    }
