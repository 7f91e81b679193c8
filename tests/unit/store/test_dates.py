"""What is believed of the dates that senders give: starts and ends in the future, starts long ago, events long past."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.store import Claim
from tests.unit.store.builders import END, HOLD_MS, LEASE_MS, MINUTE, PREFIX, START, firing, held_by, keys, resolved, to
from tests.unit.store.statements import WEEK_MS, acknowledged, merged, over, tell, triggered

HOUR = 60 * MINUTE
DAY = 24 * HOUR
FAR = START + 73 * 365 * DAY
A_MOMENT = 10_000  # more than a test takes


async def send(store, alert, routed=None):
    (change,) = await store.ingest([(alert, routed or to())])
    return change.outcome


async def only_alert(store):
    _, (alert,) = await held_by(store)
    return alert


def is_now(at, clock):
    return 0 <= clock.now - at < A_MOMENT


class TestStartsInTheFuture:
    async def test_a_start_in_the_future_counts_as_the_first_delivery(self, store, clock):
        await send(store, firing(starts_at=FAR))
        alert, facts = await only_alert(store), (await held_by(store))[0].summary
        assert (alert.starts_at, alert.counts_from) == (FAR, facts.outage_started_at)
        assert is_now(facts.outage_started_at, clock)

    async def test_a_repeat_is_no_first_delivery(self, store, clock):
        await send(store, firing(starts_at=FAR))
        first = (await only_alert(store)).counts_from
        clock.advance(MINUTE)
        assert await send(store, firing(starts_at=FAR)) == "repeat"
        assert (await only_alert(store)).counts_from == first

    @pytest.mark.parametrize("starts_at", [FAR, START, FAR + MINUTE], ids=["as sent", "put right", "another"])
    async def test_the_resolve_of_an_alert_that_starts_in_the_future_is_accepted(self, store, clock, starts_at):
        await send(store, firing(starts_at=FAR))
        assert await send(store, resolved(starts_at=starts_at, ends_at=clock.now)) == "resolved"

    async def test_the_resolve_of_an_occurrence_before_it_is_stale(self, store):
        await send(store, firing(starts_at=FAR))
        assert await send(store, resolved(ends_at=END)) == "stale"

    async def test_another_start_soon_after_the_end_is_another_occurrence(self, store, clock):
        await send(store, firing(starts_at=FAR))
        await send(store, resolved(starts_at=FAR, ends_at=clock.now))
        assert await send(store, firing(starts_at=FAR)) == "held"
        assert await send(store, firing(starts_at=FAR + 1)) == "opened"

    async def test_a_right_start_after_the_end_is_another_occurrence(self, store, clock):
        await send(store, firing(starts_at=FAR))
        clock.advance(MINUTE)
        await send(store, resolved(starts_at=FAR, ends_at=clock.now - 2))
        assert await send(store, firing(starts_at=clock.now)) == "opened"

    async def test_held_it_counts_as_when_it_came_back(self, store, clock):
        await send(store, firing(starts_at=FAR))
        await send(store, resolved(starts_at=FAR, ends_at=clock.now))
        await send(store, firing(starts_at=FAR))
        clock.advance(HOLD_MS)
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        assert claim.incident.summary.firing == 1
        assert is_now(claim.incident.summary.outage_started_at, clock)


class TestStartsLongAgo:
    @pytest.mark.parametrize("backdate_ms", [0, HOUR, DAY])
    async def test_the_public_start_is_at_most_so_long_before_the_first_delivery(self, store, clock, backdate_ms):
        await send(store, firing(starts_at=START - 6 * 365 * DAY), replace(to(), backdate_ms=backdate_ms))
        starts_at = (await held_by(store))[0].summary.outage_started_at
        assert is_now(starts_at + backdate_ms, clock)
        assert (await only_alert(store)).counts_from == starts_at

    async def test_a_start_within_that_time_is_published_as_it_was_sent(self, store):
        await send(store, firing(starts_at=START))
        assert (await held_by(store))[0].summary.outage_started_at == START
        assert (await only_alert(store)).counts_from is None

    async def test_the_alert_that_joins_brings_no_earlier_start(self, store):
        await send(store, firing("a"))
        await send(store, firing("b", starts_at=START - 6 * 365 * DAY))
        assert (await held_by(store))[0].summary.outage_started_at > START - DAY

    async def test_what_is_stale_goes_by_the_start_as_it_was_sent(self, store):
        await send(store, firing(starts_at=START - 3 * DAY))
        assert await send(store, resolved(starts_at=START - 5 * DAY, ends_at=START - 4 * DAY)) == "stale"
        assert await send(store, resolved(starts_at=START - 3 * DAY, ends_at=START - 2 * DAY)) == "resolved"


class TestEnds:
    @pytest.mark.parametrize("ends_at", [FAR, START - 1], ids=["in the future", "before the start"])
    async def test_an_end_that_cannot_be_counts_as_its_delivery(self, store, clock, ends_at):
        await send(store, firing())
        assert await send(store, resolved(ends_at=ends_at)) == "resolved"
        assert is_now((await held_by(store))[0].summary.outage_ended_at, clock)

    async def test_after_an_end_in_the_future_the_next_occurrence_is_news(self, store, clock):
        await send(store, firing())
        await send(store, resolved(ends_at=FAR))
        assert await send(store, firing(starts_at=clock.now + 1)) == "opened"

    async def test_repeats_of_an_end_in_the_future_do_not_put_off_the_next_occurrence(self, store, clock):
        await send(store, firing())
        for _ in range(3):
            await send(store, resolved(ends_at=FAR))
            clock.advance(MINUTE)
        assert await send(store, firing()) == "opened"

    async def test_an_unknown_end_in_the_future_is_none_for_the_page(self, store, clock):
        await send(store, resolved(ends_at=FAR))
        assert is_now((await held_by(store))[0].summary.outage_ended_at, clock)


class TestSendersWithAClock:
    async def test_an_event_from_the_future_hides_no_later_one(self, store, clock):
        at = clock.now - START
        assert await tell(store, triggered("A", FAR - START), over("A", at)) == ["opened", "stale"]
        assert await tell(store, over("A", at + 2 * MINUTE)) == ["resolved"]

    async def test_an_end_from_the_future_hides_no_later_event(self, store, clock):
        assert await tell(store, triggered("A", 1), over("A", FAR - START)) == ["opened", "resolved"]
        clock.advance(MINUTE)
        assert await tell(store, triggered("A", clock.now - START + 1)) == ["opened"]

    async def test_events_of_a_sender_whose_clock_is_a_little_ahead_keep_their_order(self, store, clock):
        at = clock.now - START + MINUTE // 2
        assert await tell(store, over("A", at + 2), triggered("A", at + 1)) == ["unknown", "stale"]

    async def test_an_event_from_the_future_is_remembered_until_it_is_too_old_to_open_anything(self, store, db):
        alert = replace(triggered("A", FAR - START).alert(), event_id="e")
        await store.ingest([(alert, to())])
        assert db.pttl(f"{PREFIX}event:e") > FAR - START


YOUNG = 65 * MINUTE - WEEK_MS  # START was an hour ago
OLD = YOUNG - HOUR


class TestReplays:
    """Where all that was known of an event is forgotten, its age alone tells."""

    @pytest.mark.parametrize("said", [triggered("A", OLD), acknowledged("A", OLD), merged("A", OLD, "B")])
    async def test_what_is_older_than_the_memory_opens_nothing(self, store, db, said):
        assert await tell(store, said) == ["stale"]
        assert not keys(db)

    async def test_an_event_younger_than_the_memory_opens_an_incident(self, store):
        assert await tell(store, triggered("A", YOUNG)) == ["opened"]

    async def test_an_event_older_than_the_memory_may_still_end_what_fires(self, store):
        await store.ingest([(replace(triggered("A", OLD).alert(), observed_at=None), to())])
        assert await tell(store, acknowledged("A", OLD), over("A", OLD)) == ["stale", "resolved"]

    async def test_the_merge_of_what_fires_is_no_end(self, store):
        await tell(store, triggered("B", 1, "payments"))
        await store.ingest([(replace(triggered("A", OLD).alert(), observed_at=None), to())])
        assert await tell(store, merged("A", OLD, "B")) == ["merged"]
        assert (await held_by(store, "bank"))[0].summary.firing == 2
