"""``GET /api/healing``: what the clusters of Alertmanagers say of our open alerts, and what would follow from that.

It asks nobody: what stands here is of the last rounds, which are in Redis.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.core.healing.judgement import judge
from bridge.core.healing.observations import Observations, host
from bridge.core.healing.ours import FIRING, HELD, SOURCE, OurAlert
from bridge.json_values import from_ms
from bridge.web.paged_healing import accounts
from bridge.web.parameters import parameters
from bridge.web.responses import json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.config.healing import Cluster, Healing
    from bridge.config.live import LiveConfig
    from bridge.store import CountedAlert
    from bridge.store.healing import Place
    from bridge.store.paged import PagedAlerts

MOST_SHOWN: Final = 1_000
MOST_READ: Final = 5_000
_OPEN: Final = {"firing": FIRING, "acknowledged": FIRING, "held": HELD}


class HealingReader(Protocol):
    """What is needed of the store. Every method raises StoreUnavailable."""

    async def now(self) -> int:
        """The store's time."""
        ...

    async def observations(self, clusters: Sequence[str], /) -> dict[str, Observations]:
        """What was seen of these clusters."""
        ...

    def places(self) -> AsyncIterator[list[Place]]:
        """Where all alerts are kept that came from Alertmanager."""
        ...

    async def alerts(self, places: Collection[Place], /) -> dict[str, OurAlert]:
        """The alerts that are kept there, by their names."""
        ...


class HealingStore(Protocol):
    """The part of the store that is about healing."""

    @property
    def healing(self) -> HealingReader:
        """Reads what healing knows."""
        ...

    @property
    def paged(self) -> Callable[[str], PagedAlerts]:
        """Reads what is known of the PagerDuty account of a sender."""
        ...


class HealingApi:
    """What healing sees, and what it makes of that."""

    def __init__(self, store: HealingStore, config: LiveConfig) -> None:
        self._store = store
        self._config = config

    async def healing(self, request: Request) -> Response:
        """The clusters, and the open alerts with the evidence for and against closing each: the missing ones first."""
        parameters(request, ())
        healing = self._config.current.healing
        if healing is None:
            return json_response({"mode": None, "clusters": [], "alerts": [], "left_out": 0})
        reader = self._store.healing
        now, seen = await reader.now(), await reader.observations([each.name for each in healing.alertmanagers])
        places: list[Place] = []
        async for part in reader.places():
            places += part
        places.sort(key=lambda place: (_is_listed(place, seen), place.name))
        alerts = await reader.alerts(places[:MOST_READ])
        shown = [
            _alert_view(place, alert, judged(alert, seen, healing, now))
            for place in places[:MOST_READ]
            if (alert := alerts.get(place.name)) is not None and alert.state in {FIRING, HELD}
        ]
        clusters = [_cluster_view(each, seen.get(each.name)) for each in healing.alertmanagers]
        paged, of_paged = await accounts(self._store.paged, healing)
        clusters, shown = clusters + paged, shown + of_paged
        left_out = max(0, len(shown) - MOST_SHOWN) + max(0, len(places) - MOST_READ)
        view = {"mode": healing.mode, "clusters": clusters, "alerts": shown[:MOST_SHOWN], "left_out": left_out}
        return json_response(view)

    async def of_alerts(self, alerts: Sequence[CountedAlert]) -> list[str | None]:
        """What healing makes of each of these; None of what it has nothing to do with."""
        healing = self._config.current.healing
        said = [f"closed: {each.healed}" if each.healed else None for each in alerts]
        if healing is None or not any(_is_ours(each) for each in alerts):
            return said
        reader = self._store.healing
        now, seen = await reader.now(), await reader.observations([each.name for each in healing.alertmanagers])
        return [
            judged(_ours(alert), seen, healing, now) if _is_ours(alert) else before
            for alert, before in zip(alerts, said, strict=True)
        ]


def judged(alert: OurAlert, seen: Mapping[str, Observations], healing: Healing, now: int) -> str:
    """The decision, and its reason."""
    verdict = judge(alert, seen, healing, now)
    return f"{verdict.decision}: {verdict.reason}"


def _is_ours(alert: CountedAlert) -> bool:
    return alert.source == SOURCE and alert.status in _OPEN


def _ours(alert: CountedAlert) -> OurAlert:
    return OurAlert(
        source=alert.source,
        sender=alert.sender,
        fingerprint=alert.fingerprint,
        state=_OPEN[alert.status],
        starts_at=alert.starts_at,
        seen_at=alert.seen_at,
        fit=alert.fit,
    )


def _is_listed(place: Place, seen: Mapping[str, Observations]) -> bool:
    return any(place.fingerprint in each.listed for each in seen.values())


def _alert_view(place: Place, alert: OurAlert, said: str) -> dict[str, Any]:
    return {
        "incident": place.incident_id,
        "source": alert.source,
        "sender": alert.sender or None,
        "fingerprint": alert.fingerprint,
        "status": alert.state,
        "seen_at": from_ms(alert.seen_at),
        "healing": said,
    }


def _cluster_view(cluster: Cluster, seen: Observations | None) -> dict[str, Any]:
    if seen is None:
        return {"name": cluster.name, "at": None, "round": "not asked yet", "sighted_at": None, "peers": []}
    peers = [_peer_view(url, seen) for url in cluster.urls]
    return {
        "name": cluster.name,
        "at": from_ms(seen.at),
        "round": _round(seen),
        "sighted_at": from_ms(seen.sighted_at) if seen.sighted_at else None,
        "peers": peers,
    }


def _round(seen: Observations) -> str:
    """What the last one came to."""
    if seen.valid is None:
        return f"void: {seen.void}"
    return "ok" if seen.sighted_at == seen.at else "blind"


def _peer_view(url: str, seen: Observations) -> dict[str, Any]:
    peer = seen.peers.get(url)
    return {
        "peer": host(url),
        "up_since": None if peer is None else from_ms(peer.started_at),
        "old_enough": peer is not None and peer.old is not None,
        "settled": peer is not None and peer.settled is not None,
        "signs_of_life": 0 if peer is None else len(peer.alive),
    }
