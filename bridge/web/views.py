"""How the API shows incidents: JSON with RFC 3339 times, null where something has not happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.attention import SECOND_WRITER, held_by
from bridge.core.public_times import public_times
from bridge.json_values import from_ms

if TYPE_CHECKING:
    from bridge.core.history import Line
    from bridge.model import Incident, Intent, Observed, Post
    from bridge.publication import Publication
    from bridge.store import CountedAlert

_NOT_TRUE = {
    part: f"the published {part} is not the true one: the page refused that date, and took the time of the post"
    for part in ("start", "end")
}


def incident_view(incident: Incident) -> dict[str, Any]:
    """An incident as ``GET /api/incidents`` lists it."""
    summary, progress = incident.summary, incident.progress
    return {
        "id": incident.id,
        "key": incident.key,
        "route": incident.route,
        "group": incident.group,
        "episode": incident.episode,
        "revision": incident.revision,
        "phase": progress.phase,
        "phase_since": _time(progress.phase_since),
        "severity": None if summary.severity is None else summary.severity.name,
        "services": {name: severity.name for name, severity in summary.services.items()},
        "labels": summary.labels,
        "firing": summary.firing,
        "acknowledged": summary.acknowledged,
        "held": summary.held,
        "orphaned": summary.orphaned,
        "starts_at": _time(summary.outage_started_at),
        "ends_at": _time(summary.outage_ended_at),
        "firing_since": _time(summary.firing_since),
        "cleared_at": _time(summary.cleared_at),
        "identity_conflict_at": _time(summary.conflict_at),
        **_publication_view(public_times(progress)),
        "posts": [
            _post_view(page, post) | {"ongoing": progress.is_ongoing(post)} for page, post in progress.posts.items()
        ],
        "note": progress.note,
    }


def alert_view(alert: CountedAlert, healing: str | None = None) -> dict[str, Any]:
    """An alert as ``GET /api/incidents/{id}`` adds it to its incident, with what healing says of it."""
    return {
        "name": alert.name,
        "source": alert.source,
        "sender": alert.sender or None,
        "fingerprint": alert.fingerprint,
        "status": alert.status,
        "starts_at": _time(alert.starts_at),
        "ends_at": _time(alert.ends_at),
        "seen_at": _time(alert.seen_at),
        "severity": alert.severity.name,
        "services": alert.services,
        "labels": alert.labels,
        "labels_dropped": alert.labels_dropped,
        "link": alert.link,
        "healing": healing,
        "why": (*alert.why, *_why_start(alert)),
    }


def history_view(told: Line) -> dict[str, Any]:
    """An entry of the history, as ``GET /api/incidents/{id}`` adds it to its incident."""
    detail = told.detail | ({"till": from_ms(int(told.detail["till"]))} if "till" in told.detail else {})
    return {"at": from_ms(told.at), "what": told.what, "by": told.by, "detail": detail}


def _why_start(alert: CountedAlert) -> tuple[str, ...]:
    if alert.counts_from is None:
        return ()
    counts = f"so it counts as {from_ms(alert.counts_from)}"
    if alert.counts_from < alert.starts_at:
        return (f"the start, as it was sent, lies in the future: the alert was first delivered before, {counts}",)
    return (f"the start, as it was sent, lies more than checkly.backdate before the first delivery, {counts}",)


def _post_view(page: str, post: Post) -> dict[str, Any]:
    return {
        "page": page,
        "remote_id": post.remote_id,
        "status": post.status,
        "severity": None if post.severity is None else post.severity.name,
        "services": post.services,
        "impacts": {name: impact.name for name, impact in post.impacts.items()},
        "pending": None if post.intent is None else _intent_view(post.intent),
        "attempts": post.retry.attempts,
        "retry_at": _time(post.retry.at),
        "parked": post.retry.parked,
        "second_writer": post.second_writer or None,
        "withheld": _withheld_view(post),
        "why": [_NOT_TRUE[part] for part in post.undated if part in _NOT_TRUE],
        "closed_at": _time(post.closed_at),
        "theirs_at": _time(post.theirs_at),
        "observed": None if post.observed is None else _observed_view(post.observed),
        **_publication_view(post.publication),
    }


def _publication_view(publication: Publication) -> dict[str, Any]:
    """When readers saw the start and the end, and how much later that was than the senders' times."""
    return {
        "public_at": _time(publication.opened_at),
        "public_end_at": _time(publication.resolved_at),
        "publish_delay_seconds": _seconds(publication.publish_delay_ms),
        "resolve_delay_seconds": _seconds(publication.resolve_delay_ms),
        "mails": publication.mails,
    }


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _intent_view(intent: Intent) -> dict[str, Any]:
    return {
        "write": intent.write,
        "status": intent.status,
        "recorded_at": _time(intent.recorded_at),
        "unknown_at": _time(intent.unknown_at),
    }


def _withheld_view(post: Post) -> dict[str, Any] | None:
    """Why it is kept back; ``until`` and ``by`` are null where nobody knows, ``also`` are the reasons besides."""
    if post.second_writer:
        detail = held_by(post.second_writer)
        said = {"reason": SECOND_WRITER, "since": None, "until": None, "detail": detail, "by": post.second_writer}
        return said | {"also": ()}
    withheld = post.withheld
    if withheld is None:
        return None
    return {
        "reason": withheld.reason,
        "since": _time(withheld.since),
        "until": _time(withheld.until),
        "detail": withheld.detail,
        "by": withheld.by or None,
        "also": withheld.also,
    }


def _observed_view(observed: Observed) -> dict[str, Any]:
    return {
        "at": _time(observed.at),
        "status": observed.status,
        "severity": None if observed.severity is None else observed.severity.name,
        "impacts": {name: impact.name for name, impact in observed.impacts.items()},
        "drift": observed.drift,
    }


def _time(at: int | None) -> str | None:
    return from_ms(at) if at else None
