"""One incident and its updates as the simulated account keeps it: pure state, no wire format, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Literal, Self

Severity = Literal["CRITICAL", "MAJOR", "MEDIUM", "MINOR"]
Status = Literal["INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"]
Origin = Literal["api", "others", "checkly"]


@dataclass(slots=True)
class Update:
    """One message to readers. ``public_at`` is the date readers see, ``created_at`` when it was posted."""

    id: str
    description: str
    status: Status
    public_at: int
    created_at: int
    notify: bool


@dataclass(slots=True, kw_only=True)
class BaseIncident:
    """What incidents of both generations share. ``updates`` is never empty and runs from the first posted to the last.

    ``origin`` is ``api``, ``others`` for what a person made, or ``checkly`` for what a rule of Checkly's own made: the
    API never tells.
    """

    id: str
    name: str
    created_at: int
    updated_at: int
    updates: list[Update] = field(default_factory=list)
    origin: Origin = "api"
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

    def put(self, update: Update) -> None:
        """Append ``update``, or take it in the place of the one that has its id.

        Raises:
            ValueError: the incident may not have such an update.
        """
        place = next((place for place, one in enumerate(self.updates) if one.id == update.id), len(self.updates))
        self.updates[place : place + 1] = [update]

    def drop(self, update: Update) -> None:
        """Remove ``update``.

        Raises:
            ValueError: it is the only one: an incident without any would have no status.
        """
        if len(self.updates) == 1:
            raise ValueError("The last remaining update of an incident cannot be deleted")
        self.updates.remove(update)

    def copy(self) -> Self:
        """The incident as it is, which later changes leave alone."""
        return replace(self, updates=[*self.updates])


@dataclass(slots=True, kw_only=True)
class Incident(BaseIncident):
    """An incident of the account, with one severity, on services."""

    severity: Severity
    service_ids: tuple[str, ...]
