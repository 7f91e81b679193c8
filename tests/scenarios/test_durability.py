"""A bridge that accepts only what Redis will keep."""

from __future__ import annotations

import signal

import httpx
import pytest

from tests.scenarios.vocabulary import Outage, alert, payload, write_configuration
from tests.servers import Bridge, Redis, eventually

pytestmark = pytest.mark.needs("redis-server")


def refused(bridge: Bridge, error: str) -> str:
    """A delivery must get this error now; its message."""
    answer = bridge.deliver(payload(alert(service="search")))
    assert (answer.status_code, answer.json()["error"]) == (503, error)
    message: str = answer.json()["message"]
    return message


def is_unready(bridge: Bridge) -> bool:
    return httpx.get(f"{bridge.url}/readyz").status_code == 503


def test_an_unsafe_redis_is_refused_for_as_long_as_it_is_unsafe(tmp_path, page, config):
    """The bridge runs all the while, and needs no restart."""
    write_configuration(config, store={"durability": "require"})
    with Redis(tmp_path / "redis", maxmemory_policy="allkeys-lru") as server, server.client() as redis:
        bridge = Bridge(tmp_path / "bridge", config=config, sandbox=page.sandbox, redis_url=server.url)
        try:
            bridge.start(wait=False)
            eventually(lambda: is_unready(bridge), "an answer that it is not ready")
            assert "set it to noeviction" in refused(bridge, "store_not_durable")
            redis.config_set("maxmemory-policy", "noeviction")
            bridge.wait_ready(within=10)
            Outage(bridge).fires()
            page.shows(status="INVESTIGATING", services=("Checkout",))
            redis.config_set("appendonly", "no")
            eventually(lambda: is_unready(bridge), "that to be noticed", within=10)
            assert "set appendonly yes" in refused(bridge, "store_not_durable")
        finally:
            bridge.stop()


def test_what_no_replica_has_is_not_accepted(tmp_path, page, config, start_bridge):
    write_configuration(config, store={"wait_replicas": 1, "wait_timeout": "1s"})
    with (
        Redis(tmp_path / "primary", repl_diskless_sync_delay="0", shutdown_on_sigterm="now") as primary,
        Redis(tmp_path / "replica", replicaof=f"127.0.0.1 {primary.port}", shutdown_on_sigterm="force") as replica,
    ):
        bridge = start_bridge(redis_url=primary.url)
        Outage(bridge).fires()
        page.shows(services=("Checkout",))
        replica.signal(signal.SIGSTOP)
        assert "0 replicas had the write" in refused(bridge, "store_not_replicated")
        eventually(lambda: is_unready(bridge), "readiness to tell")
        replica.signal(signal.SIGCONT)
        bridge.wait_ready(within=10)
        Outage(bridge).fires("payments")
        page.shows(services=("Checkout", "Payments", "Search"))  # Search was stored, though not promised
        bridge.stop()
