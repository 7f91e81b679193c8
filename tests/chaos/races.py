"""Many deliveries of one outage at the same moment, to several bridges: one incident, one mail."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import httpx

from tests.chaos.campaign import Trial
from tests.chaos.checker import judge
from tests.chaos.generation import SERVICES
from tests.chaos.stage import Alerts, Stage, name
from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Sequence

RACERS = 8
BRIDGES = 2


class Races:
    """For each incident 8 deliveries race: equal ones, or alerts that differ in service, start or instance."""

    name = "races"
    runs = 100

    def __init__(self, *, incidents: int = 50) -> None:
        self._incidents = incidents

    def trial(self, stage: Stage, seed: int) -> Trial:
        if len(stage.bridges) != BRIDGES:
            stage.open(bridges=BRIDGES)
        chance = Random(seed)
        alerts = Alerts()
        stage.control("POST", "reset")
        regions = [f"r{seed}-{number}" for number in range(self._incidents)]
        starts = [_starts(alerts, region, chance) for region in regions]
        recovery = _race(stage, starts) + stage.converges(alerts.wanted())
        ends = [[alerts.ends(region)] * RACERS for region in regions]
        recovery = max(recovery, _race(stage, ends) + stage.converges(alerts.wanted()))
        mailed = {name(region): ["INVESTIGATING", "RESOLVED"] for region in regions}
        return Trial(
            case=f"{self._incidents} incidents, {RACERS} deliveries each at once, to {BRIDGES} bridges",
            faults=0,
            verdict=judge(stage.history(), alerts.wanted(), mailed=mailed),
            recovery_s=recovery,
            events=Counter({"races": 2 * len(regions), "deliveries": 2 * len(regions) * RACERS}),
        )


def _starts(alerts: Alerts, region: str, chance: Random) -> list[bytes]:
    """Deliveries that race to open one incident."""
    if chance.random() < 0.5:
        return [alerts.fires(region)] * RACERS
    return [
        alerts.fires(region, chance.choice(SERVICES), instance=f"{chance.randrange(RACERS // 2)}")
        for _ in range(RACERS)
    ]


def _race(stage: Stage, deliveries: Sequence[Sequence[bytes]]) -> float:
    """Deliver all at once, those of one incident side by side; the seconds until all are accepted."""

    async def deliver(client: httpx.AsyncClient, url: str, body: bytes) -> None:
        assert (await client.post(url, content=body)).status_code == httpx.codes.ACCEPTED

    async def all_at_once() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        headers = {"Authorization": f"Bearer {Bridge.alertmanager_token}"}
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(timeout=60, headers=headers, limits=limits) as client:
            urls = [bridge.webhook for bridge in stage.bridges]
            await asyncio.gather(
                *(
                    deliver(client, urls[racer % len(urls)], body)
                    for racers in deliveries
                    for racer, body in enumerate(racers)
                )
            )
        return loop.time() - began

    return asyncio.run(all_at_once())
