"""Rounds on a real store: what they close, what they keep for the next replica, and what they leave alone."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from bridge.core.healing.ours import FIRING, HELD
from bridge.core.healing.seen import PeerError
from bridge.healing.cluster_round import BLIND, HOLDS_MS, OK
from bridge.healing.clusters import Clusters
from bridge.model import AlertStatus
from bridge.telemetry import REGISTRY
from tests.unit.core.healing.cluster_harness import MINUTE, PEERS, SECOND, START, VOID, cluster, healing, listed
from tests.unit.store.builders import LEASE_MS, to

MANY = [f"n{number:02}" for number in range(30)]


def healed() -> float:
    return REGISTRY.get_sample_value("bridge_healed_total", {"source": "alertmanager"}) or 0


async def test_what_its_cluster_stops_listing_is_closed_with_its_evidence(harness):
    await harness.deliver()
    await harness.round(3)
    last, before = harness.peers.now, healed()
    harness.peers.forget()
    outcome = await harness.round(10)
    assert (outcome.kind, outcome.missing) == (OK, {"alertmanager@eu/a1"})
    assert (await harness.alert()).status == FIRING
    outcome = await harness.round()
    alert = await harness.alert()
    assert (alert.status, alert.ends_at) == ("resolved", last)
    assert alert.healed.startswith("not listed by am-0:9093, am-1:9093 since ")
    assert (outcome.missing, harness.changes, healed() - before) == (frozenset(), 1, 1)


async def test_what_fires_again_and_is_gone_between_two_polls_is_closed_for_it_was_listed_before(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    over = replace(harness.delivered(), status=AlertStatus.RESOLVED, ends_at=harness.peers.now)
    await harness.store.ingest([(over, to())])
    await harness.round(2)
    again = harness.delivered(starts_at=harness.peers.now)
    await harness.store.ingest([(again, to())])
    await harness.round(10)
    assert (await harness.alert()).status == FIRING
    await harness.round(2)
    assert (await harness.alert()).status == "resolved"


async def test_what_is_listed_stays_open(harness):
    await harness.deliver()
    assert (await harness.round(30)).missing == frozenset()
    assert (await harness.alert()).status == FIRING


async def test_another_replica_goes_on_where_the_first_one_ended(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(5)
    other = harness.replica()
    await harness.round(5, chore=other)
    assert (await harness.alert()).status == FIRING
    await harness.round(1, chore=other)
    assert (await harness.alert()).status == "resolved"


async def test_only_one_replica_asks_at_a_time(harness):
    harness.advance(MINUTE)
    await harness.chore.play_if_due(harness.cluster, harness.healing)
    harness.advance(MINUTE)
    both = [harness.chore.play_if_due(harness.cluster, harness.healing) for _ in range(2)]
    done = await asyncio.gather(*both)
    assert sorted(outcome is None for _, outcome in done) == [False, True]
    assert len(harness.asked) == len(PEERS)


async def test_a_replica_that_lost_its_turn_closes_nothing(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(10)
    ask = harness.ask

    async def slowly(cluster, url):
        answer = await ask(cluster, url)
        harness.advance(LEASE_MS)
        return answer

    harness.ask = slowly
    slow = harness.replica()
    harness.advance(MINUTE)
    _, outcome = await slow.play_if_due(harness.cluster, harness.healing)
    assert outcome is None
    assert (await harness.alert()).status == FIRING


async def test_a_void_round_closes_nothing(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(10)
    harness.peers.errors = {PEERS[1]: VOID}
    outcome = await harness.round()
    assert (outcome.kind, outcome.missing) == ("timeout", None)
    assert (await harness.alert()).status == FIRING


async def test_a_delivery_that_arrives_while_peers_are_asked_keeps_it_open(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(10)
    ask = harness.ask

    async def meanwhile(cluster, url):
        answer = await ask(cluster, url)
        await harness.deliver()
        return answer

    harness.ask = meanwhile
    await harness.round(1, chore=harness.replica())
    assert (await harness.alert()).status == FIRING


async def test_answers_that_grew_old_meanwhile_close_nothing(harness, monkeypatch):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(10)
    observed = harness.store.healing.observed

    async def slowly(*arguments):
        kept = await observed(*arguments)
        harness.advance(HOLDS_MS + SECOND)
        return kept

    monkeypatch.setattr(harness.store.healing, "observed", slowly)
    outcome = await harness.round()
    assert (await harness.alert()).status == FIRING
    assert outcome.missing == {"alertmanager@eu/a1"}


async def test_in_observe_mode_nothing_is_closed(harness):
    harness.configure(replace(healing(), mode="observe"))
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    outcome = await harness.round(20)
    assert outcome.missing == {"alertmanager@eu/a1"}
    assert ((await harness.alert()).status, harness.changes) == (FIRING, 0)


async def test_too_many_at_once_wait_three_times_as_long_and_go_in_parts(harness):
    await harness.deliver(*MANY)
    harness.list_all(*MANY)
    await harness.round(3)
    harness.list_all()
    outcome = await harness.round(30)
    assert len(outcome.missing) == len(MANY)
    seen = await harness.store.healing.observations(["eu"])
    assert seen["eu"].mass_at
    assert len((await harness.round(1)).missing) == len(MANY) - 20
    assert (await harness.round(1)).missing == frozenset()


async def test_who_has_not_had_the_turn_for_a_while_knows_of_nothing_missing(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    assert (await harness.round()).missing
    other = harness.replica()
    await harness.round(4, chore=other)
    _, outcome = await harness.chore.play_if_due(harness.cluster, harness.healing)
    assert outcome.missing == frozenset()
    assert (await harness.chore.play_if_due(harness.cluster, harness.healing))[1] is None


async def test_half_of_all_is_not_too_many(harness):
    await harness.deliver(*MANY)
    harness.list_all(*MANY)
    await harness.round(3)
    harness.list_all(*MANY[:15])
    await harness.round(11)
    alerts = [await harness.alert(name) for name in MANY]
    assert [each.status for each in alerts] == [FIRING] * 15 + ["resolved"] * 15


async def test_a_later_start_is_another_outage_of_the_same_alert(harness):
    await harness.deliver()
    await harness.round(3)
    for url in PEERS:
        harness.peers.alerts[url] = {"a1": listed(START + MINUTE)}
    await harness.round()
    alert = await harness.alert()
    assert (alert.starts_at, alert.status) == (START + MINUTE, FIRING)


async def test_a_later_start_at_one_peer_alone_changes_nothing(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.alerts[PEERS[0]] = {"a1": listed(START + MINUTE)}
    await harness.round()
    assert (await harness.alert()).starts_at == START


async def test_a_firing_that_is_held_after_a_close_counts_once_two_later_polls_list_it(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(11)
    await harness.deliver()
    assert (await harness.alert()).status == HELD
    for nth in range(2):
        for url in PEERS:
            harness.peers.alerts[url] = {"a1": listed(updated_at=f"again {nth}")}
        await harness.round(1, 30 * SECOND)
        claim = await harness.store.claim(token=f"c{nth}", lease_ms=LEASE_MS)
        assert claim.incident.summary.firing == nth
        await harness.store.settle(claim, due=harness.peers.now + 10 * MINUTE)
    assert (await harness.alert()).status == FIRING


async def test_two_clusters_with_equal_fingerprints_are_told_apart(harness):
    configuration = healing(cluster("eu", match="__sender__ = eu"), cluster("us", match="__sender__ = us"))
    harness.configure(configuration)
    await harness.deliver()
    other = replace(harness.delivered(), sender="us", labels={**harness.delivered().labels, "__sender__": "us"})
    await harness.store.ingest([(other, to("other"))])
    await harness.round(3)
    harness.peers.forget()
    await harness.round(11)
    assert (await harness.alert()).status == "resolved"
    assert (await harness.alert(incident="other")).status == FIRING


async def test_without_a_sign_of_life_a_round_is_blind(harness):
    harness.peers.watchdogs = {url: {} for url in PEERS}
    assert (await harness.round(2)).kind == BLIND
    harness.advance(MINUTE)
    await harness.chore.play_if_due(harness.cluster, harness.healing)
    assert REGISTRY.get_sample_value("bridge_healing_age_seconds", {"cluster": "eu"}) == 2 * 60
    harness.peers.watchdogs = {url: {"w1": {"alertname": "Watchdog"}} for url in PEERS}
    assert (await harness.round(2)).kind == OK


async def told(harness, monkeypatch, rounds: int):
    lines = []
    monkeypatch.setattr("bridge.healing.clusters.log", lambda event, **fields: lines.append((event.event, fields)))
    await harness.round(rounds)
    return lines


async def test_that_a_cluster_shows_no_sign_of_life_is_told_once_with_what_it_lacks(harness, monkeypatch):
    harness.peers.watchdogs[PEERS[1]] = {}
    lines = await told(harness, monkeypatch, 9)
    assert lines == [("healing_blind", {"cluster": "eu", "reason": "am-1:9093: no alert fits alive.match"})]


async def test_that_one_is_not_renewed_is_told(harness, monkeypatch):
    harness.peers.frozen = {PEERS[0]}
    ((_, fields),) = await told(harness, monkeypatch, 9)
    assert fields["reason"] == "am-0:9093: the alert that fits alive.match is not renewed"


async def test_a_start_is_no_blindness(harness, monkeypatch):
    assert await told(harness, monkeypatch, 9) == []


async def test_several_signs_of_life_without_labels_that_tell_them_apart_are_told_once(harness, monkeypatch):
    harness.peers.watchdogs[PEERS[0]]["w2"] = {"alertname": "Watchdog", "prometheus": "p1"}
    assert await told(harness, monkeypatch, 9) == [("healing_ambiguous", {"cluster": "eu"})]


async def test_ends_that_are_due_go_first(harness):
    await harness.round()
    harness.db.zadd("bridge:{0}:cleared", {"shop": harness.peers.now})
    before = harness.peers.now
    await harness.round()
    assert harness.peers.now >= before + MINUTE + 5 * SECOND


class TestTheTasks:
    async def test_follow_the_configuration(self, harness):
        rested = asyncio.Event()
        rounds = []

        async def sleep(seconds: float) -> None:
            harness.advance(int(seconds * 1000))
            rounds.append(seconds)
            if len(rounds) > 200:
                rested.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0)

        clusters = Clusters(
            store=harness.store,
            config=harness.config,
            ask=harness.ask,
            on_change=harness.changed,
            monotonic=lambda: harness.peers.now / 1000,
            token=harness.token,
            sleep=sleep,
        )
        await harness.deliver()
        watching = asyncio.create_task(clusters.watch())
        await rested.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert harness.asked
        assert REGISTRY.get_sample_value("bridge_healing_pending") == 0

    async def test_ask_nobody_without_healing(self, harness):
        harness.config.healing = None
        rested = asyncio.Event()

        async def sleep(_: float) -> None:
            rested.set()
            await asyncio.Event().wait()

        clusters = Clusters(
            store=harness.store,
            config=harness.config,
            ask=harness.ask,
            on_change=harness.changed,
            monotonic=lambda: 0.0,
            token=harness.token,
            sleep=sleep,
        )
        watching = asyncio.create_task(clusters.watch())
        await rested.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert harness.asked == []


def test_a_peer_error_says_its_kind():
    assert str(PeerError("status", "503")) == "status: 503"
