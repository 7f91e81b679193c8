"""A bridge that a test takes from boundary to boundary: it stops before and after every call to the store and the page.

So two of them can be interleaved in any way, stopped for longer than a lease, or killed between any two calls. Each
operation on the store is compared with what `expectation` says of it, and each write to the page with who may write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.checkly.errors import ChecklyError, Unauthorized
from bridge.core.actions import standing
from bridge.model import V1_PAGE, Intent, Progress
from bridge.orders import NO_ORDERS
from bridge.reconciler import Reconciler
from bridge.reconciler.leases import Lease, LeaseLost
from bridge.store import Claim, Idle, StoreUnavailable, posts
from bridge.store.store import FAR_MS
from tests.unit.reconciler.clocked import ClockedStore
from tests.unit.reconciler.page_harness import LEASE_MS, Live, no_limit
from tests.unit.store.builders import PREFIX
from tests.unit.store.reference import Recorded

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bridge.checkly.port import Guard
    from bridge.config.schema import Config
    from bridge.core.remote import RemoteIncident, RemoteUpdate
    from tests.unit.reconciler.expectation import Expectation
    from tests.unit.reconciler.page import Page

CLAIMS_AT_ONCE = 60

Answer = TypeVar("Answer")


class Replica:
    """One process. ``broken`` gets what it did against the expectation. Only one incident is in hand at a time."""

    def __init__(
        self, redis: Redis, page: Page, expectation: Expectation, config: Config, broken: list[str], name: str
    ) -> None:
        self.name = name
        self.live = Live(config)
        self.loses_answers = 0
        self.is_stepped = True
        self.idle: Idle | None = None  # what the last claim said if there was nothing to do
        self.expectation = expectation
        self._broken = broken
        self._page = page
        self._redis = redis
        self._go = asyncio.Semaphore(0)
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._claims = 0
        self._start()

    def _start(self) -> None:
        door = _Door(self._page, self)
        self._reconciler = Reconciler(
            store=_Store(self._redis, self),
            page=lambda _: door,
            pages_of=lambda config: dict.fromkeys(config.services, (V1_PAGE,)),
            config=self.live,
            reserve=no_limit,
            monotonic=lambda: self.expectation.now / 1000,
            token=self._token,
            jitter=lambda: 0.5,
            lease_ms=LEASE_MS,
        )

    async def step(self, boundaries: int) -> None:
        """Go on for so many boundaries, claiming when nothing is in hand."""
        for _ in range(boundaries):
            if self._task is None:
                self._task = asyncio.create_task(self._work())
            else:
                self._go.release()
            if await self._comes_to_a_stop():
                return

    async def finish(self) -> None:
        """Do what is in hand, and all else that is due, without a stop."""
        self.is_stepped, self.loses_answers = False, 0
        self._go.release()
        if self._task is not None:
            await self._task
            self._task = None
        for _ in range(CLAIMS_AT_ONCE):
            await self._work()
            if self.idle is not None:
                break
        else:
            self._broken.append("no end of claims at one instant")
        self.is_stepped, self._go = True, asyncio.Semaphore(0)

    async def die(self) -> None:
        """Stop at once, for good; another process takes its place."""
        task, self._task, self._lease = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._go, self.loses_answers = asyncio.Semaphore(0), 0
        self._start()

    async def stop(self) -> None:
        """A boundary."""
        if self.is_stepped:
            self._stopped.set()
            await self._go.acquire()

    def compare(self, what: str, actual: object, expected: object) -> None:
        """Note when something is not as it should be; raising would look like trouble to the bridge."""
        if actual != expected:
            self._broken.append(f"{self.name}: {what} gave {actual}, expected {expected}")

    async def on_store(self, operation: Callable[[], Awaitable[Answer]], check: Callable[[Answer], None]) -> Answer:
        """An operation between two boundaries; its answer may be lost."""
        await self.stop()
        waited = self.expectation.waiting()
        answer = await operation()
        check(answer)
        await self._see_who_is_woken({*waited, *self.expectation.waiting()} & self.expectation.incidents.keys())
        is_lost = self.loses_answers > 0
        self.loses_answers -= is_lost
        await self.stop()
        if is_lost:
            raise StoreUnavailable("the connection was cut")
        return answer

    async def _see_who_is_woken(self, ids: Collection[str]) -> None:
        for id_ in ids:
            due: float | None = await self._redis.zscore(f"{PREFIX}due", id_)
            revision: Any = await self._redis.hget(f"{PREFIX}incident:{id_}", "rev")
            assert due is not None
            self.expectation.woken(id_, due, int(revision))

    async def on_page(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """A call between two boundaries."""
        await self.stop()
        self._page.on_write = self._must_hold_the_lease
        failure = None
        try:
            answer = await call()
        except ChecklyError as error:
            failure = error
        await self.stop()
        if failure is not None:
            raise failure
        return answer

    async def _comes_to_a_stop(self) -> bool:
        """Whether the work is done; else it is at its next boundary."""
        assert self._task is not None
        reached = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait([self._task, reached], return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        self._stopped.clear()
        if not self._task.done():
            return False
        self._task.result()
        self._task = None
        return True

    async def _work(self) -> None:
        self.idle = None
        lease = await self._reconciler.claim()
        if not isinstance(lease, Lease):
            return
        self._lease = lease
        try:
            await self._reconciler.reconcile(lease)
        except (LeaseLost, StoreUnavailable):
            pass
        except Unauthorized as error:
            await self._reconciler._pause(lease, error)  # noqa: SLF001 - as run() does, which never ends by itself
        finally:
            self._lease = None

    def _must_hold_the_lease(self) -> None:
        assert self._lease is not None
        claim = self._lease.claim
        self.compare("a write's lease", self.expectation.holds(claim.incident.id, claim.token), expected=True)

    def _token(self) -> str:
        self._claims += 1
        return f"{self.name}-{self._claims}"


class _Store(ClockedStore):
    """The replica's way to the store."""

    def __init__(self, redis: Redis, replica: Replica) -> None:
        super().__init__(redis)
        self._replica = replica
        self._expected = replica.expectation

    async def claim(self, *, token: str, lease_ms: int, **_: Any) -> Claim | Idle:
        def check(answer: Claim | Idle) -> None:
            self._replica.idle = answer if isinstance(answer, Idle) else None
            due = self._expected.due()
            if isinstance(answer, Claim):
                may_be_woken = answer.incident.id in self._expected.waiting()  # by this very claim
                self._replica.compare("claim of what is due", may_be_woken or answer.incident.id in due, expected=True)
                self._expected.claim(token, lease_ms, answer.incident.id)
            elif not answer.paused:
                self._replica.compare("claim", [], due)

        return await self._replica.on_store(partial(super().claim, token=token, lease_ms=lease_ms), check)

    async def record(self, claim: Claim, progress: Progress, *, lease_ms: int, **options: Any) -> Claim | None:
        def check(answer: Claim | None) -> None:
            self._replica.compare("record", answer is not None, self._holds(claim))
            if answer is not None:
                over = options.get("over", NO_ORDERS)
                gone = [(f"mute|{alert}" if alert else str(verb), order.at) for verb, order, alert in standing(over)]
                self._expected.record(claim.incident.id, _recorded(progress), gone)
                self._expected.extend(claim.incident.id, lease_ms)

        record = partial(super().record, claim, progress, lease_ms=lease_ms, **options)
        return await self._replica.on_store(record, check)

    async def settle(self, claim: Claim, *, due: int | None, **options: Any) -> bool:
        def check(is_settled: bool) -> None:
            self._replica.compare("settle", is_settled, self._holds(claim))
            if is_settled:
                config = options.get("config", "")
                self._expected.settle(claim.incident.id, claim.incident.revision, due, config)

        return await self._replica.on_store(partial(super().settle, claim, due=due, **options), check)

    async def config_changed(self, digest: str, routes: Sequence[str] = (), *, retention_ms: int = FAR_MS) -> int:
        def check(_: int) -> None:
            self._expected.config_changed(digest, retention_ms)

        change = partial(super().config_changed, digest, routes, retention_ms=retention_ms)
        return await self._replica.on_store(change, check)

    async def drop(self, claim: Claim, **_: Any) -> bool:
        def check(is_gone: bool) -> None:
            may_go = self._holds(claim) and self._expected.may_drop(claim.incident.id)
            self._replica.compare("drop", is_gone, may_go)
            if is_gone:
                self._expected.drop(claim.incident.id)

        return await self._replica.on_store(partial(super().drop, claim), check)

    def _holds(self, claim: Claim) -> bool:
        return self._expected.holds(claim.incident.id, claim.token)


def _recorded(progress: Progress) -> Recorded:
    return Recorded(
        tally=posts.tally(progress),
        is_open=bool(posts.open_pages(progress)),
        is_posted=bool(posts.remotes(progress)),
        waits=bool(posts.withheld_pages(progress)),
    )


class _Door:
    """The replica's way to the page."""

    def __init__(self, page: Page, replica: Replica) -> None:
        self._page = page
        self._replica = replica

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        return await self._replica.on_page(partial(self._page.open, intent, guard=guard))

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        return await self._replica.on_page(partial(self._page.read, remote_id, guard=guard))

    async def change(
        self, current: RemoteIncident, intent: Intent, *, without: Collection[str] = (), guard: Guard | None = None
    ) -> RemoteIncident:
        return await self._replica.on_page(partial(self._page.change, current, intent, without=without, guard=guard))

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        return await self._replica.on_page(partial(self._page.update, remote_id, intent, guard=guard))

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        return await self._replica.on_page(partial(self._page.open_incidents, guard=guard))

    async def listed(self, cursor: str = "", *, guard: Guard | None = None) -> tuple[list[RemoteIncident], str]:
        return await self._replica.on_page(partial(self._page.listed, cursor, guard=guard))
