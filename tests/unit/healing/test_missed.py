"""What a cluster holds and never delivered is told, or taken in; what stands on a page is taken over after a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.core.routing import Router, route
from bridge.healing.missed import MissedAlerts
from bridge.model import Alert, AlertStatus
from bridge.sandbox.faults import Answer
from bridge.telemetry import ALERTS_UNDELIVERED
from tests.servers.alertmanager_stand_in import StandIn
from tests.unit.reconciler.redis_harness import CONFIG, INCIDENTS, MINUTE, RedisHarness
from tests.unit.store.builders import all_of

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing

HEALING = """
healing:
  alertmanagers:
    - {name: eu, urls: ["http://am-0:9093", "http://am-1:9093"], receiver: bridge, alive: {match: alertname = Watchdog}}
"""
GROUPED = CONFIG.replace("{label: service}", "{label: service}, group_by: [service]")
START = 1_790_000_000_000
LABELS = {"alertname": "Down", "service": "checkout", "severity": "critical"}


class Held:
    """Two Alertmanagers with a clock, and a bridge that has never heard of what they hold."""

    def __init__(self, harness: RedisHarness) -> None:
        self.harness = harness
        self.now = START
        silences: set[str] = set()
        self.peers = {url: StandIn(lambda: self.now, silences=silences) for url in self.cluster.urls}
        self.clients = {url: Client(Access(url=url), transport=peer.transport()) for url, peer in self.peers.items()}
        self.asked_pages = 0
        self.changes = 0

        async def read() -> set[str]:
            self.asked_pages += 1
            return await harness.reconciler.shown.read()

        self.missed = MissedAlerts(
            store=harness.store,
            config=harness.live,
            router=Router(),
            groups=lambda cluster, url: self.clients[url].groups(cluster.receiver),
            shown=read,
            monotonic=lambda: self.now / 1000,
            on_change=self._changed,
        )

    @property
    def healing(self) -> Healing:
        found = self.harness.live.current.healing
        assert found is not None
        return found

    @property
    def cluster(self) -> Cluster:
        return self.healing.alertmanagers[0]

    def _changed(self) -> None:
        self.changes += 1

    def hold(self, **labels: str) -> str:
        """Prometheus tells both of an alert."""
        for peer in self.peers.values():
            name = peer.receive({**LABELS, **labels}, starts_at=START, ends_at=self.now + 600 * MINUTE)
        return name

    async def round(self, **settings: Any) -> None:
        await self.missed.look(self.cluster, replace(self.healing, **settings))
        self.now += MINUTE

    async def rounds(self, count: int, **settings: Any) -> None:
        for _ in range(count):
            await self.round(**settings)


@pytest.fixture
async def harness(redis_url, tmp_path):
    opened = RedisHarness(redis_url, tmp_path, GROUPED + HEALING)
    yield opened
    await opened.close()


@pytest.fixture
async def held(harness):
    opened = Held(harness)
    yield opened
    opened.missed.rest("eu")
    for client in opened.clients.values():
        await client.close()


def undelivered() -> float:
    (metric,) = ALERTS_UNDELIVERED.collect()
    return sum(each.value for each in metric.samples if each.labels["cluster"] == "eu")


async def test_what_is_held_for_ten_minutes_is_told_once_and_counted_while_it_lasts(held, harness):
    name = held.hold()
    with capture_logs() as logs:
        await held.rounds(10)
        assert undelivered() == 0
        await held.rounds(5)
        assert undelivered() == 1
    told = [each for each in logs if each["event"] == "alert_undelivered"]
    assert [(each["fingerprint"], each["route"], each["cluster"]) for each in told] == [(name, "shop", "eu")]
    assert "Down" not in str(logs)
    assert not await all_of(harness.store)
    for peer in held.peers.values():
        peer.restart()
    await held.round()
    assert undelivered() == 0


async def test_what_was_delivered_is_not_missed_by_whichever_path_it_came(held, harness):
    names = [held.hold(region=str(number)) for number in range(2)]
    for name, sender in zip(names, ("", "another"), strict=True):
        labels = {"service": "checkout", "severity": "critical"}
        alert = Alert(
            source="alertmanager",
            sender=sender,
            fingerprint=name,
            status=AlertStatus.FIRING,
            labels=labels,
            starts_at=START,
        )
        await harness.store.ingest([(alert, route(labels, harness.live.current))])
    await held.rounds(15)
    assert undelivered() == 0


async def test_what_no_route_is_for_is_not_missed(held):
    held.hold(service="nobody's")
    await held.rounds(15)
    assert undelivered() == 0


@pytest.mark.parametrize("kept_by", ["silences", "inhibited", "muted"])
async def test_what_people_keep_quiet_is_not_missed_and_not_taken(held, harness, kept_by):
    name = held.hold()
    for peer in held.peers.values():
        getattr(peer, kept_by).add(name)
    await held.rounds(15, missed="take")
    assert undelivered() == 0
    assert not await all_of(harness.store)


async def test_it_is_taken_in_as_a_delivery_where_the_configuration_says_so(held, harness):
    name = held.hold()
    await held.rounds(15, missed="take")
    (incident,) = await all_of(harness.store)
    assert (incident.summary.firing, undelivered(), held.changes) == (1, 0, 1)
    (found,) = (await harness.store.finder.by_fingerprint(name, [("alertmanager", "")])).alerts
    assert found.alert.sender == ""


async def test_in_observe_mode_it_is_told_alone(held, harness):
    held.hold()
    await held.rounds(15, missed="take", mode="observe")
    assert undelivered() == 1
    assert not await all_of(harness.store)


async def test_what_was_told_stays_told_through_a_round_that_is_not_understood(held):
    held.hold()
    await held.rounds(15)
    held.peers[held.cluster.urls[0]].fault = "cut"
    with capture_logs() as logs:
        await held.round()
        assert undelivered() == 1
        held.peers[held.cluster.urls[0]].fault = ""
        await held.round()
    assert undelivered() == 1
    assert [each for each in logs if each["event"] == "alert_undelivered"] == []


@pytest.mark.parametrize("fault", ["unreachable", "html", "cut", "error"])
async def test_a_round_in_which_a_peer_is_not_understood_changes_nothing(held, harness, fault):
    held.hold()
    held.peers[held.cluster.urls[1]].fault = fault
    await held.rounds(15, missed="take")
    assert undelivered() == 0
    assert not await all_of(harness.store)
    held.peers[held.cluster.urls[1]].fault = ""
    await held.rounds(2, missed="take")
    assert len(await all_of(harness.store)) == 1


async def lose_everything(harness: RedisHarness) -> None:
    await harness.redis.flushall()


@pytest.mark.parametrize("is_quiet", [False, True])
async def test_after_a_loss_of_the_store_what_stands_on_the_page_is_taken_over_in_the_first_round(
    held, harness, is_quiet
):
    harness.publish_at_once()
    name = held.hold()
    await harness.fire("checkout", "critical")
    shown, writes = harness.only.id, len(harness.writes)
    if is_quiet:
        held.peers[held.cluster.urls[0]].silences.add(name)
    await lose_everything(harness)
    await held.round()
    await harness.settle()
    assert (await harness.incident()).summary.firing == 1
    assert (await harness.post()).remote_id == shown
    assert harness.writes[writes:] == []
    assert len(harness.shown) == 1


async def test_nothing_is_taken_over_that_does_not_stand_on_the_page_and_it_is_not_asked_every_round(held, harness):
    harness.publish_at_once()
    await harness.fire("payments", "critical")
    name = held.hold()
    held.peers[held.cluster.urls[0]].silences.add(name)
    await lose_everything(harness)
    await held.rounds(5)
    assert held.asked_pages == 1
    assert not await all_of(harness.store)


async def test_an_unreadable_page_is_asked_again_in_the_next_round(held, harness):
    harness.publish_at_once()
    held.hold()
    await harness.fire("checkout", "critical")
    await lose_everything(harness)
    harness.state.faults.queue.append(Answer(method="GET", path=INCIDENTS, status=503))
    await held.rounds(2)
    assert held.asked_pages == 2
    assert len(await all_of(harness.store)) == 1


async def test_another_replica_has_the_turn_and_this_one_counts_nothing(held):
    held.hold()
    await held.rounds(15)
    held.missed.rest("eu")
    assert undelivered() == 0
