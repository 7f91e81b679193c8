"""Incidents and their updates as the simulated account keeps them: pure state, no wire format, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from typing import Literal

Severity = Literal["CRITICAL", "MAJOR", "MEDIUM", "MINOR"]
Status = Literal["INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"]


@dataclass(slots=True)
class Update:
    """One message to readers. ``public_at`` is the date readers see, ``created_at`` when it was posted."""

    id: str
    description: str
    status: Status
    public_at: int
    created_at: int
    notify: bool


@dataclass(slots=True)
class Incident:
    """An incident on services. ``updates`` is never empty and runs from the first posted to the last.

    ``origin`` is ``api``, or ``others`` for what a person or Checkly itself would have made: the API never tells.
    """

    id: str
    name: str
    severity: Severity
    service_ids: tuple[str, ...]
    created_at: int
    updated_at: int
    updates: list[Update]
    origin: Literal["api", "others"] = "api"
    order: int = field(default=0, compare=False)

    @property
    def status(self) -> Status:
        """The status of the update that was posted last."""
        return self.updates[-1].status

    @property
    def open(self) -> bool:
        """Whether it counts as downtime now."""
        return self.status != "RESOLVED"

    @property
    def started_at(self) -> int:
        """The earliest public date among the updates."""
        return min(update.public_at for update in self.updates)

    @property
    def ended_at(self) -> int | None:
        """The public date of the update that resolved it; None while it is open.

        A second RESOLVED in a row changes nothing; one after a re-opening does (Checkly's docs, "Incident duration").
        """
        closing = list(takewhile(lambda update: update.status == "RESOLVED", reversed(self.updates)))
        return closing[-1].public_at if closing else None

    @property
    def duration_s(self) -> int | None:
        """Seconds from the start to the end; None while it is open."""
        return None if self.ended_at is None else max(0, self.ended_at - self.started_at) // 1000

    def find(self, update_id: str) -> Update | None:
        """The update with this id, if there is one."""
        return next((update for update in self.updates if update.id == update_id), None)

    def seen_at(self, instant: int) -> Incident | None:
        """The incident with only the updates that were posted by ``instant``; None if it had none yet."""
        posted = [update for update in self.updates if update.created_at <= instant]
        return replace(self, updates=posted) if posted else None


class Incidents:
    """All incidents of an account, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Incident] = {}
        self._turn = count(1)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, incident_id: str) -> Incident | None:
        """The incident with this id, if there is one."""
        return self._by_id.get(incident_id)

    def touch(self, incident: Incident, now: int) -> None:
        """Keep ``incident`` and make it the most recently updated one."""
        incident.updated_at = now
        incident.order = next(self._turn)
        self._by_id[incident.id] = incident

    def delete(self, incident_id: str) -> None:
        """Remove the incident with all its updates, if it is there."""
        self._by_id.pop(incident_id, None)

    def latest_first(self) -> list[Incident]:
        """All incidents, the most recently updated first."""
        return sorted(self._by_id.values(), key=lambda incident: incident.order, reverse=True)
