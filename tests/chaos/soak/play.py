"""One soak: senders, mischief and a look every few seconds, all at once, and what came of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tests.chaos.excess import over_everything
from tests.chaos.soak.mischief import Mischief
from tests.chaos.soak.samples import Sample, Sampler, grown
from tests.chaos.soak.sending import Senders
from tests.chaos.soak.soak_servers import SoakServers, soak_servers
from tests.chaos.soak.traffic import Source, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

REGIONS, PAGERS = 24, 8
PERIOD_S = 60.0
GROUPS = 16
_END_S = 120.0
_SAMPLES = 180
_MOST_BETWEEN_S = 10.0


class Outcome(Struct, kw_only=True):
    """What came of a soak: deliveries a second that were ``wanted`` and ``achieved``, and every breach in words."""

    wanted: float
    achieved: float
    accepted: int
    refused: int
    outages: int
    attacks: dict[str, int]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    wrong: tuple[str, ...]
    grown: tuple[str, ...]
    samples: list[Sample] = msgspec.field(default_factory=list)

    @property
    def broken(self) -> tuple[str, ...]:
        """All breaches."""
        return (*self.lost, *self.doubled, *self.wrong, *self.grown)


def play(
    folder: Path,
    *,
    seconds: float,
    rate: float,
    attack_every_s: float = 15.0,
    period_s: float = PERIOD_S,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Play for so long; ``say`` hears of each sample."""
    told = sources(REGIONS, PAGERS, period_s=period_s)
    with soak_servers(folder) as servers:
        mischief = Mischief(servers.bridge.port, every_s=attack_every_s)
        samples = asyncio.run(_play(servers, told, mischief, seconds=seconds, rate=rate, say=say))
        for body in over_everything():
            servers.bridge.deliver(body)
        _wait_for_the_end(servers)
        verdict = servers.judge(told)
        ready = servers.bridge.is_ready()
    accepted = sum(each.accepted for each in samples)
    return Outcome(
        wanted=rate,
        achieved=round(accepted / samples[-1].at_s, 1),
        accepted=accepted,
        refused=sum(each.refused for each in samples),
        outages=sum(each.outages for each in told),
        attacks=dict(mischief.played),
        lost=verdict.lost,
        doubled=verdict.doubled,
        wrong=(*verdict.wrong, *mischief.wrong, *(() if ready else ("the bridge is not ready",))),
        grown=tuple(grown(samples)),
        samples=samples,
    )


async def _play(
    servers: SoakServers,
    told: Sequence[Source],
    mischief: Mischief,
    *,
    seconds: float,
    rate: float,
    say: Callable[[str], None],
) -> list[Sample]:
    senders = Senders(servers.bridge, [told[number::GROUPS] for number in range(GROUPS)], rate=rate)
    sampler = Sampler(servers.bridge, servers.redis)
    samples: list[Sample] = []
    every_s = min(_MOST_BETWEEN_S, seconds / _SAMPLES * 6)
    loop = asyncio.get_running_loop()

    async def look() -> None:
        while True:
            await asyncio.sleep(every_s)
            at_s = loop.time() - senders.began
            samples.append(await asyncio.to_thread(sampler.look, at_s, senders.cut(), mischief.cut()))
            say(msgspec.json.encode(samples[-1]).decode())

    looking = asyncio.create_task(look())
    await asyncio.gather(senders.run(seconds), mischief.run(seconds))
    looking.cancel()
    await asyncio.wait([looking])
    return samples


def _wait_for_the_end(servers: SoakServers) -> None:
    """Until nothing stands open on the page; what does so for too long, the verdict says."""
    began = time.monotonic()
    while servers.open_incidents() and time.monotonic() - began < _END_S:
        time.sleep(0.5)
