"""Incidents of one page of components: what each component suffers, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

from bridge.sandbox.incidents import BaseIncident, Incident

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.sandbox.incidents import Update

ActiveImpact = Literal["UNDER_MAINTENANCE", "DEGRADED_PERFORMANCE", "PARTIAL_OUTAGE", "MAJOR_OUTAGE"]
Impact = Literal["OPERATIONAL", ActiveImpact]


@dataclass(slots=True)
class Phase:
    """One component's impact from one instant to another; ``ended_at`` None: until now."""

    component_id: str
    impact: Impact
    started_at: int
    ended_at: int | None = None


@dataclass(kw_only=True)
class PageIncident(BaseIncident):
    """An incident of one page. ``copy_of`` is the id it had before its page was migrated."""

    page_id: str
    phases: list[Phase] = field(default_factory=list)
    copy_of: str | None = None

    @property
    def impacts(self) -> dict[str, Impact]:
        """What each component that ever suffered suffers now, by its id."""
        now: dict[str, Impact] = dict.fromkeys((phase.component_id for phase in self.phases), "OPERATIONAL")
        return now | {phase.component_id: phase.impact for phase in self._ongoing}

    def put(self, update: Update) -> None:
        """As of every incident; only the first update may predate the others, and a resolve ends every phase."""
        others = [one for one in self.updates if one.id != update.id]
        is_first = others == self.updates[1:]
        if not is_first and update.public_at < min(one.public_at for one in others):
            raise ValueError("`publicIncidentUpdateDate` cannot be earlier than the incident")
        super().put(update)
        self._end_with_it()

    def drop(self, update: Update) -> None:
        """As of every incident."""
        super().drop(update)
        self._end_with_it()

    def copy(self) -> Self:
        """As of every incident."""
        return replace(super().copy(), phases=[replace(phase) for phase in self.phases])

    def set_impacts(self, impacts: Mapping[str, Impact], now: int) -> None:
        """From ``now`` on, the components suffer this; those left out are operational.

        Raises:
            ValueError: the incident is resolved, and a component is to suffer.
        """
        if not self.open and set(impacts.values()) - {"OPERATIONAL"}:
            raise ValueError("A resolved incident has no current component impacts")
        for phase in self._ongoing:
            if impacts.get(phase.component_id) != phase.impact:
                phase.ended_at = max(now, phase.started_at)
        if self.open:
            going_on = {phase.component_id for phase in self._ongoing}
            self.phases += [Phase(id_, impact, now) for id_, impact in impacts.items() if id_ not in going_on]

    def set_phases(self, phases: list[Phase]) -> None:
        """Rewrite the whole past.

        Raises:
            ValueError: a phase ends before it starts, or goes on in a resolved incident.
        """
        for phase in phases:
            if phase.ended_at is None and not self.open:
                raise ValueError("`endedAt` may be null in active incidents only")
            if phase.ended_at is not None and phase.ended_at < phase.started_at:
                raise ValueError("`endedAt` must not be earlier than `startedAt`")
        self.phases = phases

    @property
    def _ongoing(self) -> list[Phase]:
        return [phase for phase in self.phases if phase.ended_at is None]

    def _end_with_it(self) -> None:
        if (ended_at := self.ended_at) is not None:
            for phase in self._ongoing:
                phase.ended_at = max(ended_at, phase.started_at)


AnyIncident = Incident | PageIncident
