"""Whether the histories that a bridge tells are true to what the simulator saw. Pure: it talks to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tests.chaos.checker import History, Incident

Entries: TypeAlias = Sequence[Mapping[str, Any]]
MADE = ("write_done", "write_found")  # of a write that stands on the page


def untrue(history: History, told: Mapping[str, Entries], phases: Mapping[str, str]) -> Iterator[str]:
    """Writes that no entry tells of, entries of writes that were not made, and phases that are not the incident's.

    ``told`` are the entries of all episodes by reference, ``phases`` that of the present episode. An incident that was
    adopted, or whose history is full, may have more writes than entries.
    """
    ours = [incident for incident in history.incidents if incident.ours]
    known = {incident.id for incident in ours}
    for reference, entries in told.items():
        for entry in entries:
            if entry["what"] in MADE and entry["detail"]["remote_id"] not in known:
                yield f"{reference} tells of a write on {entry['detail']['remote_id']}, which never was"
        moved = [entry["detail"]["phase"] for entry in entries if entry["what"] == "phase"]
        if moved and moved[-1] != phases[reference]:
            yield f"{reference} is {phases[reference]}, its history says {moved[-1]}"
    closed = {id_ for entries in told.values() for entry in entries for id_ in entry["detail"].get("ids", ())}
    for incident in ours:
        if incident.id not in closed:
            yield from _miscounted(incident, told.get(incident.reference, ()))


def _miscounted(incident: Incident, entries: Entries) -> Iterator[str]:
    own = [entry for entry in entries if entry["detail"].get("remote_id") == incident.id]
    made = sum(entry["detail"].get("times", 1) for entry in own if _posts(entry))
    posted = len(incident.updates)
    is_partly_told = any(entry["what"] in {"left_out", "adopted"} for entry in (*own, *entries[:1]))
    if made > posted or (made < posted and not is_partly_told):
        yield f"{incident.id}: {posted} updates were posted, its history tells of {made}"


def _posts(entry: Mapping[str, Any]) -> bool:
    """Whether it tells of an update on the page: a change of severity or impacts leaves none."""
    return entry["what"] == "end_found" or (entry["what"] in MADE and entry["detail"]["write"] != "change")
