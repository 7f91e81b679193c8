"""The v3 API's JSON: how the state is spelled in answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox.instants import iso
from bridge.sandbox.updates import to_json

if TYPE_CHECKING:
    from bridge.sandbox.components import Component, ComponentPage
    from bridge.sandbox.impacts import PageIncident, Phase

Json = dict[str, Any]


def page(of: ComponentPage, account_id: str) -> Json:
    """A status page; its components are not told here."""
    return {
        **of.look,
        "id": of.id,
        "name": of.name,
        "url": of.url,
        "accountId": account_id,
        "version": 3,
        "created_at": iso(of.created_at),
        "updated_at": _iso(of.updated_at),
    }


def component(of: Component, page_id: str) -> Json:
    """A component of a page."""
    return {
        "id": of.id,
        "statusPageId": page_id,
        "type": of.type,
        "name": of.name,
        "description": of.description,
        "displayOrder": of.display_order,
        "hidden": of.hidden,
        "parentId": of.parent_id,
        "created_at": iso(of.created_at),
        "updated_at": _iso(of.updated_at),
    }


def listed_incident(of: PageIncident) -> Json:
    """An incident in the list, which tells less than the incident alone: no updates."""
    phases = sorted(of.phases, key=lambda phase: (phase.component_id, phase.started_at))  # not in the order sent
    return {
        "id": of.id,
        "statusPageId": of.page_id,
        "name": of.name,
        "lastUpdateStatus": of.status,
        "duration": of.duration_s,
        "componentImpacts": [_phase(phase) for phase in phases],
        "created_at": iso(of.created_at),
        "updated_at": iso(of.updated_at),
    }


def incident(of: PageIncident) -> Json:
    """An incident with its updates, newest first."""
    return {**listed_incident(of), "incidentUpdates": [to_json(update) for update in reversed(of.updates)]}


def _phase(of: Phase) -> Json:
    return {
        "componentId": of.component_id,
        "status": of.impact,
        "startedAt": iso(of.started_at),
        "endedAt": _iso(of.ended_at),
    }


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
