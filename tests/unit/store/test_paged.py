"""Which of PagerDuty's alerts fire, and what is remembered of asking about them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.healing.pagerduty import Asked, OpenAlert
from bridge.store.paged import AccountState
from tests.unit.store.builders import MINUTE, START, firing, resolved, to

AT = START + MINUTE


def paged(name: str, *, sender: str = "", observed_at: int = AT, merged_into: str | None = None, over: bool = False):
    alert = resolved(name, observed_at=observed_at) if over else firing(name, observed_at=observed_at)
    return replace(alert, source="pagerduty", sender=sender, merged_into=merged_into)


async def names(store, sender: str = "") -> list[str]:
    return sorted(alert.fingerprint for alert in await store.paged(sender).firing())


async def test_those_that_fire_are_listed_by_their_sender(store):
    named = [paged(name, sender=sender) for name, sender in (("Q1", ""), ("Q2", "eu"), ("Q3", "eu-1"), ("Q4", "eu"))]
    await store.ingest([(alert, to()) for alert in [*named, firing("pagerduty/Q9"), paged("Q5")]])
    await store.ingest([(paged("Q5", observed_at=AT + 1, over=True), None)])
    assert await names(store) == ["Q1"]
    assert await names(store, "eu") == ["Q2", "Q4"]
    assert await names(store, "eu-1") == ["Q3"]
    assert await names(store, "us") == []


async def test_of_each_is_told_when_it_was_heard_of_and_what_it_is_part_of(store, clock):
    await store.ingest([(paged(name, observed_at=AT), to()) for name in ("Q1", "Q9")])
    await store.ingest([(paged("Q1", observed_at=AT + 5, merged_into="Q9", over=True), to())])
    found = {alert.fingerprint: alert for alert in await store.paged("").firing()}
    assert set(found) == {"Q1", "Q9"}
    assert abs(found["Q1"].seen_at - clock.now) < MINUTE
    assert found["Q1"] == OpenAlert(fingerprint="Q1", seen_at=found["Q1"].seen_at, observed_at=AT + 5, part_of="Q9")
    assert found["Q9"] == OpenAlert(fingerprint="Q9", seen_at=found["Q9"].seen_at, observed_at=AT)


async def test_thousands_of_others_hide_none(store):
    await store.ingest([(firing(f"{number}"), to()) for number in range(3_000)])
    await store.ingest([(paged(f"Q{number}"), to()) for number in range(1_200)])
    assert len(await names(store)) == len(set(await names(store))) == 1_200


async def test_what_is_remembered_is_each_accounts_own_and_expires(store, db):
    state = AccountState(round_at=7, disabled_since=3)
    eu = store.paged("eu")
    await eu.remember(state, {"Q1": Asked(answered_at=5, tried_at=6, missing=(1, 5))})
    await eu.remember(replace(state, round_at=8), {"Q2": Asked(tried_at=9), "Q3": Asked(tried_at=9)}, ["Q2"])
    memory = await store.paged("eu").recall()
    assert memory.state == AccountState(round_at=8, disabled_since=3)
    assert memory.asked == {"Q1": Asked(answered_at=5, tried_at=6, missing=(1, 5)), "Q3": Asked(tried_at=9)}
    assert (await store.paged("").recall()).state == AccountState()
    assert 6 * 24 * 60 * MINUTE < db.pttl("bridge:{0}:heal:pagerduty@eu") <= 7 * 24 * 60 * MINUTE


async def test_one_replica_asks_one_account_at_a_time(store, clock):
    first, second, other = store.paged("eu"), store.paged("eu"), store.paged("")
    for each in (first, other):
        assert not (await each.claim("a", lease_ms=MINUTE, every_ms=MINUTE)).is_ours
    clock.advance(MINUTE)
    assert (await first.claim("a", lease_ms=MINUTE, every_ms=MINUTE)).is_ours
    assert not (await second.claim("b", lease_ms=MINUTE, every_ms=MINUTE)).is_ours
    assert (await other.claim("b", lease_ms=MINUTE, every_ms=MINUTE)).is_ours


@pytest.mark.parametrize("known_at", [0, 1])
async def test_an_end_that_is_older_than_what_is_known_ends_nothing(store, known_at):
    await store.ingest([(paged("Q1", observed_at=AT + known_at), to())])
    (change,) = await store.ingest([(paged("Q1", observed_at=AT, over=True), None)])
    assert change.outcome == ("stale" if known_at else "resolved")
