"""The JSON Schema of the configuration file, from the Structs and words that its readers use; `make docs` writes it."""

from __future__ import annotations

import json
from typing import Final

from bridge.config import loader
from bridge.config.healing_schema import healing
from bridge.config.json_schema_parts import (
    LINE,
    ONE_LINE,
    TEXT,
    Schema,
    keys,
    list_of,
    mapping,
    mapping_of,
    ref,
    section_of,
)
from bridge.config.schema import MAX_BODY_BYTES, RETENTION_MS, Budget, Checkly, Limits, People, Store
from bridge.config.sections.routes import POLICY_KEYS, ROUTE_KEYS, ROUTE_NAME, SILENT
from bridge.config.sections.senders import DEFAULT_VARIABLES, SENDER_NAME, TAKEN, VARIABLE
from bridge.config.senders import PagerDuty, Senders
from bridge.config.units import format_duration
from bridge.flap import Flap
from bridge.model import IMPACTS, Impact, Policy, Severity
from bridge.texts.render import TextKind

_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SEVERITIES: Final = tuple(reversed(Severity.__members__))

_POLICY = {
    "publish_after": "How long an alert must fire before anything is published.",
    "resolve_after": "How long every alert must have been clear before the incident is resolved.",
    "reopen_after": "An outage that starts again within this time after the end reopens the same incident.",
    "hold_refire": "How long a firing is held that arrives right after its own resolve with an unchanged start. "
    "Keep it above Alertmanager's group_interval.",
}
_TEXTS = {
    TextKind.NAME: "The incident's name, one line of at most 255 characters. "
    "It stays as it is once the incident is open.",
    TextKind.INVESTIGATING: "The first update, and the one that reopens an incident.",
    TextKind.IDENTIFIED: "When every firing alert is acknowledged.",
    TextKind.MONITORING: "When every alert has cleared, until the incident is resolved.",
    TextKind.RESOLVED: "When the incident is resolved.",
    TextKind.UPDATE: "When the severity was raised or services joined.",
    TextKind.FLAPPING: "When an incident begins to flap: instead of the text that its opening or update would have.",
    TextKind.DUPLICATE: "When an outage turns out to be on the page twice, on the one that is closed. Never mailed.",
}


def document() -> str:
    """The schema as its file has it."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema() -> Schema:
    properties = _top_level()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "checkly-bridge configuration",
        "description": "The shape of bridge.yaml. `bridge check` also checks what a schema cannot: references, "
        "matchers, texts and reachability.",
        **mapping({key: properties[key] for key in loader.KEYS}, required=loader.REQUIRED),
        "$defs": _definitions(),
    }


def _top_level() -> Schema:
    budget = keys(Budget)
    pages = mapping_of(ref("budget"), "What is different for one page: v1, or a v3 page as the services name it.")
    return {
        "version": {"const": 1, "description": "The version of this format."},
        "checkly": section_of(Checkly, "How the bridge talks to Checkly."),
        "people": _people(),
        "pagerduty": section_of(PagerDuty, "What PagerDuty's events mean for the status page."),
        "senders": _senders(),
        "healing": healing(),
        "store": section_of(Store, "What Redis must offer before a delivery is accepted."),
        "budgets": {
            "description": "How much may become public. On by default; with off there is no bound.",
            "oneOf": [{"enum": ["off", False]}, mapping({**budget, "pages": pages})],
        },
        "services": _services(),
        "severity": ref("severity", "How bad an alert is: the first rule that matches wins; MINOR when none does."),
        "impact": ref("impact", "What each severity does to a component of a v3 page."),
        "public_labels": {
            **ref("names"),
            "items": {"pattern": "^[^|\\u0000-\\u001f\\u007f]*$"},
            "description": "The only labels that texts may read. Their values are published.",
        },
        "operator_labels": {
            "description": "Labels that are kept with an alert for the holders of ADMIN_TOKENS and OPERATOR_TOKENS, "
            "beside its name, a link and the labels that the configuration reads; none: nothing is kept but the "
            "fingerprint.",
            "oneOf": [{"const": "none"}, ref("names")],
            "default": [],
        },
        "defaults": {
            **mapping({**_policy(with_defaults=True), "flap": ref("flap"), "group_by": ref("group_by")}),
            "description": "What routes start from.",
        },
        "routes": {
            **list_of(ref("route")),
            "description": "What becomes of alerts: the first route that matches decides; an alert that none matches "
            "is counted and ignored.",
        },
        "texts": ref("texts", "The public texts. One that is left out is built in."),
        "limits": {
            **mapping({"body": _BODY, **keys(Limits)}),
            "description": "Limits on what senders may deliver, and on what is kept of it.",
        },
        "retention": {
            **ref("positive_duration", "How long a resolved incident is remembered; at least every reopen_after."),
            "default": format_duration(RETENTION_MS),
        },
    }


def _definitions() -> Schema:
    return {
        "v1_service": _V1_SERVICE,
        "component": _COMPONENT,
        "impact": mapping(
            {name: {**ref("impact_level"), "default": IMPACTS[Severity[name]].name} for name in _SEVERITIES}
        ),
        "impact_level": {
            "enum": list(Impact.__members__),
            "description": "Of the published uptime, a major outage takes its whole length, a partial one 30 % of it, "
            "the others nothing.",
        },
        **_DURATIONS,
        "names": {"type": "array", "uniqueItems": True, "items": TEXT},
        "group_by": ref(
            "names", "One incident per combination of these labels' values. Without labels, one incident per route."
        ),
        "matcher": {
            **TEXT,
            "description": "Alertmanager's matchers: name = value with =, !=, =~ or !~; several are separated by "
            "commas.",
            "examples": ["severity = critical", 'severity =~ "error|high"'],
        },
        "match": {
            "description": "Which alerts: a matcher, or a list that must all match. Left out, every alert matches.",
            "oneOf": [ref("matcher"), list_of(ref("matcher"))],
        },
        "severity": list_of(mapping({"match": ref("match"), "is": _IS}, required=("is",))),
        "template": {
            **TEXT,
            "description": "A Jinja text that may read labels.<public label>, services, severity and status.",
        },
        "texts": mapping({kind.value: ref("template", _TEXTS[kind]) for kind in TextKind}),
        "route": _route(),
        "budget": mapping(keys(Budget)),
        "flap": {
            "description": "When alerts come and go so often that the public is told once; off: never.",
            "oneOf": [{"enum": ["off", False]}, mapping(keys(Flap))],
        },
    }


def _people() -> Schema:
    section = section_of(People, "What people do on the pages, beside the bridge.")
    every = section["properties"]["look_every"]
    shape = {"oneOf": [{"$ref": every.pop("$ref")}, {"enum": ["off", False]}]}
    section["properties"]["look_every"] = {**shape, **every}
    return section


def _policy(*, with_defaults: bool) -> Schema:
    base = Policy()
    found = {}
    for key in POLICY_KEYS:
        default = format_duration(getattr(base, f"{key}_ms"))
        found[key] = {**ref("duration", _POLICY[key]), **({"default": default} if with_defaults else {})}
    return found


def _senders() -> Schema:
    listed = {source: _listed(variable) for source, variable in DEFAULT_VARIABLES.items()}
    return {
        **mapping({**listed, **keys(Senders)}),
        "description": "Names in webhook paths, such as /webhooks/alertmanager/eu. Any name is accepted; those listed "
        "here have metrics of their own, and may have credentials of their own.",
    }


def _listed(variable: str) -> Schema:
    taken = "|".join(sorted({*TAKEN, *DEFAULT_VARIABLES.values()}))
    credentials = {
        "type": "string",
        "pattern": f"^{VARIABLE.pattern}$",
        "not": {"pattern": f"_FILE$|^({taken})$"},
        "description": "The environment variable that holds credentials of its own (also with _FILE). "
        f"Then {variable} is not accepted from it.",
    }
    return {
        **mapping_of(
            mapping({"credentials": credentials}), "Senders of this kind by name: the last part of their path."
        ),
        "propertyNames": {"pattern": f"^{SENDER_NAME.pattern}$", "not": {"const": "other"}},
    }


def _services() -> Schema:
    one = [ref("v1_service"), ref("component")]
    several = {
        **list_of({"oneOf": one}),
        "uniqueItems": True,
        "description": "Components of any number of v3 pages, and at most one service of the v1 API.",
        "contains": ref("v1_service"),
        "minContains": 0,
        "maxContains": 1,
    }
    return {
        **mapping_of(
            {"oneOf": [*one, several]},
            "Your names for services, and what each is on Checkly: a service of the v1 API, a component of a v3 page, "
            "or several of these.",
        ),
        "minProperties": 1,
        "propertyNames": {"minLength": 1, "pattern": ONE_LINE},
    }


def _route() -> Schema:
    properties = {
        "name": {
            "type": "string",
            "pattern": f"^{ROUTE_NAME.pattern}$",
            "description": "A unique name. It is part of an incident's identity: renaming a route starts new "
            "incidents.",
        },
        "match": ref("match"),
        **{kind: {"type": "boolean", "default": False, "description": _SILENT[kind]} for kind in SILENT},
        "services": _ROUTE_SERVICES,
        "group_by": ref("group_by"),
        **_policy(with_defaults=False),
        "flap": ref("flap", "Its own; a key that is left out is that of defaults."),
        "severity": ref("severity", "Rules of its own, instead of the global ones."),
        "impact": ref("impact", "Impacts of its own; one that is left out is the global one."),
        "texts": ref("texts", "Texts of its own; one that is left out is the global one."),
    }
    rest: Schema = {"required": ["services"]}
    for kind in reversed(SILENT):
        rest = {
            "if": {"properties": {kind: {"const": True}}, "required": [kind]},
            "then": {"propertyNames": {"enum": ["name", "match", kind]}},
            "else": rest,
        }
    return {**mapping({key: properties[key] for key in ROUTE_KEYS}, required=("name",)), **rest}


_BODY: Final[Schema] = {
    "description": "The largest body of a delivery.",
    "default": f"{MAX_BODY_BYTES >> 20}MiB",
    "oneOf": [{"type": "string", "pattern": "^0*[1-9][0-9]*(B|KiB|MiB|GiB)?$"}, {"type": "integer", "minimum": 1}],
}
_V1_SERVICE: Final[Schema] = {
    "description": "A service of the v1 API.",
    "oneOf": [
        {**TEXT, "description": "Its exact name on Checkly."},
        {
            **mapping(
                {
                    "id": {"type": "string", "pattern": f"^{_UUID}$", "description": "Its UUID on Checkly."},
                    "name": {**TEXT, "description": "Its exact name on Checkly."},
                    "shared": {
                        "type": "boolean",
                        "default": False,
                        "description": "It is meant to show on several pages.",
                    },
                }
            ),
            "description": "It by its id, or by its exact name.",
            "oneOf": [{"required": ["id"]}, {"required": ["name"]}],
        },
    ],
}
_COMPONENT: Final[Schema] = {
    **mapping(
        {
            "page": {
                **LINE,
                "description": "The page: its name in the URL, its own domain, its id, or its name if that is unique.",
            },
            "component": {
                **LINE,
                "description": "The component: its exact name if that is unique on the page, or its id.",
            },
        },
        required=("page", "component"),
    ),
    "description": "A component of a v3 page.",
}
_DURATIONS: Final[Schema] = {
    "duration": {
        "description": "A Prometheus duration: 90s, 5m, 1h30m, 0.",
        "examples": ["90s", "5m", "1h30m"],
        "oneOf": [
            {
                **TEXT,
                "pattern": "^(0|" + "".join(f"([0-9]+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")) + ")$",
            },
            {"const": 0},
        ],
    },
    "positive_duration": {"type": "string", "allOf": [ref("duration"), {"pattern": "[1-9]"}]},
}
_IS: Final[Schema] = {"enum": list(Severity.__members__), "description": "The severity on Checkly."}
_SILENT = {
    "ignore": "Publish nothing for these alerts.",
    "watchdog": "Publish nothing for these alerts, but note when one was last received firing "
    "(bridge_watchdog_last_seen_timestamp_seconds).",
}
_ROUTE_SERVICES: Final[Schema] = {
    "description": "The affected services.",
    "oneOf": [
        {**ref("names"), "minItems": 1, "description": "Names from the services section."},
        {
            **mapping({"label": {**TEXT, "description": "The label."}}, required=("label",)),
            "description": "The service that a label's value names.",
        },
    ],
}
