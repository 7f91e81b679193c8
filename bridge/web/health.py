"""Whether the bridge can keep a promise made now, and the gauges that tell how it is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bridge.core.flapping import quiet_ms
from bridge.core.gate import REASONS
from bridge.store import Durability, NotDurable, NotReplicated, Overview, Store, StoreUnavailable
from bridge.telemetry import (
    ALERTS_STORED,
    BLIPS,
    INCIDENTS,
    INCIDENTS_OPEN_BY_OTHERS,
    INCIDENTS_PARKED,
    INCIDENTS_STORED,
    INCIDENTS_TAKEN_OVER,
    INCIDENTS_WITHHELD,
    INCIDENTS_WITHOUT_ALERT,
    OLDEST_DUE,
    OLDEST_OBSERVATION,
    STORE_CLOCK_AHEAD,
    STORE_CLOCK_STEPS,
    STORE_DURABLE,
    STORE_MEMORY,
    STORE_OK,
    WATCHDOG_SEEN,
    WRITES_PAUSED,
    Event,
    log,
    log_throttled,
)
from bridge.web import budgets

if TYPE_CHECKING:
    from prometheus_client import Gauge

    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.store import Quiet
    from bridge.web.sender_watch import SenderWatch

SAMPLE_S = 5.0
REMIND_EVERY = 12  # samples until trouble that lasts is said again
ANSWER_AGE_MS = 1_000
COUNTED_AT_ONCE = 1_000  # incidents a sample: what another release left uncounted bounds nothing until it is counted
COUNTED_LATER = 5  # what is stored is to cost next to nothing while nothing happens
ROLLED_OUT_MS = 600_000  # after the start: by then other releases have ended, mostly


class Health:
    """Answers ``/readyz`` and samples the store.

    ``monotonic_ms`` never runs backwards.
    """

    def __init__(
        self, store: Store, sender_watch: SenderWatch, *, config: LiveConfig, monotonic_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._sender_watch = sender_watch
        self._config = config
        self._monotonic_ms = monotonic_ms
        self._checked_at: int | None = None
        self._checking: asyncio.Task[None] | None = None
        self._verdict = (False, "not checked yet")
        self._logged_problems: tuple[str, ...] = ()
        self._is_url_wrong = False
        self._is_unavailable = False
        self._clock_steps: int | None = None
        self._counted_to, self._counted_at_once = 0, COUNTED_AT_ONCE
        self._counts_all_at: int | None = monotonic_ms() + ROLLED_OUT_MS

    async def ready(self) -> tuple[bool, str]:
        """Whether a delivery would be kept, as of at most a second ago. Checkly may be down: alerts are kept.

        Of those who ask at the same time, one check answers all.
        """
        if self._checking is None and (
            self._checked_at is None or self._monotonic_ms() - self._checked_at >= ANSWER_AGE_MS
        ):
            self._checking = asyncio.create_task(self._refresh())
        if self._checking is not None:
            await asyncio.shield(self._checking)  # who asks may go away; the others still want to know
        return self._verdict

    async def inspect(self, *, remind: bool = True) -> Durability | None:
        """Look at the server's settings. None when it does not answer.

        Says what stands against durability if that is new, or if it is to ``remind``.
        """
        try:
            durability = await self._store.inspect()
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            return None
        STORE_DURABLE.set(not durability.problems)
        if remind or durability.problems != self._logged_problems:
            for problem in durability.problems:
                log(Event.STORE_NOT_DURABLE, server=durability.server, problem=problem)
        if durability.misnamed and not self._is_url_wrong:
            log(Event.STORE_URL_MISMATCH, server=durability.server)
        self._logged_problems, self._is_url_wrong = durability.problems, durability.misnamed
        return durability

    async def watch(self) -> None:
        """Sample until canceled."""
        samples = 0
        while True:
            samples += 1
            await self._sample()
            self._sender_watch.check()
            await self.inspect(remind=samples % REMIND_EVERY == 0)
            await asyncio.sleep(SAMPLE_S)

    async def _refresh(self) -> None:
        began = self._monotonic_ms()
        try:
            self._verdict = await self._check()
            self._checked_at = began
        finally:
            self._checking = None

    async def _check(self) -> tuple[bool, str]:
        try:
            await self._store.check()
        except (NotDurable, NotReplicated) as error:
            self._is_unavailable = True
            STORE_OK.set(1)
            return False, str(error)
        except StoreUnavailable as error:
            self._is_unavailable = True
            STORE_OK.set(0)
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            return False, "Redis does not answer, or refuses a delivery's writes; the log has the reason"
        STORE_OK.set(1)
        if self._is_unavailable:
            self._is_unavailable = False
            log(Event.STORE_RECOVERED, count=log_throttled.recovered(Event.STORE_UNAVAILABLE))
        return True, "ready"

    async def _recount(self) -> None:
        """All incidents at the start, and once more when a rollout is over; then a few at a time."""
        if self._counts_all_at is not None and self._monotonic_ms() >= self._counts_all_at:
            self._counted_to, self._counted_at_once, self._counts_all_at = 0, COUNTED_AT_ONCE, None
        self._counted_to = await self._store.recount(self._counted_to, self._counted_at_once)
        if self._counted_to == 0:
            self._counted_at_once = COUNTED_LATER

    async def _sample(self) -> None:
        await self.ready()  # its gauge tells the same as /readyz, whether that is asked for or not
        try:
            await self._recount()
            overview = await self._store.overview()
            memory = await self._store.memory_used()
            await budgets.sample(self._store, self._config.current)
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            return
        _set(INCIDENTS, overview.phases)
        _set(ALERTS_STORED, overview.alerts_stored)
        _set(INCIDENTS_STORED, overview.incidents_stored)
        STORE_MEMORY.set(memory or 0)
        INCIDENTS_PARKED.set(overview.parked)
        _set(INCIDENTS_WITHHELD, {**dict.fromkeys(REASONS, 0), **overview.withheld})
        INCIDENTS_OPEN_BY_OTHERS.set(overview.theirs)
        STORE_CLOCK_AHEAD.set(overview.clock_ahead_ms / 1000)
        if self._clock_steps is not None and overview.clock_steps > self._clock_steps:
            STORE_CLOCK_STEPS.labels("back").inc(overview.clock_steps - self._clock_steps)
            log(Event.STORE_CLOCK_STEPPED, direction="back", ahead_ms=overview.clock_ahead_ms)
        self._clock_steps = overview.clock_steps
        OLDEST_DUE.set(overview.oldest_due_ms / 1000)
        OLDEST_OBSERVATION.set(overview.unseen_ms / 1000)
        WRITES_PAUSED.set(overview.paused is not None)
        clear = overview.taken_over_clear
        _set(INCIDENTS_TAKEN_OVER, {"firing": overview.taken_over - clear, "clear": clear})
        _set_by_route(overview, self._config.current)


def _set(gauge: Gauge, values: Mapping[str, int]) -> None:
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)


def _set_by_route(overview: Overview, config: Config) -> None:
    """The series whose meaning is the configuration's. A watchdog that was never heard of shows 0, as blips do."""
    INCIDENTS_WITHOUT_ALERT.set(sum(_is_overdue(each, config) for each in overview.quiet))
    WATCHDOG_SEEN.clear()
    for route in config.routes:
        BLIPS.labels(route.name)  # so that the first one is an increase
        if route.watchdog:
            WATCHDOG_SEEN.labels(route.name).set(overview.watchdogs.get(route.name, 0) / 1000)


def _is_overdue(quiet: Quiet, config: Config) -> bool:
    """Whether it stands open without an alert for longer than it should."""
    policy, summary = config.policy_of(quiet.route), quiet.summary
    now = summary.cleared_at + quiet.quiet_ms
    return quiet.quiet_ms > quiet_ms(summary, policy, now, retention_ms=config.retention_ms)
