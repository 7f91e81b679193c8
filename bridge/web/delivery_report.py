"""The outcome of a delivery: counted, logged, and answered to the sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import asdict

from bridge import telemetry
from bridge.model import Alert, Ignored, Routed
from bridge.store import REFUSED, Change
from bridge.telemetry import Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.senders.delivery import Delivery

Decision = tuple[Alert, Routed | Ignored]

_LINES_A_DELIVERY = 20  # a storm must not drown the log
_UNCHANGED = frozenset({"repeat", "stale", "unknown", *REFUSED})
IGNORED: Final = {"route": "ignored", "watchdog": "watchdog", "unmatched": "unmatched", "service": "unknown_service"}
"""What became of an alert that is not published, by the reason that routing gives."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where a delivery came from: its source, the name in its path, if any, and what metrics call that (``series``).

    ``error`` says why nobody of this name may deliver.
    """

    source: str
    sender: str = ""
    series: str = ""
    error: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """What log lines say of it."""
        return {"source": self.source, "sender": self.sender} if self.sender else {"source": self.source}


class Outcome(Struct, frozen=True, kw_only=True):
    """How many alerts a delivery had, changed something, are not to be published, and could not be understood."""

    alerts: int
    changed: int
    ignored: int
    unusable: int


def outcomes(
    delivery: Delivery, ignored: Sequence[tuple[Alert, Ignored]], stored: Sequence[tuple[Decision, Change]]
) -> dict[str, int]:
    """How many alerts had each outcome: ``ignored`` never reached the store, ``stored`` did."""
    counts = {"unusable": len(delivery.unusable)} if delivery.unusable else {}
    for _, each in ignored:
        name = IGNORED[each.reason]
        counts[name] = counts.get(name, 0) + 1
    for (_, decision), change in stored:
        name = outcome_of(decision, change)
        counts[name] = counts.get(name, 0) + 1
    return counts


def report(
    origin: Origin, delivery: Delivery, counts: Mapping[str, int], stored: Sequence[tuple[Decision, Change]]
) -> Outcome:
    """Count and log the outcomes, of which ``counts`` says how many there were."""
    for name, count in counts.items():
        telemetry.ALERTS.labels(origin.source, origin.series, name).inc(count)
    changed = [(decision, change) for (_, decision), change in stored if change.outcome not in _UNCHANGED]
    outcome = Outcome(
        alerts=len(delivery.alerts) + len(delivery.unusable),
        changed=len(changed),
        ignored=sum([counts.get(name, 0) for name in IGNORED.values()]),
        unusable=len(delivery.unusable),
    )
    _report_rest(origin, delivery)
    _report_unread(origin, delivery.unread)
    if changed:
        _log_changed(origin, changed, outcome)
    _report_over_limit(origin, {name: counts[name] for name in REFUSED if name in counts})
    _report_conflicts(origin, [change for _, change in stored if change.conflict])
    return outcome


def outcome_of(decision: Routed | Ignored, change: Change) -> str:
    """What became of an alert that reached the store."""
    if isinstance(decision, Ignored) and change.outcome == "unknown":
        return IGNORED[decision.reason]
    return change.outcome


def _log_changed(origin: Origin, changed: Sequence[tuple[Routed | Ignored, Change]], outcome: Outcome) -> None:
    for decision, change in changed[:_LINES_A_DELIVERY]:
        home = decision if isinstance(decision, Routed) and decision.id == change.incident_id else None
        log(
            Event.ALERT_CHANGED,
            **origin.fields,
            fingerprint=change.fingerprint,
            outcome=change.outcome,
            incident=home and home.key,
            incident_id=change.incident_id,
            route=home and home.route,
        )
    if outcome.alerts > 1:
        unlisted = max(0, len(changed) - _LINES_A_DELIVERY)
        log(Event.DELIVERY_STORED, **origin.fields, alerts=outcome.alerts, changed=len(changed), unlisted=unlisted)


def _report_rest(origin: Origin, delivery: Delivery) -> None:
    for each in delivery.unusable[:_LINES_A_DELIVERY]:
        log(Event.ALERT_UNUSABLE, **origin.fields, path=each.path, problem=each.problem, all=len(delivery.unusable))
    if delivery.truncated:
        telemetry.ALERTS_TRUNCATED.labels(origin.source, origin.series).inc(delivery.truncated)
        log(Event.ALERTS_TRUNCATED, **origin.fields, truncated=delivery.truncated)
    if delivery.dismissal is not None:
        telemetry.DISMISSED.labels(origin.source, origin.series, delivery.dismissal.reason).inc()
        log(Event.DELIVERY_DISMISSED, **origin.fields, **asdict(delivery.dismissal))


def _report_unread(origin: Origin, unread: Mapping[str, int]) -> None:
    """A relay that writes a field wrong does so in every delivery: once a minute is enough."""
    for field, count in unread.items():
        telemetry.FIELDS_UNREADABLE.labels(origin.source, origin.series, field).inc(count)
        log_throttled(Event.FIELD_UNREADABLE, count, source=origin.source, sender=origin.series, field=field)


def _report_over_limit(origin: Origin, counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        log_throttled(Event.ALERTS_OVER_LIMIT, count, source=origin.source, sender=origin.series, limit=REFUSED[name])


def _report_conflicts(origin: Origin, conflicts: Sequence[Change]) -> None:
    if not conflicts:
        return
    telemetry.IDENTITY_CONFLICTS.labels(origin.source, origin.series).inc(len(conflicts))
    example = {"fingerprint": conflicts[0].fingerprint, "incident_id": conflicts[0].incident_id}
    log_throttled(
        Event.IDENTITY_CONFLICT,
        len(conflicts),
        example=example,
        source=origin.source,
        sender=origin.series,
        remedy=f"name the senders: /webhooks/{origin.source}/<name>",
    )
