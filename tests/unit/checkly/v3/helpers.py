"""What the tests of the v3 adapter write, and how they look at what then stands in the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bridge.model import Impact, Intent, Phase, Severity, UpdateKind, Write
from tests.unit.checkly.helpers import START

if TYPE_CHECKING:
    from bridge.sandbox.components import ComponentPage
    from bridge.sandbox.impacts import PageIncident
    from bridge.sandbox.state import State

MAJOR, PARTIAL, DEGRADED, FINE = (
    Impact.MAJOR_OUTAGE,
    Impact.PARTIAL_OUTAGE,
    Impact.DEGRADED_PERFORMANCE,
    Impact.OPERATIONAL,
)
OPEN = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("orders", "catalog"),
    impacts={"orders": PARTIAL, "catalog": DEGRADED},
    labels={},
    name="Orders are slow",
    text="We are looking into it. [br-1]",
    notify=True,
    public_at=START - 61_007,
    recorded_at=START,
)
RESOLVE = replace(OPEN, write=Write.UPDATE, status=Phase.RESOLVED, text="All is well.", notify=False, public_at=START)
RAISE = replace(OPEN, write=Write.CHANGE, impacts={"orders": MAJOR, "catalog": FINE}, name="Other", text="")
NOWHERE = "5f1c0d1e-0000-4000-8000-000000000001"


def writes(state: State) -> list[Any]:
    return [call for call in state.calls if call.method != "GET"]


def reads(state: State) -> int:
    return len(state.calls) - len(writes(state))


def stands(state: State, incident_id: str) -> PageIncident:
    incident = state.page_incidents.get(incident_id)
    assert incident is not None
    return incident


def ailing(shown: ComponentPage, incident: PageIncident) -> dict[str, str]:
    """What readers see amiss, by the components' names."""
    return {shown.components[id_].name: impact for id_, impact in incident.impacts.items() if impact != "OPERATIONAL"}
