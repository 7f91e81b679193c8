"""What the store raises. The messages are safe to log and to show."""

from __future__ import annotations

from redis.exceptions import RedisError

FAILURES = (RedisError, OSError, RuntimeError)
"""How redis-py says that it could not serve; RuntimeError is uvloop's, for a connection that has just been closed."""


class StoreUnavailable(Exception):
    """Nothing may be promised: Redis did not answer or cannot write, or what it was told would not be safe there."""


class NotDurable(StoreUnavailable):
    """Redis answers, but by its settings it may forget, and ``store.durability`` is ``require``."""


class NotReplicated(StoreUnavailable):
    """The write is on the primary, but fewer replicas than ``store.wait_replicas`` confirmed it in time."""
