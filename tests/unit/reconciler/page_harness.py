"""A reconciler in one process: a status page that misbehaves by script, and a store whose clock tests move.

Everything between the two is the real thing. Tests that need no hand on the clock use a real Redis instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bridge.checkly.errors import Unauthorized
from bridge.core.history import What
from bridge.model import V1_PAGE, Incident, Policy, Post, Priority, Progress, Severity, shows_impacts
from bridge.orders import NO_ORDERS, Order, Orders
from bridge.reconciler import Reconciler
from bridge.reconciler.leases import Lease
from bridge.store import ActionResult, ChoreTurn, Claim, Idle, LeasedForLook, Looks, Store
from bridge.store import Outcome as Acted
from bridge.store.store import PROBE_MS
from tests.unit.core.alerts import Alerts
from tests.unit.core.configured import ID as ID  # noqa: PLC0414 - tests with this harness find these here
from tests.unit.core.configured import MINUTE as MINUTE  # noqa: PLC0414
from tests.unit.core.configured import SECOND as SECOND  # noqa: PLC0414
from tests.unit.core.configured import SETTLE_MS as SETTLE_MS  # noqa: PLC0414
from tests.unit.core.configured import START as START  # noqa: PLC0414
from tests.unit.core.configured import config as config  # noqa: PLC0414
from tests.unit.reconciler.page import IMPACTS, SERVICES, Crash, Outcome, Page

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge

    from bridge.config.schema import Config
    from bridge.core.actions import Action
    from bridge.core.history import Entry


POLICY = Policy(publish_after_ms=MINUTE, resolve_after_ms=2 * MINUTE, reopen_after_ms=10 * MINUTE)
LEASE_MS = 30 * SECOND
NEVER = 32_503_680_000_000


class Live:
    """A configuration in force."""

    def __init__(self, current: Config) -> None:
        self.current = current


async def no_limit(count: int, priority: Priority | None = None) -> None:
    """A budget that is never used up."""


class VirtualLooks(Looks):
    """The looks of that store's one incident."""

    def __init__(self, store: VirtualStore, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._due: int | None = None
        self.seen: dict[str, int] = {}

    async def claim(self, token: str, *, lease_ms: int, every_ms: int) -> ChoreTurn:  # noqa: ARG002
        now = self._clock()
        self._due = now + every_ms if self._due is None else min(self._due, now + every_ms)
        return ChoreTurn(now, is_ours=self._due <= now, wait_ms=self._due - now)

    def due_now(self) -> None:
        self._due = self._clock()

    async def rest(self, token: str, *, for_ms: int) -> None:  # noqa: ARG002
        self._due = self._clock() + for_ms

    async def standing(self) -> AsyncIterator[dict[str, Progress]]:
        yield {ID: self._store.progress}

    async def expect(self, remote_ids: Collection[str], now: int) -> None:
        self.seen = {remote_id: self.seen.get(remote_id, now) for remote_id in remote_ids}

    async def saw(self, seen: Mapping[str, int]) -> None:
        self.seen |= seen

    async def lease(self, id_: str, token: str, *, lease_ms: int) -> LeasedForLook | None:  # noqa: ARG002
        return self._store.lease(token, lease_ms)


class VirtualStore(Store):
    """One incident in memory, behaving as the scripts do, on a clock that tests move."""

    def __init__(self, clock: Callable[[], int], alerts: Alerts) -> None:
        self._clock = clock
        self._alerts = alerts
        self._token = ""
        self._lease_until = 0
        self._paused_until: int | None = None
        self.progress = Progress()
        self.episode = 1
        self.due: int | None = None
        self.archive: list[bytes] = []
        self.others: dict[str, str] = {}  # what other incidents hold on the page
        self.kept: dict[str, bytes] = {}  # what was read of the page's incidents
        self.digest = ""
        self.told: list[Entry] = []  # the history
        self.orders = Orders()
        self.acted: list[Action] = []
        self.handed_back_at = 0
        self.looks = self.virtual_looks = VirtualLooks(self, clock)

    @property
    def held(self) -> Incident:
        alerts = self._alerts
        return Incident(
            id=ID,
            key="checkout",
            route="checkout",
            episode=self.episode,
            revision=alerts.revision,
            summary=alerts.summary,
            progress=self.progress,
            orders=self.orders,
        )

    @property
    def next_at(self) -> int | None:
        return None if self.due is None else max(self.due, self._paused_until or 0)

    def notice(self) -> None:
        """The facts have changed."""
        if self._lease_until <= self._clock():
            self.due = self._clock()

    async def claim(self, *, token: str, lease_ms: int, **_: object) -> Claim | Idle:
        now, is_paused = self._clock(), self._paused_until is not None
        if self.next_at is None or self.next_at > now:
            return Idle(now=now, next_at=self.next_at, paused=is_paused)
        if is_paused:
            self._paused_until = now + PROBE_MS
        self._token = token
        return self._extend(lease_ms, probing=is_paused)

    async def record(
        self,
        claim: Claim,
        progress: Progress,
        *,
        lease_ms: int,
        archive: bytes = b"",
        retention_ms: int = 1,  # noqa: ARG002 - the signature is the store's
        replicated: bool = False,  # noqa: ARG002 - as above
        history: Sequence[Entry] = (),
        over: Orders = NO_ORDERS,
        **_: object,
    ) -> Claim | None:
        if not self._holds(claim):
            return None
        self.told += history
        assert all(each.what is not What.CHANGED for each in history), f"no word for {history}"
        self.progress = progress
        gone = {name for name in Orders.__struct_fields__ if name != "mutes" and getattr(over, name) is not None}
        mutes = {name: mute for name, mute in self.orders.mutes.items() if name not in over.mutes}
        self.orders = replace(self.orders, **dict.fromkeys(gone), mutes=mutes)
        if archive:
            self.episode += 1
            self.archive.append(archive)
        return self._extend(lease_ms, probing=claim.probing)

    async def act(self, id_: str, action: Action) -> ActionResult:  # noqa: ARG002
        """Take it over, as ``act.lua`` does where somebody posted on the page."""
        self.acted.append(action)
        is_late = (action.posted_at or 0) <= self.handed_back_at
        is_new = not is_late and self.orders.take_over is None
        if is_new:
            self.orders = replace(self.orders, take_over=Order(by=action.by, at=self._clock(), reason=action.reason))
            self._alerts.revision += 1
            self.notice()
        outcome = Acted.DONE if is_new else Acted.NOT_POSSIBLE if is_late else Acted.REPEAT
        return ActionResult(outcome=outcome)

    async def settle(self, claim: Claim, *, due: int | None, **_: object) -> bool:
        if not self._holds(claim):
            return False
        self.due = self._clock() if claim.incident.revision != self._alerts.revision else due
        self._lease_until = 0
        return True

    async def release(self, *_: object, **__: object) -> int:
        return 0

    async def drop(self, claim: Claim, **_: object) -> bool:
        if not self._holds(claim) or self._alerts.firing:
            return False
        self.progress, self.due, self._lease_until = Progress(), None, 0
        return True

    async def owners(self, remote_ids: Sequence[str]) -> dict[str, str]:
        held = self.others | {post.remote_id: ID for post in self.progress.posts.values() if post.remote_id}
        return {remote_id: held[remote_id] for remote_id in remote_ids if remote_id in held}

    async def remember(self, details: Mapping[str, bytes]) -> None:
        self.kept |= details

    async def recall(self, remote_ids: Sequence[str]) -> dict[str, bytes]:
        return {remote_id: self.kept[remote_id] for remote_id in remote_ids if remote_id in self.kept}

    async def unknown(self, ids: Collection[str]) -> set[str]:
        return set(ids) - {ID, *self.others.values()}

    async def config_changed(self, digest: str, routes: Sequence[str] = (), *, retention_ms: int = 0) -> int:  # noqa: ARG002
        is_other, self.digest = digest != self.digest, digest
        if is_other and (self._alerts.firing or any(post.remote_id for post in self.progress.posts.values())):
            self.due = self._clock()
        return int(is_other)

    async def pause(self, reason: str, *, now: int) -> bool:  # noqa: ARG002
        was_paused, self._paused_until = self._paused_until is not None, now + PROBE_MS
        return not was_paused

    async def probe_again(self, now: int) -> None:
        self._paused_until = now

    async def resume(self) -> bool:
        was_paused, self._paused_until = self._paused_until is not None, None
        return was_paused

    def lease(self, token: str, lease_ms: int) -> LeasedForLook | None:
        """For a look, due or not."""
        if self._lease_until > self._clock():
            return None
        due, self._token = self.due, token
        return LeasedForLook(self._extend(lease_ms, probing=False), NEVER if due is None else due, refused=False)

    def _holds(self, claim: Claim) -> bool:
        return claim.token == self._token and self._lease_until > self._clock()

    def _extend(self, lease_ms: int, *, probing: bool) -> Claim:
        now = self._clock()
        self.due = self._lease_until = now + lease_ms
        return Claim(incident=self.held, token=self._token, now=now, probing=probing)


class PageHarness:
    """One incident, one page, one bridge at a time, and a clock.

    ``page_name`` tells of which generation the page is. More ``pages`` may be added, by name; then ``pages_of`` tells
    which of them show a service.
    """

    page_name = V1_PAGE

    def __init__(self, policy: Policy, outcomes: Iterable[Outcome] = (), **checkly: Any) -> None:
        self.now = START
        self.alerts = Alerts()
        policy = replace(policy, impacts=IMPACTS)
        self.page = Page(lambda: self.now, outcomes, has_impacts=shows_impacts(self.page_name))
        self.pages: dict[str, Page] = {}
        self.pages_of: dict[str, tuple[str, ...]] = dict.fromkeys(SERVICES, (self.page_name,))
        self.store = VirtualStore(lambda: self.now, self.alerts)
        self.live = Live(config(policy, **checkly))
        self._tokens = count(1)
        self.restart()

    @property
    def progress(self) -> Progress:
        return self.store.progress

    @property
    def looks(self) -> VirtualLooks:
        return self.store.virtual_looks

    @property
    def post(self) -> Post:
        return self.progress.posts.get(self.page_name, Post())

    def restart(self) -> None:
        """Another process takes the place of one that died."""
        self.reconciler = Reconciler(
            store=self.store,
            page=lambda name: self.pages.get(name, self.page),
            pages_of=lambda _: self.pages_of,
            config=self.live,
            reserve=no_limit,
            monotonic=lambda: self.now / 1000,
            token=lambda: str(next(self._tokens)),
            jitter=lambda: 0.5,
            lease_ms=LEASE_MS,
        )

    def fire(self, service: str = "checkout", severity: Severity = Severity.MAJOR) -> None:
        self.alerts.fire(self.now, service, severity)
        self.settle()

    def clear(self, service: str | None = None) -> None:
        self.alerts.clear(self.now, service)
        self.settle()

    def order(self, verb: str, **more: Any) -> None:
        """An operator gives an order of that name, or takes it back."""
        is_back = more.pop("back", False)
        given = None if is_back else Order(by="alice", at=self.now, reason="because", **more)
        if is_back and verb == "take_over":
            self.store.handed_back_at = self.now
        self.store.orders = replace(self.store.orders, **{verb: given})
        self.alerts.revision += 1
        self.settle()

    def acknowledge(self) -> None:
        self.alerts.acknowledge()
        self.settle()

    def public_note(self, text: str) -> None:
        self.alerts.public_note(self.now, text)
        self.settle()

    def look(self) -> None:
        """Look at the page, whenever it was looked at last; then do what follows of that."""
        self._look()
        self.settle()

    def _look(self) -> None:
        looks = self.reconciler.looks
        self.looks.due_now()
        asyncio.run(looks.look_if_due())

    def settle(self) -> None:
        """Do all that is to be done at this instant."""
        self.store.notice()
        asyncio.run(self._settle())

    def after(self, ms: int) -> None:
        """Let time pass, doing on the way what falls due."""
        asyncio.run(self._pass(self.now + ms))

    async def _pass(self, end: int) -> None:
        await self._settle()
        while (due := self.store.next_at) is not None and due <= end:
            self.now = max(self.now, due)
            await self._settle()
        self.now = end

    async def _settle(self) -> None:
        for _ in range(20):
            lease = await self.reconciler.claim()
            if not isinstance(lease, Lease):
                return
            try:
                await self.reconciler.reconcile(lease)
            except Unauthorized as error:
                await self.reconciler._pause(lease, error)  # noqa: SLF001 - as run() does, which never ends by itself
            except Crash:
                self.restart()
        raise AssertionError(f"no end of claims at one instant: {self.page.writes[-10:]}")


def published(*outcomes: Outcome, **checkly: Any) -> PageHarness:
    """Checkout is out, MAJOR, and that was just posted (or tried)."""
    harness = PageHarness(POLICY, outcomes, **checkly)
    harness.fire()
    harness.after(MINUTE)
    return harness


def value_of(metric: Counter | Gauge) -> float:
    """Of a metric without labels."""
    (family,) = metric.collect()
    return family.samples[0].value


def names(logged: list[Any]) -> list[str]:
    return [event["event"] for event in logged]
