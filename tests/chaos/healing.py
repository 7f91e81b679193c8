"""Alerts whose ends are lost: healing closes them, and never one that a living Alertmanager lists."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.config.healing import LEAST_ROUNDS, Alive, Cluster, Healing
from bridge.config.matchers import Matcher
from bridge.core.healing.judgement import LONGER, MOST_CLOSES, Decision, is_mass, judge
from bridge.core.healing.observations import (
    LIFE_MS,
    Observations,
    Ours,
    closed,
    listed_as_firing,
    longest_gap_ms,
    observe,
)
from bridge.core.healing.ours import FIRING, OurAlert, fit_of
from bridge.core.healing.seen import PeerError, Poll
from bridge.model import SENDER_LABEL
from tests.chaos.campaign import Trial
from tests.chaos.checker import Verdict
from tests.chaos.healing_world import MINUTE, SenderWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.campaign_servers import CampaignServers
    from tests.servers.alertmanager_stand_in import StandIn

ALERTS = 50
LENGTH_MS = 90 * MINUTE
SECOND = 1_000  # in which a Date header is told
_LATE_ROUNDS = 2
_CALM_EVERY = 5


class Round(Struct, frozen=True):
    """What was true of the senders while they were asked, which a bridge does not know.

    ``answered``: every peer well, and in one life. ``listed`` are the alerts that any peer had as firing, ``up_since``
    when the youngest peer began, ``heard_at`` when the peer that lags most last heard each Prometheus.
    """

    at: int
    answered: bool
    listed: frozenset[str]
    up_since: int
    heard_at: Mapping[int, int]


class Healer:
    """A bridge, as far as healing goes: it takes deliveries, asks in rounds, and closes what the core says is over.

    Each close is held against what was true: the conditions are restated here, from the senders' side.
    """

    def __init__(self, rng: Random, world: SenderWorld, healing: Healing, cluster: Cluster, *, calm: bool) -> None:
        self._rng = rng
        self._world = world
        self.healing = healing
        self._cluster = cluster
        self._calm = calm
        self._seen = Observations()
        self._clients = {
            url: Client(Access(url=url), transport=peer.transport())
            for url, peer in zip(cluster.urls, world.peers, strict=True)
        }
        self._rounds: list[Round] = []
        self._lives: dict[str, tuple[int, set[str]]] = {}  # by url: a life of the peer, and what polls saw in it
        self.ours: dict[str, OurAlert] = {}
        self.closed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.waited_longer = False
        self._knows_senders = world.servers == 1 or bool(cluster.alive.same)  # else one may vouch for another

    def deliver(self, name: str, fires: bool, starts_at: int) -> None:
        """A delivery of the webhook."""
        if not fires:
            self.ours.pop(name, None)
            return
        fit = fit_of({**self._world.alerts[name].labels, SENDER_LABEL: "eu"}, self.healing)
        self.ours[name] = OurAlert(
            sender="eu", fingerprint=name, state=FIRING, starts_at=starts_at, seen_at=self._world.now, fit=fit
        )

    async def round(self) -> None:
        """Ask every peer, and close what may be closed."""
        at = self._world.now
        self._begin()
        answers: dict[str, Poll | PeerError] = {}
        for url in self._cluster.urls:
            try:
                answers[url] = await self._poll(url)
            except PeerError as error:
                answers[url] = error
        firing = listed_as_firing([each for each in answers.values() if isinstance(each, Poll)], self.healing)
        quiet = {name: each.seen_at for name, each in self.ours.items() if name not in firing}
        self._seen = observe(self._seen, self._cluster, self.healing, answers, Ours(set(self.ours), quiet), at)
        self._close(at)

    def _begin(self) -> None:
        heard = dict.fromkeys(range(self._world.servers), self._world.now)
        self._rounds.append(Round(self._world.now, True, frozenset(), 0, heard))

    async def _poll(self, url: str) -> Poll:
        """Ask a peer, note what is true of it, and let some time pass."""
        peer = self._world.peers[self._cluster.urls.index(url)]
        try:
            return await self._clients[url].poll()
        finally:
            before = self._rounds.pop()
            if not peer.fault:
                self._in_life(url, peer).update(name for name in peer.held if peer.lists(name))
            self._rounds.append(
                Round(
                    before.at,
                    before.answered and not peer.fault and peer.cluster != "settling",
                    before.listed | _lists(peer, self.healing),
                    max(before.up_since, peer.started - peer.now + self._world.now),
                    {server: min(at, self._world.heard(server, peer)) for server, at in before.heard_at.items()},
                )
            )
            if not self._calm:
                self._world.advance(self._rng.choice((0, 0, 40, 3_000)))

    def _in_life(self, url: str, peer: StandIn) -> set[str]:
        """What polls have seen of this peer since it began."""
        life, _ = self._lives.get(url, (0, set()))
        if life != peer.started:
            self._lives[url] = peer.started, set()
        return self._lives[url][1]

    def _close(self, at: int) -> None:
        seen, now = {self._cluster.name: self._seen}, self._world.now
        verdicts = {name: judge(each, seen, self.healing, now) for name, each in self.ours.items()}
        if is_mass(sum(each.is_missing for each in verdicts.values()), len(self.ours)):
            self.waited_longer = True
            verdicts = {name: judge(each, seen, self.healing, now, is_mass=True) for name, each in self.ours.items()}
        over = [name for name, each in verdicts.items() if each.decision is Decision.CLOSE][:MOST_CLOSES]
        for name in over:
            self._check(name, at, verdicts[name].ends_at, verdicts[name].reason)
            del self.ours[name]
        self._seen = closed(self._seen, over, at)

    def _check(self, name: str, at: int, ends_at: int, reason: str) -> None:
        """Hold a close in the round that began ``at`` against what was true."""
        doubts = [*self._doubts(name, at)]
        if not self.ours[name].seen_at <= ends_at <= at:
            doubts.append(f"dated {ends_at}")
        self.wrong += [f"{name} closed at {at}: {doubt} ({reason})" for doubt in doubts]
        self.closed[name] += 1

    def _doubts(self, name: str, at: int) -> Iterator[str]:
        """What speaks against a close in this round."""
        since = at - self.healing.absent_for_ms
        rounds = [each for each in self._rounds if each.at >= since]
        yield from self._doubts_of_rounds(rounds, since)
        if name in rounds[-1].listed:
            yield "a peer lists it"
        if any(name in each.listed for each in rounds):
            yield "a peer listed it within absent_for"
        if self.ours[name].seen_at >= since:
            yield "something arrived about it"
        if not self._cluster.matchers and not any(name in saw for _, saw in self._lives.values()):
            yield "no poll has listed it"
        if not self._knows_senders:
            return
        server, interval_ms = self._world.alerts[name].prometheus, self.healing.interval_ms
        if any(each.heard_at[server] < each.at - LIFE_MS - interval_ms for each in rounds):
            yield "no sign of life"
        if self.healing.silenced == "firing" and self._world.has_fired_for(name, self.healing.absent_for_ms):
            yield "its rule fires"

    def _doubts_of_rounds(self, rounds: Sequence[Round], since: int) -> Iterator[str]:
        longest_ms = longest_gap_ms(self.healing)
        if len(rounds) < LEAST_ROUNDS or rounds[0].at - since > longest_ms:
            yield "too few rounds"
        if any(later.at - each.at > longest_ms for each, later in pairwise(rounds)):
            yield "a gap between rounds"
        if not all(each.answered for each in rounds):
            yield "not every answer was whole, of a settled cluster"
        if any(each.up_since + self.healing.min_uptime_ms > each.at + SECOND for each in rounds):
            yield "a peer was too young"


class HealingCampaign:
    """So many ``alerts`` of one cluster, each under a schedule of its own; a trial here is all of them.

    Silences and inhibitions that outlast the outage, restarts with and without what was to be delivered, Prometheus
    dead or cut off from a peer, clocks up to a day apart, answers that are broken, cut, empty or another's.
    """

    name = "healing"
    runs = 200

    def __init__(self, *, alerts: int = ALERTS) -> None:
        self._alerts = alerts

    def trial(self, servers: CampaignServers, seed: int) -> Trial:  # noqa: ARG002 - it needs none
        return asyncio.run(self._trial(seed))

    async def _trial(self, seed: int) -> Trial:
        rng = Random(seed)
        calm = seed % _CALM_EVERY == 0
        peers, prometheuses = rng.choice((1, 2, 2, 3)), rng.choice((1, 1, 2))
        world = SenderWorld(
            rng,
            alerts=self._alerts,
            peers=peers,
            servers=prometheuses,
            length_ms=LENGTH_MS,
            calm=calm,
        )
        cluster, healing = healing_of(rng, peers, prometheuses, calm=calm)
        healer = Healer(rng, world, healing, cluster, calm=calm)
        world.deliver = healer.deliver
        late: list[str] = []
        while world.now < world.ends_at:
            await healer.round()
            pause = healing.interval_ms
            if not calm and rng.random() < 0.02:
                pause += rng.choice((2, 5, 20)) * MINUTE  # no replica has the turn
            world.advance(pause)
            if calm:
                late += _late(world, healer, healing)
        closes = Counter({"alerts": self._alerts, "closed": healer.closed.total()}) + world.happened
        return Trial(
            case=f"{peers} peers, {prometheuses} Prometheus{', calm' if calm else ''}",
            faults=sum(world.happened.values()),
            verdict=Verdict(wrong=(*healer.wrong, *late)),
            events=closes,
        )


def healing_of(rng: Random, peers: int, servers: int, *, calm: bool) -> tuple[Cluster, Healing]:
    """A configuration for a world of so many peers and senders."""
    same = ("prometheus",) if servers > 1 and rng.random() < 0.7 else ()
    matchers = (Matcher(SENDER_LABEL, "=", "eu"),) if rng.random() < 0.5 else ()
    cluster = Cluster(
        name="eu",
        urls=tuple(f"http://am-{number}:9093" for number in range(peers)),
        matchers=matchers,
        alive=Alive(matchers=(Matcher("alertname", "=", "Watchdog"),), same=same),
    )
    clear: Literal["clear", "firing"] = "clear" if not calm and rng.random() < 0.2 else "firing"
    healing = Healing(
        section="s",
        alertmanagers=(cluster,),
        interval_ms=rng.choice((20_000, MINUTE)),
        absent_for_ms=rng.choice((3, 5, 10)) * MINUTE,
        min_uptime_ms=rng.choice((5, 15)) * MINUTE,
        silenced=clear,
    )
    return cluster, healing


def _lists(peer: StandIn, healing: Healing) -> set[str]:
    """What it lists, whatever it answers; without what counts as over by the configuration."""
    quiet = peer.silences if healing.silenced == "clear" else set()
    return {name for name in peer.held if peer.lists(name) and name not in quiet}


def _late(world: SenderWorld, healer: Healer, healing: Healing) -> list[str]:
    """In a calm world, what is still open though no peer has listed it for so long that it was to be closed."""
    longer = LONGER if healer.waited_longer else 1
    allowed = healing.absent_for_ms * longer + (_LATE_ROUNDS + 1) * healing.interval_ms
    return [
        f"{name} is still open {world.now - ends} ms after its end, with nothing in the way"
        for name in healer.ours
        if (ends := world.alerts[name].outages[0][1] + MINUTE) + allowed < world.now
    ]
