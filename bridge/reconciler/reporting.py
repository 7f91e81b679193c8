"""What an operator learns of a step on a page: log lines and counters, by its result and the post before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core import results
from bridge.core.lifecycle import CLEARED_IN_TIME, ENDED, NEVER_PUBLISHED, WITHHELD
from bridge.model import UpdateKind, shows_impacts
from bridge.telemetry import BLIPS, MISSED, PUBLIC_NOTES, PUBLISH_DELAY, RESOLVE_DELAY, SUPPRESSED, WRITES, Event, log

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.core.results import Result
    from bridge.model import Incident, Intent, Post, Progress

_WRITES: dict[type[Result], tuple[str, Event]] = {
    results.Sent: ("done", Event.PAGE_WRITTEN),
    results.NotSent: ("not_sent", Event.WRITE_RETRIED),
    results.DateRejected: ("undated", Event.DATE_REJECTED),
    results.Rejected: ("rejected", Event.INCIDENT_PARKED),
    results.Unknown: ("unknown", Event.WRITE_UNKNOWN),
    results.Found: ("adopted", Event.WRITE_ADOPTED),
}
"""How a recorded write is counted whose outcome this is, and its event."""


def report(incident: Incident, before: Post, result: Result, after: Post) -> None:
    """Log and count what a step on a page came to, without a word that is published."""
    if before.intent is not None and type(result) in _WRITES:
        counted, event = _WRITES[type(result)]
        WRITES.labels(before.intent.write, counted).inc()
        _log(incident, event, **_of_write(before.intent), **_of_result(result))
        return
    match result:
        case results.Rejected():
            _log(incident, Event.INCIDENT_PARKED, write=str(result.write), reason=result.detail)
        case results.Adopted(remote=remote):
            _log(incident, Event.WRITE_ADOPTED, remote_id=remote.id)
        case results.Reclaimed(remote=remote):
            _log(incident, Event.INCIDENT_RECLAIMED, remote_id=remote.id)
        case results.Conflict(remote_id=remote_id) if before.second_writer != remote_id:
            _log(incident, Event.INCIDENT_WITHHELD, reason="second_writer", remote_id=remote_id)
        case results.Closed() | results.Gone() if before.closed_at is None and after.closed_at is not None:
            about = {"incident": incident.key, "route": incident.route, "remote_id": before.remote_id}
            log(Event.CLOSED_BY_OTHERS, **about, deleted=isinstance(result, results.Gone))
        case _:
            pass


def report_delay(page: str, delay: tuple[UpdateKind, int] | None) -> None:
    """Observe how late readers of a page saw a beginning or an end: once it is recorded that the page took it."""
    if delay is not None:
        kind, delay_ms = delay
        histogram = PUBLISH_DELAY if kind is UpdateKind.OPEN else RESOLVE_DELAY
        histogram.labels("v3" if shows_impacts(page) else "v1").observe(delay_ms / 1000)


def report_progress(incident: Incident, before: Progress, after: Progress, config: Config) -> None:
    """Log and count that an incident has moved to another phase."""
    if (after.phase, after.note) == (before.phase, before.note):
        return
    _log(incident, Event.PHASE_CHANGED, phase=str(after.phase), was=str(before.phase), note=after.note)
    if after.note == CLEARED_IN_TIME:
        BLIPS.labels(incident.route).inc()
    if after.note == NEVER_PUBLISHED:
        MISSED.inc()
    for reason, note in WITHHELD.items():
        if after.note == note:
            SUPPRESSED.labels(reason).inc()
    if after.phase in ENDED:
        _report_untold(incident, config)


def _report_untold(incident: Incident, config: Config) -> None:
    """Words for the public that came too late to be published are at least said to be lost."""
    told = {event for post in incident.progress.posts.values() for event in post.published_notes}
    for public_note in incident.summary.public_notes:
        if public_note.kept_at >= incident.summary.firing_since and public_note.event_id not in told:
            source, series = public_note.source, config.senders.series_of(public_note.source, public_note.sender)
            PUBLIC_NOTES.labels(source, series, "dropped").inc()
            log(Event.PUBLIC_NOTE_DROPPED, source=source, fingerprint=public_note.fingerprint, incident=incident.key)


def _of_write(intent: Intent) -> dict[str, Any]:
    """A write, without its words."""
    return {
        "write": str(intent.write),
        "status": str(intent.status),
        "severity": intent.severity.name,
        "notify": intent.notify,
    }


def _of_result(result: Result) -> dict[str, Any]:
    match result:
        case results.Sent(remote_id=remote_id):
            return {"remote_id": remote_id}
        case results.Found(remote=remote):
            return {"remote_id": remote.id}
        case results.NotSent(detail=detail) | results.DateRejected(detail=detail):
            return {"reason": detail}
        case results.Rejected(detail=detail) | results.Unknown(detail=detail):
            return {"reason": detail}
        case _:
            return {}


def _log(incident: Incident, event: Event, **fields: Any) -> None:
    log(event, incident=incident.key, incident_id=incident.id, route=incident.route, **fields)
