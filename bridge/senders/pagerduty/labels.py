"""The labels that an incident of PagerDuty offers to matchers, and where in its ``data`` each stands."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

from bridge.json_values import at
from bridge.senders.fields import items, text

PATHS: Final = {
    "service": ("service", "summary"),
    "service_id": ("service", "id"),
    "priority": ("priority", "summary"),
    "urgency": ("urgency",),
    "team": ("teams",),
    "escalation_policy": ("escalation_policy", "summary"),
    "incident_type": ("incident_type", "name"),
    "title": ("title",),
}


def labels(data: Any) -> dict[str, str]:
    """What the incident has of them; several teams are sorted and joined by commas."""
    return {name: value for name in PATHS if (value := _label(data, name))}


def unsaid(data: Any, wanted: Container[str]) -> str | None:
    """The first of the wanted labels that every incident has and this ``data`` does not say.

    That is no news: what is null once would otherwise send the incident elsewhere, or publish what is to be ignored.
    """
    return next((name for name in PATHS if name in wanted and _label(data, name) is None), None)


def _label(data: Any, name: str) -> str | None:
    """Its value; empty if the incident has none, as it may have no priority and no team; None if it is not said."""
    if name == "priority" and at(data, "priority") is None:
        return ""
    return _teams(data) if name == "team" else text(data, *PATHS[name])


def _teams(data: Any) -> str | None:
    if not isinstance(at(data, "teams"), list):
        return None
    teams = items(data, "teams")
    names = [name for team in teams if (name := text(team, "summary"))]
    return ", ".join(sorted(names)) if len(names) == len(teams) else None
