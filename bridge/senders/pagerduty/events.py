"""PagerDuty's webhook events, as its "Webhooks Overview" lists them, and where each names its incident."""

from __future__ import annotations

from typing import Any, Final

from bridge.senders.fields import items, text

ID_CHARS: Final = 128

# What each event carries: the type of its ``data``.
EVENTS: Final = {
    "incident.triggered": "incident",
    "incident.acknowledged": "incident",
    "incident.unacknowledged": "incident",
    "incident.resolved": "incident",
    "incident.reopened": "incident",
    "incident.escalated": "incident",
    "incident.delegated": "incident",
    "incident.reassigned": "incident",
    "incident.priority_updated": "incident",
    "incident.service_updated": "incident",
    "incident.incident_type.changed": "incident",
    "incident.annotated": "incident_note",
    "incident.status_update_published": "incident_status_update",
    "incident.custom_field_values.updated": "incident_field_values",
    "incident.conference_bridge.updated": "incident_conference_bridge",
    "incident.responder.added": "incident_responder",
    "incident.responder.replied": "incident_responder",
    "incident.role.assigned": "incident_role_assignment",
    "incident.task.created": "incident_task",
    "incident.task.updated": "incident_task",
    "incident.task.completed": "incident_task",
    "incident.action_invocation.created": "incident_action_invocation",
    "incident.action_invocation.updated": "incident_action_invocation",
    "incident.action_invocation.terminated": "incident_action_invocation",
    "incident.workflow.started": "incident_workflow_instance",
    "incident.workflow.completed": "incident_workflow_instance",
    "service.created": "service",
    "service.updated": "service",
    "service.deleted": "service",
    "service.custom_field_values.updated": "service_field_values",
    "pagey.ping": "ping",
}


def incident_id(data: Any) -> str | None:
    """The incident that an event is about, wherever this type of ``data`` has it.

    None if it is about none, or if what stands there is longer than any id.
    """
    if text(data, "type") == "incident":
        found = text(data, "id")
    else:
        nested = (data, *items(data, "incident_role_assignments"))
        found = next((id_ for each in nested if (id_ := text(each, "incident", "id"))), None)
    return found if found and len(found) <= ID_CHARS else None
