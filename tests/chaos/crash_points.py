"""The process is killed at each of its boundaries in turn, started again, and must bring the story to its end.

What it then tells of it must be what the simulator saw.

The seed is the boundary's number: the sweep goes on until a story ends before its boundary is reached. So the list of
boundaries is the code's own.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from random import Random

from msgspec.structs import replace

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import SETTLE_MS, Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.generation import V1, Generation
from tests.chaos.habits import Habits
from tests.chaos.outage_script import mailed, outage, relapse
from tests.chaos.told import untrue


class CrashPoints:
    """Kills at boundary ``seed`` of an outage's life: fires, grows, worsens, clears, fires again, clears again."""

    runs = None

    def __init__(self, generation: Generation = V1) -> None:
        self.name = generation.campaign("crash-points")
        self._generation = generation

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        servers.ends_leases = True
        habits = Habits.drawn(Random(seed), longest_lag_ms=SETTLE_MS // 2)
        servers.open(self._generation, fatal=seed, checkly=habits.checkly)
        habits.take_on(servers, self._generation)
        alerts = Alerts(self._generation)
        slowest = 0.0
        for delivery in chain(outage(alerts), relapse(alerts)):
            slowest = max(slowest, servers.deliver(delivery) + servers.converges(alerts.wanted()))
        history = servers.history()
        verdict = judge(history, alerts.wanted(), mailed=mailed(self._generation, again=True))
        verdict = replace(verdict, wrong=(*verdict.wrong, *untrue(history, *servers.told(history))))
        where = servers.bridges[0].boundaries[seed - 1] if servers.deaths else "none left"
        return Trial(
            case=f"killed at boundary {seed}: {where}; {habits}",
            faults=servers.deaths,
            verdict=verdict,
            recovery_s=slowest,
            events=Counter({where: 1} if servers.deaths else {}),
            is_last=not servers.deaths,
        )
