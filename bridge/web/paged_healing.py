"""What is known of the PagerDuty accounts that are asked, and of their alerts that fire here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridge.core.healing.pagerduty import NEVER_ASKED, standing
from bridge.healing.paged_ends import cluster_of
from bridge.json_values import from_ms

if TYPE_CHECKING:
    from bridge.config.healing import Healing
    from bridge.store.paged import AccountState, PagedAlerts

Views = list[dict[str, Any]]


async def accounts(paged: Callable[[str], PagedAlerts], healing: Healing) -> tuple[Views, Views]:
    """The accounts, in the form of clusters, and their alerts, in that of alerts. Raises StoreUnavailable."""
    found: Views = []
    alerts: Views = []
    for entry in healing.pagerduty:
        reader = paged(entry.sender)
        memory = await reader.recall()
        found.append(_account(cluster_of(entry.sender), memory.state))
        alerts += [
            {
                "incident": None,
                "source": "pagerduty",
                "sender": entry.sender or None,
                "fingerprint": each.fingerprint,
                "status": "firing",
                "seen_at": from_ms(each.seen_at),
                "healing": standing(
                    each, memory.asked.get(each.decided_by, NEVER_ASKED), interval_ms=entry.interval_ms
                ),
            }
            for each in sorted(await reader.firing(), key=lambda each: each.seen_at)
        ]
    return found, alerts


def _account(name: str, state: AccountState) -> dict[str, Any]:
    at = from_ms(state.round_at) if state.round_at else None
    return {"name": name, "at": at, "round": _round(state), "sighted_at": at, "peers": []}


def _round(state: AccountState) -> str:
    """What the last one came to."""
    if not state.round_at:
        return "not asked yet"
    said = "refused" if state.refused else "rate_limited" if state.resume_at else "ok"
    return f"{said}, webhook subscription off" if state.disabled_since else said
