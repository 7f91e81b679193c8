"""The chores that ask clusters of Alertmanagers: one for each, which one replica has at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.config.healing import SHORT_ABSENCE_MS
from bridge.config.units import format_duration
from bridge.core.healing.ours import SOURCE
from bridge.healing.cluster_round import BLIND, OK, Ask, ClusterRound, Outcome
from bridge.store import StoreUnavailable
from bridge.telemetry import (
    ALERTS_UNDELIVERED,
    HEALED,
    HEALING_AGE,
    HEALING_PENDING,
    HEALING_ROUNDS,
    Event,
    log,
    log_throttled,
)

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing
    from bridge.config.live import LiveConfig
    from bridge.healing.missed import MissedAlerts
    from bridge.store import Store

LEASE_MS = 30_000
KEEP_EVERY_S = 10.0
REST_MS = 2_000  # a changed configuration counts after so long
BLIND_ROUNDS = 3
CANCEL_AGAIN_S = 0.5
YIELD_MS, YIELDS = 500, 10  # what is over but still shown goes first, for so long


class Clusters:
    """One replica's part in asking the clusters that the configuration names, each in a task of its own.

    ``ask`` polls one peer; ``on_change`` is called when something was closed. ``finder`` makes for each cluster what
    finds the alerts that it never delivered; None: nothing does. ``monotonic`` and ``sleep`` are in seconds, ``token``
    makes what no other replica makes.
    """

    def __init__(
        self,
        *,
        store: Store,
        config: LiveConfig,
        ask: Ask,
        on_change: Callable[[], None],
        monotonic: Callable[[], float],
        token: Callable[[], str],
        finder: Callable[[], MissedAlerts] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._config = config
        self._ask = ask
        self._finder = finder
        self._on_change = on_change
        self._monotonic = monotonic
        self._token = token
        self._sleep = sleep
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._missing: dict[str, frozenset[str]] = {}
        self._warned = ""

    async def watch(self) -> None:
        """Ask until canceled."""
        try:
            while True:
                self._follow(self._config.current.healing)
                await self._sleep(REST_MS / 1000)
        finally:
            await _end(self._tasks.values())

    def _follow(self, healing: Healing | None) -> None:
        """A task for each cluster that there is, and none for another."""
        names = {each.name for each in healing.alertmanagers} if healing else set()
        for name in self._tasks.keys() - names:
            self._tasks.pop(name).cancel()
            self._forget(name)
        for name in sorted(names - self._tasks.keys()):
            HEALED.labels(SOURCE)  # a series that begins with its first event has no increase to see
            HEALING_ROUNDS.labels(name, OK)
            self._tasks[name] = asyncio.create_task(self._watch_cluster(name))
        if healing is not None and healing.section != self._warned:
            self._warned = healing.section
            if names and healing.absent_for_ms < SHORT_ABSENCE_MS:
                log(Event.HEALING_HASTY, absent_for=format_duration(healing.absent_for_ms))

    def _forget(self, name: str) -> None:
        self._pending(name, frozenset())
        for gauge in (HEALING_AGE, ALERTS_UNDELIVERED):
            with suppress(KeyError):
                gauge.remove(name)

    def _pending(self, name: str, missing: frozenset[str]) -> None:
        self._missing[name] = missing
        HEALING_PENDING.set(len(frozenset[str]().union(*self._missing.values())))

    async def _watch_cluster(self, name: str) -> None:
        ALERTS_UNDELIVERED.labels(name)  # none is known of before the first round
        chore = ClusterChore(
            name,
            store=self._store,
            ask=self._ask,
            on_change=self._on_change,
            monotonic=self._monotonic,
            token=self._token,
            missed=None if self._finder is None else self._finder(),
            sleep=self._sleep,
        )
        while True:
            healing = self._config.current.healing
            cluster = healing.cluster(name) if healing else None
            rest_ms = REST_MS
            try:
                if healing is not None and cluster is not None:
                    rest_ms, outcome = await chore.play_if_due(cluster, healing)
                    if outcome is not None and outcome.missing is not None:
                        self._pending(name, outcome.missing)
            except StoreUnavailable as error:
                log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            except Exception as error:  # noqa: BLE001 - what heals must not stop what works
                log_throttled(Event.HEALING_FAILED, cluster=name, reason=type(error).__name__, exc_info=True)
            await self._sleep(max(1, min(rest_ms, REST_MS)) / 1000)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them until they end: what comes at the same moment as an answer, a library may swallow."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)


class ClusterChore:
    """One replica's part in asking one cluster."""

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        ask: Ask,
        on_change: Callable[[], None],
        monotonic: Callable[[], float],
        token: Callable[[], str],
        missed: MissedAlerts | None = None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._name = name
        self._store = store
        self._chore = store.healing.chore(name)
        self._monotonic = monotonic
        self._token = token
        self._missed = missed
        self._sleep = sleep
        self._began: tuple[int, float] = (0, 0.0)  # the store's time, and ours
        self._round = ClusterRound(store, ask, on_change, self._now)
        self._blind = 0  # rounds in a row
        self._is_ambiguous = False

    async def play_if_due(self, cluster: Cluster, healing: Healing) -> tuple[int, Outcome | None]:
        """Play a round, if it is time and this replica's turn.

        In how many milliseconds to ask again, and what the round came to, None where none was played. A replica that
        has not had the turn for a while knows of nothing that is missing.
        """
        token = self._token()
        turn = await self._chore.claim(token, lease_ms=LEASE_MS, every_ms=healing.interval_ms)
        asked_at = self._monotonic()
        sighted = await self._store.healing.sighted(self._name)
        HEALING_AGE.labels(self._name).set(0 if sighted is None else max(0, turn.now - sighted) / 1000)
        if not turn.is_ours:
            if not 0 < self._began[0] < turn.now - 2 * healing.interval_ms - LEASE_MS:
                return turn.wait_ms, None
            self._began = 0, 0.0
            if self._missed is not None:
                self._missed.rest(self._name)
            return turn.wait_ms, Outcome("", frozenset())
        self._began = turn.now, asked_at
        keeping = asyncio.create_task(self._keep(token))
        try:
            await self._let_ends_go_first()
            outcome = await self._round.play(cluster, healing, token)
            if self._missed is not None and cluster.receiver and outcome is not None and outcome.kind in {OK, BLIND}:
                await self._missed.look(cluster, healing)
        finally:
            keeping.cancel()
            rest_ms = max(0, turn.now + healing.interval_ms - self._now())
            await self._chore.rest(token, for_ms=rest_ms)
        if outcome is not None:
            HEALING_ROUNDS.labels(self._name, outcome.kind).inc()
            self._tell_sight(outcome)
        return rest_ms, outcome

    def _now(self) -> int:
        """The store's time, carried forward."""
        now, asked_at = self._began
        return now + int((self._monotonic() - asked_at) * 1000)

    async def _keep(self, token: str) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            with suppress(StoreUnavailable):
                await self._chore.keep(token, lease_ms=LEASE_MS)

    async def _let_ends_go_first(self) -> None:
        """What is over but still shown is more urgent; while it cannot go, nobody waits for it."""
        for _ in range(YIELDS):
            due = await self._store.healing.first_end()
            if due is None or due > self._now():
                return
            await self._sleep(YIELD_MS / 1000)

    def _tell_sight(self, outcome: Outcome) -> None:
        """Once, when nothing can be closed by what a cluster shows; at a start that takes some rounds to know."""
        self._blind = self._blind + 1 if outcome.kind == BLIND else 0
        if self._blind == BLIND_ROUNDS:
            log(Event.HEALING_BLIND, cluster=self._name, reason=outcome.lacks)
        if outcome.is_ambiguous and not self._is_ambiguous:
            log(Event.HEALING_AMBIGUOUS, cluster=self._name)
        self._is_ambiguous = outcome.is_ambiguous
