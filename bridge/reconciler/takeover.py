"""Taking over what stands on a page: an incident of ours that is found there, and the end of one that is too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.planning import DATE_STEP_MS
from bridge.model import Intent, Phase, Post, Severity, UpdateKind, Write

if TYPE_CHECKING:
    from bridge.checkly.port import RemoteIncident


def adopted(post: Post, remote: RemoteIncident, *, services: tuple[str, ...], severity: Severity | None) -> Post:
    """Take over an incident of ours that the store did not know (any more) as it stands on the page.

    What it concerns is its services; readers are taken to know of ``services`` already, and of ``severity`` where the
    page shows none.
    """
    newest = max((update.public_at for update in remote.updates), default=post.public_at)
    paid = post.intent if post.intent is not None and post.intent.opens else post
    return replace(
        post,
        remote_id=remote.id,
        status=remote.status,
        name=remote.name,
        severity=remote.severity or severity,
        services=tuple(sorted(remote.concerns)),
        impacts=remote.impacts,
        announced_severity=remote.severity or severity,
        announced_services=tuple(sorted({*remote.concerns, *services})),
        public_at=max(post.public_at, newest),
        intent=None,
        attempts=0,
        retry_at=0,
        parked=None,
        parked_write="",
        closed_at=None,
        theirs_at=None,
        missing_at=None,
        search_at=None,
        held_by="",
        stale_at=None,
        changed_at=0,
        withheld=None,
        end_token=paid.end_token,
        is_end_unpaid=paid.is_end_unpaid,
        paid_at=0,
    )


def silent_resolve(duplicate: RemoteIncident, text: str, now: int) -> Intent:
    """The update that ends a duplicate, soon after its newest: ``text`` tells why, and nobody is mailed."""
    newest = max((update.public_at for update in duplicate.updates), default=now)
    return Intent(
        write=Write.UPDATE,
        status=Phase.RESOLVED,
        kind=UpdateKind.RESOLVED,
        severity=duplicate.severity or Severity.MINOR,
        services=(),
        labels={},
        name=duplicate.name,
        text=text,
        notify=False,
        public_at=max(newest, min(newest + DATE_STEP_MS, now)),
        recorded_at=now,
    )
