"""How bad something is, in Checkly's words."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """How bad an incident is; a higher number is worse. The names are Checkly's."""

    MINOR = 1
    MEDIUM = 2
    MAJOR = 3
    CRITICAL = 4


class Impact(IntEnum):
    """What an incident does to a component of a v3 page; a higher number is worse. The names are Checkly's."""

    OPERATIONAL = 0
    UNDER_MAINTENANCE = 1
    DEGRADED_PERFORMANCE = 2
    PARTIAL_OUTAGE = 3
    MAJOR_OUTAGE = 4
