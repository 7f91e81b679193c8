"""Respect for what people change on the page by hand: how a write bends to what is there. Pure.

What is recorded stays the bridge's own wish; only what is sent bends (`core/merging.py`). So an edit by hand never
looks like a difference that the bridge would have to undo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.merging import beside_peers, removed_from
from bridge.core.ownership import shows_reference
from bridge.core.results import Closed, EndFound
from bridge.model import Intent, Phase, Post

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident, RemoteUpdate
    from bridge.model import Incident

UPDATES_LISTED = 100  # Checkly gives the newest so many updates of an incident


def lacks_ours(current: RemoteIncident, post: Post) -> bool:
    """Whether our newest update is missing: the read is older than that, or somebody has removed it.

    That an update is not among the newest hundred, which are all later, proves nothing.
    """
    updates = current.updates
    if not post.update_id or not all(update.id for update in updates):
        return False
    if any(update.id == post.update_id for update in updates):
        return False
    return len(updates) < UPDATES_LISTED or min(update.public_at for update in updates) <= post.public_at


def edits(current: RemoteIncident, post: Post) -> dict[str, str]:
    """What someone else has set of an incident that is read as new as our last write: what it shows instead."""
    found = {}
    if post.severity is not None and current.severity not in {None, post.severity}:
        found["severity"] = current.severity.name if current.severity else ""
    if post.is_open and current.status is not post.status and current.status is not Phase.RESOLVED:
        found["status"] = str(current.status)
    shown = {name: current.impacts.get(name, impact) for name, impact in post.impacts.items()}
    others = [
        f"{name}: {shown[name].name}"
        for name, impact in post.impacts.items()
        if shown[name] not in {impact, beside_peers(impact, name, post, current)}
    ]
    if others:
        found["impacts"] = ", ".join(sorted(others))
    if removed := removed_from(post, current):
        found["services"] = f"{len(removed)} fewer"
    return found


def newest(current: RemoteIncident) -> RemoteUpdate | None:
    """The update that was posted last, whatever its public date."""
    return max(current.updates, key=_posted, default=None)


def posted_by_others(current: RemoteIncident, post: Post, incident_id: str) -> RemoteUpdate | None:
    """The first update after our newest one that somebody else posted, unless it is the end.

    A late repetition of ours has its words. Where ours is not known, or not there, nothing can be told.
    """
    ours = next((update for update in current.updates if update.id == post.update_id != ""), None)
    if ours is None or current.status is Phase.RESOLVED:
        return None
    others = (
        update
        for update in current.updates
        if update.id and _posted(update) > _posted(ours) and update.text.strip() != ours.text.strip()
        if not shows_reference(update, incident_id)
    )
    return min(others, key=_posted, default=None)


def _posted(update: RemoteUpdate) -> tuple[int, int]:
    return update.created_at, update.public_at


def was_closed_manually(current: RemoteIncident, post: Post) -> bool:
    """Whether somebody resolved an incident that we left open."""
    return current.status is Phase.RESOLVED and post.is_open


def end_of(current: RemoteIncident, incident: Incident, end_text: str, *, is_removed: bool) -> EndFound | Closed:
    """Whose end the page shows of an incident that we left open.

    It is ours by our reference, or by our words (``end_text``), if nothing fired when they were posted: then we would
    have said them; and not if our newest update ``is_removed``.
    """
    update, summary = newest(current), incident.summary
    if is_removed or update is None or update.status is not Phase.RESOLVED:
        return Closed()
    was_clear = not summary.firing or update.created_at < summary.firing_since
    is_ours = shows_reference(update, incident.id) or (was_clear and update.text.strip() == end_text.strip())
    return EndFound(update.id) if is_ours else Closed()


def is_already_applied(change: Intent, current: RemoteIncident, post: Post) -> bool:
    """Whether the page already shows what the change would bring, so that nothing need be sent."""
    if change.impacts:
        return all(current.impacts.get(name) is impact for name, impact in change.impacts.items())
    return current.severity is change.severity and set(change.services) <= set(post.services)
