"""Finds what a cluster holds for our receiver and never delivered: tells of it, or takes it in as a delivery would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from bridge.checkly.errors import ChecklyError
from bridge.core.healing import missed
from bridge.core.healing.seen import PeerError
from bridge.model import Routed
from bridge.telemetry import ALERTS_UNDELIVERED, Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing
    from bridge.config.live import LiveConfig
    from bridge.core.healing.missed import Held, InGroup
    from bridge.core.routing import Router
    from bridge.store import Store

Groups: TypeAlias = Callable[["Cluster", str], Awaitable[Sequence["InGroup"]]]

CHECKED_FOR_S: Final = 600.0
"""So long it is not asked again whether an incident stands open on a page."""

_TAKE: Final = "take"


class MissedAlerts:
    """One replica's part in this, for one cluster.

    ``groups`` asks one peer, by its url, for what it holds for our receiver. ``shown`` reads the references that stand
    open on the pages; None where nobody here can. ``on_change`` is called when an incident is due by what was taken
    in. ``monotonic`` is in seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        config: LiveConfig,
        router: Router,
        groups: Groups,
        shown: Callable[[], Awaitable[set[str]]] | None,
        monotonic: Callable[[], float],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._config = config
        self._router = router
        self._groups = groups
        self._shown = shown
        self._monotonic = monotonic
        self._on_change = on_change
        self._held: Mapping[str, Held] = {}
        self._told: set[str] = set()
        self._checked: dict[str, float] = {}  # when no page was found to show this incident

    def rest(self, cluster: str) -> None:
        """Another replica does it now, or nobody: what was seen here says nothing any more."""
        self._held, self._told = {}, set()
        ALERTS_UNDELIVERED.labels(cluster).set(0)

    async def look(self, cluster: Cluster, healing: Healing) -> None:
        """One round; nothing comes of it where a peer was not understood. Raises StoreUnavailable."""
        try:
            peers = await asyncio.gather(*(self._groups(cluster, url) for url in cluster.urls))
        except PeerError:
            return
        self._held = missed.hold(self._held, peers, cluster)
        unknown = await self._unknown(cluster)
        lost = await self._lost(unknown)
        await self._take_in([(name, unknown[name]) for name in sorted(lost)], cluster, reason="store_lost")
        late = {name: each for name, each in unknown.items() if name not in lost and self._held[name].was_missed}
        if healing.missed == _TAKE and not healing.observes:
            await self._take_in(list(late.items()), cluster, reason="undelivered")
            late = {}
        self._tell(late, cluster)

    async def _unknown(self, cluster: Cluster) -> dict[str, Routed]:
        """What no incident counts, and a route is for."""
        config = self._config.current
        decided = {name: self._router.route(each.alert.labels, config) for name, each in self._held.items()}
        routed = {name: each for name, each in decided.items() if isinstance(each, Routed)}
        senders = dict.fromkeys((missed.sender_of(cluster), "", *config.senders.of(missed.SOURCE)))
        unknown = await self._store.finder.unknown(missed.SOURCE, routed, senders)
        return {name: each for name, each in routed.items() if name in unknown}

    async def _lost(self, unknown: Mapping[str, Routed]) -> set[str]:
        """Those whose incidents stand open on a page, though the store does not know them."""
        now = self._monotonic()
        self._checked = {id_: at for id_, at in self._checked.items() if now < at + CHECKED_FOR_S}
        ids = await self._store.unknown({each.id for each in unknown.values()} - self._checked.keys())
        if not ids or self._shown is None:
            return set()
        try:
            shown = await self._shown()
        except ChecklyError as error:
            log_throttled(Event.LOOK_FAILED, page="all", reason=error.detail)
            return set()
        self._checked |= dict.fromkeys(ids - shown, now)
        return missed.to_take_over({name: each for name, each in unknown.items() if each.id in ids}, shown)

    async def _take_in(self, items: Sequence[tuple[str, Routed]], cluster: Cluster, *, reason: str) -> None:
        if not items:
            return
        changes = await self._store.ingest([(self._held[name].alert, routed) for name, routed in items])
        for (name, routed), change in zip(items, changes, strict=True):
            log(
                Event.ALERT_TAKEN_IN,
                cluster=cluster.name,
                fingerprint=name,
                incident_id=routed.id,
                route=routed.route,
                outcome=change.outcome,
                reason=reason,
            )
        if any(change.is_due for change in changes):
            self._on_change()

    def _tell(self, late: Mapping[str, Routed], cluster: Cluster) -> None:
        """Each once, for as long as it lasts."""
        for name in sorted(late.keys() - self._told):
            log(Event.ALERT_UNDELIVERED, cluster=cluster.name, fingerprint=name, route=late[name].route)
        self._told = set(late)
        ALERTS_UNDELIVERED.labels(cluster.name).set(len(late))
