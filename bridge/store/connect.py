"""From a URL to a Redis client with the patience this service needs: fail fast, the sender retries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from redis.asyncio import Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from bridge.config.redis_url import RedisURL
from bridge.store.discovery import Directory, PrimaryPool, owner_of, primary_of
from bridge.store.namespace import PREFIX
from bridge.store.pool import WaitingPool

TIMEOUT_S = 2.0
CONNECTIONS = 100  # then a call waits for one to be free, for TIMEOUT_S at most
LOOKUP_TIMEOUT_S = 0.5  # for one Sentinel, or one node of a cluster, to tell where the keys are


def connect(url: str, *, prefix: str = PREFIX) -> Redis:
    """A client for an address that RedisURL can read; connects on first use. Raises RedisURLError for any other.

    In a cluster it leads to the node that has the keys with this ``prefix``.

    A broken connection is replaced once without waiting (every script may be repeated), if need be to another server;
    after that the caller learns of it, and the sender of the alert keeps it until Redis is back.
    """
    address = RedisURL.parse(url)
    options = _patience(TIMEOUT_S, retries=1) | {"max_connections": CONNECTIONS, "timeout": TIMEOUT_S}
    if not address.hosts:
        return Redis.from_pool(WaitingPool.from_url(address.server, **options))
    options |= parse_url(address.server)
    del options["host"]
    tls = options.pop("connection_class", None) is SSLConnection
    return Redis.from_pool(PrimaryPool(_directory(address, options, prefix, tls=tls), tls=tls, **options))


def _directory(address: RedisURL, options: dict[str, Any], prefix: str, *, tls: bool) -> Directory:
    """Whom to ask for the server: with its own credentials where those are Sentinels, and always with its TLS."""
    access = {name: value for name, value in options.items() if name.startswith("ssl_")} | {"ssl": tls}
    if address.service:
        access |= address.sentinel
        resolver = primary_of(address.service)
    else:
        access |= {name: options[name] for name in ("username", "password") if name in options}
        resolver = owner_of(f"{prefix}due")
    access |= _patience(LOOKUP_TIMEOUT_S, retries=0)
    return Directory({(host, port): Redis(host=host, port=port, **access) for host, port in address.hosts}, resolver)


def _patience(timeout_s: float, *, retries: int) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), retries),
        "redis_connect_func": _greet,
    }


async def _greet(connection: AbstractConnection) -> None:
    """Begin a connection as redis-py does, and give it a name, where the server lets us: it is a label, no more."""
    await connection.on_connect_check_health(check_health=False)
    with suppress(ResponseError):
        await connection.send_command("CLIENT", "SETNAME", "checkly-bridge", check_health=False)
        await connection.read_response()
