"""What senders say to the machine, under configurations that change: as the bridge and as the reference get it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.config.loader import load
from bridge.core.routing import route
from bridge.model import Alert, AlertStatus, Routed
from bridge.store.codec import alert_name, facets
from tests.unit.reconciler.expectation import Statement
from tests.unit.reconciler.page_harness import MINUTE, SECOND, START

if TYPE_CHECKING:
    from bridge.config.schema import Config

CANARY = "zq7-internal"
FOREVER_MS = 1 << 50
INSTANTS = (
    *(START - MINUTE + nth * 20 * SECOND for nth in range(4)),
    START + FOREVER_MS // 1024,  # in the future for good
    START + FOREVER_MS // 1024 + SECOND,
    START - FOREVER_MS // 1024,  # longer ago than may be published
)
_COMMON = """
version: 1
checkly: {notify: [open, resolved], settle: 10s, second_writer: ignore}
services: {checkout: Checkout, payments: Payments, search: Search}
public_labels: [region]
retention: 1h
"""
_VARIANTS = (
    """
severity: [{match: severity = critical, is: CRITICAL}, {is: MINOR}]
defaults: {publish_after: 1m, resolve_after: 2m, reopen_after: 10m}
routes: [{name: shop, services: {label: service}, group_by: [region]}]
""",
    """
severity: [{match: severity = critical, is: MAJOR}, {is: MEDIUM}]
defaults: {publish_after: 0s, resolve_after: 0s, reopen_after: 0s}
routes:
- {name: shop, match: region = us, services: [search], group_by: [region], resolve_after: 1m}
- {name: store, services: {label: service}}
""",
    """
defaults: {publish_after: 1m, resolve_after: 1m}
routes:
- {name: silent, match: ["__source__ = alertmanager", region = eu], ignore: true}
- {name: shop, services: {label: service}}
""",
)

_SMALL = (
    "budgets: {open: 1, opens_per_hour: 2, mails_per_hour: 2, share: 1, reserve: {CRITICAL: 0.5}}\n",
    "budgets: {open: 1, share: 1, reserve: {}, over: quiet, mails_per_hour: 1}\n",
    "budgets: {open: 1, opens_per_hour: 1, share: 1, reserve: {}, mode: observe}\n",
)
_FLAPS = "flap: {returns: 2, within: 20m, settle: 4m, blips: publish}"


class Alarm(Struct, frozen=True, kw_only=True):
    """One alert of an Alertmanager; ``start`` and ``end`` are one of ``INSTANTS``, or (None) just now."""

    name: str
    fires: bool
    service: str
    severity: str
    region: str
    start: int | None
    end: int | None


@cache
def configs() -> tuple[Config, ...]:
    """What the configuration may be at some time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bridge.yaml"
        return tuple(load(file) for variant in _VARIANTS if file.write_text(_COMMON + variant))


@cache
def policies() -> tuple[Config, ...]:
    """Each of `configs` without budgets, then each with other ones, which are small, and flapping easily."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bridge.yaml"
        texts = [_COMMON + "budgets: off\n" + variant for variant in _VARIANTS]
        flapping = [variant.replace("defaults: {", f"defaults: {{{_FLAPS}, ") for variant in _VARIANTS]
        texts += [_COMMON + budgets + variant for budgets in _SMALL for variant in flapping]
        return tuple(load(file) for text in texts if file.write_text(text))


def payload(alarms: Iterable[Alarm], truncated: int, now: int) -> bytes:
    """A delivery of Alertmanager's that leaves out ``truncated`` alerts of the group."""
    alerts = [
        {
            "status": "firing" if alarm.fires else "resolved",
            "labels": {"service": alarm.service, "severity": alarm.severity, "region": alarm.region, "pod": CANARY},
            "annotations": {"summary": CANARY},
            "startsAt": _rfc3339(_instant(alarm.start, now)),
            "endsAt": _rfc3339(_instant(alarm.end, now)),
            "fingerprint": alarm.name,
        }
        for alarm in alarms
    ]
    return json.dumps({"version": "4", "receiver": "page", "truncatedAlerts": truncated, "alerts": alerts}).encode()


def incident_of_pagerduty(name: str, status: AlertStatus, service: str, severity: str, now: int) -> Alert:
    return Alert(
        source="pagerduty",
        fingerprint=name,
        status=status,
        labels={"service": service, "severity": severity, "region": "eu", "title": CANARY},
        starts_at=START,
        ends_at=now if status is AlertStatus.RESOLVED else None,
        observed_at=now,
    )


def is_heard(alert: Alert) -> bool:
    """Whether the store must hear of it though no route publishes it."""
    return alert.status is AlertStatus.RESOLVED or alert.observed_at is not None


def routed(alert: Alert, config: Config) -> Routed | None:
    decision = route(alert.labels, config)
    return decision if isinstance(decision, Routed) else None


def statement(alert: Alert, to: Routed | None) -> Statement:
    return Statement(
        name=alert_name(alert.source, alert.fingerprint),
        fires=alert.status is not AlertStatus.RESOLVED,
        starts=alert.starts_at,
        ends=alert.ends_at or 0,
        observed=alert.observed_at or 0,
        facets=() if to is None else _facets(alert, to),
        incident=None if to is None else to.id,
        labels=json.dumps(alert.labels, sort_keys=True),
        backdate=FOREVER_MS if to is None else to.backdate_ms,
        target=alert.merged_into and alert_name(alert.source, alert.merged_into),
    )


def _facets(alert: Alert, to: Routed) -> tuple[str, ...]:
    return tuple(facets(to, acknowledged=alert.status is AlertStatus.ACKNOWLEDGED).split("\n"))


def _instant(nth: int | None, now: int) -> int:
    return now if nth is None else INSTANTS[nth]


def _rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
