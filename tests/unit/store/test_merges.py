"""An alert that became part of another: it counts where that one counts, and is over when that one is."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from bridge.store import Claim, Store
from tests.unit.store.builders import LEASE_MS, MINUTE, START, all_of, contents, firing, held_by, to
from tests.unit.store.statements import (
    WEEK_MS,
    Statement,
    Sums,
    acknowledged,
    check_keys,
    counted,
    merged,
    over,
    sums,
    tell,
    triggered,
)

FORGOTTEN_MS = 16 * MINUTE
A, B, C = triggered("A", 1, "cart"), triggered("B", 2, "payments"), triggered("C", 3, "books")
BOTH: Sums = {"bank": counted(A, B)}
ONLY_B: Sums = {"bank": counted(B)}
ALONE: Sums = {"shop": counted(A, orphaned=1)}

HISTORIES: dict[str, tuple[list[Statement], Sums, Sums | None]] = {
    "it joins its target": ([A, B, merged("A", 4, "B")], BOTH, None),
    "it joins its target in the same incident": (
        [A, triggered("D", 2, "mail"), merged("A", 4, "D")],
        {"shop": counted(A, triggered("D", 2, "mail"))},
        None,
    ),
    "it ends with its target": ([A, B, merged("A", 4, "B"), over("B", 5)], {}, None),
    "its target was over before and fires again": (
        [A, B, over("B", 3), triggered("B", 4, "payments"), merged("A", 5, "B")],
        BOTH,
        None,
    ),
    "its target ends and fires again": (
        [A, B, merged("A", 4, "B"), over("B", 5), triggered("B", 6, "payments")],
        ONLY_B,
        None,
    ),
    "it fires again by itself": (
        [A, B, merged("A", 4, "B"), triggered("A", 5)],
        {"shop": counted(A), "bank": counted(B)},
        None,
    ),
    "it fires again by itself after its target's end": (
        [A, B, merged("A", 4, "B"), over("B", 5), triggered("A", 6)],
        {"shop": counted(A)},
        None,
    ),
    "it ends by itself": ([A, B, merged("A", 4, "B"), triggered("A", 5), over("A", 6)], ONLY_B, None),
    "it is merged, fires again, and is merged into another": (
        [A, B, C, merged("A", 4, "B"), triggered("A", 5), merged("A", 6, "C")],
        {"bank": counted(B), "library": counted(A, C)},
        None,
    ),
    "it follows its target into a third": (
        [A, B, C, merged("A", 4, "B"), merged("B", 5, "C", "payments")],
        {"library": counted(A, B, C)},
        None,
    ),
    "it ends with the last of a chain": (
        [A, B, merged("A", 4, "B"), merged("B", 5, "C", "payments"), over("C", 6)],
        {},
        None,
    ),
    "the middle of a chain fires again after the last has ended": (
        [A, B, merged("A", 4, "B"), merged("B", 5, "C", "payments"), over("C", 6), triggered("B", 7, "payments")],
        BOTH,
        None,
    ),
    "it moves with its relabeled target": (
        [A, B, merged("A", 4, "B"), triggered("B", 5, "books")],
        {"library": counted(A, triggered("B", 5, "books"))},
        None,
    ),
    "it counts as its latest labels say": (
        [A, triggered("A", 2, "mail"), B, merged("A", 4, "B", "mail")],
        {"bank": counted(triggered("A", 2, "mail"), B)},
        None,
    ),
    "its own acknowledgment ends with its own life": ([acknowledged("A", 1), B, merged("A", 4, "B")], BOTH, None),
    "its latest labels are published nowhere": ([A, B, merged("A", 4, "B", "toys")], ONLY_B, None),
    "its target is never seen": ([A, merged("A", 4, "B")], ALONE, {}),
    "its target is never seen to fire": ([A, merged("A", 4, "B"), over("B", 5)], {}, None),
    "its target is published nowhere": ([A, triggered("B", 2, "toys"), merged("A", 4, "B")], ALONE, {}),
    "its target is published no longer": (
        [A, B, merged("A", 4, "B"), triggered("B", 5, "toys")],
        ALONE,
        {},
    ),
    "its target is published at last": (
        [A, triggered("B", 2, "toys"), merged("A", 4, "B"), triggered("B", 5, "payments")],
        BOTH,
        None,
    ),
    "its target joins another after having been published nowhere": (
        [A, C, merged("A", 4, "B"), merged("B", 5, "C", "toys")],
        {"library": counted(A, C)},
        None,
    ),
    "a firing of its target, between that one's merge and its own, is still on its way": (
        [A, B, C, merged("B", 4, "C", "payments"), over("C", 5), merged("A", 6, "B")],
        ALONE,
        {},
    ),
    "its target was merged into one that is never seen": (
        [A, B, merged("A", 4, "B"), merged("B", 5, "X", "payments")],
        {"bank": counted(A, B, orphaned=1)},
        {},
    ),
}


@pytest.mark.parametrize("keep", [True, False], ids=["kept if orphaned", "ended if orphaned"])
@pytest.mark.parametrize("history", HISTORIES)
async def test_whatever_the_order_of_deliveries(store, db, history, keep):
    told, expected, expected_otherwise = HISTORIES[history]
    expected = expected if keep or expected_otherwise is None else expected_otherwise
    for heard in permutations(told):
        db.flushall()
        await tell(store, *heard, keep=keep)
        assert sums(db) == expected, f"heard as {heard}"
        check_keys(db)


async def test_what_a_merge_is_told_to_have_done(store):
    assert await tell(store, A, merged("A", 4, "B"), B) == ["opened", "merged", "opened"]
    assert await tell(store, merged("A", 4, "B"), merged("A", 3, "B")) == ["repeat", "stale"]
    assert await tell(store, over("B", 5), C, merged("C", 4, "B", "books")) == ["resolved", "opened", "resolved"]
    assert await tell(store, merged("D", 4, "B"), merged("E", 4, "X", "toys")) == ["unknown", "unknown"]


async def test_a_waiting_alert_is_told_apart_until_its_target_appears(store):
    await tell(store, A, merged("A", 4, "B"))
    assert (await held_by(store))[0].summary.orphaned == 1
    await tell(store, B)
    incident, alerts = await held_by(store, "bank")
    assert (incident.summary.firing, incident.summary.orphaned) == (2, 0)
    assert {alert.fingerprint: alert.services for alert in alerts} == {"A": ("cart",), "B": ("payments",)}
    assert (await held_by(store))[0].summary.firing == 0


async def test_the_end_of_the_target_is_the_end_of_what_was_merged(store):
    await tell(store, A, merged("A", 4, "B"), over("B", 5_000))
    incident, alerts = await held_by(store)
    assert incident.summary.outage_ended_at == alerts[0].ends_at == START + 5_000
    assert alerts[0].status == "resolved"


async def test_a_move_is_seen_by_both_incidents(store):
    await tell(store, A, B)
    before = {id_: (await held_by(store, id_))[0].revision for id_ in ("shop", "bank")}
    await tell(store, merged("A", 4, "B"))
    assert all([(await held_by(store, id_))[0].revision > before[id_] for id_ in before])


@pytest.mark.parametrize("target", [triggered("T", 2), B], ids=["in its incident", "from another"])
async def test_thousands_that_were_merged_into_one_end_with_it(store, db, target):
    names = [f"S{number}" for number in range(4_500)]
    await tell(store, target, *(triggered(name, 1) for name in names))
    await tell(store, *(merged(name, 3, target.name, "cart") for name in names))
    assert (await held_by(store, str(target.incident)))[0].summary.firing == len(names) + 1
    assert await tell(store, over(target.name, 4, target.service)) == ["resolved"]
    assert sums(db) == {}
    assert await tell(store, triggered(target.name, 5, "mail")) == ["opened"]


async def test_merges_of_one_sender_leave_the_others_alone(store, db):
    await store.ingest([(firing("A"), to("shop")), (firing("B"), to("bank"))])
    await tell(store, triggered("B", 2, "books"), merged("A", 4, "B"), over("B", 5))
    assert (await held_by(store, "shop"))[0].summary.firing == 1
    assert (await held_by(store, "bank"))[0].summary.firing == 1
    assert set(sums(db)) == {"shop", "bank"}


async def test_many_and_long_chains_end_with_their_last(store, db):
    names = [f"N{number}" for number in range(15)]
    chain = [merged(name, 100 + nth, target) for nth, (name, target) in enumerate(pairwise(names))]
    leaves = [merged(f"leaf{number}", 50, "N0") for number in range(300)]
    await tell(store, *leaves, *reversed(chain), triggered("N14", 1, "payments"))
    assert (await held_by(store, "bank"))[0].summary.firing == 315
    await tell(store, over("N14", 1_000))
    assert sums(db) == {}
    check_keys(db)


async def test_alerts_merged_into_each_other_end_together(store, db):
    """No sender says so, but it can look so while a firing in between is late."""
    ring = [merged(name, 10, target) for name, target in ("AB", "BC", "CA")]
    await tell(store, A, B, C, *ring)
    await tell(store, over("B", 20))
    assert sums(db) == {}
    check_keys(db)


async def test_what_was_merged_weeks_ago_still_ends_with_its_target(store, db, clock):
    await tell(store, A, B, C, merged("A", 4, "B"), merged("B", 5, "C", "payments"))
    clock.advance(WEEK_MS + MINUTE)
    assert not [key for key in contents(db) if key.startswith(("event:", "ended:", "merged_into:", "ended_with:"))]
    await tell(store, over("C", WEEK_MS))
    assert sums(db) == {}
    check_keys(db)


async def claim(store: Store, id_: str) -> Claim:
    """Lease incidents until this one comes."""
    while True:
        leased = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(leased, Claim)
        if leased.incident.id == id_:
            return leased


@pytest.mark.parametrize("seen_firing", ["ADEF", ""], ids=["seen to fire", "heard of by the merge alone"])
async def test_what_ended_for_want_of_its_target_is_forgotten_like_any_other(store, db, clock, seen_firing):
    await tell(store, *(triggered(name, 1) for name in seen_firing))
    await tell(store, *(merged(name, 4, "B") for name in "ADEF"), keep=False)
    clock.advance(FORGOTTEN_MS)
    await claim(store, "shop")
    assert len((await held_by(store))[1]) == 3
    await tell(store, B)
    assert sums(db)["bank"]["s|cart|3"] == 3
    check_keys(db)


async def test_a_waiting_alert_stays_where_it_is_if_its_own_incident_is_gone(store, db):
    await tell(store, A, B, merged("A", 4, "B"))
    assert await store.drop(await claim(store, "shop"))
    await tell(store, triggered("B", 5, "toys"))
    assert sums(db) == {"bank": counted(A, orphaned=1)}
    assert [incident.id for incident in await all_of(store)] == ["bank"]


async def test_an_alert_that_is_part_of_another_follows_no_new_routes(store, db):
    await tell(store, A, B, merged("A", 4, "B"))
    for at, routed in enumerate([to("library"), None], start=5):
        await store.ingest([(merged("A", at, "B").alert(), routed)])
        assert sums(db) == BOTH


async def test_a_waiting_alert_that_fires_again_waits_no_more_whatever_the_routes_are_now(store, db):
    await tell(store, A, merged("A", 4, "B"))
    await store.ingest([(triggered("A", 5).alert(), None)])
    assert sums(db) == {"shop": counted(A)}
