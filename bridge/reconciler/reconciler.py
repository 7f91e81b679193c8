"""The loop that moves incidents: claim the most overdue, decide, act, record, settle. Replicas may all run it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.checkly.errors import Unauthorized
from bridge.reconciler.budget import grant
from bridge.reconciler.gatekeeper import Gatekeeper
from bridge.reconciler.leases import Lease, LeaseLost, LeaseRegistry
from bridge.reconciler.looks import Looks
from bridge.reconciler.rules import rules_of
from bridge.reconciler.shown_references import ShownReferences
from bridge.reconciler.store_clock import StoreClock
from bridge.reconciler.worker import FAILURE_PAUSE_MS, Worker
from bridge.store import Idle, Store, StoreUnavailable
from bridge.telemetry import STORE_CLOCK_STEPS, WRITES_PAUSED, Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.checkly.port import StatusPage
    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.core.view import PagesOf
    from bridge.reconciler.budget import Reserve

LEASE_MS = 30_000  # at least; and at least three calls long
MARGIN_MS = 1_000
POLL_MS = 250  # how soon work that another process stored is noticed
KEPT_FOR_ENDS = 4  # workers beside the others: what these do may be long in waiting for an answer


class Reconciler:
    """Reconciles with at most ``workers`` incidents in hand, and KEPT_FOR_ENDS more of what is over but still shown.

    ``page`` gives the status page of a name; ``pages_of`` tells, for a configuration, which pages show a service.
    ``reserve`` takes requests that belong together out of the budget. While ``allows`` says no, nothing is claimed;
    while it ``is_down``, nobody looks. ``looks`` is to be watched beside `run`; ``shown`` reads the pages.
    ``wall`` is the time of day on this host in ms: no later date is published. ``monotonic`` and ``sleep`` are in
    seconds; ``token`` makes lease tokens; ``jitter`` is randomness in [0, 1).
    """

    def __init__(
        self,
        *,
        store: Store,
        page: Callable[[str], StatusPage],
        pages_of: Callable[[Config], PagesOf],
        config: LiveConfig,
        reserve: Reserve,
        monotonic: Callable[[], float],
        token: Callable[[], str],
        jitter: Callable[[], float],
        wall: Callable[[], int] | None = None,
        allows: Callable[[], Awaitable[bool]] | None = None,
        is_down: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        workers: int = 8,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._store = store
        self._config = config
        self._monotonic = monotonic
        self._allows = allows
        self._sleep = sleep
        self._workers = workers
        self._lease_ms = lease_ms
        self._wake = asyncio.Event()
        self._freed = asyncio.Event()
        self._store_clock = StoreClock(monotonic)
        self._leases = LeaseRegistry(store, token=token, monotonic=monotonic)
        self._followed = ""
        self._worker = Worker(
            store=store,
            page=page,
            pages_of=pages_of,
            config=config,
            gatekeeper=Gatekeeper(store, config),
            reserve=reserve,
            store_clock=self._store_clock,
            monotonic=monotonic,
            wall=wall,
            jitter=jitter,
        )
        self.shown = ShownReferences(store=store, page=page, config=config, monotonic=monotonic)
        self.looks = Looks(
            store=store,
            page=page,
            config=config,
            worker=self._worker,
            store_clock=self._store_clock,
            monotonic=monotonic,
            token=token,
            is_down=is_down,
            sleep=sleep,
        )

    def wake(self) -> None:
        """Something was stored: look for due incidents now rather than at the next poll."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping`` is set, then finish what is in hand."""
        async with asyncio.TaskGroup() as group:
            while not stopping.is_set():
                if len(self._leases) >= self._workers:
                    await self._until_one_is_done()
                if len(self._leases) >= self._workers + KEPT_FOR_ENDS:
                    continue
                self._wake.clear()
                await self._leases.release_orphans(lease_ms=self._lease_for_ms)
                ends_alone = len(self._leases) >= self._workers
                lease = await self.claim(ends_alone=ends_alone)
                if isinstance(lease, Lease):
                    task = group.create_task(self._reconcile(lease))
                    self._leases.add(lease.claim.token, task)
                    task.add_done_callback(lambda _: self._freed.set())
                elif not ends_alone:
                    await self._rest(lease, stopping)

    async def _until_one_is_done(self) -> None:
        """Or for as long as what is over may wait to be noticed."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_MS / 1000):
                await self._freed.wait()

    async def claim(self, *, ends_alone: bool = False) -> Lease | int:
        """Lease the most important incident that is due; or for how many milliseconds there is nothing to do.

        With ``ends_alone`` only of those that are over but still shown.
        """
        if self._allows is not None and not await self._allows():
            return POLL_MS
        lease_ms = self._lease_for_ms
        asked_at = self._monotonic()
        try:
            await self._follow_config()
            claim = await self._store.claim(
                token=self._leases.token(),
                lease_ms=lease_ms,
                requests_per_minute=self._config.current.checkly.requests_per_minute,
                ends_alone=ends_alone,
            )
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            return FAILURE_PAUSE_MS
        except Exception as error:  # noqa: BLE001 - a record that cannot be read must not stop the others
            log_throttled(Event.RECONCILE_FAILED, reason=f"{type(error).__name__}: {error}", exc_info=True)
            return FAILURE_PAUSE_MS
        if jump_ms := self._store_clock.observe(claim.now, asked_at):
            STORE_CLOCK_STEPS.labels("forward").inc()
            log(Event.STORE_CLOCK_STEPPED, direction="forward", by_ms=jump_ms)
        if isinstance(claim, Idle):
            return _rest_ms(claim)
        return Lease(
            self._store,
            claim,
            asked_at=asked_at,
            lease_ms=lease_ms,
            margin_ms=self._config.current.checkly.timeout_ms + MARGIN_MS,
            monotonic=self._monotonic,
            store_clock=self._store_clock,
        )

    async def _follow_config(self) -> None:
        """Under another configuration, incidents may belong on other pages, and be due at other times."""
        config = self._config.current
        rules = rules_of(config)
        if rules != self._followed:
            routes = [route.name for route in config.routes]
            await self._store.config_changed(rules, routes, retention_ms=config.retention_ms)
            self._followed = rules

    @property
    def _lease_for_ms(self) -> int:
        return max(self._lease_ms, 3 * self._config.current.checkly.timeout_ms)

    async def reconcile(self, lease: Lease) -> None:
        """Bring one leased incident as far as it goes now, and give it back.

        Raises LeaseLost, StoreUnavailable, and Unauthorized when the page refuses the key.
        """
        grant(lease.claim.requests)
        if lease.claim.go_in_ms:
            await self._sleep(lease.claim.go_in_ms / 1000)
        await self._worker.work(lease)

    async def _reconcile(self, lease: Lease) -> None:
        key = lease.incident.key
        try:
            await self.reconcile(lease)
        except LeaseLost:
            log(Event.LEASE_LOST, incident=key, route=lease.incident.route)
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
        except Unauthorized as error:
            await self._pause(lease, error)
        except Exception as error:  # noqa: BLE001 - one incident's surprise must not stop the others
            log(Event.RECONCILE_FAILED, incident=key, reason=f"{type(error).__name__}: {error}", exc_info=True)

    async def _pause(self, lease: Lease, error: Unauthorized) -> None:
        try:
            if await self._store.pause(error.detail, now=lease.now):
                log(Event.WRITES_PAUSED, reason=error.detail, status=error.status)
            WRITES_PAUSED.set(1)
            await lease.settle(lease.now, refused=True)
        except (StoreUnavailable, LeaseLost) as failure:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(failure))

    async def _rest(self, rest_ms: int, stopping: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wake, stopping)]
        try:
            await asyncio.wait(waits, timeout=rest_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _rest_ms(idle: Idle) -> int:
    if idle.next_at is None:
        return POLL_MS
    return max(1, min(idle.next_at - idle.now, POLL_MS))
