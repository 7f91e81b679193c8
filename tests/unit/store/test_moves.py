"""An active alert stays with its incident until its labels change: then it goes where routing sends it."""

from __future__ import annotations

from itertools import permutations

import pytest

from bridge.model import Severity
from bridge.store import Claim, Store
from tests.unit.store.builders import LEASE_MS, MINUTE, START, held_by, to
from tests.unit.store.statements import (
    Statement,
    Sums,
    acknowledged,
    check_keys,
    counted,
    over,
    sums,
    tell,
    triggered,
)

FORGOTTEN_MS = 16 * MINUTE
IN_SHOP, IN_BANK, NOWHERE = triggered("A", 1, "cart"), triggered("A", 2, "payments"), triggered("A", 2, "toys")


async def claimed(store: Store) -> list[str]:
    """The incidents that are due, leased one after the other."""
    ids = []
    while isinstance(leased := await store.claim(token="t", lease_ms=LEASE_MS), Claim):
        ids.append(leased.incident.id)
    return ids


async def rest(store: Store) -> None:
    """Settle every incident that is due until its facts change."""
    while isinstance(leased := await store.claim(token="t", lease_ms=LEASE_MS), Claim):
        assert await store.settle(leased, due=None)


async def test_changed_labels_move_it_from_sum_to_sum(store, db):
    other = triggered("B", 1, "mail")
    await tell(store, IN_SHOP, other)
    assert await tell(store, IN_BANK) == ["moved"]
    assert sums(db) == {"shop": counted(other), "bank": counted(IN_BANK)}
    incident, alerts = await held_by(store, "bank")
    assert incident.summary.services == {"payments": Severity.CRITICAL}
    assert incident.summary.outage_started_at == START
    assert [alert.fingerprint for alert in alerts] == ["A"]
    assert [alert.fingerprint for alert in (await held_by(store))[1]] == ["B"]


async def test_both_incidents_are_due_and_the_one_it_left_may_have_cleared(store, clock):
    await tell(store, IN_SHOP)
    await rest(store)
    before = clock.now
    await tell(store, IN_BANK)
    left = (await held_by(store))[0].summary
    assert (left.firing, left.services) == (0, {})
    assert left.cleared_at >= before
    assert set(await claimed(store)) == {"shop", "bank"}


async def test_after_the_move_it_belongs_to_the_new_incident(store, db):
    await tell(store, IN_SHOP, IN_BANK)
    assert await tell(store, triggered("A", 3, "payments"), acknowledged("A", 4, "payments")) == ["repeat", "changed"]
    assert (await store.ingest([(over("A", 5).alert(), None)]))[0].incident_id == "bank"
    assert sums(db) == {}


async def test_changed_labels_on_the_same_route_keep_it_where_it_is(store, db):
    assert await tell(store, IN_SHOP, triggered("A", 2, "mail")) == ["opened", "changed"]
    assert sums(db) == {"shop": counted(triggered("A", 2, "mail"))}


async def test_new_routes_do_not_move_it_while_its_labels_stay(store, db):
    await tell(store, IN_SHOP)
    for at, routed in enumerate([to("bank"), None, to("library")], start=2):
        (change,) = await store.ingest([(triggered("A", at).alert(), routed)])
        assert (change.outcome, change.incident_id) == ("repeat", "shop")
    assert sums(db) == {"shop": counted(IN_SHOP)}


async def test_its_next_life_follows_the_new_routes(store, db):
    await tell(store, IN_SHOP, over("A", 2))
    await store.ingest([(triggered("A", 3).alert(), IN_BANK.routed())])
    assert sums(db) == {"bank": counted(IN_BANK)}


async def test_changed_labels_that_are_published_nowhere_end_it_where_it_is(store, db):
    await tell(store, IN_SHOP)
    assert await tell(store, NOWHERE) == ["resolved"]
    assert sums(db) == {}
    assert {alert.fingerprint: alert.status for alert in (await held_by(store))[1]} == {"A": "resolved"}
    assert await tell(store, triggered("A", 3, "toys"), over("A", 4)) == ["unknown", "repeat"]


async def test_it_comes_back_with_labels_that_are_published(store, db):
    await tell(store, IN_SHOP, NOWHERE)
    assert await tell(store, triggered("A", 3, "payments")) == ["opened"]
    assert sums(db) == {"bank": counted(triggered("A", 3, "payments"))}


async def test_back_in_an_incident_where_it_once_ended_it_is_not_forgotten_while_it_fires(store, db, clock):
    await tell(store, *(triggered(name, 1) for name in "ABCD"))
    await tell(store, over("A", 2), triggered("A", 3, "payments"), triggered("A", 4, "cart"))
    clock.advance(FORGOTTEN_MS)
    await rest(store)
    assert sums(db) == {"shop": counted(*(triggered(name, 1) for name in "ABCD"))}
    assert await tell(store, over("A", 5)) == ["resolved"]


async def test_the_incident_it_left_may_be_dropped_without_it(store, db):
    await tell(store, IN_SHOP, IN_BANK)
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    while claim.incident.id != "shop":
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert await store.drop(claim)
    assert await tell(store, over("A", 3)) == ["resolved"]
    assert sums(db) == {}


LIVES: dict[str, tuple[list[Statement], Sums]] = {
    "moved": ([IN_SHOP, IN_BANK], {"bank": counted(IN_BANK)}),
    "moved and back": ([IN_SHOP, IN_BANK, triggered("A", 3)], {"shop": counted(IN_SHOP)}),
    "moved and over": ([IN_SHOP, IN_BANK, over("A", 3, "payments")], {}),
    "moved on": ([IN_SHOP, IN_BANK, triggered("A", 3, "books")], {"library": counted(triggered("A", 3, "books"))}),
    "taken back": ([IN_SHOP, NOWHERE], {}),
    "taken back and over": ([IN_SHOP, NOWHERE, over("A", 3, "toys")], {}),
    "taken back and published again": (
        [IN_SHOP, NOWHERE, triggered("A", 3, "payments")],
        {"bank": counted(triggered("A", 3, "payments"))},
    ),
    "published late": ([triggered("A", 1, "toys"), IN_BANK], {"bank": counted(IN_BANK)}),
    "taken back after a life": ([IN_SHOP, over("A", 2), triggered("A", 3), triggered("A", 4, "toys")], {}),
    "taken back after it was over": ([IN_SHOP, over("A", 2), triggered("A", 4, "toys"), triggered("A", 3)], {}),
}


@pytest.mark.parametrize("life", LIVES)
async def test_whatever_the_order_of_deliveries(store, db, life):
    told, expected = LIVES[life]
    for heard in permutations([*told, told[0]]):
        db.flushall()
        await tell(store, *heard)
        assert sums(db) == expected, f"heard as {heard}"
        check_keys(db)


async def test_what_is_published_is_not_lost_to_an_ignored_statement_of_the_same_moment(store, db):
    await tell(store, triggered("A", 1, "toys"), IN_SHOP)
    assert sums(db) == {"shop": counted(IN_SHOP)}


@pytest.mark.parametrize("elsewhere", [IN_BANK, NOWHERE], ids=["to another incident", "to nowhere"])
async def test_the_incident_it_left_ends_when_it_left(store, elsewhere):
    await tell(store, IN_SHOP, elsewhere)
    assert (await held_by(store))[0].summary.outage_ended_at == START + elsewhere.at
