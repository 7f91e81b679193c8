"""All incidents of one generation, as they are and as they were: what a replica that lags would still answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from bridge.sandbox.faults import LONGEST_MS
from bridge.sandbox.incidents import BaseIncident

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = TypeVar("Kind", bound=BaseIncident)


class Version(NamedTuple, Generic[Kind]):
    """What an incident was from ``at`` on; None: deleted."""

    at: int
    incident: Kind | None


class Incidents(Generic[Kind]):
    """The incidents of one generation, by id. ``turns`` counts the touches; it may be shared with other generations.

    Reading takes an instant ``at``, no more than ``LONGEST_MS`` ago; None means now.
    """

    def __init__(self, turns: Iterator[int]) -> None:
        self._by_id: dict[str, Kind] = {}  # the most recently updated last
        self._past: dict[str, list[Version[Kind]]] = {}
        self._turns = turns

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, incident_id: str, at: int | None = None) -> Kind | None:
        """The incident with this id, if there was one at that time."""
        versions = self._past.get(incident_id, [])
        if at is None or (versions and versions[-1].at <= at):
            return self._by_id.get(incident_id)
        return next((version.incident for version in reversed(versions) if version.at <= at), None)

    def latest_first(self, at: int | None = None) -> list[Kind]:
        """All incidents of that time, the most recently updated first."""
        if at is None:
            return [*reversed(self._by_id.values())]
        seen = (self.get(incident_id, at) for incident_id in self._past)
        return sorted((one for one in seen if one is not None), key=lambda incident: incident.order, reverse=True)

    def touch(self, incident: Kind, now: int) -> None:
        """Keep ``incident`` and make it the most recently updated one."""
        incident.updated_at = now
        incident.order = next(self._turns)
        self._by_id.pop(incident.id, None)
        self._by_id[incident.id] = incident
        self._remember(incident.id, Version(now, incident.copy()))

    def delete(self, incident_id: str, now: int) -> None:
        """Remove the incident with all its updates, if it is there."""
        if self._by_id.pop(incident_id, None) is not None:
            self._remember(incident_id, Version(now, None))

    def _remember(self, incident_id: str, version: Version[Kind]) -> None:
        """Keep what was before, too, as long as somebody may ask for it."""
        versions = self._past.setdefault(incident_id, [])
        versions.append(version)
        while len(versions) > 1 and versions[1].at < version.at - LONGEST_MS:
            del versions[0]
