"""What PagerDuty says of its incidents, and what the store makes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.model import Alert, AlertStatus, Routed, Severity
from tests.unit.store.builders import PREFIX, START, contents, to

if TYPE_CHECKING:
    import redis

    from bridge.store import Store

Sums: TypeAlias = dict[str, dict[str, int]]

PUBLISHED = {
    "cart": ("shop", Severity.MAJOR),
    "mail": ("shop", Severity.MINOR),
    "payments": ("bank", Severity.CRITICAL),
    "books": ("library", Severity.MEDIUM),
}
SERVICES = [*PUBLISHED, "toys"]  # toys are published nowhere
WEEK_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One event, ``at`` milliseconds after the first alert began. ``target`` is what the incident was merged into."""

    name: str
    at: int
    status: AlertStatus
    service: str = "cart"
    target: str | None = None
    complete: bool = True

    @property
    def incident(self) -> str | None:
        return PUBLISHED[self.service][0] if self.service in PUBLISHED else None

    def alert(self, *, keep: bool = True, with_event: bool = False, sender: str = "") -> Alert:
        observed_at = START + self.at
        event = f"@{sender}/{self.name}{self.at}" if sender else f"{self.name}{self.at}"
        return Alert(
            source="pagerduty",
            sender=sender,
            fingerprint=self.name,
            status=self.status,
            labels={"service": self.service} | ({"__sender__": sender} if sender else {}),
            starts_at=START,
            ends_at=observed_at if self.status is AlertStatus.RESOLVED else None,
            observed_at=observed_at,
            event_id=event if with_event else None,
            merged_into=self.target,
            keep_if_orphaned=keep,
            complete=self.complete,
        )

    def routed(self) -> Routed | None:
        if self.service not in PUBLISHED:
            return None
        incident, severity = PUBLISHED[self.service]
        return to(incident, severity=severity, services=(self.service,), labels={"alert": self.name})


def triggered(name: str, at: int, service: str = "cart", *, complete: bool = True) -> Statement:
    return Statement(name=name, at=at, status=AlertStatus.FIRING, service=service, complete=complete)


def acknowledged(name: str, at: int, service: str = "cart") -> Statement:
    return Statement(name=name, at=at, status=AlertStatus.ACKNOWLEDGED, service=service)


def over(name: str, at: int, service: str = "cart") -> Statement:
    return Statement(name=name, at=at, status=AlertStatus.RESOLVED, service=service)


def merged(name: str, at: int, target: str, service: str = "cart") -> Statement:
    return Statement(name=name, at=at, status=AlertStatus.RESOLVED, service=service, target=target)


async def tell(
    store: Store, *statements: Statement, keep: bool = True, with_event: bool = False, sender: str = ""
) -> list[str]:
    """Deliver these in one call; what became of each."""
    items = [(said.alert(keep=keep, with_event=with_event, sender=sender), said.routed()) for said in statements]
    return [change.outcome for change in await store.ingest(items)]


def counted(*statements: Statement, orphaned: int = 0) -> dict[str, int]:
    """The sums of an incident that counts these alerts as they were last spoken of."""
    facets: Counter[str] = Counter()
    for said in statements:
        facets.update([f"s|{said.service}|{PUBLISHED[said.service][1]:d}", f"l|alert|{said.name}"])
        facets.update(["a"] * (said.status is AlertStatus.ACKNOWLEDGED))
    return dict(facets + Counter(u=orphaned))


def sums(db: redis.Redis, *, prefix: str = PREFIX) -> Sums:
    """The sums of every incident that counts something: what a recount of its alerts gives. What fires has no timer."""
    kept = contents(db, prefix=prefix)
    found = {}
    for path in [key.removesuffix(":alerts") for key in kept if key.endswith(":alerts")]:
        active = [record for record in kept[f"{path}:alerts"].values() if record["state"] == "F"]
        recount = Counter(facet for record in active for facet in record["facets"].split("\n"))
        facets = {facet: int(count) for facet, count in kept.get(f"{path}:facets", {}).items()}
        assert facets == dict(recount)
        assert int(kept[path]["firing"]) == len(active)
        timed = kept.get(f"{path}:timers", {})
        assert not [name for name in timed if kept[f"{path}:alerts"][name]["state"] == "F"]
        if active:
            found[path.removeprefix("incident:")] = facets
    return found


def check_keys(db: redis.Redis, *, prefix: str = PREFIX) -> None:
    """Nothing is kept for good but incidents with their alerts, and the links of those alerts that are active."""
    kept = contents(db, prefix=prefix)
    homes: dict[str, str] = {name: id_.decode() for name, id_ in kept.get("index", {}).items()}
    records: dict[str, Any] = {name: kept[f"incident:{id_}:alerts"][name] for name, id_ in homes.items()}
    for key, value in kept.items():
        kind, _, name = key.partition(":")
        if kind in {"event", "ended", "merged_into", "ended_with"}:
            assert 0 < db.pttl(prefix + key) <= WEEK_MS
        elif kind == "merged":
            live = {
                each for each, record in records.items() if record.get("merged_into") == name and record["state"] == "F"
            }
            assert {each.decode() for each in value} == live
        elif kind in {"incident", "history"}:
            assert f"incident:{name.partition(':')[0]}" in kept, f"{key} outlived its incident"
        else:
            assert kind in {
                "begun",
                "active",
                "counted",
                "due",
                "index",
                "openings",
                "remotes",
                "stored",
                "strays",
                "tallies",
            }
