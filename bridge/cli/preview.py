"""What a delivery would lead to if its alerts were the only ones: same routing, same texts, nothing stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.core.compose import compose
from bridge.core.planning import PlannedWrite
from bridge.core.routing import route
from bridge.model import (
    Alert,
    AlertStatus,
    Ignored,
    Incident,
    Phase,
    Policy,
    Post,
    Routed,
    Severity,
    UpdateKind,
    Write,
    shows_impacts,
    v3_page,
)
from bridge.senders.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.config.schema import Config

_OPEN = Post(status=Phase.INVESTIGATING, updates=1)
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


class PostPreview(Struct, frozen=True, kw_only=True):
    """What readers of one page would see, and in which words.

    ``shown`` is what it opens with: the severity on Checkly's services, or the impact on each of its components.
    ``texts`` are by occasion; ``mailed`` are the occasions that mail subscribers. ``without_room`` is what becomes of
    the opening where the page's budgets have no room: withhold, quiet or observe; None without budgets.
    """

    page: str
    shown: dict[str, str]
    name: str
    texts: dict[str, str]
    mailed: tuple[str, ...]
    without_room: str | None = None


class Preview(Struct, frozen=True, kw_only=True):
    """The incident that a delivery's alerts make, and what becomes of it on each page."""

    id: str
    key: str
    route: str
    severity: Severity
    services: tuple[str, ...]
    policy: Policy
    on_update: str
    posts: tuple[PostPreview, ...]


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
    policy = config.policy_of(first.route)
    levels: dict[str, Severity] = {}
    labels: dict[str, set[str]] = {}
    for routed in counted:
        for name in routed.services:
            levels[name] = max(routed.severity, levels.get(name, routed.severity))
        for name, value in routed.labels.items():
            labels.setdefault(name, set()).add(value)
    incident = Incident(id=first.id, key=first.key, route=first.route, group=first.group)
    public = {name: tuple(sorted(values)) for name, values in labels.items()}
    pages = dict.fromkeys(page for name in sorted(levels) for page in config.services[name].pages)
    return Preview(
        id=first.id,
        key=first.key,
        route=first.route,
        severity=max(levels.values()),
        services=tuple(sorted(levels)),
        policy=policy,
        on_update=config.people.on_update,
        posts=tuple(_post(page, incident, levels, public, policy, config) for page in pages),
    )


def _post(
    page: str,
    incident: Incident,
    levels: Mapping[str, Severity],
    labels: dict[str, tuple[str, ...]],
    policy: Policy,
    config: Config,
) -> PostPreview:
    here = {name: levels[name] for name in sorted(levels) if page in config.services[name].pages}
    severity = max(here.values())
    intents = {}
    for occasion, (post, write, status, kind) in _STEPS.items():
        planned = PlannedWrite(
            write=write, status=status, kind=kind, severity=severity, services=tuple(here), labels=labels, public_at=0
        )
        intents[occasion] = compose(incident, post, planned, config, now=0)
    return PostPreview(
        page=page,
        shown=_shown(page, here, severity, policy, config),
        name=intents["investigating"].name,
        texts={occasion: intent.text for occasion, intent in intents.items()},
        mailed=tuple(occasion for occasion, intent in intents.items() if intent.notify),
        without_room=_without_room(config, page),
    )


def _without_room(config: Config, page: str) -> str | None:
    if config.budgets is None:
        return None
    budget = config.budgets.of(page)
    return budget.mode if budget.observes else budget.over


def _shown(
    page: str, levels: Mapping[str, Severity], severity: Severity, policy: Policy, config: Config
) -> dict[str, str]:
    services = {name: config.services[name] for name in levels}
    if not shows_impacts(page):
        return {each.remote_name or each.id or name: severity.name for name, each in services.items()}
    return {
        target.component: policy.impacts[levels[name]].name
        for name, each in services.items()
        for target in each.components
        if v3_page(target.page) == page
    }
