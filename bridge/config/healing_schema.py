"""The part of the JSON Schema that is about healing."""

from __future__ import annotations

from typing import Final

from bridge.config.healing import REGIONS, Healing, PagerDutyHealing
from bridge.config.json_schema_parts import LINE, TEXT, Schema, keys, list_of, mapping, ref
from bridge.config.sections.healing import (
    CLUSTER_KEYS,
    DEFAULT_SENDER,
    HEADER_NAME,
    PAGERDUTY,
    PAGERDUTY_KEYS,
    SUBSCRIPTION,
    TLS_KEYS,
)
from bridge.config.sections.senders import DEFAULT_VARIABLES, SENDER_NAME, TAKEN, VARIABLE
from bridge.config.units import format_duration

_URL: Final = "^https?://[^\\s@?#]+$"
_FILES: Final = {
    "ca": "The authorities that sign the peers' certificates.",
    "cert": "The certificate that the bridge shows.",
    "key": "Its key.",
}


def healing() -> Schema:
    """The section."""
    return {
        **mapping(
            {
                "alertmanagers": {**list_of(_cluster()), "minItems": 0, "description": "Clusters of Alertmanagers."},
                **keys(Healing),
                PAGERDUTY: {**list_of(_account()), "minItems": 0, "description": "Accounts of PagerDuty."},
            }
        ),
        "description": "Whom to ask about alerts that nobody resolved: what they show to be over is closed.",
    }


def _variable(description: str) -> Schema:
    taken = "|".join(sorted({*TAKEN, *DEFAULT_VARIABLES.values()}))
    return {
        "type": "string",
        "pattern": f"^{VARIABLE.pattern}$",
        "not": {"pattern": f"_FILE$|^({taken})$"},
        "description": description,
    }


def _cluster() -> Schema:
    properties: dict[str, Schema] = {
        "name": {
            "type": "string",
            "pattern": f"^{SENDER_NAME.pattern}$",
            "not": {"const": PAGERDUTY},
            "description": "What evidence, log and metrics call it.",
        },
        "urls": {
            **list_of({"type": "string", "pattern": _URL}),
            "uniqueItems": True,
            "description": "The addresses of all of its peers, each before /api/v2.",
        },
        "match": ref("match", "For which of our alerts it is the truth; left out where there is only one cluster."),
        "alive": {
            **mapping({"match": ref("match"), "same": ref("names")}, required=("match",)),
            "description": "The alert that always fires, and proves that a Prometheus is heard there. same: the labels "
            "in which it must agree with an alert of ours, where several Prometheus stand behind one Alertmanager.",
        },
        "receiver": {**TEXT, "description": "Our receiver's name there: alerts that it was never sent are looked for."},
        "credentials": _variable(
            "The environment variable that holds a bearer token, or user:password (also with _FILE)."
        ),
        "headers": {
            "type": "object",
            "propertyNames": {"pattern": f"^{HEADER_NAME}$", "not": {"pattern": "^[Aa]uthorization$"}},
            "additionalProperties": {"type": "string", "minLength": 1, "pattern": "^[ -~]*$"},
            "description": "Headers to send along, such as X-Scope-OrgID for Mimir.",
        },
        "tls": {
            **mapping({name: {**LINE, "description": _FILES[name]} for name in TLS_KEYS}),
            "dependentRequired": {"key": ["cert"]},
            "description": "Files for HTTPS.",
        },
    }
    return mapping({key: properties[key] for key in CLUSTER_KEYS}, required=("name", "urls", "alive"))


def _account() -> Schema:
    base = PagerDutyHealing(credentials="")
    properties: dict[str, Schema] = {
        "sender": {
            "type": "string",
            "pattern": f"^{SENDER_NAME.pattern}$",
            "default": DEFAULT_SENDER,
            "description": "Whose incidents it knows: the name in their path, or default for the path without one.",
        },
        "credentials": _variable("The environment variable that holds a key of its REST API (also with _FILE)."),
        "region": {"enum": list(REGIONS), "default": base.region, "description": "Where the account is."},
        "interval": {
            **ref("positive_duration", "How long an incident must not have been heard of before it is asked for."),
            "default": format_duration(base.interval_ms),
        },
        "subscription": {
            "type": "string",
            "pattern": f"^{SUBSCRIPTION}$",
            "description": "The webhook subscription that delivers to the bridge: told when it is disabled.",
        },
    }
    return mapping({key: properties[key] for key in PAGERDUTY_KEYS}, required=("credentials",))
