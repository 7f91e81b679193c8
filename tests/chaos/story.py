"""The life of one outage, told to the bridge as Alertmanager would, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.stage import Alerts, name

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu"
OUTAGE = name(REGION)
MAILED = ["INVESTIGATING", "INVESTIGATING", "RESOLVED"]
"""It opens, its severity rises, it is resolved."""


def outage(alerts: Alerts) -> Iterator[bytes]:
    """It fires, a second service joins, the severity rises, it clears: one delivery each."""
    yield alerts.fires(REGION)
    yield alerts.fires(REGION, "Payments")
    yield alerts.fires(REGION, severity="critical")
    yield alerts.ends(REGION)


def relapse(alerts: Alerts) -> Iterator[bytes]:
    """It fires again soon after its end, and clears again."""
    yield alerts.fires(REGION)
    yield alerts.ends(REGION)


MAILED_AGAIN = [*MAILED, "INVESTIGATING", "RESOLVED"]
