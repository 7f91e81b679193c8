"""The reconciler through the real store, on a real Redis, and the real v1 adapter, against the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from bridge.checkly.errors import NotSent
from bridge.model import V1_PAGE, AlertStatus, Phase, PublicNote
from bridge.reconciler.leases import LeaseLost
from bridge.sandbox.faults import Answer, Drop
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.page import Crash
from tests.unit.reconciler.redis_harness import CONFIG, INCIDENTS, MINUTE, SECOND, SETTLE_MS, RedisHarness, together
from tests.unit.store.builders import held_by

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.checkly.pages import StatusPages


@pytest.fixture
async def harness(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path)
    yield harness
    await harness.close()


async def publish(harness: RedisHarness) -> None:
    await harness.fire()
    await harness.after(MINUTE)


async def test_an_outage_is_told_from_its_start_to_its_end(harness: RedisHarness) -> None:
    await harness.fire()
    assert harness.writes == []
    await harness.after(MINUTE)
    await harness.fire("payments", "critical")
    await harness.clear()
    assert harness.only.status == "INVESTIGATING", "payments is out still"
    await harness.clear("payments", "critical")
    await harness.after(2 * SECOND, 2 * MINUTE, 2 * SECOND)
    assert harness.writes == [
        "POST incidents",
        f"PUT {harness.only.id}",
        "POST incident-updates",
        "POST incident-updates",
        "POST incident-updates",
    ]
    assert [update.status for update in harness.only.updates] == [
        "INVESTIGATING",
        "INVESTIGATING",
        "MONITORING",
        "RESOLVED",
    ]
    assert (harness.only.severity, len(harness.only.service_ids)) == ("CRITICAL", 2)
    assert [mail.subject.split()[1] for mail in harness.state.mails] == ["Investigating:", "Resolved:"]


async def test_repeats_cost_no_call(harness: RedisHarness) -> None:
    await publish(harness)
    calls = len(harness.state.calls)
    for _ in range(5):
        await harness.fire()
        await harness.after(MINUTE)
    assert len(harness.state.calls) == calls


async def test_words_that_the_end_overtook_are_reported_lost(harness: RedisHarness) -> None:
    await publish(harness)
    await harness.clear()
    await harness.age(3 * MINUTE)
    incident = await harness.incident()
    (alert,) = (await held_by(harness.store, incident.id))[1]
    at = alert.starts_at
    public_note = PublicNote(
        source=alert.source, fingerprint=alert.fingerprint, text="Hm.", observed_at=at, event_id="e1"
    )
    assert await harness.store.public_note(public_note) == "kept"
    with structlog.testing.capture_logs() as lines:
        await harness.settle()
    assert (await harness.incident()).progress.phase is Phase.RESOLVED
    assert [line["fingerprint"] for line in lines if line["event"] == "public_note_dropped"] == [alert.fingerprint]


async def test_what_fires_again_soon_re_opens_the_incident_as_bad_as_it_is_now(harness: RedisHarness) -> None:
    await publish(harness)
    await harness.clear()
    await harness.after(2 * MINUTE, 2 * MINUTE)
    assert harness.only.status == "RESOLVED"
    await harness.fire("payments", "critical")
    await harness.after(MINUTE)
    assert (harness.only.status, harness.only.severity, len(harness.only.service_ids)) == (
        "INVESTIGATING",
        "CRITICAL",
        2,
    )


async def test_what_fires_again_later_is_another_incident_and_the_first_is_archived(harness: RedisHarness) -> None:
    await publish(harness)
    await harness.clear()
    await harness.after(2 * MINUTE, 11 * MINUTE)
    await harness.fire("payments")
    await harness.after(MINUTE)
    assert [incident.status for incident in harness.shown] == ["RESOLVED", "INVESTIGATING"]
    incident = await harness.incident()
    assert incident.episode == 2
    archived = await harness.store.incident(f"{incident.id}.1")
    assert archived is not None
    assert archived.incident.progress.posts[V1_PAGE].remote_id == harness.shown[0].id


async def test_a_post_whose_answer_got_lost_is_adopted(harness: RedisHarness) -> None:
    harness.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await publish(harness)
    assert (await harness.post()).remote_id is None
    await harness.after(SECOND)
    assert (await harness.post()).remote_id == harness.only.id
    await harness.after(MINUTE, MINUTE, MINUTE)
    assert harness.writes == ["POST incidents"], "it is known what it brought"


async def test_a_post_that_got_lost_is_repeated_once_the_settle_time_is_over(harness: RedisHarness) -> None:
    harness.state.faults.queue.append(Drop(method="POST", path=INCIDENTS))
    await publish(harness)
    await harness.after(SECOND)
    assert harness.shown == []
    await harness.after(SETTLE_MS)
    assert harness.only.status == "INVESTIGATING"


async def test_a_post_that_arrives_after_its_repetition_is_resolved_without_a_mail(harness: RedisHarness) -> None:
    harness.state.faults.queue.append(Drop(method="POST", path=INCIDENTS))
    await publish(harness)
    lost = harness.state.calls[-1]
    await harness.after(SECOND, SETTLE_MS)
    first = harness.only
    mails = len(harness.state.mails)
    await harness.send_again(lost.number)
    await harness.after(SETTLE_MS)
    assert [(incident.id == first.id, incident.status) for incident in harness.shown] == [
        (True, "INVESTIGATING"),
        (False, "RESOLVED"),
    ]
    assert len(harness.state.mails) == mails + 1, "the late one's own"


async def test_a_lagging_list_leads_to_no_second_post(harness: RedisHarness) -> None:
    harness.state.settings.list_lag_ms = 600_000
    harness.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await publish(harness)
    await harness.after(SECOND)
    assert (await harness.post()).intent is not None
    harness.state.settings.list_lag_ms = 0
    await harness.after(SETTLE_MS)
    assert (await harness.post()).remote_id == harness.only.id


async def test_a_refused_key_stops_everything_and_a_good_one_goes_on(harness: RedisHarness) -> None:
    wrong = harness.start("not the key")
    await harness.fire()
    await harness.age(MINUTE)
    await harness.settle(wrong)
    assert (await harness.store.overview()).paused
    await harness.settle(harness.reconciler)
    assert harness.writes == [], "all writes wait"
    for _ in range(2):
        await harness.age(10 * MINUTE)
        await harness.settle(wrong)
    assert (await harness.store.overview()).oldest_due_ms >= 20 * MINUTE, "however often it was tried"
    await harness.after(6 * SECOND)
    overview = await harness.store.overview()
    assert (harness.writes, overview.paused) == (["POST incidents"], None)
    assert overview.oldest_due_ms == 0


async def test_a_write_refused_for_good_says_why_and_does_not_hold_up_the_end(harness: RedisHarness) -> None:
    await publish(harness)
    harness.state.faults.queue.append(Answer(method="PUT", status=400))
    await harness.fire("payments", "critical")
    post = await harness.post()
    assert post.retry.parked is not None
    assert "400" in post.retry.parked
    assert (await harness.store.overview()).parked == 1
    await harness.clear()
    await harness.clear("payments", "critical")
    await harness.after(2 * MINUTE, 2 * SECOND)
    assert harness.only.status == "RESOLVED"


async def test_what_a_person_deleted_is_not_posted_again(harness: RedisHarness) -> None:
    await publish(harness)
    harness.state.delete(harness.only)
    await harness.fire("payments", "critical")
    await harness.after(30 * MINUTE)
    assert harness.shown == []


async def test_a_store_that_was_lost_takes_over_what_stands(harness: RedisHarness) -> None:
    await publish(harness)
    await harness.redis.flushall()
    harness.reconciler = harness.start()
    await harness.fire("checkout", "critical")
    await harness.after(MINUTE)
    assert (harness.only.severity, harness.only.status) == ("CRITICAL", "INVESTIGATING")
    assert (await harness.post()).remote_id == harness.only.id


async def test_a_bridge_that_lost_its_lease_sends_nothing(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.fire()
    await harness.age(MINUTE)
    lease = await harness.claim()
    record = harness.store.record

    async def stop_and_go(*arguments: Any, **options: Any) -> Any:
        claim = await record(*arguments, **options)
        await harness.age(MINUTE)  # the process stands still for a minute,
        harness.behind += 60  # as its own clock can tell
        return claim

    monkeypatch.setattr(harness.store, "record", stop_and_go)
    with pytest.raises(LeaseLost):
        await harness.reconciler.reconcile(lease)
    assert harness.shown == []
    monkeypatch.undo()
    await harness.after(0, SETTLE_MS)
    assert harness.only.status == "INVESTIGATING"


async def test_a_bridge_that_died_after_its_post_left_an_intent_from_which_the_next_one_adopts(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.fire()
    await harness.age(MINUTE)
    record = harness.store.record

    async def record_if_alive(*arguments: Any, **options: Any) -> Any:
        if harness.shown:
            raise Crash
        return await record(*arguments, **options)

    monkeypatch.setattr(harness.store, "record", record_if_alive)
    with pytest.raises(Crash):
        await harness.reconciler.reconcile(await harness.claim())
    monkeypatch.undo()
    assert (await harness.post()).intent is not None
    harness.reconciler = harness.start()
    await harness.after(MINUTE, SETTLE_MS)
    assert (await harness.post()).remote_id == harness.only.id
    assert harness.writes == ["POST incidents"]


async def test_two_bridges_on_one_store_make_one_post(harness: RedisHarness) -> None:
    other = harness.start()
    await harness.fire()
    await harness.age(MINUTE)
    await together(harness.settle(harness.reconciler), harness.settle(other))
    await harness.fire("payments")
    await together(harness.settle(harness.reconciler), harness.settle(other))
    assert harness.writes == ["POST incidents", f"PUT {harness.only.id}", "POST incident-updates"]


async def test_an_alert_that_arrives_while_its_incident_is_in_hand_is_not_forgotten(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.fire()
    record = harness.store.record

    async def fire_and_record(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        await harness.fire("payments")
        return await record(*arguments, **options)

    monkeypatch.setattr(harness.store, "record", fire_and_record)
    await harness.clear()  # DISCARDED is recorded at the very moment at which payments fails
    await harness.after(MINUTE)
    assert len(harness.only.service_ids) == 1


async def test_an_incident_that_is_over_is_forgotten_without_a_trace(harness: RedisHarness) -> None:
    await publish(harness)
    await harness.clear()
    await harness.after(2 * MINUTE, 2 * SECOND)
    incident = await harness.incident()
    assert incident.progress.phase is Phase.RESOLVED
    await harness.after(7 * 24 * 60 * MINUTE)
    keys: list[Any] = await harness.redis.keys("*")
    lasting = [key for key in keys if not 0 < await harness.redis.ttl(key) < 2 * 3600]  # what was spent is, for an hour
    left = {key.decode().removeprefix(PREFIX) for key in lasting}
    assert left <= {"clock", "config", "index"}
    assert not await harness.redis.hlen(f"{PREFIX}index")


@asynccontextmanager
async def running(harness: RedisHarness) -> AsyncIterator[None]:
    """The reconciler's loop beside the test, which it must not outlive."""
    stopping = asyncio.Event()
    async with asyncio.timeout(30):
        loop = asyncio.create_task(harness.reconciler.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await loop


async def test_the_loop_finishes_what_is_in_hand_and_ends(harness: RedisHarness) -> None:
    await harness.fire()
    await harness.age(MINUTE)
    posted = harness.watch()
    async with running(harness):
        await posted.wait()
    assert (await harness.post()).remote_id == harness.only.id


async def test_the_loop_wakes_for_news(harness: RedisHarness) -> None:
    harness.publish_at_once()
    posted = harness.watch()
    async with running(harness):
        await harness.ingest(AlertStatus.FIRING, "checkout", "warning")
        harness.reconciler.wake()
        await posted.wait()
    assert harness.only.status == "INVESTIGATING"


async def test_a_create_refused_for_good_counts_until_its_alerts_are_over(harness: RedisHarness) -> None:
    harness.state.faults.queue.append(Answer(method="POST", status=413))
    await publish(harness)
    assert (await harness.store.overview()).parked == 1
    await harness.clear()
    assert (await harness.store.overview()).parked == 0, "nothing is left to write"
    assert (await harness.post()).retry.parked is not None, "the reason stays"
    await harness.after(2 * MINUTE, 2 * SECOND)
    incident = await harness.incident()
    assert (incident.progress.phase, (await harness.store.overview()).parked) == (Phase.RESOLVED, 0)


async def test_what_is_over_does_not_wait_for_a_worker_that_waits_for_the_page(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = RedisHarness(
        redis_url, tmp_path, CONFIG.replace("label: service}", "label: service}, group_by: [service]")
    )
    harness.publish_at_once()
    await harness.fire("payments")
    begun, released, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def never_answered(*_: object, **__: object) -> None:
        begun.set()
        await released.wait()
        raise NotSent("no answer")

    def silent(pages: StatusPages) -> Any:
        monkeypatch.setattr(pages(V1_PAGE), "open", never_answered)
        return pages

    busy = harness.start(wrap=silent, workers=1)
    await harness.ingest(AlertStatus.FIRING, "checkout", "warning")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(busy.run(stopping))
        await begun.wait()
        told = harness.watch()
        await harness.ingest(AlertStatus.RESOLVED, "payments", "warning")
        await told.wait()
        assert harness.only.status == Phase.MONITORING
        stopping.set()
        released.set()
    await harness.close()
