"""Which of a page's incidents are ours: by the public reference, else by name and date. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bridge.core.compose import reference_line, references_in
from bridge.model import Write

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident, RemoteUpdate
    from bridge.model import Ended, Intent

CLOCKS_APART_MS = 30_000  # the page's and the store's, at most


def references(remote: RemoteIncident) -> set[str]:
    """The public references that the incident's updates show: ids of incidents, ours or another bridge's."""
    return {match for update in remote.updates for match in references_in(update.text)}


def shows_reference(update: RemoteUpdate, incident_id: str) -> bool:
    """Whether the update ends with the public reference of this incident: then it is ours."""
    return incident_id in references_in(update.text)


def ours(candidates: Iterable[RemoteIncident], incident_id: str, intent: Intent | None) -> list[RemoteIncident]:
    """Which of the page's incidents are ours for this incident, the oldest first.

    By our reference; and, for a write of unknown outcome without one, by the exact public date to the second together
    with the name, since nobody else would have chosen both. If it went without a date, by name, text (a list may leave
    it out) and being new.
    """

    def is_ours(remote: RemoteIncident) -> bool:
        if incident_id in references(remote):
            return True
        if intent is None or reference_line(incident_id) in intent.text or remote.name != intent.name:
            return False
        if intent.is_dated:
            return any(update.public_at // 1000 == intent.public_at // 1000 for update in remote.updates)
        is_new = not remote.created_at or remote.created_at >= intent.recorded_at - CLOCKS_APART_MS
        return is_new and any(update.text.strip() in {"", intent.text.strip()} for update in remote.updates)

    return sorted(filter(is_ours, candidates), key=lambda remote: (remote.created_at, remote.id))


def find_update(current: RemoteIncident, intent: Intent) -> RemoteUpdate | None:
    """The intended incident update among those of the incident: same text, and date to the second.

    One that went without a date is known by its text; it is none of those that were ``seen`` before.

    A change of severity or services leaves no such trace, and never counts as seen: made twice, it does no harm.
    """
    for update in current.updates if intent.write is not Write.CHANGE else ():
        is_then = update.public_at // 1000 == intent.public_at // 1000
        is_it = is_then if intent.is_dated else update.id not in intent.seen
        if is_it and update.text.strip() == intent.text.strip():
            return update
    return None


def is_before(current: RemoteIncident, end: Ended) -> bool:
    """Whether an incident that we ended is read as it was before."""
    ids = {update.id for update in current.updates}
    return current.id == end.remote_id and "" not in ids and end.update_id not in ids
