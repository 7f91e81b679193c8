"""What a delivery would lead to if its alerts were the only ones: same routing, same texts, nothing stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.lifecycle import Draft
from bridge.model import Alert, AlertStatus, Ignored, Incident, Phase, Policy, Post, Routed, Severity, UpdateKind, Write
from bridge.reconciler.compose import compose
from bridge.routing import route
from bridge.sources.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.config.schema import Config

_OPEN = Post(status=Phase.INVESTIGATING)
_STEPS: dict[str, tuple[Post, Write, Phase, UpdateKind]] = {
    "investigating": (Post(), Write.OPEN, Phase.INVESTIGATING, UpdateKind.OPEN),
    "identified": (_OPEN, Write.UPDATE, Phase.IDENTIFIED, UpdateKind.UPDATE),
    "update": (_OPEN, Write.UPDATE, Phase.INVESTIGATING, UpdateKind.UPDATE),
    "severity": (_OPEN, Write.UPDATE, Phase.INVESTIGATING, UpdateKind.SEVERITY),
    "monitoring": (_OPEN, Write.UPDATE, Phase.MONITORING, UpdateKind.UPDATE),
    "resolved": (_OPEN, Write.UPDATE, Phase.RESOLVED, UpdateKind.RESOLVED),
}


class Explained(Struct, frozen=True, kw_only=True):
    """An alert and where routing sends it."""

    alert: Alert
    routed: Routed | Ignored


class Preview(Struct, frozen=True, kw_only=True):
    """The incident that a delivery's alerts make: ``texts`` by occasion; ``mailed``: those that mail subscribers."""

    id: str
    key: str
    route: str
    severity: Severity
    services: tuple[str, ...]
    policy: Policy
    name: str
    texts: dict[str, str]
    mailed: tuple[str, ...]


class Explanation(Struct, frozen=True, kw_only=True):
    """What would become of one delivery."""

    delivery: Delivery
    alerts: tuple[Explained, ...]
    incidents: tuple[Preview, ...]


def explain_delivery(delivery: Delivery, config: Config) -> Explanation:
    """Route every alert, and compose every text of the incidents they make."""
    alerts = tuple(Explained(alert=alert, routed=route(alert.labels, config)) for alert in delivery.alerts)
    counted: dict[str, list[tuple[Alert, Routed]]] = {}
    for each in alerts:
        if isinstance(each.routed, Routed):
            counted.setdefault(each.routed.key, []).append((each.alert, each.routed))
    incidents = tuple(_preview(members, config) for members in counted.values())
    return Explanation(delivery=delivery, alerts=alerts, incidents=incidents)


def _preview(members: Sequence[tuple[Alert, Routed]], config: Config) -> Preview:
    """The incident of alerts with one key. When all are resolved, as it was while they fired."""
    firing = [routed for alert, routed in members if alert.status is not AlertStatus.RESOLVED]
    counted = firing or [routed for _, routed in members]
    first = counted[0]
    found = config.route(first.route)
    severity = max(routed.severity for routed in counted)
    services = tuple(sorted({name for routed in counted for name in routed.services}))
    labels: dict[str, set[str]] = {}
    for routed in counted:
        for name, value in routed.labels.items():
            labels.setdefault(name, set()).add(value)
    incident = Incident(id=first.id, key=first.key, route=first.route, group=first.group)
    intents = {}
    for occasion, (post, write, status, kind) in _STEPS.items():
        draft = Draft(
            write=write,
            status=status,
            kind=kind,
            severity=severity,
            services=services,
            labels={name: tuple(sorted(values)) for name, values in labels.items()},
            public_at=0,
        )
        intents[occasion] = compose(incident, post, draft, config, now=0)
    return Preview(
        id=first.id,
        key=first.key,
        route=first.route,
        severity=severity,
        services=services,
        policy=config.defaults if found is None else found.policy,
        name=intents["investigating"].name,
        texts={occasion: intent.text for occasion, intent in intents.items()},
        mailed=tuple(occasion for occasion, intent in intents.items() if intent.notify),
    )
