"""Senders on an injected clock: Prometheus servers, Alertmanagers, silences, and everything that goes wrong with them.

Every Alertmanager is the stand-in that is held to Alertmanager's own description. The world says what is true; what is
delivered of it, and what is asked of it, is what a bridge gets.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.servers.alertmanager_stand_in import FAULTS, StandIn, fingerprint

if TYPE_CHECKING:
    from random import Random

MINUTE = 60_000
START = 1_790_000_000_000
RESEND_MS = MINUTE
ENDS_AFTER_MS = 4 * MINUTE  # what Prometheus promises with each send
TELLS_ENDS_MS = 15 * MINUTE
GROUP_INTERVAL_MS = 5 * MINUTE
SETTLES_MS = (40_000, 40_000, 30 * MINUTE)


class Fires(Struct):
    """One alert: the outages of its rule in true time, and what the bridge was told."""

    labels: Mapping[str, str]
    prometheus: int
    outages: list[tuple[int, int]]
    delivered: bool = False
    delivered_at: int = 0

    def is_on(self, at: int) -> bool:
        """Whether its rule fires."""
        return any(begins <= at < ends for begins, ends in self.outages)


class Spans(Struct):
    """When something is so, in true time."""

    spans: list[tuple[int, int]]

    def __call__(self, at: int) -> bool:
        return any(begins <= at < ends for begins, ends in self.spans)


def _watchdog(server: int) -> Mapping[str, str]:
    return {"alertname": "Watchdog", "prometheus": f"p{server}"}


def spans(rng: Random, length_ms: int, *, chance: float, lasts: tuple[int, int]) -> Spans:
    """Some spans of a world's time, with that chance for each of three."""
    found = []
    for _ in range(3):
        if rng.random() < chance:
            begins = START + rng.randrange(length_ms)
            found.append((begins, begins + rng.randrange(*lasts)))
    return Spans(found)


class SenderWorld:
    """One cluster of Alertmanagers with its Prometheus servers, for ``length_ms``. All is drawn from ``rng``.

    ``deliver`` is told of each delivery to the bridge: the fingerprint, whether it fires, and its start. ``calm``:
    nothing goes wrong but that alerts are silenced while they end.
    """

    def __init__(
        self,
        rng: Random,
        *,
        alerts: int,
        peers: int,
        servers: int,
        length_ms: int,
        calm: bool = False,
    ) -> None:
        self.now = START
        self.happened: Counter[str] = Counter()
        self._rng = rng
        self._length_ms = length_ms
        self.ends_at = START + length_ms
        self.servers = servers
        self.deliver: Callable[[str, bool, int], None] = lambda *_: None
        self._order = count()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        silences: set[str] = set()
        self.peers = [
            StandIn(
                lambda: self.now,
                skew_ms=0 if calm else rng.choice((0, 0, 3_600_000, -3_600_000, 517, -86_400_000)),
                silences=silences,
                cluster="ready" if peers > 1 else "disabled",
                is_new=rng.random() < 0.5,
            )
            for _ in range(peers)
        ]
        for peer in self.peers:
            peer.started -= rng.choice((MINUTE, 20 * MINUTE, 24 * 60 * MINUTE)) if not calm else 24 * 60 * MINUTE
        chance = 0.0 if calm else 0.25
        self._stale = 0.0 if calm else 0.02
        self._dead = [spans(rng, length_ms, chance=chance, lasts=(MINUTE, 40 * MINUTE)) for _ in range(servers)]
        self._cut = [
            [spans(rng, length_ms, chance=chance, lasts=(MINUTE, 30 * MINUTE)) for _ in self.peers]
            for _ in range(servers)
        ]
        self.alerts = dict(self._alert(number, servers, calm=calm) for number in range(alerts))
        self._lost = {name: self._losses(peers, calm=calm) for name in self.alerts}
        self._silenced = {name: self._silence(each, calm=calm) for name, each in self.alerts.items()}
        for server in range(servers):
            self._at(START + rng.randrange(RESEND_MS), lambda server=server: self._send(server))  # type: ignore[misc]
        self._at(START + rng.randrange(MINUTE), self._notify)
        if not calm:
            self._plan_trouble()

    def advance(self, ms: int) -> None:
        """Let time pass, with everything that happens meanwhile."""
        until = self.now + ms
        while self._queue and self._queue[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._queue)
            happens()
        self.now = until

    def is_silenced(self, name: str, at: int) -> bool:
        """Whether people keep it quiet."""
        return self._silenced[name](at)

    def has_fired_for(self, name: str, ms: int) -> bool:
        """Whether its Prometheus has lived and its rule fired without a break for so long, until now."""
        alert = self.alerts[name]
        dead = self._dead[alert.prometheus].spans
        lived = not any(begins < self.now and ends > self.now - ms for begins, ends in dead)
        return lived and any(begins <= self.now - ms and self.now < ends for begins, ends in alert.outages)

    def heard(self, server: int, peer: StandIn) -> int:
        """When a peer last heard this Prometheus, in true time; 0 where it has forgotten or never did."""
        held = peer.held.get(fingerprint(_watchdog(server)))
        return 0 if held is None else held.updated_at - (peer.now - self.now)

    def _at(self, at: int, happens: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, next(self._order), happens))

    def _alert(self, number: int, servers: int, *, calm: bool) -> tuple[str, Fires]:
        rng = self._rng
        prometheus = rng.randrange(servers)
        labels = {"alertname": f"Down{number}", "job": "shop", "prometheus": f"p{prometheus}"}
        begins = START + rng.randrange(10 * MINUTE)
        ends = begins + rng.randrange(5 * MINUTE, self._length_ms // (2 if calm else 1))
        outages = [(begins, ends)]
        if not calm and rng.random() < 0.4:  # it comes back
            again = ends + rng.choice((20_000, 5 * MINUTE, 11 * MINUTE, 20 * MINUTE))
            outages.append((again, again + rng.randrange(MINUTE, 30 * MINUTE)))
        return fingerprint(labels), Fires(labels, prometheus, outages)

    def _silence(self, alert: Fires, *, calm: bool) -> Spans:
        rng = self._rng
        _, ends = alert.outages[0]
        if calm:
            return Spans([(ends - MINUTE, ends + 30 * MINUTE)])
        if rng.random() < 0.6:
            return Spans([(ends - rng.randrange(MINUTE, 10 * MINUTE), ends + rng.randrange(MINUTE, 40 * MINUTE))])
        return spans(rng, self._length_ms, chance=0.3, lasts=(MINUTE, 30 * MINUTE))

    def _losses(self, peers: int, *, calm: bool) -> tuple[int, Spans]:
        """A peer, and when it is not told of the alert, though it hears its sender: a queue was full, or refused it."""
        peer, often = self._rng.randrange(peers), 0.0 if calm or peers == 1 else 0.2
        return peer, spans(self._rng, self._length_ms, chance=often, lasts=(5 * MINUTE, 60 * MINUTE))

    def _send(self, server: int) -> None:
        """What Prometheus sends each minute: what fires, what ended lately, and its sign of life."""
        self._at(self.now + RESEND_MS, lambda: self._send(server))
        if self._dead[server](self.now):
            return
        for number, peer in enumerate(self.peers):
            if self._cut[server][number](self.now):
                self.happened["a peer did not hear its Prometheus"] += 1
                continue
            offset = (
                peer.now - self.now
            )  # a sender shares the clock of its Alertmanager, for else that would hold nothing
            peer.receive(_watchdog(server), ends_at=self.now + offset + ENDS_AFTER_MS)
            for name, alert in self.alerts.items():
                at, is_lost = self._lost[name]
                if at == number and is_lost(self.now):
                    self.happened["a peer was not told of an alert"] += alert.is_on(self.now)
                elif alert.prometheus == server:
                    self._tell(peer, alert, offset)

    def _tell(self, peer: StandIn, alert: Fires, offset: int) -> None:
        for begins, ends in alert.outages:
            if begins <= self.now < ends:
                ends_at = self.now + offset + ENDS_AFTER_MS
                peer.receive(alert.labels, starts_at=begins + offset, ends_at=ends_at)
            elif ends <= self.now < ends + TELLS_ENDS_MS and not alert.is_on(self.now):
                peer.receive(alert.labels, starts_at=begins + offset, ends_at=ends + offset)

    def _notify(self) -> None:
        """What the Alertmanagers deliver: nothing of what is silenced, no end of what they have forgotten."""
        self._at(self.now + MINUTE, self._notify)
        for name, alert in self.alerts.items():
            is_quiet = self.is_silenced(name, self.now)
            (self.peers[0].silences.add if is_quiet else self.peers[0].silences.discard)(name)
            holders = [peer for peer in self.peers if name in peer.held]
            if is_quiet:
                if alert.delivered and self._rng.random() < self._stale:
                    self._tell_late(name)
            elif any(peer.lists(name) for peer in holders):
                if not alert.delivered or self.now >= alert.delivered_at + 12 * GROUP_INTERVAL_MS:
                    alert.delivered, alert.delivered_at = True, self.now
                    self.deliver(name, True, min(peer.held[name].starts_at for peer in holders))
            elif alert.delivered and self._rng.random() < self._stale:
                self._tell_late(name)
            elif alert.delivered and holders:
                alert.delivered = False
                self.deliver(name, False, self.now)

    def _tell_late(self, name: str) -> None:
        """A copy of a delivery arrives that was on its way."""
        self.happened["a late firing"] += 1
        self.deliver(name, True, self.alerts[name].outages[0][0])

    def _plan_trouble(self) -> None:
        rng = self._rng
        for peer in self.peers:
            for _ in range(rng.choice((0, 0, 1, 2))):
                self._at(START + rng.randrange(self._length_ms), lambda peer=peer: self._restart(peer))  # type: ignore[misc]
            for _ in range(rng.choice((0, 1, 2))):
                begins = START + rng.randrange(self._length_ms)
                fault = rng.choice([each for each in FAULTS if each != "too large"])
                self._at(begins, lambda peer=peer, fault=fault: self._spoil(peer, fault))  # type: ignore[misc]
                ends = begins + rng.choice((MINUTE, 3 * MINUTE, 20 * MINUTE))
                self._at(ends, lambda peer=peer: self._spoil(peer, ""))  # type: ignore[misc]
        if rng.random() < 0.15:  # all of them at once
            at = START + rng.randrange(self._length_ms)
            for peer in self.peers:
                self._at(at, lambda peer=peer: self._restart(peer))  # type: ignore[misc]

    def _restart(self, peer: StandIn) -> None:
        self.happened["an Alertmanager restarted"] += 1
        peer.restart()
        for alert in self.alerts.values():
            alert.delivered = alert.delivered and self._rng.random() < 0.9  # what it has delivered is on its disk
        if peer.cluster == "ready":
            peer.cluster = "settling"
            self._at(self.now + self._rng.choice(SETTLES_MS), lambda: setattr(peer, "cluster", "ready"))

    def _spoil(self, peer: StandIn, fault: str) -> None:
        self.happened[f"answers: {fault or 'well again'}"] += 1
        peer.fault = fault
