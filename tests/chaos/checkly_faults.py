"""Checkly cannot be reached, does not answer, breaks off, refuses: when it is back, all goes on by itself, soon."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from msgspec import Struct, structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import DUE, Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.network import Network
from tests.chaos.outage_script import mailed, outage
from tests.chaos.proxy import Beyond, Flow, Greeting
from tests.scenarios.vocabulary import log_of, metric
from tests.unit.store.clock import Clock

RECOVERY_S = 10.0
LEASE_MS = 30_000  # as in production: nobody dies here, so nobody may have to wait for a lease to end
SETTLE_MS = 2_000
_STEPS = 4
_HOUR_MS = 3_600_000
LASTS_S = (0.2, 1.0, 3.0, 6.0, 12.0)


class Scene(Struct, frozen=True):
    """What a fault may touch."""

    servers: CampaignServers
    network: Network
    rng: Random

    def mend(self) -> None:
        """Nothing is broken any more."""
        self.network.heal()
        self.servers.control("DELETE", "faults")


class Fault(Struct, frozen=True, kw_only=True):
    """``strike`` breaks something until the scene is mended. ``refuses``: the bridge must say that it pauses."""

    name: str
    strike: Callable[[Scene], None]
    refuses: bool = False


def _latency(scene: Scene) -> None:
    delay_s = scene.rng.uniform(0.1, 0.4)
    scene.network.requests = scene.network.answers = Flow(delay_s=delay_s)


def _late(scene: Scene) -> None:
    scene.network.answers = Flow(delay_s=scene.rng.uniform(0.9, 1.5))  # the bridge waits for a second


def _request(beyond: Beyond) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.network.requests = _flow(beyond, 800, scene.rng)

    return strike


def _answer(beyond: Beyond) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.network.answers = _flow(beyond, 1_000, scene.rng)

    return strike


def _flow(beyond: Beyond, size: int, rng: Random) -> Flow:
    """Somewhere in the first exchanges of a connection."""
    return Flow(limit=rng.randrange(size), beyond=beyond, pace_s=rng.choice((0.001, 0.005, 0.05)))


def _certificate(scene: Scene) -> None:
    scene.network.tls = scene.rng.choice(scene.network.bad)
    scene.network.cut()


def _greeting(greeting: Greeting) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.network.greeting = greeting
        scene.network.cut()

    return strike


def _status(status: int, **answer: Any) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        body = scene.rng.choice(("envelope", "html", "empty", "string"))
        scene.servers.fault("answer", status=status, body=body, count=None, **answer)

    return strike


def _storm(scene: Scene) -> None:
    """Every call fails, some after they took effect."""
    faults = [
        {
            "kind": "answer",
            "status": scene.rng.choice((500, 502, 503, 504)),
            "body": scene.rng.choice(("envelope", "html", "empty", "string")),
            "commit": scene.rng.random() < 0.3,
        }
        for _ in range(500)
    ]
    scene.servers.control("POST", "faults", faults)


FAULTS = (
    Fault(name="latency", strike=_latency),
    Fault(name="answers too late", strike=_late),
    Fault(name="requests lost", strike=_request(Beyond.LOST)),
    Fault(name="answers lost", strike=_answer(Beyond.LOST)),
    Fault(name="reset amid a request", strike=_request(Beyond.CUT)),
    Fault(name="reset amid an answer", strike=_answer(Beyond.CUT)),
    Fault(name="slow request", strike=_request(Beyond.TRICKLE)),
    Fault(name="slow answer", strike=_answer(Beyond.TRICKLE)),
    Fault(name="bad certificate", strike=_certificate),
    Fault(name="TLS handshake cut", strike=_greeting(Greeting.CUT)),
    Fault(name="TLS handshake unanswered", strike=_greeting(Greeting.IGNORED)),
    Fault(name="name does not resolve", strike=lambda scene: scene.network.unname()),
    Fault(name="connection refused", strike=lambda scene: scene.network.refuse()),
    Fault(name="401 for an hour", strike=_status(401), refuses=True),
    Fault(name="402 for an hour", strike=_status(402), refuses=True),
    Fault(name="403 for an hour", strike=_status(403), refuses=True),
    Fault(name="429", strike=_status(429)),
    Fault(name="429 with Retry-After", strike=_status(429, retry_after=2)),
    Fault(name="503", strike=_status(503)),
    Fault(name="5xx storm", strike=_storm),
)


class ChecklyFaults:
    """Each fault strikes at each step of an outage in turn, before its delivery or while the page follows it.

    It lasts as long as one of ``lasts_s``. When it is over, the page must be right again within ``recovery_s``.
    """

    name = "checkly-faults"
    runs = _STEPS * len(FAULTS)

    def __init__(self, *, lasts_s: Sequence[float] = LASTS_S, recovery_s: float = RECOVERY_S) -> None:
        self._lasts_s = lasts_s
        self._recovery_s = recovery_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        fault, struck = FAULTS[seed % len(FAULTS)], seed // len(FAULTS) % _STEPS
        alerts, wrong, recovery_s = Alerts(), list[str](), 0.0
        with Network(servers) as network:
            scene = Scene(servers, network, Random(seed))
            servers.open(settle_ms=SETTLE_MS, lease_ms=LEASE_MS, environment=network.environment)
            for step, delivery in enumerate(outage(alerts)):
                if step == struck:
                    wrong += _suffer(fault, scene, delivery)
                    time.sleep(scene.rng.choice(self._lasts_s))
                    scene.mend()
                    recovery_s = servers.shows(alerts.wanted())
                    if servers.waits(lambda: not _is_paused(servers), within=self._recovery_s) >= self._recovery_s:
                        wrong.append("writes are still said to be paused long after the page is right again")
                else:
                    servers.deliver(delivery)
                    servers.shows(alerts.wanted())
            servers.converges(alerts.wanted())
            failed = _failed(servers)
            servers.clear()
        if recovery_s > self._recovery_s:
            wrong.append(f"the page was right only {recovery_s:.1f} s after Checkly was back")
        verdict = judge(servers.history(), alerts.wanted(), mailed=mailed())
        return Trial(
            case=f"Checkly: {fault.name}, at step {struck + 1}",
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *wrong)),
            recovery_s=recovery_s,
            events=Counter({fault.name: 1, "calls that failed": failed}),
        )


def _suffer(fault: Fault, scene: Scene, delivery: bytes) -> list[str]:
    """One step of the story, before or after the fault strikes; what was wrong with that."""
    if not fault.refuses and scene.rng.random() < 0.5:
        scene.servers.deliver(delivery)
        time.sleep(scene.rng.uniform(0, 0.15))
        fault.strike(scene)
        return []
    fault.strike(scene)
    scene.servers.deliver(delivery)
    return _paused(scene.servers) if fault.refuses else []


def _is_paused(servers: CampaignServers) -> bool:
    return bool(metric(servers.bridges[0], "bridge_writes_paused"))


def _failed(servers: CampaignServers) -> int:
    """How many calls the fault was felt by."""
    name = "bridge_page_requests_total"
    return int(
        metric(servers.bridges[0], name) - sum(metric(servers.bridges[0], name, code=code) for code in ("200", "201"))
    )


def _paused(servers: CampaignServers) -> list[str]:
    """See that the bridge says it pauses, by log and metric, and let an hour pass."""
    servers.waits(lambda: _is_paused(servers))
    with servers.redis.client() as client:
        Clock(client, prefix=DUE.removesuffix("due")).advance(_HOUR_MS)
    lines = log_of(servers.bridges[0], "writes_paused")
    return [] if lines and lines[-1]["level"] == "error" else ["the refused key was not said in the log"]
