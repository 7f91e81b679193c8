"""What the store is given and what it keeps: alerts, where routing sends them, and looks at the database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from bridge.core.routing import incident_key
from bridge.model import Alert, AlertStatus, Routed, Severity
from bridge.store.alert_record import decode_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from bridge.model import Incident
    from bridge.store import CountedAlert, Store

START = (int(time.time()) - 3_600) * 1000  # by the sender's clock
END = START + 30_000
MINUTE = 60_000
HOLD_MS = 6 * MINUTE
LEASE_MS = 30_000
PREFIX = "bridge:{0}:"
_HASHES = {"index", "pause", "remotes", "stored", "tallies", "watchdogs", "trips", "withheld"}
_SORTED = {
    *("due", "cleared", "shown", "unauthorized", "strays", "counted", "openings", "waiting", "full", "spent"),
    *("begun", "active", "links", "episodes"),
}


def firing(
    name: str = "a", *, starts_at: int = START, observed_at: int | None = None, acknowledged: bool = False
) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint=name,
        status=AlertStatus.ACKNOWLEDGED if acknowledged else AlertStatus.FIRING,
        labels={},
        starts_at=starts_at,
        observed_at=observed_at,
    )


def resolved(
    name: str = "a", *, starts_at: int = START, ends_at: int | None = END, observed_at: int | None = None
) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint=name,
        status=AlertStatus.RESOLVED,
        labels={},
        starts_at=starts_at,
        ends_at=ends_at,
        observed_at=observed_at,
    )


def to(
    incident: str = "shop",
    *,
    severity: Severity = Severity.MAJOR,
    services: tuple[str, ...] = ("checkout",),
    labels: Mapping[str, str] | None = None,
    hold_refire_ms: int = HOLD_MS,
    why: tuple[str, ...] = ("the test says so",),
) -> Routed:
    return Routed(
        key=incident_key(f"{incident}-route", {"region": "eu"}),
        id=incident,
        route=f"{incident}-route",
        group={"region": "eu"},
        severity=severity,
        services=services,
        labels=dict(labels or {}),
        hold_refire_ms=hold_refire_ms,
        why=why,
    )


async def held_by(store: Store, id_: str = "shop") -> tuple[Incident, list[CountedAlert]]:
    """An incident that must be there, with its alerts."""
    found = await store.incident(id_)
    assert found is not None
    return found.incident, found.alerts


async def all_of(store: Store) -> list[Incident]:
    """Every incident that the store holds."""
    return [incident async for part in store.incidents() for incident in part]


def keys(db: redis.Redis, *, prefix: str = PREFIX) -> list[str]:
    """The names of all keys but the clock's."""
    found = cast("list[bytes]", db.keys(f"{prefix}*"))
    return [key.decode() for key in found if key != f"{prefix}clock".encode()]


def contents(db: redis.Redis, *, prefix: str = PREFIX) -> dict[str, Any]:
    """Every key with its value, alert records unpacked; but for the clock, which moves by itself."""
    names = [key.removeprefix(prefix) for key in keys(db, prefix=prefix)]
    pipe = db.pipeline(transaction=False)
    for name in names:
        kind = name.partition(":")[0]
        if kind in _SORTED or name.endswith(":timers"):
            pipe.zrange(prefix + name, 0, -1, withscores=True)
        elif name in _HASHES or (name.startswith("incident:") and not name.endswith((":progress", ":notes"))):
            pipe.hgetall(prefix + name)
        elif name.endswith(":notes") or kind == "history":
            pipe.lrange(prefix + name, 0, -1)
        elif name in {"open", "outdated", "taken_over"} or name.startswith(("merged:", "ended_with:")):
            pipe.smembers(prefix + name)
        else:
            pipe.get(prefix + name)
    return {name: _readable(name, value) for name, value in zip(names, pipe.execute(), strict=True)}


def _readable(name: str, value: Any) -> Any:
    if isinstance(value, list) and not (name.endswith(":notes") or name.startswith("history:")):
        return {member.decode(): score for member, score in value}
    if name.endswith(":alerts"):
        return {field.decode(): structs.asdict(decode_record(packed)) for field, packed in value.items()}
    return {field.decode(): text for field, text in value.items()} if isinstance(value, dict) else value


def without_seen(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The same without when each alert was last seen."""
    return {
        name: {field: {**record, "seen": 0} for field, record in value.items()} if name.endswith(":alerts") else value
        for name, value in kept.items()
    }
