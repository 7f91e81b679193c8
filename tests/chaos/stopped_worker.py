"""A worker is stopped at each of its boundaries in turn, for longer than its lease, and then goes on.

Another bridge takes over meanwhile. What the first one wakes up with is out of date, and it must write none of it.
"""

from __future__ import annotations

import signal
from collections import Counter

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.outage_script import mailed, outage


class StoppedWorker:
    """Stops at boundary ``seed``; the sweep goes on until a story ends before its boundary is reached."""

    name = "stopped-worker"
    runs = None

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        servers.open(fatal=seed, ends_by=signal.SIGSTOP)
        first = servers.bridges[0]
        alerts, slowest, where = Alerts(), 0.0, ""
        for delivery in outage(alerts):
            slowest = max(slowest, servers.deliver(delivery) + servers.converges(alerts.wanted()))
            if first.is_stopped:
                where = first.boundaries[seed - 1]
                first.go_on()
                servers.rests()
        verdict = judge(servers.history(), alerts.wanted(), mailed=mailed())
        return Trial(
            case=f"stopped at boundary {seed}: {where or 'none left'}",
            faults=bool(where),
            verdict=verdict,
            recovery_s=slowest,
            events=Counter({where: 1} if where else {}),
            is_last=not where,
        )
