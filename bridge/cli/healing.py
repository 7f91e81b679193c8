"""What ``bridge serve`` asks senders with, so that what fires here and is over there is closed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from bridge.core.routing import Router
from bridge.healing.accounts import Accounts
from bridge.healing.clusters import Clusters
from bridge.healing.missed import MissedAlerts
from bridge.healing.paged_ends import PagedEnds
from bridge.healing.peers import Peers

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from bridge.config.environment import Settings
    from bridge.config.live import ConfigFile
    from bridge.reconciler import Reconciler
    from bridge.store import Store


Watch = Callable[[], Coroutine[Any, Any, None]]  # goes on until canceled


def healing(
    settings: Settings, live: ConfigFile, store: Store, reconciler: Reconciler, closing: AsyncExitStack
) -> list[Watch]:
    """What runs in the background, whatever the configuration says of it now or later."""
    on_change, router = reconciler.wake, Router()
    peers = Peers(os.environ, settings.network)
    closing.push_async_callback(peers.close)
    clusters = Clusters(
        store=store,
        config=live,
        ask=peers.poll,
        on_change=on_change,
        monotonic=time.monotonic,
        token=lambda: secrets.token_hex(8),
        finder=lambda: MissedAlerts(
            store=store,
            config=live,
            router=router,
            groups=peers.groups,
            shown=reconciler.shown.read,
            monotonic=time.monotonic,
            on_change=on_change,
        ),
    )
    accounts = Accounts(
        store=store,
        config=live,
        ends=PagedEnds(store=store, config=live, router=router, on_change=on_change),
        environment=os.environ,
        network=settings.network,
        api_url=settings.pagerduty_api_url,
        monotonic=time.monotonic,
        token=lambda: secrets.token_hex(8),
    )
    live.subscribe(accounts.follow)
    return [clusters.watch, accounts.watch]
