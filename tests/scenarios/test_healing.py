"""Alerts whose end nobody tells: silenced while they fire, forgotten by a restart; and all that must close nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.config.healing import LEAST_ROUNDS
from tests.scenarios.silent_senders import ABSENT_FOR_MS, INTERVAL_MS, SilentSenders, healing
from tests.scenarios.vocabulary import RESOLVE_AFTER_MS, Page, log_of, metric, now_ms, write_configuration
from tests.servers import Bridge, eventually
from tests.servers.veil import WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("alertmanager")]

BUSY_MS = 5_000  # what a busy machine takes for a round, and then for a write
WINDOWS = 2
"""So many times ``absent_for`` is watched where nothing may close."""


def rounds(bridge: Bridge, outcome: str | None = None) -> float:
    """How many rounds this bridge has played."""
    labels = {} if outcome is None else {"outcome": outcome}
    return metric(bridge, "bridge_healing_rounds_total", **labels)


def plays(bridge: Bridge, count: int) -> None:
    """Wait until it has played so many more rounds."""
    before = rounds(bridge)
    eventually(lambda: rounds(bridge) >= before + count, f"{count} rounds")


def passes(seconds: float) -> None:
    """Wait so long: for that nothing happens there is no other sign."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, "the time to pass", within=2 * seconds + 10)


def nothing_closes(bridge: Bridge, page: Page) -> None:
    """For long enough, whatever the rounds come to."""
    passes(WINDOWS * ABSENT_FOR_MS / 1000)
    plays(bridge, LEAST_ROUNDS + 1)
    assert metric(bridge, "bridge_healed_total") == 0
    assert [each.statuses for each in page.incidents] == [["INVESTIGATING"]]


@pytest.fixture
def senders(tmp_path: Path, bridge: Bridge) -> Iterator[SilentSenders]:
    """A Prometheus and two Alertmanagers that see each other."""
    with SilentSenders(tmp_path / "senders", [bridge]) as running:
        yield running


@pytest.fixture
def heals(config: Path, bridge: Bridge, senders: SilentSenders) -> Callable[..., None]:
    """Let the bridge ask the senders, from now on."""

    def begin(**settings: Any) -> None:
        write_configuration(config, healing=healing(senders.cluster(), **settings))
        eventually(lambda: rounds(bridge) >= 1, "a first round")

    return begin


def goes_red(senders: SilentSenders, page: Page) -> str:
    """An outage is on the page; its incident there."""
    senders.fires()
    return page.shows(status="INVESTIGATING", services=("Checkout",)).id


def is_silenced(senders: SilentSenders) -> None:
    """People silence it while it fires."""
    senders.silences()
    eventually(lambda: senders.states() == ["suppressed"] * len(senders.peers), "the silence at every peer")


def is_silenced_and_ends(senders: SilentSenders) -> int:
    """It is silenced, and then it ends: nobody is told. About when it was gone everywhere."""
    is_silenced(senders)
    senders.ends()
    eventually(lambda: senders.states() == ["absent"] * len(senders.peers), "it to be gone from every peer")
    return now_ms()


def test_what_is_silenced_while_it_fires_and_then_ends_is_closed(heals, senders, page, bridge, start_bridge):
    other = start_bridge()
    heals()
    incident = goes_red(senders, page)
    last_seen = now_ms()
    gone = is_silenced_and_ends(senders)
    over = page.shows(id=incident, status="RESOLVED")
    assert over.statuses[1:] in (
        ["MONITORING", "RESOLVED"],
        ["RESOLVED"],
    )  # or is over by then
    end, resolved = over.messages[1], over.messages[-1]
    assert end.posted_at - gone <= ABSENT_FOR_MS + 2 * INTERVAL_MS + BUSY_MS
    latest = max(gone + INTERVAL_MS, over.messages[0].public_at + 1_000)  # no end is shown sooner after the start
    assert last_seen <= end.public_at <= latest + (RESOLVE_AFTER_MS if end is resolved else 0)
    assert resolved.posted_at >= last_seen + RESOLVE_AFTER_MS
    assert sum(metric(each, "bridge_healed_total", source="alertmanager") for each in (bridge, other)) == 1


def test_without_healing_it_stays_open(senders, page, bridge):
    incident = goes_red(senders, page)
    is_silenced_and_ends(senders)
    passes((ABSENT_FOR_MS + 3 * INTERVAL_MS) / 1000)
    page.shows(id=incident, statuses=["INVESTIGATING"])
    assert metric(bridge, "bridge_healed_total") == 0


def test_what_is_silenced_and_fires_on_stays_open(heals, senders, page, bridge):
    heals()
    goes_red(senders, page)
    is_silenced(senders)
    nothing_closes(bridge, page)


def test_what_is_silenced_is_over_where_the_configuration_says_so(heals, senders, page):
    heals(silenced="clear")
    incident = goes_red(senders, page)
    senders.silences()
    page.shows(id=incident, status="RESOLVED")
    assert senders.states() == ["suppressed"] * 2


def test_in_observe_mode_it_is_told_and_stays_open(heals, senders, page, bridge):
    heals(mode="observe")
    goes_red(senders, page)
    is_silenced_and_ends(senders)
    nothing_closes(bridge, page)
    assert [line["event"] for line in log_of(bridge, "healing_would_close")] == ["healing_would_close"]


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_not_understood_closes_nothing(heals, senders, page, bridge, way):
    heals()
    incident = goes_red(senders, page)
    plays(bridge, 3)
    senders.veils[1].way = way
    is_silenced_and_ends(senders)
    if way == "hangs":
        passes(WINDOWS * ABSENT_FOR_MS / 1000)
        page.shows(id=incident, statuses=["INVESTIGATING"])
    else:
        nothing_closes(bridge, page)
    senders.veils[1].way = ""
    senders.veils[1].released.set()
    page.shows(id=incident, status="RESOLVED")


@pytest.mark.parametrize("restarted", [(0,), (0, 1)], ids=["one peer", "all peers"])
def test_a_restart_that_forgets_a_firing_alert_closes_nothing(heals, senders, page, bridge, restarted):
    heals()
    goes_red(senders, page)
    plays(bridge, 3)
    is_silenced(senders)  # so that no peer tells the end by time, which is none
    senders.prometheus.stop()
    for number in restarted:
        senders.peers[number].kill()
        senders.peers[number].start()
    nothing_closes(bridge, page)


def test_prometheus_is_dead_and_nothing_closes(heals, senders, page, bridge):
    heals(min_uptime="1s")
    goes_red(senders, page)
    plays(bridge, 3)
    is_silenced(senders)
    senders.prometheus.kill()
    eventually(lambda: senders.states() == ["absent"] * 2, "both peers to give it up")
    nothing_closes(bridge, page)


def test_a_peer_is_cut_off_from_its_prometheus_and_nothing_closes(heals, senders, page, bridge):
    """The other one lists the alert and the sign of life as before; neither tells the other of alerts."""
    heals()
    goes_red(senders, page)
    plays(bridge, 3)
    is_silenced(senders)
    senders.hears_only(0)
    eventually(lambda: senders.states() == ["suppressed", "absent"], "one peer to give it up")
    nothing_closes(bridge, page)


def test_a_peer_that_is_down_closes_nothing_until_it_is_taken_out_of_the_file(heals, senders, page, bridge, config):
    heals()
    incident = goes_red(senders, page)
    plays(bridge, 3)
    is_silenced_and_ends(senders)
    senders.peers[1].kill()
    nothing_closes(bridge, page)
    cluster = senders.cluster()
    write_configuration(config, healing=healing({**cluster, "urls": cluster["urls"][:1]}))
    page.shows(id=incident, status="RESOLVED")


@pytest.mark.parametrize("ahead_s", [3_600, -3_600])
def test_clocks_an_hour_apart_change_nothing(heals, senders, page, bridge, ahead_s):
    senders.veils[0].ahead_s = ahead_s
    heals()
    incident = goes_red(senders, page)
    plays(bridge, 3)
    gone = is_silenced_and_ends(senders)
    over = page.shows(id=incident, status="RESOLVED")
    assert over.messages[1].posted_at - gone <= ABSENT_FOR_MS + 2 * INTERVAL_MS + BUSY_MS


def test_an_alert_that_is_back_in_the_last_round_is_not_closed(heals, senders, page, bridge):
    heals(absent_for="6s")
    incident = goes_red(senders, page)
    is_silenced_and_ends(senders)
    plays(bridge, LEAST_ROUNDS)
    senders.fires()
    eventually(lambda: "suppressed" in senders.states(), "it to be back")
    nothing_closes(bridge, page)
    page.shows(id=incident, statuses=["INVESTIGATING"])


def test_of_two_clusters_with_equal_fingerprints_each_speaks_for_its_own(start_bridge, page, config, tmp_path):
    bridge = start_bridge()
    with (
        SilentSenders(tmp_path / "eu", [bridge], peers=1, sender="eu") as eu,
        SilentSenders(tmp_path / "us", [bridge], peers=1, sender="us") as us,
    ):
        write_configuration(
            config,
            routes=[
                {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["__sender__"]}
            ],
            healing=healing(eu.cluster(), us.cluster()),
        )
        eventually(lambda: rounds(bridge) >= 2, "a first round")
        eu.fires()
        us.fires()
        eventually(lambda: len(page.incidents) == 2, "an incident of each")
        plays(bridge, 6)
        is_silenced_and_ends(eu)
        eventually(lambda: sorted(each.status for each in page.incidents) == ["INVESTIGATING", "RESOLVED"], "eu's end")
        passes(WINDOWS * ABSENT_FOR_MS / 1000)
        plays(bridge, LEAST_ROUNDS + 1)
    assert sorted(each.status for each in page.incidents) == ["INVESTIGATING", "RESOLVED"]
    assert metric(bridge, "bridge_healed_total") == 1
