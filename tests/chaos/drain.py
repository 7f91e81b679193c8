"""Checkly is away while a backlog builds up, and comes back: what is over is told first, then what is new."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from msgspec import structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers, name
from tests.chaos.checker import judge
from tests.chaos.checkly_faults import LEASE_MS, RECOVERY_S, SETTLE_MS
from tests.chaos.network import Network
from tests.chaos.proxy import Beyond, Flow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.chaos.checker import History

_IN_HAND = 8  # incidents that a bridge works on at the same time: those may overtake each other
_AWAY_S = 3.0
_WAYS = ("does not resolve", "refuses connections", "does not answer")


class Drain:
    """Half of the backlog stands open and has cleared, half is new.

    When Checkly is back, the first of it must be on the page within ``recovery_s``; the time until all of it is counts
    as the recovery.
    """

    name = "checkly-drain"
    runs = len(_WAYS)

    def __init__(self, *, incidents: int = 200, recovery_s: float = RECOVERY_S) -> None:
        self._incidents = incidents
        self._recovery_s = recovery_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        way, alerts = _WAYS[seed % len(_WAYS)], Alerts()
        old, new = ([f"{age}{number}" for number in range(self._incidents // 2)] for age in ("old", "new"))
        with Network(servers) as network:
            servers.open(settle_ms=SETTLE_MS, lease_ms=LEASE_MS, environment=network.environment)
            for region in old:
                servers.deliver(alerts.fires(region))
            servers.converges(alerts.wanted())
            before = len(servers.history().calls)
            _leave(network, way)
            for region in Random(seed).sample([*old, *new], self._incidents):
                servers.deliver(alerts.ends(region) if region in old else alerts.fires(region))
            time.sleep(_AWAY_S)
            network.heal()
            first_s = servers.waits(lambda: any(call["committed"] for call in servers.history().calls[before:]))
            recovery_s = first_s + servers.shows(alerts.wanted())
            servers.clear()
        history = servers.history()
        verdict = judge(
            history, alerts.wanted(), mailed={name(region): ["INVESTIGATING", "RESOLVED"] for region in old}
        )
        wrong = [*_overtaken(history, {name(region) for region in new})]
        if first_s > self._recovery_s:
            wrong.append(f"nothing was written for {first_s:.1f} s after Checkly was back")
        return Trial(
            case=f"Checkly {way}, {self._incidents} incidents wait",
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *wrong)),
            recovery_s=recovery_s,
            events=Counter({"incidents drained": self._incidents}),
        )


def _leave(network: Network, way: str) -> None:
    match way:
        case "does not resolve":
            network.unname()
        case "refuses connections":
            network.refuse()
        case _:
            network.requests = Flow(limit=0, beyond=Beyond.LOST)


def _overtaken(history: History, new: Collection[str]) -> Iterator[str]:
    """Openings of new incidents before the last end of an old one, but for what was in hand.

    That is, when Checkly went away, and what is begun while the last of the old are in hand.
    """
    opened = [incident.updates[0].at for incident in history.incidents if incident.title in new]
    over = [incident.updates[-1].at for incident in history.incidents if incident.status == "RESOLVED"]
    early = sum(at < max(over, default=0) for at in opened)
    if early > 2 * _IN_HAND:
        yield f"{early} new incidents were opened before the last old one was told over"
