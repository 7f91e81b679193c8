"""The chores that ask clusters, on the store and its real scripts; the peers and all clocks are the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.config.schema import Config
from bridge.core.healing.seen import PeerError, Poll
from bridge.healing.clusters import ClusterChore
from bridge.model import Alert, AlertStatus
from bridge.store.connect import connect
from bridge.store.told import ToldMemory
from bridge.texts.render import DEFAULT_TEXTS
from tests.unit.core.healing.cluster_harness import LABELS, MINUTE, START, ClusterHarness, healing
from tests.unit.reconciler.clocked import NOW, ClockedStore
from tests.unit.store.builders import to

if TYPE_CHECKING:
    import redis

    from bridge.config.healing import Cluster, Healing
    from bridge.healing.cluster_round import Outcome
    from bridge.model import Routed
    from bridge.store import CountedAlert


class Configuration:
    """The configuration in force."""

    def __init__(self, section: Healing | None) -> None:
        self.healing = section

    @property
    def current(self) -> Config:
        return Config(
            path="bridge.yaml",
            digest="",
            services={},
            severity=(),
            routes=(),
            texts=DEFAULT_TEXTS,
            healing=self.healing,
        )


class RoundsHarness:
    """``peers`` are those of the first cluster; ``advance`` moves every clock; ``round`` waits until it is due."""

    def __init__(self, redis_url: str, db: redis.Redis) -> None:
        self.db = db
        self.config = Configuration(healing())
        self.peers = ClusterHarness(self.config.healing)
        self.store = ClockedStore(connect(redis_url), tell=ToldMemory(lambda: self.config.current))
        self.changes = 0
        self.asked: list[str] = []
        self.tokens = 0
        self.advance(0)
        self.chore = self.replica()

    @property
    def healing(self) -> Healing:
        assert self.config.healing is not None
        return self.config.healing

    @property
    def cluster(self) -> Cluster:
        return self.healing.alertmanagers[0]

    def configure(self, section: Healing) -> None:
        """Another section, before anything was asked."""
        self.config.healing = section
        now = self.peers.now
        self.peers = ClusterHarness(section)
        self.peers.now = now

    def replica(self, name: str = "eu") -> ClusterChore:
        """Another replica's part in asking a cluster."""
        return ClusterChore(
            name,
            store=self.store,
            ask=self.ask,
            on_change=self.changed,
            monotonic=lambda: self.peers.now / 1000,
            token=self.token,
            sleep=self.sleep,
        )

    def token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens}"

    def changed(self) -> None:
        self.changes += 1

    async def sleep(self, seconds: float) -> None:
        self.advance(int(seconds * 1000))

    async def close(self) -> None:
        await self.store.close()

    async def ask(self, _: Cluster, url: str) -> Poll:
        self.asked.append(url)
        answer = self.peers.answer(url)
        if isinstance(answer, PeerError):
            raise answer
        return answer

    def advance(self, ms: int) -> None:
        self.peers.now += ms
        self.db.set(NOW, self.peers.now)

    async def round(self, count: int = 1, every_ms: int = MINUTE, chore: ClusterChore | None = None) -> Outcome:
        outcome: Outcome | None = None
        for _ in range(count):
            self.advance(every_ms)
            rest_ms, outcome = await (chore or self.chore).play_if_due(self.cluster, self.healing)
            while outcome is None:
                self.advance(rest_ms)
                rest_ms, outcome = await (chore or self.chore).play_if_due(self.cluster, self.healing)
        assert outcome is not None
        return outcome

    def delivered(self, name: str = "a1", *, starts_at: int = START, **labels: str) -> Alert:
        return Alert(
            source="alertmanager",
            sender="eu",
            fingerprint=name,
            status=AlertStatus.FIRING,
            labels={**LABELS, **labels},
            starts_at=starts_at,
        )

    async def deliver(self, *names: str, incident: Routed | None = None) -> None:
        await self.store.ingest([(self.delivered(name), incident or to()) for name in names or ("a1",)])

    async def alert(self, name: str = "a1", incident: str = "shop") -> CountedAlert:
        detail = await self.store.incident(incident)
        assert detail is not None
        return next(each for each in detail.alerts if each.fingerprint == name)

    def list_all(self, *names: str) -> None:
        """Every peer lists these."""
        for url in self.cluster.urls:
            sample = next(iter(ClusterHarness(self.healing).alerts[url].values()))
            self.peers.alerts[url] = dict.fromkeys(names, replace(sample))
