"""The v3 API's JSON, where it differs from v1's: impacts of components in the place of a severity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bridge.checkly.v1 import wire
from bridge.json_values import dicts
from bridge.model import Impact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.remote import RemoteIncident


def impacts_body(impacts: Mapping[str, Impact]) -> list[dict[str, str]]:
    """The current status of each component, by id. Those left out of a change become OPERATIONAL."""
    return [{"componentId": id_, "status": impact.name} for id_, impact in sorted(impacts.items())]


def incident(data: object) -> RemoteIncident:
    """An incident as Checkly describes it, with what it does to components now.

    What it did to them before has ended, and is left out; of a component that shows twice the worse counts.

    Raises:
        UnknownOutcome: ``data`` is not an incident with an id.
    """
    found = wire.incident(data)
    fields: dict[str, Any] = data if isinstance(data, dict) else {}
    impacts: dict[str, Impact] = {}
    for entry in dicts(fields.get("componentImpacts")):
        match entry:
            case {"componentId": str(id_), "status": str(status)} if not entry.get("endedAt"):
                impact = Impact.__members__.get(status, Impact.OPERATIONAL)
                impacts[id_] = max(impact, impacts.get(id_, impact))
    changed_at = fields.get("updated_at")
    return replace(
        found,
        services=tuple(impacts),
        components={id_: impact for id_, impact in impacts.items() if impact},
        is_whole=isinstance(fields.get("incidentUpdates"), list),
        version=repr((changed_at, found.status, found.name, sorted(impacts.items()))) if changed_at else "",
    )
