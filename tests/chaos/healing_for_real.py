"""Real Alertmanagers, alone and in pairs, with short times: nothing is closed that one of them lists."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
from msgspec import Struct

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.config.healing import Alive, Cluster, Healing
from bridge.config.matchers import Matcher
from bridge.core.healing.judgement import Decision, judge
from bridge.core.healing.observations import Observations, Ours, listed_as_firing, observe
from bridge.core.healing.ours import FIRING, OurAlert, fit_of
from bridge.core.healing.seen import PeerError, Poll
from bridge.model import SENDER_LABEL
from tests.chaos.campaign import Trial
from tests.chaos.checker import Verdict
from tests.scenarios.vocabulary import iso, now_ms
from tests.servers import Alertmanager, alertmanager_cluster
from tests.servers.alertmanager_stand_in import fingerprint
from tests.servers.veil import WAYS, Veil

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.campaign_servers import CampaignServers

ALERTS = 8
SECONDS = 12.0
INTERVAL_MS = 150
ABSENT_FOR_MS = 1_200
MIN_UPTIME_MS = 1_000
HOLDS_MS = 3_000  # an alert that nobody repeats is over after so long
LATE_S = 10.0
_WATCHDOG = {"alertname": "Watchdog"}
_SPOILS = tuple(each for each in WAYS if each != "hangs")


class Fire(Struct):
    """One alert: its outages in seconds of the trial, and when people begin to silence it (never: beyond the end)."""

    labels: dict[str, str]
    outages: list[tuple[float, float]]
    silenced_at: float
    is_silenced: bool = False

    @property
    def name(self) -> str:
        """Its fingerprint."""
        return fingerprint(self.labels)

    def is_on(self, second: float) -> bool:
        """Whether its rule fires."""
        return any(begins <= second < ends for begins, ends in self.outages)


class Senders:
    """The peers behind their veils, and a Prometheus that this process plays. All that goes wrong is drawn."""

    def __init__(self, rng: Random, http: httpx.Client, peers: Sequence[Alertmanager], veils: Sequence[Veil]) -> None:
        self.peers = peers
        self.veils = veils
        self._http = http
        self.began = time.monotonic()
        self.happened: Counter[str] = Counter()
        self.fires = [self._fire(rng, number) for number in range(ALERTS)]
        self._dead = (rng.uniform(2, SECONDS), rng.uniform(1, 4)) if rng.random() < 0.3 else (SECONDS, 0)
        self._cut = (rng.randrange(len(peers)), rng.uniform(2, SECONDS), 3) if rng.random() < 0.3 else (0, SECONDS, 0)
        self._restart = (rng.randrange(len(peers)), rng.uniform(3, SECONDS)) if rng.random() < 0.5 else None
        self._spoil = (rng.randrange(len(peers)), rng.uniform(3, SECONDS), rng.choice(_SPOILS))

    @property
    def second(self) -> float:
        """Of the trial."""
        return time.monotonic() - self.began

    def _fire(self, rng: Random, number: int) -> Fire:
        begins = rng.uniform(0, 2)
        ends = begins + rng.uniform(1.5, SECONDS)
        outages = [(begins, ends)]
        if rng.random() < 0.4:
            again = ends + rng.choice((0.3, ABSENT_FOR_MS / 1000, 2 * ABSENT_FOR_MS / 1000))
            outages.append((again, again + 3))
        silenced_at = max(begins + 1, ends - 1) if rng.random() < 0.7 else SECONDS
        return Fire({"alertname": f"Down{number}", "job": "shop"}, outages, silenced_at)

    def happens(self) -> None:
        """What is due by now: sends, silences, restarts, spoiled answers."""
        second = self.second
        self._goes_wrong(second)
        for fire in self.fires:
            if fire.silenced_at <= second < SECONDS and not fire.is_silenced:
                fire.is_silenced = True
                self._silence(fire)
        dead_at, dead_for = self._dead
        if dead_at <= second < dead_at + dead_for:
            self.happened["Prometheus is dead"] += 1
            return
        ends_at = iso(now_ms() + HOLDS_MS)
        begun = [each for each in self.fires if each.outages[0][0] <= second]
        told = [{"labels": each.labels, "endsAt": ends_at if each.is_on(second) else iso(now_ms())} for each in begun]
        cut, cut_at, cut_for = self._cut
        for number, peer in enumerate(self.peers):
            if number == cut and cut_at <= second < cut_at + cut_for:
                self.happened["a peer is cut off"] += 1
            else:
                body = [{"labels": _WATCHDOG, "endsAt": ends_at}, *told]
                self._http.post(f"{peer.url}/api/v2/alerts", json=body).raise_for_status()

    def _goes_wrong(self, second: float) -> None:
        if self._restart is not None and second >= self._restart[1]:
            peer = self.peers[self._restart[0]]
            self._restart = None
            self.happened["an Alertmanager restarted"] += 1
            peer.kill()
            peer.start()
        number, at, way = self._spoil
        is_spoiled = at <= second < at + 1
        self.happened[f"answers: {way}"] += is_spoiled
        self.veils[number].way = way if is_spoiled else ""

    def _silence(self, fire: Fire) -> None:
        self.happened["silenced"] += 1
        matcher = {"name": "alertname", "value": fire.labels["alertname"], "isRegex": False, "isEqual": True}
        times = {"startsAt": iso(now_ms()), "endsAt": iso(now_ms() + 600_000)}
        body = {"matchers": [matcher], **times, "createdBy": "amy", "comment": "known"}
        self._http.post(f"{self.peers[0].url}/api/v2/silences", json=body).raise_for_status()

    def listed(self) -> set[str]:
        """What any peer lists, asked without a veil."""
        found: set[str] = set()
        for peer in self.peers:
            found |= {each["fingerprint"] for each in self._http.get(f"{peer.url}/api/v2/alerts").json()}
        return found


class RealHealing:
    """A trial is ALERTS alerts, each under a schedule of its own, over one Alertmanager or two in a cluster."""

    name = "healing-for-real"
    runs = 26

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        rng = Random(seed)
        peers = rng.choice((1, 2))
        with _running(servers.fresh_folder(), peers) as (running, veils), httpx.Client(timeout=10) as http:
            senders = Senders(rng, http, running, veils)
            closed, wrong, left = asyncio.run(_heal(senders))
        return Trial(
            case=f"{peers} peers",
            faults=sum(senders.happened.values()),
            verdict=Verdict(wrong=tuple(wrong)),
            events=Counter({"alerts": ALERTS, "closed": closed, "left": left}) + senders.happened,
        )


@contextmanager
def _running(folder: Path, size: int) -> Iterator[tuple[Sequence[Alertmanager], Sequence[Veil]]]:
    options: dict[str, Any] = {"webhook": "http://127.0.0.1:1/", "token": "t", "receiver": "nobody"}
    with ExitStack() as running:
        if size > 1:
            peers: Sequence[Alertmanager] = running.enter_context(alertmanager_cluster(folder, size=size, **options))
        else:
            peers = [running.enter_context(Alertmanager(folder, **options))]
        yield peers, [running.enter_context(Veil(each)) for each in peers]


async def _heal(senders: Senders) -> tuple[int, list[str], int]:
    """Play the trial: how many were closed, what was wrong, and how many were left open for nothing."""
    urls = tuple(each.url for each in senders.veils)
    cluster = Cluster(
        name="eu",
        urls=urls,
        matchers=(Matcher(SENDER_LABEL, "=", "eu"),),
        alive=Alive(matchers=(Matcher("alertname", "=", "Watchdog"),)),
    )
    healing = Healing(
        section="s",
        alertmanagers=(cluster,),
        interval_ms=INTERVAL_MS,
        absent_for_ms=ABSENT_FOR_MS,
        min_uptime_ms=MIN_UPTIME_MS,
    )
    fit = fit_of({SENDER_LABEL: "eu"}, healing)
    clients = [Client(Access(url=url)) for url in urls]
    ours: dict[str, OurAlert] = {}
    seen, closed, wrong = Observations(), 0, []
    while senders.second < SECONDS + LATE_S and (senders.second < SECONDS or ours):
        senders.happens()
        before, at = senders.listed(), now_ms()
        for fire in senders.fires:  # what is listed and not silenced is delivered
            if fire.name in before and fire.name not in ours and not fire.is_silenced:
                ours[fire.name] = OurAlert(
                    sender="eu", fingerprint=fire.name, state=FIRING, starts_at=at, seen_at=at, fit=fit
                )
        answers = dict(zip(urls, [await _answer(each) for each in clients], strict=True))
        firing = listed_as_firing([each for each in answers.values() if isinstance(each, Poll)], healing)
        heard = {name: each.seen_at for name, each in ours.items() if name not in firing}
        seen = observe(seen, cluster, healing, answers, Ours(set(ours), heard), at + 1)
        verdicts = {name: judge(each, {"eu": seen}, healing, now_ms()) for name, each in ours.items()}
        over = [name for name, each in verdicts.items() if each.decision is Decision.CLOSE]
        if over:
            lists = before & senders.listed()
            wrong += [f"{name} was closed and is listed: {verdicts[name].reason}" for name in over if name in lists]
        closed += len(over)
        ours = {name: each for name, each in ours.items() if name not in over}
    for client in clients:
        await client.close()
    return closed, wrong, len(ours)


async def _answer(client: Client) -> Poll | PeerError:
    try:
        return await client.poll()
    except PeerError as error:
        return error
