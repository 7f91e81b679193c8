"""Very many alerts: at once, for long, while Checkly is away, on and off. Little memory, few calls, all is right."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import name
from tests.chaos.checker import Verdict, Wanted, judge
from tests.chaos.load import Load, deliver
from tests.chaos.memory import Memory
from tests.scenarios.vocabulary import alert, iso, metric, now_ms, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.campaign_servers import CampaignServers

ALERTS_A_SECOND = 2_000
ALERTS_EACH = 100
GIANT_ALERTS = 99_000  # of 145 bytes: nearly the most alerts, and nearly the largest body, that a delivery may have
SLOWEST_LOOK_S = 5.0  # a liveness probe has no more patience
PATIENCE_S = 300.0
_SERVICES = frozenset({"Checkout"})


class Region:
    """One incident's alerts; every delivery that says ``fires`` tells of new ones."""

    def __init__(self, number: int) -> None:
        self.region = f"r{number}"
        self._firing: list[dict[str, Any]] = []
        self._told = 0

    def fires(self, count: int = ALERTS_EACH) -> bytes:
        """So many more alerts fire."""
        started = [alert(region=self.region, service="Checkout", instance=f"{self._told + n}") for n in range(count)]
        self._told += count
        self._firing += started
        return payload(*started)

    def fires_tersely(self, count: int) -> bytes:
        """So many alerts fire, and say hardly more than that; ``ends`` will not know them all."""
        tiny = (
            b'{"status":"firing","labels":{"team":"shop","service":"Checkout","region":"%s","n":"%d"},'
            b'"startsAt":"2026-01-01T00:00:00Z","fingerprint":"%s-%x"}'
            % (self.region.encode(), n, self.region.encode(), n)
            for n in range(count)
        )
        self._firing.append(alert(region=self.region, service="Checkout"))
        return b'{"version":"4","alerts":[' + b",".join(tiny) + b"]}"

    def ends(self) -> bytes:
        """Everything ends."""
        ended, self._firing = self._firing, []
        return payload(*({**each, "status": "resolved", "endsAt": iso(now_ms())} for each in ended))

    @property
    def wanted(self) -> Wanted:
        """What the page must show."""
        if not self._firing:
            return Wanted(ever=_SERVICES, may_be_unpublished=True)
        return Wanted(severity="MEDIUM", services=_SERVICES, ever=_SERVICES)


class Storm(Struct, frozen=True, kw_only=True):
    """What is delivered and what it may cost. Deliveries are ``every_s``; ``last`` come when the page shows the others.

    ``most_calls`` are Checkly's for each incident. ``is_down``: Checkly is away until all is delivered.
    """

    kind: str
    regions: Sequence[Region]
    deliveries: Iterable[bytes]
    last: Callable[[], list[bytes]] = list
    every_s: float = 0.0
    is_down: bool = False
    most_growth_mib: int = 150
    most_calls: int = 10

    @property
    def wanted(self) -> dict[str, Wanted]:
        """What the page must show now."""
        return {name(each.region): each.wanted for each in self.regions}


class Storms:
    """Five storms: in one delivery, in giant ones, steady, the same while Checkly is away, and flapping."""

    name = "storms"
    runs = 1

    def __init__(
        self, *, seconds: int = 60, incidents: int = 200, alerts: int = 20_000, giant_alerts: int = GIANT_ALERTS
    ) -> None:
        self._seconds = seconds
        self._incidents = incidents
        self._alerts = alerts
        self._giant_alerts = giant_alerts

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        played = [_play(servers, storm) for storm in self._storms(Random(seed))]
        return Trial(
            case=f"{self._alerts} alerts at once; {ALERTS_A_SECOND} a second for {self._seconds} s",
            faults=len(played),
            verdict=Verdict(
                lost=tuple(breach for each in played for breach in each.verdict.lost),
                doubled=tuple(breach for each in played for breach in each.verdict.doubled),
                wrong=tuple(breach for each in played for breach in each.verdict.wrong),
            ),
            recovery_s=max(each.recovery_s for each in played),
            events=sum((each.figures for each in played), Counter()),
        )

    def _storms(self, rng: Random) -> Iterator[Storm]:
        region = Region(0)
        yield Storm(
            kind="one delivery",
            regions=[region],
            deliveries=[region.fires(self._alerts)],
            last=lambda: [region.ends()],
        )
        giants = [Region(number) for number in range(4)]
        yield Storm(
            kind="giants",
            regions=giants,
            deliveries=[each.fires_tersely(self._giant_alerts) for each in giants],
            most_growth_mib=400,  # with what idles, far below the 768 MiB of deploy/kubernetes
        )
        for kind in ("steady", "Checkly down"):
            regions = self._regions()
            yield Storm(
                kind=kind,
                regions=regions,
                deliveries=self._rain(regions),
                every_s=ALERTS_EACH / ALERTS_A_SECOND,
                last=partial(_turn, regions, rng),
                is_down=kind == "Checkly down",
            )
        regions = self._regions()
        yield Storm(
            kind="flapping",
            regions=regions,
            deliveries=self._flaps(regions),
            every_s=1 / len(regions),
            last=partial(_turn, regions, rng),
            most_calls=4 * self._seconds,
        )

    def _regions(self) -> list[Region]:
        return [Region(number) for number in range(self._incidents)]

    def _rain(self, regions: Sequence[Region]) -> list[bytes]:
        deliveries = self._seconds * ALERTS_A_SECOND // ALERTS_EACH
        return [region.fires() for region in islice(cycle(regions), deliveries)]

    def _flaps(self, regions: Sequence[Region]) -> Iterator[bytes]:
        """Each second everything starts or ends anew."""
        for second in range(self._seconds):
            for region in regions:
                yield region.ends() if second % 2 else region.fires(1)


class Played(Struct, frozen=True, kw_only=True):
    """What came of a storm. ``calls`` are Checkly's for each incident."""

    kind: str
    load: Load
    growth_mib: int
    calls: float
    recovery_s: float
    verdict: Verdict

    @property
    def figures(self) -> Counter[str]:
        """The figures of the report."""
        figures = {
            "deliveries a second": self.load.answers[202] / self.load.seconds,
            "slowest delivery (ms)": self.load.slowest_s * 1000,
            "slowest look at the health (ms)": self.load.slowest_look_s * 1000,
            "memory grown (MiB)": self.growth_mib,
            "calls for ten incidents": self.calls * 10,
            "recovery (ms)": self.recovery_s * 1000,
        }
        return Counter({f"{self.kind}: {figure}": round(value) for figure, value in figures.items()})


def _play(servers: CampaignServers, storm: Storm) -> Played:
    servers.open()
    [bridge] = servers.bridges
    memory = Memory(bridge.pid)
    if storm.is_down:
        servers.sandbox.kill()
    load = asyncio.run(deliver(bridge, storm.deliveries, every_s=storm.every_s))
    recovery_s = 0.0 if storm.is_down else servers.converges(storm.wanted, within=PATIENCE_S)
    last = asyncio.run(deliver(bridge, storm.last()))
    if storm.is_down:
        servers.sandbox.start()
    recovery_s = max(recovery_s, servers.converges(storm.wanted, within=PATIENCE_S))
    history = servers.history()
    made = history.calls[-1]["number"] / len(storm.regions)
    tried = metric(bridge, "bridge_page_requests_total") / len(storm.regions)
    verdict = judge(history, storm.wanted)
    played = Played(
        kind=storm.kind,
        load=load,
        growth_mib=memory.growth_mib,
        calls=max(made, tried),
        recovery_s=recovery_s,
        verdict=verdict,
    )
    return replace(played, verdict=replace(verdict, wrong=(*verdict.wrong, *_excesses(storm, played, last))))


def _excesses(storm: Storm, played: Played, last: Load) -> Iterator[str]:
    """What was not taken, took too long, too much memory, or too many calls."""
    for load in (played.load, last):
        if load.refused:
            yield f"{storm.kind}: answers were {dict(load.answers)}"
        if load.slowest_look_s > SLOWEST_LOOK_S:
            yield f"{storm.kind}: did not say that it is alive for {load.slowest_look_s:.1f} s"
    if played.growth_mib > storm.most_growth_mib:
        yield f"{storm.kind}: memory grew by {played.growth_mib} MiB, {storm.most_growth_mib} are allowed"
    if played.calls > storm.most_calls:
        yield f"{storm.kind}: {played.calls:.1f} calls to Checkly for each incident, {storm.most_calls} are allowed"


def _turn(regions: Sequence[Region], rng: Random) -> list[bytes]:
    """In about half of the regions everything ends; in the others one more alert fires."""
    return [region.ends() if rng.random() < 0.5 else region.fires(1) for region in regions]
