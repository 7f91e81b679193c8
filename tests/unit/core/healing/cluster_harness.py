"""One cluster of Alertmanagers round by round, as healing sees it, and an alert of ours: all clocks are arguments."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from bridge.config import matchers
from bridge.config.healing import Alive, Cluster, Healing
from bridge.core.healing.judgement import Verdict, judge
from bridge.core.healing.observations import Observations, Ours, listed_as_firing, observe
from bridge.core.healing.ours import Fit, OurAlert, fit_of
from bridge.core.healing.seen import Listed, PeerError, Poll

SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
START = 1_700_000_000_000
ALERT, WATCHDOG = "a1", "w1"
PEERS = ("http://am-0:9093", "http://am-1:9093")
LABELS = {"alertname": "DiskFull", "prometheus": "p0", "__sender__": "eu"}
VOID = PeerError("timeout", "no answer within 10 s")


def cluster(name: str = "eu", *urls: str, match: str = "", same: tuple[str, ...] = ()) -> Cluster:
    return Cluster(
        name=name,
        urls=urls or PEERS,
        matchers=matchers.parse(match) if match else (),
        alive=Alive(matchers=matchers.parse("alertname = Watchdog"), same=same),
    )


def healing(*clusters: Cluster, **settings: object) -> Healing:
    return replace(Healing(section="s1", alertmanagers=clusters or (cluster(),)), **settings)


def listed(starts_at: int = START, updated_at: str = "u", *, silenced: bool = False, **labels: str) -> Listed:
    state = "suppressed" if silenced else "active"
    return Listed(starts_at, updated_at, state, {"alertname": "DiskFull", **labels}, silenced)


class ClusterHarness:
    """What its peers answer in the next round; ``round`` asks them all, and ``judge`` asks what follows.

    An alert of ours is ``alert``; ``age_ms`` is the peers' at the beginning, and grows with the time.
    """

    def __init__(self, configuration: Healing | None = None, *, age_ms: int = DAY) -> None:
        self.healing = configuration or healing()
        self.cluster = self.healing.alertmanagers[0]
        self.now = START + 10 * MINUTE
        self.seen = Observations()
        self.alert = OurAlert(sender="eu", fingerprint=ALERT, starts_at=START, seen_at=START, fit=self.fit(LABELS))
        self.alerts: dict[str, dict[str, Listed]] = {url: {ALERT: listed()} for url in self.cluster.urls}
        self.process = dict.fromkeys(self.cluster.urls, "first")
        self.up_at = dict.fromkeys(self.cluster.urls, self.now - age_ms)
        self.settled = dict.fromkeys(self.cluster.urls, True)
        self.errors: dict[str, PeerError] = {}
        self.watchdogs: dict[str, dict[str, Mapping[str, str]]] = {
            url: {WATCHDOG: {"alertname": "Watchdog", "prometheus": "p0"}} for url in self.cluster.urls
        }
        self.frozen: set[str] = set()
        self.rounds = 0

    def fit(self, labels: Mapping[str, str]) -> Fit:
        return fit_of(labels, self.healing)

    def forget(self, name: str = ALERT) -> None:
        """It is over, as the peers see it."""
        for alerts in self.alerts.values():
            alerts.pop(name, None)

    def answer(self, url: str) -> Poll | PeerError:
        if url in self.errors:
            return self.errors[url]
        turn = "frozen" if url in self.frozen else str(self.now)
        watchdogs = {name: Listed(START, turn, "active", each) for name, each in self.watchdogs[url].items()}
        process = self.process[url]
        age = self.now - self.up_at[url] if process else None
        return Poll(process, age, self.settled[url], {**self.alerts[url], **watchdogs})

    def round(self, count: int = 1, every_ms: int = MINUTE) -> None:
        for _ in range(count):
            self.now += every_ms
            answers = {url: self.answer(url) for url in self.cluster.urls}
            polls = [each for each in answers.values() if isinstance(each, Poll)]
            unlisted = {ALERT} - listed_as_firing(polls, self.healing)
            ours = Ours({ALERT}, dict.fromkeys(unlisted, self.alert.seen_at))
            self.seen = observe(self.seen, self.cluster, self.healing, answers, ours, self.now)
            self.rounds += 1

    def judge(self, *, is_mass: bool = False, **others: Observations) -> Verdict:
        observations = {self.cluster.name: self.seen, **others}
        return judge(self.alert, observations, self.healing, self.now, is_mass=is_mass)

    def restart(self, url: str, process: str = "second") -> None:
        """The process forgets what it knew, and begins anew."""
        self.process[url], self.up_at[url] = process, self.now
        self.alerts[url] = {}
