"""How readers are told how a thing is: one scale for v1's severities and v3's impacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bridge.sandbox.impacts import Impact
    from bridge.sandbox.incidents import Severity


class Condition(NamedTuple):
    """How a thing is. The worse has the higher ``rank``; ``tone`` names the color.

    ``downtime`` is the percentage of its time that published uptime lacks.
    """

    rank: int
    tone: str
    words: str
    downtime: int


OPERATIONAL = Condition(0, "ok", "Operational", 0)
SEVERITIES: dict[Severity, Condition] = {
    "MINOR": Condition(1, "minor", "Minor issues", 100),
    "MEDIUM": Condition(2, "medium", "Degraded performance", 100),
    "MAJOR": Condition(3, "major", "Partial outage", 100),
    "CRITICAL": Condition(4, "critical", "Major outage", 100),
}
IMPACTS: dict[Impact, Condition] = {
    "OPERATIONAL": OPERATIONAL,
    "UNDER_MAINTENANCE": Condition(1, "maintenance", "Under maintenance", 0),
    "DEGRADED_PERFORMANCE": Condition(2, "medium", "Degraded performance", 0),
    "PARTIAL_OUTAGE": Condition(3, "major", "Partial outage", 30),
    "MAJOR_OUTAGE": Condition(4, "critical", "Major outage", 100),
}
