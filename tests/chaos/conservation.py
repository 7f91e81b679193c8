"""Many senders, several bridges, thousands of alerts, random deaths: what the alerts say in the end is on the page."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event

import httpx

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.generation import SERVICES
from tests.servers import Bridge

PATIENCE_S = 300.0


class Conservation:
    """20 senders deliver ``alerts`` alerts of 100 incidents to 4 bridges, one of which is killed about every second."""

    name = "conservation"
    runs = 1

    def __init__(self, *, alerts: int = 5_000, senders: int = 20, incidents: int = 100, bridges: int = 4) -> None:
        self._alerts = alerts
        self._senders = senders
        self._incidents = incidents
        self._bridges = bridges

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        servers.open(bridges=self._bridges)
        rng = Random(seed)
        senders = [_Sender(servers, rng.random(), self._regions(number)) for number in range(self._senders)]
        done = Event()
        with ThreadPoolExecutor(self._senders + 1) as pool:
            killing = pool.submit(_kill, servers, rng, done)
            sending = [pool.submit(sender.send, self._alerts // self._senders) for sender in senders]
            for each in sending:
                each.result()
            done.set()
            killing.result()
        wanted = {name: want for each in senders for name, want in each.alerts.wanted(may_be_unpublished=True).items()}
        recovery = servers.converges(wanted, within=PATIENCE_S)
        return Trial(
            case=f"{self._alerts} alerts, {self._senders} senders, {self._bridges} bridges, {servers.deaths} deaths",
            faults=servers.deaths,
            verdict=judge(servers.history(), wanted),
            recovery_s=recovery,
            events=Counter({"alerts": self._alerts, "deliveries refused": sum(each.refused for each in senders)}),
        )

    def _regions(self, sender: int) -> list[str]:
        """A sender has incidents of its own, so that it knows what became of them."""
        return [f"r{number}" for number in range(sender, self._incidents, self._senders)]


class _Sender:
    """An Alertmanager with some regions: alerts start and end by chance, and what was not accepted is sent again."""

    def __init__(self, servers: CampaignServers, seed: float, regions: list[str]) -> None:
        self._servers = servers
        self._jitter = Random(seed)
        self._regions = regions
        self._http = httpx.Client(timeout=10.0, headers={"Authorization": f"Bearer {Bridge.alertmanager_token}"})
        self.alerts = Alerts()
        self.refused = 0

    def send(self, count: int) -> None:
        """Tell of so many alerts, each starting or ending."""
        with self._http:
            for number in range(count):
                self._deliver(self._next(number))

    def _next(self, number: int) -> bytes:
        region = self._jitter.choice(self._regions)
        firing = self.alerts.firing(region)
        if firing and self._jitter.random() < 0.5:
            return self.alerts.ends(region, self._jitter.choice(firing))
        severity = self._jitter.choice(("warning", "warning", "critical"))
        return self.alerts.fires(region, self._jitter.choice(SERVICES), severity, instance=f"{number}")

    def _deliver(self, body: bytes) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            bridge = self._jitter.choice(self._servers.bridges)
            try:
                status = self._http.post(bridge.webhook, content=body).status_code
            except httpx.TransportError:
                status = 0
            if status == httpx.codes.ACCEPTED:
                return
            self.refused += 1
            time.sleep(0.05)
        raise AssertionError(f"a delivery was not accepted within {PATIENCE_S:g} s")


def _kill(servers: CampaignServers, rng: Random, done: Event) -> None:
    """Kill a bridge about every second; it is started again at once."""
    while not done.wait(0.2 + rng.random()):
        rng.choice(servers.bridges).crash()
        servers.revive()
