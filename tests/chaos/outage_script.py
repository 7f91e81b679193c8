"""The life of one outage, told to the bridge as Alertmanager would, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.campaign_servers import Alerts, name
from tests.chaos.checker import title
from tests.chaos.generation import V1, Generation

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu"
OUTAGE = name(REGION)
TURNS = ["INVESTIGATING", "RESOLVED"]


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


def first_title(generation: Generation) -> str:
    """The title of the incident that is opened first: the first service is on one page only."""
    return title(OUTAGE, next(iter(generation.shown)))


def mailed(generation: Generation = V1, *, again: bool = False) -> dict[str, list[str]]:
    """What subscribers must have been mailed of the outage, and ``again`` of its relapse.

    It opens, its severity rises, it is resolved; the second service alone is on the second page, and never gets worse.
    """
    first, *others = (title(OUTAGE, page) for page in generation.shown)
    return {first: ["INVESTIGATING", *TURNS, *(TURNS if again else [])]} | {other: [*TURNS] for other in others}
