"""Does this Redis keep what it is told? Read from its own settings, as far as it lets us read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from redis.exceptions import NoPermissionError, ResponseError

from bridge.store.discovery import PrimaryPool
from bridge.store.errors import FAILURES, StoreUnavailable, describe

if TYPE_CHECKING:
    from redis.asyncio import Redis

_HAS_WAITAOF = (7, 2)  # Valkey, all of whose versions have it, calls itself Redis 7.2.4 there


class Durability(Struct, frozen=True, kw_only=True):
    """The server's kind and version, and what stands against calling it durable (empty: nothing).

    ``waits_for_disks``: it can tell when a write is on its disk and those of its replicas (WAITAOF). ``misnamed``: it
    is one node of a cluster, and its address names it as a server alone.
    """

    server: str
    problems: tuple[str, ...]
    waits_for_disks: bool = False
    misnamed: bool = False


async def inspect(redis: Redis, *, wait_replicas: int = 0) -> Durability:
    """Read version, role, persistence, eviction policy and whether there are the replicas that writes wait for.

    Hosted Redis often refuses CONFIG; INFO tells enough there. One that refuses INFO, too, may be durable or not.
    Raises StoreUnavailable when Redis does not answer.
    """
    try:
        info = await redis.info()
        settings = await _settings(redis)
        can_wait_for_disks = wait_replicas > 0 and await _can_wait_for_disks(redis, info)
    except NoPermissionError:
        return Durability(server="Redis", problems=("it refuses INFO: the bridge cannot check whether it is durable",))
    except FAILURES as error:
        raise StoreUnavailable(describe(error)) from error
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
    elif (replicas := int(info.get("connected_slaves", 0))) < wait_replicas:
        problems.append(
            f"{replicas} replicas are connected of the {wait_replicas} that store.wait_replicas demands: nothing is "
            "accepted; start them"
        )
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version")
    return Durability(
        server=f"{name} {version}",
        problems=tuple(problems),
        waits_for_disks=can_wait_for_disks,
        misnamed=bool(int(info.get("cluster_enabled", 0))) and not isinstance(redis.connection_pool, PrimaryPool),
    )


async def _can_wait_for_disks(redis: Redis, info: dict[str, Any]) -> bool:
    """Whether the server has WAITAOF, disks to wait for, and lets us: asked for nobody, it answers at once."""
    if not int(info.get("aof_enabled", 0)) or _version(info) < _HAS_WAITAOF:
        return False
    try:
        await redis.execute_command("WAITAOF", 0, 0, 0)  # type: ignore[no-untyped-call] # redis-py leaves it unannotated
    except ResponseError:
        return False
    return True


def _version(info: dict[str, Any]) -> tuple[int, ...]:
    parts = str(info.get("redis_version", "")).split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


async def _settings(redis: Redis) -> dict[str, str]:
    try:
        answer = await redis.config_get("maxmemory-policy", "save")
    except ResponseError:
        return {}
    return {_text(name): _text(value) for name, value in answer.items() if name}


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
