"""The process is killed at each of its boundaries in turn, started again, and must bring the story to its end.

The seed is the boundary's number: the sweep goes on until a story ends before its boundary is reached. So the list of
boundaries is the code's own.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain

from tests.chaos.campaign import Trial
from tests.chaos.checker import judge
from tests.chaos.stage import Alerts, Stage
from tests.chaos.story import MAILED_AGAIN, OUTAGE, outage, relapse


class CrashPoints:
    """Kills at boundary ``seed`` of an outage's life: fires, grows, worsens, clears, fires again, clears again."""

    name = "crash-points"
    runs = None

    def trial(self, stage: Stage, seed: int) -> Trial:
        stage.ends_leases = True
        stage.open(fatal=seed)
        alerts = Alerts()
        slowest = 0.0
        for delivery in chain(outage(alerts), relapse(alerts)):
            slowest = max(slowest, stage.deliver(delivery) + stage.converges(alerts.wanted()))
        verdict = judge(stage.history(), alerts.wanted(), mailed={OUTAGE: MAILED_AGAIN})
        where = stage.bridges[0].boundaries[seed - 1] if stage.deaths else "none left"
        return Trial(
            case=f"killed at boundary {seed}: {where}",
            faults=stage.deaths,
            verdict=verdict,
            recovery_s=slowest,
            events=Counter({where: 1} if stage.deaths else {}),
            is_last=not stage.deaths,
        )
