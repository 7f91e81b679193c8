"""``bridge serve``: the service itself. Puts the parts together; the parts know nothing of each other."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from contextlib import AsyncExitStack, ExitStack
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import uvloop
from cyclopts import Parameter

from bridge import __version__, telemetry
from bridge.checkly.pages import StatusPages
from bridge.checkly.v1.page import INCIDENTS
from bridge.cli import start_checks
from bridge.cli.errors import CommandError
from bridge.cli.healing import Watch, healing
from bridge.cli.inputs import checkly_client, read_settings, redis_url
from bridge.cli.listening import EVERYWHERE, Host, Port, listen
from bridge.cli.log_output import start_log
from bridge.cli.namespace import NamespaceWatch, objection
from bridge.config.environment import Settings
from bridge.config.live import ConfigFile
from bridge.config.problems import ConfigError
from bridge.core.routing import Router
from bridge.model import Priority
from bridge.reconciler import AccountAudit, Budget, CircuitBreaker, Reconciler, acting
from bridge.senders.credentials import Credentials
from bridge.senders.pagerduty.signature import SigningSecrets
from bridge.store import Store
from bridge.store.connect import connect
from bridge.store.embedded import EmbeddedError, EmbeddedValkey
from bridge.store.namespace import Ownership, prefix_of
from bridge.store.told import ToldMemory
from bridge.telemetry import Event, log
from bridge.web.admin import People
from bridge.web.app import create_app
from bridge.web.endpoints import Alertmanager, PagerDuty, Sender
from bridge.web.health import Health
from bridge.web.sender_keys import SenderKeys
from bridge.web.sender_watch import SenderWatch
from bridge.web.server import Server, set_at_signals
from bridge.web.unpublished import UnpublishedFold

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence

    from bridge.config.environment import Secret
    from bridge.config.schema import Config

DATA = Path("data")
_ASK_TIMEOUT_MS = 3_000
_LAST_LINES_S = 1.0


class Role(Enum):
    """What this process does; several processes may share a Redis."""

    ALL = "all"
    RECEIVER = "receiver"
    RECONCILER = "reconciler"


def serve(
    *,
    config: Annotated[Path, Parameter(help="The configuration file. The bridge reloads it when it changes.")],
    host: Host = EVERYWHERE,
    port: Port = 8080,
    role: Annotated[Role, Parameter(help="Receive deliveries, write to the status page, or both.")] = Role.ALL,
    take_namespace: Annotated[
        bool,
        Parameter(
            negative="",
            help="Take over the keys of a bridge with another checkly.instance: use it once after a rename.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        Parameter(
            negative="",
            help="Do not start while a sender that the configuration names has no credentials, or Checkly refuses the "
            "key.",
        ),
    ] = False,
) -> None:
    """Receive alerts and keep the status pages in step with them, until SIGTERM."""
    settings = read_settings()
    output = start_log(level=settings.log_level, form=settings.log_format)
    try:
        live = ConfigFile(config, objection=partial(objection, settings.redis_namespace))
    except ConfigError as error:
        raise CommandError(str(error)) from error
    try:
        with ExitStack() as held, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            listening, url = held.enter_context(listen(host, port))
            store_url = _store_url(settings, held)
            store, namespace = _store(settings, live, store_url, take_namespace=take_namespace)
            runner.run(_run(settings, live, store, namespace, listening, role, url, strict=strict))
        log(Event.STOPPED)
    finally:
        output.flush(within_s=_LAST_LINES_S)


def _store_url(settings: Settings, held: ExitStack) -> str:
    found = redis_url(settings)
    if found is not None:
        return found
    try:
        return held.enter_context(EmbeddedValkey(DATA))
    except EmbeddedError as error:
        raise CommandError(str(error)) from error


async def _run(
    settings: Settings,
    live: ConfigFile,
    store: Store,
    namespace: NamespaceWatch,
    listening: socket.socket,
    role: Role,
    url: str,
    *,
    strict: bool,
) -> None:
    stopping = set_at_signals()
    senders = _senders(settings)
    sender_watch = SenderWatch([], wall_ms=_wall_ms)
    if role is not Role.RECONCILER:
        _follow_senders(live, senders, sender_watch)
    health = Health(store, sender_watch, config=live, monotonic_ms=_monotonic_ms)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(store.close)
        unpublished = UnpublishedFold(store.unpublished, wall_ms=_wall_ms)
        closing.push_async_callback(unpublished.flush_last)
        lacks = [] if role is Role.RECONCILER else start_checks.lacking(senders, live.current)
        if strict:
            await start_checks.demand(lacks, senders, settings=None if role is Role.RECEIVER else settings)
        await namespace.poll()
        reconciler, acting = (None, []) if role is Role.RECEIVER else _reconciler(settings, live, store, closing)
        app = create_app(
            store=store,
            on_change=None if reconciler is None else reconciler.wake,
            config=live,
            router=Router(),
            senders=senders,
            receives=role is not Role.RECONCILER,
            people=_people(settings),
            wall_ms=_wall_ms,
            health=health,
            sender_watch=sender_watch,
            unpublished=unpublished,
        )
        server = Server(app, listening, stopping)
        durability = await health.inspect()
        log(
            Event.STARTED,
            version=__version__,
            role=role.value,
            url=url,
            store="unavailable" if durability is None else durability.server,
        )
        start_checks.report(lacks)
        background = [
            live.watch(),
            health.watch(),
            namespace.watch(server.stop),
            unpublished.watch(),
            *(watch() for watch in acting),
        ]
        await server.run(background=background, work=None if reconciler is None else reconciler.run)
        if namespace.failure is not None:
            raise namespace.failure


def _store(
    settings: Settings, live: ConfigFile, store_url: str, *, take_namespace: bool
) -> tuple[Store, NamespaceWatch]:
    prefix = prefix_of(settings.redis_namespace)
    redis = connect(store_url, prefix=prefix)
    ownership = Ownership(redis, settings.redis_namespace, live.current.checkly.instance, take=take_namespace)
    store = Store(
        redis,
        prefix=prefix,
        wanted=lambda: live.current.store,
        limits=lambda: live.current.limits,
        tell=ToldMemory(lambda: live.current),
        ownership=ownership,
    )
    return store, NamespaceWatch(ownership)


def _reconciler(
    settings: Settings, live: ConfigFile, store: Store, closing: AsyncExitStack
) -> tuple[Reconciler, list[Watch]]:
    """The reconciler, and what acts beside it."""
    budget = Budget(store, live)

    async def ask() -> object:
        with acting(Priority.END):  # what is over waits for the answer first of all
            return await client.request("GET", INCIDENTS, params={"limit": 1}, timeout_ms=_ASK_TIMEOUT_MS)

    breaker = CircuitBreaker(ask, monotonic=time.monotonic)
    timeout_ms = live.current.checkly.timeout_ms
    client = checkly_client(settings, timeout_ms=timeout_ms, budget=budget, observe=breaker.seen)
    closing.push_async_callback(client.close)

    def adjust(config: Config) -> None:
        client.timeout_ms = config.checkly.timeout_ms

    live.subscribe(adjust)
    targets = AccountAudit(client, live, jitter=random.random)
    live.subscribe(targets.audit_again)
    reconciler = Reconciler(
        store=store,
        page=StatusPages(client, lambda: live.current.services, clock=_monotonic_ms),
        pages_of=lambda config: config.pages_of,
        config=live,
        reserve=budget.reserve,
        allows=breaker.allows,
        is_down=lambda: breaker.is_open,
        wall=_wall_ms,
        monotonic=time.monotonic,
        token=lambda: secrets.token_hex(8),
        jitter=random.random,
    )
    return reconciler, [
        targets.watch,
        reconciler.looks.watch,
        *healing(settings, live, store, reconciler, closing),
    ]


def _senders(settings: Settings) -> tuple[Sender[Any], ...]:
    return (
        Alertmanager(Credentials(_revealed(settings.alertmanager_tokens))),
        PagerDuty(SigningSecrets(_revealed(settings.pagerduty_signing_secrets))),
    )


def _follow_senders(live: ConfigFile, senders: Sequence[Sender[Any]], sender_watch: SenderWatch) -> None:
    """Give the senders that the configuration lists, now and later, their credentials, series and watch."""
    keys = SenderKeys(senders, os.environ)

    def follow(config: Config) -> None:
        keys.apply(config)
        for sender in senders:
            for name in config.senders.of(sender.name):
                telemetry.start_at_zero(sender.name, name)
        sender_watch.watch_only([(sender.name, name) for sender in senders for name in _expected(sender, config)])

    follow(live.current)
    live.subscribe(follow)


def _expected(sender: Sender[Any], config: Config) -> list[str]:
    """The senders whose silence means something: those that are listed, else all together; with credentials alone."""
    return [name for name in config.senders.of(sender.name) or ("",) if sender.has_credentials(name)]


def _people(settings: Settings) -> People:
    secrets_of: dict[str, list[str]] = {}
    for token in settings.operator_tokens:
        secrets_of.setdefault(token.name, []).append(token.secret.reveal())
    operators = {name: Credentials(each) for name, each in secrets_of.items()}
    return People(admins=Credentials(_revealed(settings.admin_tokens)), operators=operators)


def _revealed(entries: Iterable[Secret]) -> list[str]:
    return [entry.reveal() for entry in entries]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
