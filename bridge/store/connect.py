"""From a URL to a Redis client with the patience this service needs: fail fast, the sender retries."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TIMEOUT_S = 2.0


def connect(url: str) -> Redis:
    """A client for ``redis://`` or ``rediss://``; connects on first use.

    A broken connection is replaced once without waiting (every script may be repeated); after that the caller learns
    of it, and the sender of the alert keeps it until Redis is back.
    """
    client: Redis = Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        client_name="checkly-bridge",
    )
    return client
