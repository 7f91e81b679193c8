"""Asks every sender that ``healing`` names, once: what it shows, and what it knows of our open alerts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bridge.cli.inputs import redis_url
from bridge.healing.accounts import Key, KeyProblem
from bridge.healing.peers import Peers
from bridge.healing.sight import Sight, see_account, see_cluster
from bridge.store import Store, StoreUnavailable
from bridge.store.connect import connect
from bridge.store.namespace import prefix_of

if TYPE_CHECKING:
    from bridge.config.environment import Settings
    from bridge.config.healing import Cluster, Healing, PagerDutyHealing
    from bridge.core.healing.pagerduty import OpenAlert


async def sights(healing: Healing, settings: Settings) -> list[Sight]:
    """What each shows. Our alerts are those in REDIS_URL; where that is unset, or away, nothing is said of them."""
    store, peers = _store(settings), Peers(os.environ, settings.network)
    try:
        found = []
        for cluster in healing.alertmanagers:
            found += await see_cluster(cluster, peers.poll, await _of_clusters(store, cluster))
        for entry in healing.pagerduty:
            found += await _account(entry, settings, await _of_account(store, entry))
        return found
    finally:
        await peers.close()
        if store is not None:
            await store.close()


def _store(settings: Settings) -> Store | None:
    url = redis_url(settings)
    prefix = prefix_of(settings.redis_namespace)
    return None if url is None else Store(connect(url, prefix=prefix), prefix=prefix)


async def _of_clusters(store: Store | None, cluster: Cluster) -> list[str] | None:
    try:
        found = [] if store is None else await store.open_of("alertmanager")
    except StoreUnavailable:
        return None
    return None if store is None else [name for sender, name in found if cluster.takes_sender(sender)]


async def _of_account(store: Store | None, entry: PagerDutyHealing) -> list[OpenAlert] | None:
    try:
        return None if store is None else await store.paged(entry.sender).firing()
    except StoreUnavailable:
        return None


async def _account(entry: PagerDutyHealing, settings: Settings, ours: list[OpenAlert] | None) -> list[Sight]:
    key = Key(entry, os.environ, settings.network, settings.pagerduty_api_url)
    try:
        client, _ = key.connect()
        return await see_account(entry, key.address, client, ours)
    except KeyProblem as error:
        return [Sight(sender=f"pagerduty {entry.sender}".strip(), address=key.address, problem=str(error))]
    finally:
        await key.close()
