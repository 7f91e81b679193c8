"""Where an incident stands in its life."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where an incident stands in its life. The four middle names are also Checkly's update statuses."""

    PENDING = "PENDING"
    INVESTIGATING = "INVESTIGATING"
    IDENTIFIED = "IDENTIFIED"
    MONITORING = "MONITORING"
    RESOLVED = "RESOLVED"
    DISCARDED = "DISCARDED"
