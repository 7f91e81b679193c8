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
from tests.chaos.checker import judge
from tests.chaos.proxy import Proxy
from tests.chaos.stage import Alerts, Stage
from tests.chaos.story import MAILED, OUTAGE, REGION, outage
from tests.servers import free_ports

RECOVERY_S = 10.0
_DOWN_S = 1.0


class Fault(Struct, frozen=True, kw_only=True):
    """``strike`` breaks something and mends it at its end. ``refuses``: no delivery may be accepted meanwhile.

    ``forgets``: the store is empty afterwards, and Alertmanager's next repeat must restore what fires.
    """

    name: str
    strike: Callable[[Stage, Proxy], Iterator[None]]
    refuses: bool = False
    forgets: bool = False


def _stopped(stage: Stage, _: Proxy) -> Iterator[None]:
    stage.redis.stop()
    yield
    stage.redis.start()


def _killed(stage: Stage, _: Proxy) -> Iterator[None]:
    stage.redis.kill()
    yield
    stage.redis.start()


def _emptied(stage: Stage, _: Proxy) -> Iterator[None]:
    stage.redis.kill()
    shutil.rmtree(stage.redis.directory / "appendonlydir")
    yield
    stage.redis.start()


def _flushed(stage: Stage, _: Proxy) -> Iterator[None]:
    _do(stage, "FLUSHALL")
    yield


def _full(stage: Stage, _: Proxy) -> Iterator[None]:
    _do(stage, "CONFIG", "SET", "maxmemory", "1mb")  # less than an empty server uses
    yield
    _do(stage, "CONFIG", "SET", "maxmemory", "0")


def _replica(stage: Stage, _: Proxy) -> Iterator[None]:
    _do(stage, "REPLICAOF", "127.0.0.1", str(free_ports(1)[0]))
    yield
    _do(stage, "REPLICAOF", "NO", "ONE")


def _scripts_gone(stage: Stage, _: Proxy) -> Iterator[None]:
    _do(stage, "SCRIPT", "FLUSH")
    yield
    _do(stage, "SCRIPT", "FLUSH")


def _frozen(stage: Stage, _: Proxy) -> Iterator[None]:
    stage.redis.signal(signal.SIGSTOP)
    yield
    stage.redis.signal(signal.SIGCONT)


def _clients_killed(stage: Stage, _: Proxy) -> Iterator[None]:
    _do(stage, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    yield
    _do(stage, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _slow(_: Stage, proxy: Proxy) -> Iterator[None]:
    proxy.delay_s = 0.2
    yield
    proxy.delay_s = 0.0


def _too_slow(_: Stage, proxy: Proxy) -> Iterator[None]:
    proxy.delay_s = 3.0  # longer than the bridge waits for Redis
    yield
    proxy.delay_s = 0.0


def _cut_off(_: Stage, proxy: Proxy) -> Iterator[None]:
    proxy.delay_s = 0.05
    for _moment in range(20):
        proxy.cut()
        time.sleep(0.03)
    yield
    proxy.cut()
    proxy.delay_s = 0.0


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
    """Each fault strikes at each step of an outage in turn, before its delivery or while the page follows it."""

    name = "redis-faults"
    runs = 4 * len(FAULTS)

    def trial(self, stage: Stage, seed: int) -> Trial:
        fault, struck = FAULTS[seed % len(FAULTS)], seed // len(FAULTS) % 4
        alerts, chance, slowest = Alerts(), Random(seed), 0.0
        strike = _Strike(fault)
        with Proxy(stage.redis.port) as proxy:
            stage.open(redis_url=f"redis://127.0.0.1:{proxy.port}/0")
            story = outage(alerts)
            for step in range(4):
                if step == struck and fault.forgets and step > 0:  # what has ended by then nobody will repeat
                    strike(stage, proxy, alerts.repeats(REGION))
                delivery = next(story)
                if step == struck and not fault.forgets:
                    if chance.random() < 0.5:
                        stage.deliver(delivery)
                        time.sleep(chance.random())
                    strike(stage, proxy, delivery)
                slowest = max(slowest, stage.deliver(delivery) + stage.converges(alerts.wanted()))
            stage.clear()
        verdict = judge(stage.history(), alerts.wanted(), mailed={OUTAGE: MAILED})
        return Trial(
            case=f"Redis {fault.name} at step {struck + 1}",
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *strike.wrong)),
            recovery_s=max(slowest, strike.recovery_s),
            events=Counter({fault.name: 1}),
        )


class _Strike:
    """One fault, and what only the sender sees of it: ``wrong`` answers, and when deliveries are taken again."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.wrong: list[str] = []
        self.recovery_s = 0.0

    def __call__(self, stage: Stage, proxy: Proxy, delivery: bytes) -> None:
        """Break, deliver all the while, mend, and wait for the delivery to be taken."""
        with contextmanager(self._fault.strike)(stage, proxy):
            until = time.monotonic() + _DOWN_S
            while time.monotonic() < until:
                status = stage.offer(delivery)
                if self._fault.refuses and status != httpx.codes.SERVICE_UNAVAILABLE:
                    self.wrong.append(f"a delivery was answered {status} while Redis was {self._fault.name}")
                time.sleep(0.1)
        self.recovery_s = stage.deliver(delivery)
        if self.recovery_s > RECOVERY_S:
            self.wrong.append(f"took no delivery for {self.recovery_s:.1f} s after Redis was back")


def _do(stage: Stage, *command: str) -> None:
    with stage.redis.client() as client:
        client.execute_command(*command)
