"""When an incident fired before is kept with its facts: once for each time that it begins to fire."""

from __future__ import annotations

import pytest

from bridge.flap import MOST_RETURNS, Span
from bridge.model import Progress
from bridge.store import Claim, Store
from tests.unit.store.builders import HOLD_MS, LEASE_MS, MINUTE, START, firing, held_by, resolved, to


async def spans(store: Store) -> tuple[Span, ...]:
    return (await held_by(store))[0].summary.earlier


async def come_and_go(store: Store, clock, times: int = 1, name: str = "a") -> None:
    """An alert fires for a minute, is over for three, and fires anew, with a later start each time."""
    for nth in range(times):
        await store.ingest([(firing(name, starts_at=START + nth), to())])
        clock.advance(MINUTE)
        await store.ingest([(resolved(name, ends_at=START + nth + 1), to())])
        clock.advance(3 * MINUTE)


async def test_the_first_outage_of_an_incident_has_none_before_it(store, db):
    await store.ingest([(firing("a"), to())])
    assert await spans(store) == ()
    assert not db.hexists("bridge:{0}:incident:shop", "returns")


async def test_each_return_keeps_the_span_before_it(store, clock):
    await come_and_go(store, clock, 2)
    await store.ingest([(firing("b"), to())])
    now, (first, second) = clock.now, await spans(store)
    for span, minutes in ((first, 8), (second, 4)):
        assert abs(now - span.since - minutes * MINUTE) < MINUTE / 2
        assert abs(span.ms - MINUTE) < MINUTE / 2


async def test_what_is_said_again_or_of_more_alerts_is_no_return(store, clock):
    await come_and_go(store, clock)
    for name in ("b", "b", "c"):
        await store.ingest([(firing(name), to())])
    await store.ingest([(resolved("b"), to())])
    await store.ingest([(firing("d"), to()), (resolved("c"), to())])
    assert len(await spans(store)) == 1


async def test_an_alert_in_place_of_another_within_a_delivery_is_no_return(store):
    await store.ingest([(firing("a"), to())])
    await store.ingest([(resolved("a"), to()), (firing("b"), to())])
    assert await spans(store) == ()


@pytest.mark.parametrize(("proves_late", "count"), [(True, 0), (False, 1)])
async def test_a_doubtful_refire_is_a_return_only_if_nothing_resolves_it(store, clock, proves_late, count):
    await store.ingest([(firing("a"), to())])
    await store.ingest([(resolved("a"), to())])
    (change,) = await store.ingest([(firing("a"), to())])
    assert (change.outcome, await spans(store)) == ("held", ())
    if proves_late:
        await store.ingest([(resolved("a"), to())])
    clock.advance(HOLD_MS)
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Claim)
    assert len(await spans(store)) == count


async def test_no_more_are_kept_than_can_count(store, clock, db):
    await come_and_go(store, clock, MOST_RETURNS + 3)
    kept = await spans(store)
    assert len(kept) == MOST_RETURNS - 1
    ages = [(clock.now - span.since) / MINUTE for span in kept]
    assert ages == pytest.approx([4 * (nth + 2) for nth in reversed(range(MOST_RETURNS - 1))], abs=1)
    assert max(map(len, db.hvals("bridge:{0}:incident:shop"))) <= 64, "Redis keeps it as one listpack"


async def test_they_outlast_the_episode(store, clock):
    await come_and_go(store, clock)
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    recorded = await store.record(claim, Progress(), lease_ms=LEASE_MS, archive=b"{}", retention_ms=MINUTE)
    assert recorded is not None
    assert await store.settle(recorded, due=None)
    await store.ingest([(firing("b"), to())])
    incident, _ = await held_by(store)
    assert (incident.episode, len(incident.summary.earlier)) == (2, 1)
