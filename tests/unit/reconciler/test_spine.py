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
from tests.unit.reconciler.redis_harness import CONFIG, INCIDENTS, MINUTE, SECOND, SETTLE_MS, Rig, together
from tests.unit.store.builders import held_by

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.checkly.pages import StatusPages


@pytest.fixture
async def rig(redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(redis_url, tmp_path)
    yield rig
    await rig.close()


async def publish(rig: Rig) -> None:
    await rig.fire()
    await rig.after(MINUTE)


async def test_an_outage_is_told_from_its_start_to_its_end(rig: Rig) -> None:
    await rig.fire()
    assert rig.writes == []
    await rig.after(MINUTE)
    await rig.fire("payments", "critical")
    await rig.clear()
    assert rig.only.status == "INVESTIGATING", "payments is out still"
    await rig.clear("payments", "critical")
    await rig.after(2 * SECOND, 2 * MINUTE, 2 * SECOND)
    assert rig.writes == [
        "POST incidents",
        f"PUT {rig.only.id}",
        "POST incident-updates",
        "POST incident-updates",
        "POST incident-updates",
    ]
    assert [update.status for update in rig.only.updates] == [
        "INVESTIGATING",
        "INVESTIGATING",
        "MONITORING",
        "RESOLVED",
    ]
    assert (rig.only.severity, len(rig.only.service_ids)) == ("CRITICAL", 2)
    assert [mail.subject.split()[1] for mail in rig.state.mails] == ["Investigating:", "Resolved:"]


async def test_repeats_cost_no_call(rig: Rig) -> None:
    await publish(rig)
    calls = len(rig.state.calls)
    for _ in range(5):
        await rig.fire()
        await rig.after(MINUTE)
    assert len(rig.state.calls) == calls


async def test_words_that_the_end_overtook_are_reported_lost(rig: Rig) -> None:
    await publish(rig)
    await rig.clear()
    await rig.age(3 * MINUTE)
    incident = await rig.incident()
    (alert,) = (await held_by(rig.store, incident.id))[1]
    at = alert.starts_at
    public_note = PublicNote(
        source=alert.source, fingerprint=alert.fingerprint, text="Hm.", observed_at=at, event_id="e1"
    )
    assert await rig.store.public_note(public_note) == "kept"
    with structlog.testing.capture_logs() as lines:
        await rig.settle()
    assert (await rig.incident()).progress.phase is Phase.RESOLVED
    assert [line["fingerprint"] for line in lines if line["event"] == "public_note_dropped"] == [alert.fingerprint]


async def test_what_fires_again_soon_re_opens_the_incident_as_bad_as_it_is_now(rig: Rig) -> None:
    await publish(rig)
    await rig.clear()
    await rig.after(2 * MINUTE, 2 * MINUTE)
    assert rig.only.status == "RESOLVED"
    await rig.fire("payments", "critical")
    await rig.after(MINUTE)
    assert (rig.only.status, rig.only.severity, len(rig.only.service_ids)) == ("INVESTIGATING", "CRITICAL", 2)


async def test_what_fires_again_later_is_another_incident_and_the_first_is_archived(rig: Rig) -> None:
    await publish(rig)
    await rig.clear()
    await rig.after(2 * MINUTE, 11 * MINUTE)
    await rig.fire("payments")
    await rig.after(MINUTE)
    assert [incident.status for incident in rig.shown] == ["RESOLVED", "INVESTIGATING"]
    incident = await rig.incident()
    assert incident.episode == 2
    archived = await rig.store.incident(f"{incident.id}.1")
    assert archived is not None
    assert archived.incident.progress.posts[V1_PAGE].remote_id == rig.shown[0].id


async def test_a_post_whose_answer_got_lost_is_adopted(rig: Rig) -> None:
    rig.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await publish(rig)
    assert (await rig.post()).remote_id is None
    await rig.after(SECOND)
    assert (await rig.post()).remote_id == rig.only.id
    await rig.after(MINUTE, MINUTE, MINUTE)
    assert rig.writes == ["POST incidents"], "it is known what it brought"


async def test_a_post_that_got_lost_is_repeated_once_the_settle_time_is_over(rig: Rig) -> None:
    rig.state.faults.queue.append(Drop(method="POST", path=INCIDENTS))
    await publish(rig)
    await rig.after(SECOND)
    assert rig.shown == []
    await rig.after(SETTLE_MS)
    assert rig.only.status == "INVESTIGATING"


async def test_a_post_that_arrives_after_its_repetition_is_resolved_without_a_mail(rig: Rig) -> None:
    rig.state.faults.queue.append(Drop(method="POST", path=INCIDENTS))
    await publish(rig)
    lost = rig.state.calls[-1]
    await rig.after(SECOND, SETTLE_MS)
    first = rig.only
    mails = len(rig.state.mails)
    await rig.send_again(lost.number)
    await rig.after(SETTLE_MS)
    assert [(incident.id == first.id, incident.status) for incident in rig.shown] == [
        (True, "INVESTIGATING"),
        (False, "RESOLVED"),
    ]
    assert len(rig.state.mails) == mails + 1, "the late one's own"


async def test_a_lagging_list_leads_to_no_second_post(rig: Rig) -> None:
    rig.state.settings.list_lag_ms = 600_000
    rig.state.faults.queue.append(Drop(method="POST", path=INCIDENTS, commit=True))
    await publish(rig)
    await rig.after(SECOND)
    assert (await rig.post()).intent is not None
    rig.state.settings.list_lag_ms = 0
    await rig.after(SETTLE_MS)
    assert (await rig.post()).remote_id == rig.only.id


async def test_a_refused_key_stops_everything_and_a_good_one_goes_on(rig: Rig) -> None:
    wrong = rig.start("not the key")
    await rig.fire()
    await rig.age(MINUTE)
    await rig.settle(wrong)
    assert (await rig.store.overview()).paused
    await rig.settle(rig.reconciler)
    assert rig.writes == [], "all writes wait"
    for _ in range(2):
        await rig.age(10 * MINUTE)
        await rig.settle(wrong)
    assert (await rig.store.overview()).oldest_due_ms >= 20 * MINUTE, "however often it was tried"
    await rig.after(6 * SECOND)
    overview = await rig.store.overview()
    assert (rig.writes, overview.paused) == (["POST incidents"], None)
    assert overview.oldest_due_ms == 0


async def test_a_write_refused_for_good_says_why_and_does_not_hold_up_the_end(rig: Rig) -> None:
    await publish(rig)
    rig.state.faults.queue.append(Answer(method="PUT", status=400))
    await rig.fire("payments", "critical")
    post = await rig.post()
    assert post.parked is not None
    assert "400" in post.parked
    assert (await rig.store.overview()).parked == 1
    await rig.clear()
    await rig.clear("payments", "critical")
    await rig.after(2 * MINUTE, 2 * SECOND)
    assert rig.only.status == "RESOLVED"


async def test_what_a_person_deleted_is_not_posted_again(rig: Rig) -> None:
    await publish(rig)
    rig.state.delete(rig.only)
    await rig.fire("payments", "critical")
    await rig.after(30 * MINUTE)
    assert rig.shown == []


async def test_a_store_that_was_lost_takes_over_what_stands(rig: Rig) -> None:
    await publish(rig)
    await rig.redis.flushall()
    rig.reconciler = rig.start()
    await rig.fire("checkout", "critical")
    await rig.after(MINUTE)
    assert (rig.only.severity, rig.only.status) == ("CRITICAL", "INVESTIGATING")
    assert (await rig.post()).remote_id == rig.only.id


async def test_a_bridge_that_lost_its_lease_sends_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.fire()
    await rig.age(MINUTE)
    lease = await rig.claim()
    record = rig.store.record

    async def stop_and_go(*arguments: Any, **options: Any) -> Any:
        claim = await record(*arguments, **options)
        await rig.age(MINUTE)  # the process stands still for a minute,
        rig.behind += 60  # as its own clock can tell
        return claim

    monkeypatch.setattr(rig.store, "record", stop_and_go)
    with pytest.raises(LeaseLost):
        await rig.reconciler.reconcile(lease)
    assert rig.shown == []
    monkeypatch.undo()
    await rig.after(0, SETTLE_MS)
    assert rig.only.status == "INVESTIGATING"


async def test_a_bridge_that_died_after_its_post_left_an_intent_from_which_the_next_one_adopts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.fire()
    await rig.age(MINUTE)
    record = rig.store.record

    async def record_if_alive(*arguments: Any, **options: Any) -> Any:
        if rig.shown:
            raise Crash
        return await record(*arguments, **options)

    monkeypatch.setattr(rig.store, "record", record_if_alive)
    with pytest.raises(Crash):
        await rig.reconciler.reconcile(await rig.claim())
    monkeypatch.undo()
    assert (await rig.post()).intent is not None
    rig.reconciler = rig.start()
    await rig.after(MINUTE, SETTLE_MS)
    assert (await rig.post()).remote_id == rig.only.id
    assert rig.writes == ["POST incidents"]


async def test_two_bridges_on_one_store_make_one_post(rig: Rig) -> None:
    other = rig.start()
    await rig.fire()
    await rig.age(MINUTE)
    await together(rig.settle(rig.reconciler), rig.settle(other))
    await rig.fire("payments")
    await together(rig.settle(rig.reconciler), rig.settle(other))
    assert rig.writes == ["POST incidents", f"PUT {rig.only.id}", "POST incident-updates"]


async def test_an_alert_that_arrives_while_its_incident_is_in_hand_is_not_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.fire()
    record = rig.store.record

    async def fire_and_record(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        await rig.fire("payments")
        return await record(*arguments, **options)

    monkeypatch.setattr(rig.store, "record", fire_and_record)
    await rig.clear()  # DISCARDED is recorded at the very moment at which payments fails
    await rig.after(MINUTE)
    assert len(rig.only.service_ids) == 1


async def test_an_incident_that_is_over_is_forgotten_without_a_trace(rig: Rig) -> None:
    await publish(rig)
    await rig.clear()
    await rig.after(2 * MINUTE, 2 * SECOND)
    incident = await rig.incident()
    assert incident.progress.phase is Phase.RESOLVED
    await rig.after(7 * 24 * 60 * MINUTE)
    keys: list[Any] = await rig.redis.keys("*")
    lasting = [key for key in keys if not 0 < await rig.redis.ttl(key) < 2 * 3600]  # what was spent is, for an hour
    left = {key.decode().removeprefix(PREFIX) for key in lasting}
    assert left <= {"clock", "config", "index"}
    assert not await rig.redis.hlen(f"{PREFIX}index")


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    """The reconciler's loop beside the test, which it must not outlive."""
    stopping = asyncio.Event()
    async with asyncio.timeout(30):
        loop = asyncio.create_task(rig.reconciler.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await loop


async def test_the_loop_finishes_what_is_in_hand_and_ends(rig: Rig) -> None:
    await rig.fire()
    await rig.age(MINUTE)
    posted = rig.watch()
    async with running(rig):
        await posted.wait()
    assert (await rig.post()).remote_id == rig.only.id


async def test_the_loop_wakes_for_news(rig: Rig) -> None:
    rig.publish_at_once()
    posted = rig.watch()
    async with running(rig):
        await rig.ingest(AlertStatus.FIRING, "checkout", "warning")
        rig.reconciler.wake()
        await posted.wait()
    assert rig.only.status == "INVESTIGATING"


async def test_a_create_refused_for_good_counts_until_its_alerts_are_over(rig: Rig) -> None:
    rig.state.faults.queue.append(Answer(method="POST", status=413))
    await publish(rig)
    assert (await rig.store.overview()).parked == 1
    await rig.clear()
    assert (await rig.store.overview()).parked == 0, "nothing is left to write"
    assert (await rig.post()).parked is not None, "the reason stays"
    await rig.after(2 * MINUTE, 2 * SECOND)
    incident = await rig.incident()
    assert (incident.progress.phase, (await rig.store.overview()).parked) == (Phase.RESOLVED, 0)


async def test_what_is_over_does_not_wait_for_a_worker_that_waits_for_the_page(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(redis_url, tmp_path, CONFIG.replace("label: service}", "label: service}, group_by: [service]"))
    rig.publish_at_once()
    await rig.fire("payments")
    begun, released, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def never_answered(*_: object, **__: object) -> None:
        begun.set()
        await released.wait()
        raise NotSent("no answer")

    def silent(pages: StatusPages) -> Any:
        monkeypatch.setattr(pages(V1_PAGE), "open", never_answered)
        return pages

    busy = rig.start(wrap=silent, workers=1)
    await rig.ingest(AlertStatus.FIRING, "checkout", "warning")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(busy.run(stopping))
        await begun.wait()
        told = rig.watch()
        await rig.ingest(AlertStatus.RESOLVED, "payments", "warning")
        await told.wait()
        assert rig.only.status == Phase.MONITORING
        stopping.set()
        released.set()
    await rig.close()
