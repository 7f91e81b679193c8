"""Takes in the ends that PagerDuty shows when it is asked, as the webhooks that told of them would have been taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from bridge.core.healing.pagerduty import evidence
from bridge.core.routing import labels_read
from bridge.evidence import Evidence
from bridge.model import Routed
from bridge.senders.pagerduty.parser import SOURCE
from bridge.senders.pagerduty.snapshot import read_end
from bridge.telemetry import HEALED, Event, log

if TYPE_CHECKING:
    from bridge.config.live import LiveConfig
    from bridge.core.healing.pagerduty import Question
    from bridge.core.routing import Router
    from bridge.store import Store

HOLDS_MS: Final = 15_000  # so long an answer holds, until it is stored
_MEANS_NOTHING: Final = frozenset({"repeat", "stale"})


class Ending(StrEnum):
    """What became of an end that PagerDuty shows."""

    TAKEN = "taken"
    OBSERVED = "observed"  # it would have been taken, but for `mode: observe`
    BY_NOBODY = "by_nobody"  # not by a person, and `resolve_by` wants one
    STALE = "stale"  # something later is known here
    UNREADABLE = "unreadable"


class PagedEnds:
    """Takes ends in. ``on_change`` is called when an incident is due by one."""

    def __init__(
        self, *, store: Store, config: LiveConfig, router: Router, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._config = config
        self._router = router
        self._on_change = on_change

    async def take(self, sender: str, question: Question, incident: Mapping[str, Any], asked_at: int) -> Ending:
        """Fold the end, or the merge, of the incident that was asked about into what counts its alerts.

        It was asked about at ``asked_at``, in the store's time. Raises StoreUnavailable.
        """
        config = self._config.current
        delivery = read_end(incident, question.known_at, config.pagerduty, labels_read(config), sender)
        if delivery.dismissal is not None:
            return Ending.BY_NOBODY
        if not delivery.alerts:
            return Ending.UNREADABLE
        (alert,) = delivery.alerts
        why = evidence(alert.ends_at or asked_at, asked_at, question.known_at)
        told = {"cluster": cluster_of(sender), "source": SOURCE, "sender": sender, "fingerprint": question.id}
        if config.healing is not None and config.healing.observes:
            if not question.is_told:
                log(Event.HEALING_WOULD_CLOSE, **told, evidence=why)
            return Ending.OBSERVED
        fires_here = any(each.fingerprint == question.id for each in question.alerts)
        if fires_here and alert.merged_into is None:  # of another, nothing is kept that evidence could be held against
            alert = replace(alert, evidence=Evidence(why, asked_at, asked_at + HOLDS_MS))
        decision = self._router.route(alert.labels, config)
        (change,) = await self._store.ingest([(alert, decision if isinstance(decision, Routed) else None)])
        if change.is_due:
            self._on_change()
        if change.outcome in _MEANS_NOTHING:
            return Ending.STALE
        HEALED.labels(SOURCE).inc()
        log(Event.ALERT_HEALED, **told, evidence=why)
        return Ending.TAKEN


def cluster_of(sender: str) -> str:
    """What metrics and the log call the account of this sender."""
    return f"{SOURCE}@{sender}" if sender else SOURCE
