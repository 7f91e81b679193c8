"""What is remembered besides the alerts: events that were heard, and ends that came before their beginning."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.store import Claim, Store, StoreUnavailable
from tests.unit.store.builders import LEASE_MS, MINUTE, PREFIX, all_of, contents, held_by, without_seen
from tests.unit.store.statements import (
    WEEK_MS,
    Statement,
    acknowledged,
    counted,
    merged,
    over,
    sums,
    tell,
    triggered,
)

FORGOTTEN_MS = 16 * MINUTE
FIRST, END = triggered("A", 1), over("A", 3)


async def tell_event(store: Store, said: Statement, event: str) -> tuple[str, str | None]:
    (change,) = await store.ingest([(replace(said.alert(), event_id=event), said.routed())])
    return change.outcome, change.incident_id


async def forget(store: Store, db, clock, name: str) -> None:
    """Let so much time pass that the incident's record of a resolved alert is gone."""
    await tell(store, *(triggered(f"other{number}", 1) for number in range(3)))
    clock.advance(FORGOTTEN_MS)
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Claim)
    assert name not in contents(db)["index"]


async def test_an_event_that_was_heard_says_nothing_new(store, db):
    """Even where its time would make it news: its name alone tells."""
    assert await tell_event(store, FIRST, "e1") == ("opened", "shop")
    assert await tell_event(store, END, "e2") == ("resolved", "shop")
    before = contents(db)
    assert await tell_event(store, triggered("A", 4), "e1") == ("repeat", "shop")
    assert without_seen(contents(db)) == without_seen(before)


async def test_an_event_twice_in_one_call_counts_once(store):
    said = [replace(said.alert(), event_id="e1") for said in (FIRST, acknowledged("A", 2))]
    changes = await store.ingest([(alert, FIRST.routed()) for alert in said])
    assert [change.outcome for change in changes] == ["opened", "repeat"]


@pytest.mark.parametrize("said", [FIRST, END, merged("A", 3, "B"), triggered("A", 1, "toys")])
async def test_an_event_is_remembered_for_seven_days_whatever_it_did(store, db, clock, said):
    await tell_event(store, said, "e1")
    clock.advance(WEEK_MS - MINUTE)
    assert (await tell_event(store, triggered("A", 9), "e1"))[0] == "repeat"
    clock.advance(MINUTE)
    assert not db.exists(f"{PREFIX}event:e1")
    assert (await tell_event(store, acknowledged("A", 10, "books"), "e1"))[0] in {"opened", "moved"}


async def test_messages_without_an_event_are_told_apart_by_their_time_alone(store):
    assert await tell(store, FIRST, END, triggered("A", 4)) == ["opened", "resolved", "opened"]


async def test_an_event_whose_effect_failed_counts_when_it_comes_again(store, db):
    in_the_way = f"{PREFIX}incident:shop:alerts"
    db.set(in_the_way, "not what the script expects")
    with pytest.raises(StoreUnavailable):
        await tell_event(store, FIRST, "e1")
    db.delete(in_the_way)
    assert (await tell_event(store, FIRST, "e1"))[0] == "opened"
    assert sums(db) == {"shop": counted(FIRST)}


@pytest.mark.parametrize("began_at", [2, 3], ids=["earlier", "at the same time"])
async def test_an_end_heard_first_keeps_the_beginning_from_opening(store, began_at):
    assert await tell(store, END) == ["unknown"]
    assert await tell(store, triggered("A", began_at)) == ["stale"]
    assert [incident.summary.firing for incident in await all_of(store)] == [0]
    assert await tell(store, triggered("A", 4)) == ["opened"]


@pytest.mark.parametrize(
    "ending", [END, merged("A", 3, "B"), triggered("A", 3, "toys")], ids=["over", "merged", "ignored"]
)
async def test_it_does_so_for_seven_days_also_when_the_alert_was_forgotten(store, db, clock, ending):
    await tell(store, FIRST, triggered("B", 1), ending, over("B", 4))
    await forget(store, db, clock, "pagerduty/A")
    clock.advance(WEEK_MS - FORGOTTEN_MS - MINUTE)
    assert await tell(store, acknowledged("A", 2)) == ["stale"]
    clock.advance(MINUTE)
    assert await tell(store, acknowledged("A", 2)) == ["added"]


async def test_the_latest_end_counts(store):
    assert await tell(store, END, over("A", 1), triggered("A", 2)) == ["unknown", "unknown", "stale"]


async def test_at_the_same_time_the_end_wins_in_either_order(store, db):
    for heard in ([triggered("A", 3), END], [END, triggered("A", 3)], [triggered("A", 1), END, acknowledged("A", 3)]):
        db.flushall()
        await tell(store, *heard)
        assert sums(db) == {}


@pytest.mark.parametrize("before", [[], [FIRST, over("A", 2)]], ids=["unknown", "over"])
async def test_an_incomplete_alert_never_opens(store, db, before):
    await tell(store, *before)
    assert await tell(store, triggered("A", 3, complete=False)) == ["unknown"]
    assert sums(db) == {}
    assert await tell(store, acknowledged("A", 4)) == ["opened"]


async def test_an_incomplete_alert_changes_what_is_open(store, db):
    await tell(store, acknowledged("A", 1))
    assert await tell(store, triggered("A", 2, complete=False)) == ["changed"]
    assert sums(db) == {"shop": counted(FIRST)}
    assert await tell(store, triggered("A", 3, "payments", complete=False)) == ["moved"]
    assert sums(db) == {"bank": counted(triggered("A", 3, "payments"))}
    assert await tell(store, triggered("A", 4, "toys", complete=False)) == ["resolved"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["triggered first", "acknowledged first"])
async def test_at_equal_times_the_acknowledgment_wins(store, order):
    both = (triggered("A", 1), acknowledged("A", 1))
    await tell(store, *(both[at] for at in order))
    assert (await held_by(store))[0].summary.acknowledged == 1


async def test_a_merge_that_is_not_complete_publishes_nothing(store, db):
    unseen = merged("A", 2, "B")
    part = replace(unseen.alert(), complete=False)
    assert await tell(store, triggered("A", 1, complete=False), triggered("B", 1, complete=False)) == ["unknown"] * 2
    assert [change.outcome for change in await store.ingest([(part, unseen.routed())])] == ["unknown"]
    assert sums(db) == {}
