"""Does this Redis keep what it is told? Read from its own settings, as far as it lets us read them."""

from __future__ import annotations

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bridge.store.errors import StoreUnavailable


class Durability(Struct, frozen=True, kw_only=True):
    """The server's kind and version, and what stands against calling it durable (empty: nothing)."""

    server: str
    problems: tuple[str, ...]


async def inspect(redis: Redis) -> Durability:
    """Read version, role, persistence and eviction policy. Raises StoreUnavailable when Redis does not answer.

    Hosted Redis often refuses CONFIG; INFO tells enough there.
    """
    try:
        info = await redis.info()
        settings = await _settings(redis)
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    problems = []
    policy = settings.get("maxmemory-policy") or str(info.get("maxmemory_policy", ""))
    if policy not in {"noeviction", ""}:
        problems.append(f"maxmemory-policy is {policy}: keys may vanish; set it to noeviction")
    if not int(info.get("aof_enabled", 0)) and not settings.get("save", "hosted"):
        problems.append(
            "neither an append-only file nor snapshots are on: a restart forgets everything; set appendonly yes"
        )
    elif not int(info.get("aof_enabled", 0)):
        problems.append("no append-only file: a crash forgets everything since the last snapshot; set appendonly yes")
    if info.get("role") == "slave":
        problems.append("this is a read-only replica; REDIS_URL must name the primary")
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version")
    return Durability(server=f"{name} {version}", problems=tuple(problems))


async def _settings(redis: Redis) -> dict[str, str]:
    try:
        answer = await redis.config_get("maxmemory-policy", "save")
    except ResponseError:
        return {}
    return {_text(name): _text(value) for name, value in answer.items() if name}


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
