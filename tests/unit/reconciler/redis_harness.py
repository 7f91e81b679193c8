"""A reconciler on a real Redis and the simulator of Checkly: alerts go in at the store, calls come out at the API.

Nothing sleeps: `RedisHarness.after` makes the stored times older instead. The page's incidents do not age, so tests
with this harness say nothing of the dates that readers see; alerts start and end well in the past.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec.structs import replace

from bridge.checkly.client import Client
from bridge.checkly.errors import Unauthorized
from bridge.checkly.pages import StatusPages
from bridge.config.loader import load
from bridge.core.routing import route
from bridge.model import V1_PAGE, Alert, AlertStatus, Incident, Post, Progress, Routed
from bridge.reconciler import Budget, Reconciler
from bridge.reconciler.leases import Lease, LeaseLost
from bridge.sandbox import Account, create_app
from bridge.store import Store
from bridge.store.connect import connect
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.page_harness import Live
from tests.unit.store.builders import all_of

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.config.schema import Config
    from bridge.sandbox.incidents import Incident as Shown
    from bridge.sandbox.state import State

INCIDENTS = "/v1/status-pages/incidents"
SECOND, MINUTE = 1_000, 60_000
SETTLE_MS = 10 * SECOND
CONFIG = """
version: 1
checkly: {notify: [open, resolved], settle: 10s}
services: {checkout: Checkout, payments: Payments}
severity: [{match: severity = critical, is: CRITICAL}, {is: MINOR}]
defaults: {publish_after: 1m, resolve_after: 2m, reopen_after: 10m}
routes: [{name: shop, services: {label: service}}]
"""
_TIMES = ("firing_since", "cleared_at", "eased_at", "lease_until", "was_due")


class RedisHarness:
    """Close it at the end."""

    def __init__(self, redis_url: str, tmp_path: Path, config: str = CONFIG) -> None:
        self._file = tmp_path / "bridge.yaml"
        self.live = Live(self._load(config))
        self.redis = connect(redis_url)
        self.store = Store(self.redis)
        self.app = create_app(Account.sample())
        self.state: State = self.app.state.sandbox
        self.behind = 0.0  # how much further than the true one a reconciler's own clock has come, in seconds
        self._clients: list[Client] = []
        self._tokens = count(1)
        self.reconciler = self.start()

    def start(
        self, api_key: str | None = None, *, wrap: Callable[[StatusPages], Any] = lambda pages: pages, **options: Any
    ) -> Reconciler:
        """One more bridge on the same store. ``wrap`` may stand before its pages; ``options`` are the reconciler's."""
        account = self.state.account
        budget = Budget(self.store, self.live, sleep=self._sleep)
        client = Client(
            "http://checkly",
            api_key or account.api_key,
            account.uuid,
            timeout_ms=30 * SECOND,
            budget=budget,
            transport=httpx.ASGITransport(self.app),
        )
        self._clients.append(client)
        pages = StatusPages(
            client, lambda: self.live.current.services, clock=lambda: int((time.monotonic() + self.behind) * 1000)
        )
        return Reconciler(
            store=self.store,
            page=wrap(pages),
            pages_of=lambda config: {name: service.pages for name, service in config.services.items()},
            config=self.live,
            reserve=budget.reserve,
            sleep=self._sleep,
            monotonic=lambda: time.monotonic() + self.behind,
            token=lambda: f"token-{next(self._tokens)}",
            jitter=lambda: 0.5,
            **options,
        )

    def reload(self, config: str) -> None:
        """Put another configuration in force."""
        self.live.current = self._load(config)

    def _load(self, config: str) -> Config:
        self._file.write_text(config)
        return load(self._file)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self.store.close()

    @property
    def shown(self) -> list[Shown]:
        """What stands on the page, the oldest first."""
        return sorted(self.state.incidents.latest_first(), key=lambda incident: incident.created_at)

    @property
    def only(self) -> Shown:
        (incident,) = self.shown
        return incident

    @property
    def writes(self) -> list[str]:
        """The calls that changed something: method and the path's last part."""
        return [f"{call.method} {call.path.rpartition('/')[2]}" for call in self.state.calls if call.committed]

    async def ingest(self, status: AlertStatus, service: str, severity: str, now: int | None = None) -> None:
        now = now or int(time.time() * 1000)
        labels = {"service": service, "severity": severity}
        routed = route(labels, self.live.current)
        assert isinstance(routed, Routed)
        is_over = status is AlertStatus.RESOLVED
        alert = Alert(
            source="alertmanager",
            fingerprint=service,
            status=status,
            labels=labels,
            starts_at=now - 20 * MINUTE,
            ends_at=now - 10 * MINUTE if is_over else None,
        )
        await self.store.ingest([(alert, routed)])

    async def fire(self, service: str = "checkout", severity: str = "warning", now: int | None = None) -> None:
        await self.ingest(AlertStatus.FIRING, service, severity, now)
        await self.settle()

    async def clear(self, service: str = "checkout", severity: str = "warning") -> None:
        await self.ingest(AlertStatus.RESOLVED, service, severity)
        await self.settle()

    async def incident(self) -> Incident:
        (incident,) = await all_of(self.store)
        return incident

    async def post(self) -> Post:
        return (await self.incident()).progress.posts[V1_PAGE]

    async def claim(self, reconciler: Reconciler | None = None) -> Lease:
        lease = await (reconciler or self.reconciler).claim()
        assert isinstance(lease, Lease)
        return lease

    async def settle(self, reconciler: Reconciler | None = None) -> None:
        """Let a bridge do all it finds due."""
        reconciler = reconciler or self.reconciler
        for _ in range(20):
            lease = await reconciler.claim()
            if not isinstance(lease, Lease):
                return
            try:
                await reconciler.reconcile(lease)
            except LeaseLost:
                continue
            except Unauthorized as error:
                await reconciler._pause(lease, error)  # noqa: SLF001 - as run() does, which never ends by itself
        raise AssertionError(f"no end of claims: {self.writes}")

    async def after(self, *spans_ms: int) -> None:
        """Let each span of time pass at one leap, and do then what is due."""
        for span_ms in spans_ms:
            await self.age(span_ms)
            await self.settle()

    def publish_at_once(self) -> None:
        routes = [replace(each, policy=replace(each.policy, publish_after_ms=0)) for each in self.live.current.routes]
        self.live.current = replace(self.live.current, routes=tuple(routes))

    def watch(self) -> asyncio.Event:
        """Gives an event that is set when something changes on the page."""
        happened, touch = asyncio.Event(), self.state.incidents.touch

        def touch_and_tell(incident: Shown, now: int) -> None:
            touch(incident, now)
            happened.set()

        self.state.incidents.touch = touch_and_tell  # type: ignore[method-assign]
        return happened

    async def _sleep(self, seconds: float) -> None:
        await self.age_budget(int(seconds * 1000))

    async def age_budget(self, ms: int) -> None:
        key = f"{PREFIX}rate"
        free_at: Any = await self.redis.get(key)
        left_ms: int = await self.redis.pttl(key)
        if left_ms > ms:
            await self.redis.set(key, float(free_at) - ms, px=left_ms - ms)
        else:
            await self.redis.delete(key)

    async def age(self, ms: int) -> None:
        """Make every stored time that much older, and let the reconcilers' own clocks come as far."""
        self.behind += ms / 1000
        await self.age_budget(ms)
        if await self.redis.exists(f"{PREFIX}pause"):
            await self.redis.hincrby(f"{PREFIX}pause", "until", -ms)
        refused: list[Any] = await self.redis.zrange(f"{PREFIX}unauthorized", 0, -1)
        for id_ in refused:
            await self.redis.zincrby(f"{PREFIX}unauthorized", -ms, id_)
        ids: list[Any] = await self.redis.zrange(f"{PREFIX}due", 0, -1)
        for id_ in ids:
            await self.redis.zincrby(f"{PREFIX}due", -ms, id_)
            key = f"{PREFIX}incident:{id_.decode()}"
            fields: dict[Any, Any] = await self.redis.hgetall(key)
            older: dict[Any, Any] = {
                name: int(fields[name.encode()]) - ms for name in _TIMES if int(fields.get(name.encode(), 0))
            }
            spans = {name: value.split() for name, value in fields.items() if name.startswith(b"return:")}
            older |= {name: f"{int(since) - ms} {int(until) - ms}" for name, (since, until) in spans.items()}
            await self.redis.hset(key, mapping=older)
            packed: Any = await self.redis.get(f"{key}:progress")
            if packed:
                progress = _older(msgspec.msgpack.decode(packed, type=Progress), ms)
                await self.redis.set(f"{key}:progress", msgspec.msgpack.encode(progress))
            await self._age_orders(f"{key}:orders", ms)

    async def _age_orders(self, key: str, ms: int) -> None:
        orders: dict[Any, Any] = await self.redis.hgetall(key)
        for name, packed in orders.items():
            if name not in {b"born", b"last"}:
                order = msgspec.msgpack.decode(packed)
                older = order | {field: order[field] - ms for field in ("at", "until") if field in order}
                await self.redis.hset(key, name, msgspec.msgpack.encode(older))

    async def send_again(self, call_number: int) -> None:
        """What a slow network does: deliver a request that was given up long ago."""
        call = next(call for call in self.state.calls if call.number == call_number)
        account = self.state.account
        headers = {"Authorization": f"Bearer {account.api_key}", "X-Checkly-Account": account.uuid}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://checkly", headers=headers) as client:
            answer = await client.request(call.method, call.path, json=call.request)
            answer.raise_for_status()


def _older(progress: Progress, ms: int) -> Progress:
    posts = {page: _older_post(post, ms) for page, post in progress.posts.items()}
    return replace(progress, phase_since=progress.phase_since - ms, posts=posts)


def _older_post(post: Post, ms: int) -> Post:
    intent = post.intent
    if intent is not None and intent.unknown_at is not None:
        intent = replace(intent, unknown_at=intent.unknown_at - ms)
    return replace(
        post,
        intent=intent,
        public_at=post.public_at - ms,
        check_duplicates_at=None if post.check_duplicates_at is None else post.check_duplicates_at - ms,
        closed_at=None if post.closed_at is None else post.closed_at - ms,
        find_existing_at=None if post.find_existing_at is None else post.find_existing_at - ms,
        stale_at=None if post.stale_at is None else post.stale_at - ms,
        changed_at=max(0, post.changed_at - ms),
        checked_at=max(0, post.checked_at - ms),
        theirs_at=None if post.theirs_at is None else post.theirs_at - ms,
        retry=replace(
            post.retry,
            at=max(0, post.retry.at - ms),
            missing_at=None if post.retry.missing_at is None else post.retry.missing_at - ms,
        ),
        clocks=replace(
            post.clocks,
            quiet_at=max(0, post.clocks.quiet_at - ms),
            ended_at=max(0, post.clocks.ended_at - ms),
            fires_at=max(0, post.clocks.fires_at - ms),
        ),
    )


async def together(*works: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
