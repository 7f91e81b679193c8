"""Redis stops, forgets, fills up, slows down: nothing is promised that is not kept, and all goes on by itself."""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import httpx
from msgspec import Struct, structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.outage_script import REGION, mailed, outage
from tests.chaos.proxy import Flow, Proxy
from tests.servers import free_ports

RECOVERY_S = 10.0
LEASE_MS = 30_000  # as in production: nobody dies here, so nobody may have to wait for a lease to end
_DOWN_S = 1.0
_STEPS = 4


class Fault(Struct, frozen=True, kw_only=True):
    """``strike`` breaks something and mends it at its end. ``refuses``: no delivery may be accepted meanwhile.

    ``forgets``: the store is empty afterwards, and Alertmanager's next repeat must restore what fires.
    """

    name: str
    strike: Callable[[CampaignServers, Proxy], Iterator[None]]
    refuses: bool = False
    forgets: bool = False


def _stopped(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    servers.redis.stop()
    yield
    servers.redis.start()


def _killed(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    servers.redis.kill()
    yield
    servers.redis.start()


def _emptied(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    servers.redis.kill()
    shutil.rmtree(servers.redis.directory / "appendonlydir")
    yield
    servers.redis.start()


def _flushed(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    _do(servers, "FLUSHALL")
    yield


def _full(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    _do(servers, "CONFIG", "SET", "maxmemory", "1mb")  # less than an empty server uses
    yield
    _do(servers, "CONFIG", "SET", "maxmemory", "0")


def _replica(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    _do(servers, "REPLICAOF", "127.0.0.1", str(free_ports(1)[0]))
    yield
    _do(servers, "REPLICAOF", "NO", "ONE")


def _scripts_gone(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    _do(servers, "SCRIPT", "FLUSH")
    yield
    _do(servers, "SCRIPT", "FLUSH")


def _frozen(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    servers.redis.signal(signal.SIGSTOP)
    yield
    servers.redis.signal(signal.SIGCONT)


def _clients_killed(servers: CampaignServers, _: Proxy) -> Iterator[None]:
    _do(servers, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    yield
    _do(servers, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _slow(_: CampaignServers, proxy: Proxy) -> Iterator[None]:
    proxy.requests = proxy.answers = Flow(delay_s=0.2)
    yield
    proxy.heal()


def _too_slow(_: CampaignServers, proxy: Proxy) -> Iterator[None]:
    proxy.requests = proxy.answers = Flow(delay_s=3.0)  # longer than the bridge waits for Redis
    yield
    proxy.heal()


def _cut_off(_: CampaignServers, proxy: Proxy) -> Iterator[None]:
    proxy.requests = proxy.answers = Flow(delay_s=0.05)
    for _moment in range(20):
        proxy.cut()
        time.sleep(0.03)
    yield
    proxy.cut()
    proxy.heal()


FAULTS = (
    Fault(name="stopped and started", strike=_stopped, refuses=True),
    Fault(name="killed and started", strike=_killed, refuses=True),
    Fault(name="started empty", strike=_emptied, refuses=True, forgets=True),
    Fault(name="FLUSHALL", strike=_flushed, forgets=True),
    Fault(name="memory full", strike=_full, refuses=True),
    Fault(name="read-only replica", strike=_replica, refuses=True),
    Fault(name="script cache flushed", strike=_scripts_gone),
    Fault(name="frozen", strike=_frozen),
    Fault(name="connections killed", strike=_clients_killed),
    Fault(name="slow", strike=_slow),
    Fault(name="too slow", strike=_too_slow),
    Fault(name="cut off", strike=_cut_off),
)


class RedisFaults:
    """Each fault strikes at each step of an outage in turn, before its delivery or while the page follows it.

    When it is over, a delivery must be taken and the page be right again within ``recovery_s``.
    """

    name = "redis-faults"
    runs = _STEPS * len(FAULTS)

    def __init__(self, *, recovery_s: float = RECOVERY_S) -> None:
        self._recovery_s = recovery_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        fault, struck = FAULTS[seed % len(FAULTS)], seed // len(FAULTS) % _STEPS
        alerts, rng, wrong, recovery_s = Alerts(), Random(seed), list[str](), 0.0
        with Proxy(servers.redis.port) as proxy:

            def suffer(delivery: bytes) -> float:
                wrong.extend(_suffer(fault, servers, proxy, delivery))
                return servers.deliver(delivery) + servers.shows(alerts.wanted())

            servers.open(redis_url=f"redis://127.0.0.1:{proxy.port}/0", lease_ms=LEASE_MS)
            deliveries = outage(alerts)
            for step in range(_STEPS):
                repeats = fault.forgets and step > 0  # what has ended by then nobody will repeat
                if step == struck and repeats:
                    recovery_s = suffer(alerts.repeats(REGION))
                delivery = next(deliveries)
                if step == struck and not repeats:
                    if rng.random() < 0.5:
                        servers.deliver(delivery)
                        time.sleep(rng.uniform(0, 0.3))
                    recovery_s = suffer(delivery)
                servers.deliver(delivery)
                servers.converges(alerts.wanted())
            servers.clear()
        if recovery_s > self._recovery_s:
            wrong.append(f"the page was right only {recovery_s:.1f} s after Redis was back")
        verdict = judge(servers.history(), alerts.wanted(), mailed=mailed())
        return Trial(
            case=f"Redis {fault.name} at step {struck + 1}",
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *wrong)),
            recovery_s=recovery_s,
            events=Counter({fault.name: 1}),
        )


def _suffer(fault: Fault, servers: CampaignServers, proxy: Proxy, delivery: bytes) -> list[str]:
    """Break, deliver all the while, mend; the answers that promised too much."""
    wrong = []
    with contextmanager(fault.strike)(servers, proxy):
        until = time.monotonic() + _DOWN_S
        while time.monotonic() < until:
            status = servers.offer(delivery)
            if fault.refuses and status != httpx.codes.SERVICE_UNAVAILABLE:
                wrong.append(f"a delivery was answered {status} while Redis was {fault.name}")
            time.sleep(0.1)
    return wrong


def _do(servers: CampaignServers, *command: str) -> None:
    with servers.redis.client() as client:
        client.execute_command(*command)
