"""What was not published is folded in the process, bounded, and written once a second."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bridge.model import Alert, AlertStatus, Ignored
from bridge.senders.delivery import Delivery
from bridge.store import MOST_GROUPS, Example, StoreUnavailable, Unpublished
from bridge.web.delivery_report import Origin
from bridge.web.unpublished import LOGGED_AGAIN_MS, UnpublishedFold
from tests.unit.web.application import CONFIG, NOW, Bridge, MemoryGroups


@pytest.fixture
def bridge(tmp_path):
    return Bridge(tmp_path)


def alert(status="firing", /, fingerprint="f", **labels):
    return {"status": status, "fingerprint": fingerprint, "labels": {"alertname": "Errors", **labels}}


def fold(remembered: UnpublishedFold, reason: str, **decided: str) -> None:
    """One alert that is not published."""
    one = Alert(
        source="alertmanager",
        sender="eu",
        fingerprint="f",
        status=AlertStatus.FIRING,
        labels={},
        starts_at=0,
        name="Secret",
    )
    ignored = Ignored(reason=reason, why=(), **decided)
    remembered.fold(
        Origin(source="alertmanager"), Delivery(alerts=[one], unusable=[]), [(one, ignored)], [], keeps_words=True
    )


async def written(bridge: Bridge, *alerts) -> dict[Unpublished, tuple[int, Example]]:
    """What is remembered of a delivery."""
    answer = await bridge.send({"alerts": alerts})
    assert answer.status_code == 202, answer.text
    await bridge.unpublished.flush()
    return {group.about: (group.count, group.example) for group in bridge.store.unpublished.groups.values()}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"service": "search"}, Unpublished("unmatched", name="Errors", label="service", value="search")),
        ({"env": "dev"}, Unpublished("ignored", "quiet", "Errors")),
        (
            {"status_page": "chekout"},
            Unpublished("unknown_service", "labelled", "Errors", label="status_page", value="chekout"),
        ),
    ],
)
async def test_what_is_not_published_is_remembered_with_what_decided(bridge, labels, expected):
    found = await written(bridge, alert(**labels), alert(fingerprint="g", **labels))
    assert found == {expected: (2, Example("alertmanager", "", "g"))}


async def test_without_operator_labels_neither_name_nor_value_is_kept(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG + "operator_labels: none\n")
    assert await written(bridge, alert(status_page="chekout"), alert(status_page="other"), alert() | {"status": 7}) == {
        Unpublished("unknown_service", "labelled", label="status_page"): (2, Example("alertmanager", "", "f")),
        Unpublished("unusable", detail='$.alerts[].status: expected "firing" or "resolved"'): (
            1,
            Example("alertmanager", "", "f"),
        ),
    }
    for group in (await bridge.get("/api/alerts?published=false")).json()["groups"]:
        assert (group["name"], group["value"], group["did_you_mean"]) == (None, None, None)


async def test_what_is_unusable_is_remembered_with_the_place_and_what_can_be_read(bridge):
    wrong = [alert(fingerprint=f"f{n}") | {"status": "odd"} for n in range(2)]
    detail = '$.alerts[].status: expected "firing" or "resolved"'
    assert await written(bridge, *wrong, {"status": "firing", "labels": 7, "fingerprint": [1]}) == {
        Unpublished("unusable", name="Errors", detail=detail): (2, Example("alertmanager", "", "f1")),
        Unpublished("unusable", detail="$.alerts[].labels: expected an object"): (1, Example("alertmanager")),
    }


async def test_an_event_of_pagerduty_that_is_unusable_is_found_by_id_and_title(bridge):
    event = {"event_type": "incident.triggered", "data": {"type": "incident", "id": "Q1", "title": "Disk full"}}
    assert (await bridge.page({"event": event})).status_code == 202
    await bridge.unpublished.flush()
    (group,) = bridge.store.unpublished.groups.values()
    assert (group.about.name, group.example) == ("Disk full", Example("pagerduty", "", "Q1"))


@pytest.mark.parametrize("outcome", ["stale", "over_alerts"])
async def test_what_the_store_does_not_take_is_remembered_with_its_route(bridge, outcome):
    bridge.store.refused = outcome
    await bridge.send({"alerts": [alert(service="checkout"), alert("resolved", "g", service="checkout")]})
    await bridge.unpublished.flush()
    (group,) = bridge.store.unpublished.groups.values()
    assert (group.about, group.count) == (Unpublished(outcome, "checkout", "Errors"), 1)


async def test_what_counts_what_ends_and_watchdogs_are_not_remembered(bridge):
    watchdog = alert(alertname="Watchdog")
    assert await written(bridge, alert(service="checkout"), alert("resolved", "g", env="dev"), watchdog) == {}


async def test_ten_thousand_groups_stay_bounded_and_what_has_no_room_is_counted():
    store = MemoryGroups()
    remembered = UnpublishedFold(store, wall_ms=lambda: NOW)
    with capture_logs() as lines:
        for number in range(10_000):
            fold(remembered, "unmatched", label="service", value=str(number))
        fold(remembered, "unmatched", label="service", value="7")
        fold(remembered, "service", label="service", value="the one that matters")
        await remembered.flush()
    assert len(store.groups) == MOST_GROUPS + 1
    assert store.groups[Unpublished("unmatched", "", "Secret", "service", "7")].count == 2
    assert store.left_out == 10_000 - MOST_GROUPS
    assert [line["reason"] for line in lines] == 10 * ["unmatched"] + ["unknown_service"]


async def test_while_redis_is_away_it_goes_on_and_writes_all_later(bridge):
    bridge.store.unpublished.error = StoreUnavailable("gone")
    assert await written(bridge, alert(env="dev")) == {}
    assert await written(bridge, alert(env="dev", fingerprint="g"), alert(service="x")) == {}
    bridge.store.unpublished.error = None
    await bridge.unpublished.flush()
    counts = {about.reason: group.count for about, group in bridge.store.unpublished.groups.items()}
    assert counts == {"ignored": 2, "unmatched": 1}
    assert bridge.store.unpublished.groups[Unpublished("ignored", "quiet", "Errors")].example.fingerprint == "g"


async def test_it_is_written_a_second_after_there_is_something_and_at_the_end():
    slept: asyncio.Queue[float] = asyncio.Queue()
    wakes = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        await slept.put(seconds)
        await wakes.acquire()

    store = MemoryGroups()
    remembered = UnpublishedFold(store, wall_ms=lambda: NOW, sleep=sleep)
    watching = asyncio.create_task(remembered.watch())
    fold(remembered, "route")
    assert await slept.get() == 1.0
    assert store.groups == {}
    wakes.release()
    assert (await store.added.get()).about.reason == "ignored"
    fold(remembered, "unmatched")
    assert await slept.get() == 1.0
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert len(store.groups) == 1
    await remembered.flush_last()
    assert sorted(about.reason for about in store.groups) == ["ignored", "unmatched"]


async def test_a_write_that_the_end_interrupts_is_made_then(bridge):
    store, began = bridge.store.unpublished, asyncio.Event()

    async def hang(*_args, **_options):
        began.set()
        await asyncio.Event().wait()

    add, store.add = store.add, hang
    await bridge.send({"alerts": [alert(env="dev")]})
    flushing = asyncio.create_task(bridge.unpublished.flush())
    await began.wait()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    store.add = add
    await bridge.unpublished.flush_last()
    assert [about.reason for about in store.groups] == ["ignored"]


async def test_a_new_group_is_logged_once_an_hour_without_the_senders_words():
    now = NOW
    remembered = UnpublishedFold(MemoryGroups(), wall_ms=lambda: now)
    with capture_logs() as lines:
        for passed in (0, LOGGED_AGAIN_MS - 1, 1):
            now += passed
            fold(remembered, "service", route="shop", label="service", value="Secret")
            await remembered.flush()
    assert lines == 2 * [
        {
            "event": "alert_not_published",
            "log_level": "info",
            "source": "alertmanager",
            "sender": "eu",
            "fingerprint": "f",
            "reason": "unknown_service",
            "route": "shop",
        }
    ]


async def test_the_log_of_an_hour_is_bounded():
    remembered = UnpublishedFold(MemoryGroups(), wall_ms=lambda: NOW)
    with capture_logs() as lines:
        for nth in range(100):
            for value in range(100):
                fold(remembered, "unmatched", label="service", value=f"{nth} {value}")
            await remembered.flush()
        fold(remembered, "service", label="service", value="the one that matters")
        await remembered.flush()
    assert [line["reason"] for line in lines] == 125 * ["unmatched"] + ["unknown_service"]
