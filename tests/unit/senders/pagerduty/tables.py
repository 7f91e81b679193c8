"""PagerDuty's "Webhooks Overview" as JSON Schemas: what the envelope and each type of ``data`` has.

Keys that older deliveries leave out are not required; no others are allowed, so that fixtures hold nothing made up.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "minLength": 1}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"}


def record(required: Schema, **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def reference(*kinds: str) -> Schema:
    kind: Schema = {"enum": [f"{each}_reference" for each in kinds]} if kinds else TEXT
    return record({"id": ID, "type": kind}, self=MAYBE_TEXT, html_url=MAYBE_TEXT, summary=MAYBE_TEXT)


USER, SERVICE, INCIDENT = reference("user"), reference("service"), reference("incident")
AGENT = reference("user", "inbound_integration", "integration", "service")
FIELD = record(
    {
        "id": ID,
        "name": TEXT,
        "namespace": {"enum": ["incidents", "services"]},
        "data_type": TEXT,
        "field_type": {"enum": ["single_value", "multi_value"]},
        "value": {},
        "type": {"const": "field_value"},
    }
)
RESOLVE_REASON = {
    "anyOf": [record({"type": {"const": "merge_resolve_reason"}, "incident": INCIDENT}), {"const": "merged"}]
}
ROLE_ASSIGNMENT = record(
    {
        "assignee": nullable(USER),
        "old_assignee": nullable(USER),
        "role": record({"id": ID, "name": TEXT}),
        "status": TEXT,
        "incident": INCIDENT,
    }
)

DATA: dict[str, Schema] = {
    "incident": record(
        {
            "id": {"type": "string", "pattern": "^[PQR]"},
            "self": TEXT,
            "html_url": TEXT,
            "number": {"type": "integer"},
            "status": {"enum": ["triggered", "acknowledged", "resolved"]},
            "title": TEXT,
            "service": SERVICE,
            "assignees": listed(USER),
            "escalation_policy": reference("escalation_policy"),
            "teams": listed(reference("team")),
            "priority": nullable(reference("priority")),
            "urgency": {"enum": ["high", "low"]},
            "conference_bridge": nullable(
                record({"conference_number": {"type": ["string", "integer", "null"]}, "conference_url": MAYBE_TEXT})
            ),
            "resolve_reason": nullable(RESOLVE_REASON),
        },
        incident_key=MAYBE_TEXT,
        created_at=TIME,
        reopened_at=nullable(TIME),
        incident_type=record({"name": TEXT}),
    ),
    "incident_note": record({"id": ID, "content": TEXT, "trimmed": FLAG, "incident": INCIDENT}),
    "incident_status_update": record({"id": ID, "message": TEXT, "trimmed": FLAG, "incident": INCIDENT}),
    "incident_responder": record(
        {
            "user": nullable(USER),
            "escalation_policy": nullable(reference("escalation_policy")),
            "message": TEXT,
            "state": TEXT,
            "incident": INCIDENT,
        }
    ),
    "incident_field_values": record(
        {"custom_fields": listed(FIELD), "changed_custom_fields": listed(FIELD), "incident": INCIDENT}
    ),
    "incident_conference_bridge": record(
        {
            "conference_numbers": nullable(listed(record({"label": TEXT, "number": TEXT}))),
            "conference_url": MAYBE_TEXT,
            "incident": INCIDENT,
        }
    ),
    "incident_workflow_instance": record(
        {
            "id": ID,
            "summary": TEXT,
            "incident_workflow": reference("incident_workflow"),
            "workflow_trigger": reference("workflow_trigger"),
            "service": SERVICE,
            "incident": INCIDENT,
        }
    ),
    "incident_task": record(
        {
            "id": ID,
            "name": TEXT,
            "description": MAYBE_TEXT,
            "summary": TEXT,
            "status": TEXT,
            "assignees": listed(USER),
            "incident": INCIDENT,
        }
    ),
    "incident_action_invocation": record(
        {
            "id": ID,
            "self": TEXT,
            "html_url": MAYBE_TEXT,
            "action": reference("action"),
            "state": TEXT,
            "incident": INCIDENT,
        }
    ),
    "incident_role_assignment": record({"incident_role_assignments": listed(ROLE_ASSIGNMENT)}),
    "service": record(
        {
            "id": ID,
            "self": TEXT,
            "html_url": MAYBE_TEXT,
            "summary": TEXT,
            "alert_creation": TEXT,
            "teams": listed(reference("team")),
        }
    ),
    "service_field_values": record(
        {"service": SERVICE, "custom_fields": listed(FIELD), "changed_custom_fields": listed(FIELD)}
    ),
    "ping": record({"message": TEXT}),
}


def body_schema(event_type: str, data_type: str) -> Schema:
    """What a whole body with this event is like."""
    data = DATA[data_type]
    data = data | {
        "properties": data["properties"] | {"type": {"const": data_type}},
        "required": [*data["required"], "type"],
    }
    event = record(
        {
            "id": ID,
            "event_type": {"const": event_type},
            "resource_type": {"const": event_type.partition(".")[0]},
            "occurred_at": TIME,
            "agent": nullable(AGENT),
            "data": data,
        },
        client=nullable(record({"name": TEXT})),
    )
    return record({"event": event})
