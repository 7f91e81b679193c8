"""Many deliveries of one outage at the same moment, to several bridges: one incident, one mail."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers, name
from tests.chaos.checker import judge
from tests.chaos.generation import SERVICES
from tests.chaos.load import Load, deliver

if TYPE_CHECKING:
    from collections.abc import Sequence

RACERS = 8
BRIDGES = 2
_CONNECTIONS = 32  # to each bridge


class Races:
    """For each incident 8 deliveries race: equal ones, or alerts that differ in service, start or instance."""

    name = "races"
    runs = 100

    def __init__(self, *, incidents: int = 50) -> None:
        self._incidents = incidents

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        if len(servers.bridges) != BRIDGES:
            servers.open(bridges=BRIDGES)
        rng = Random(seed)
        alerts = Alerts()
        servers.control("POST", "reset")
        regions = [f"r{seed}-{number}" for number in range(self._incidents)]
        starts = [_starts(alerts, region, rng) for region in regions]
        recovery = _race(servers, starts) + servers.converges(alerts.wanted())
        ends = [[alerts.ends(region)] * RACERS for region in regions]
        recovery = max(recovery, _race(servers, ends) + servers.converges(alerts.wanted()))
        mailed = {name(region): ["INVESTIGATING", "RESOLVED"] for region in regions}
        return Trial(
            case=f"{self._incidents} incidents, {RACERS} deliveries each at once, to {BRIDGES} bridges",
            faults=0,
            verdict=judge(servers.history(), alerts.wanted(), mailed=mailed),
            recovery_s=recovery,
            events=Counter({"races": 2 * len(regions), "deliveries": 2 * len(regions) * RACERS}),
        )


def _starts(alerts: Alerts, region: str, rng: Random) -> list[bytes]:
    """Deliveries that race to open one incident."""
    if rng.random() < 0.5:
        return [alerts.fires(region)] * RACERS
    return [alerts.fires(region, rng.choice(SERVICES), instance=f"{rng.randrange(RACERS // 2)}") for _ in range(RACERS)]


def _race(servers: CampaignServers, deliveries: Sequence[Sequence[bytes]]) -> float:
    """Deliver all at once, those of one incident side by side; the seconds until all are accepted."""

    async def all_at_once() -> list[Load]:
        shares = ([body for racers in deliveries for body in racers[nth::BRIDGES]] for nth in range(BRIDGES))
        sent = zip(servers.bridges, shares, strict=True)
        return await asyncio.gather(*(deliver(bridge, share, connections=_CONNECTIONS) for bridge, share in sent))

    loads = asyncio.run(all_at_once())
    assert [load.refused for load in loads] == [0] * BRIDGES, [load.answers for load in loads]
    return max(load.seconds for load in loads)
