"""Alertmanager's API, version 2, as its own description has it: of 0.25, and with what 0.28 to 0.34 have added."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.contracts.openapi import Contract, ContractViolation

DESCRIBED = Path(__file__).parent / "alertmanager-0.25.0.swagger.json"
OLD, NEW = "0.25", "0.34"
_TYPES = {"boolean": re.compile("true|false"), "string": re.compile(".*"), "array": re.compile(".*")}
_REPEATED = {"in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"}


class AlertmanagerContract(Contract):
    """What one version allows; it also knows the parameters of each call."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(_openapi(document))
        self._parameters = {
            "/api/v2" + path: {each["name"]: each["type"] for each in methods.get("get", {}).get("parameters", [])}
            for path, methods in document["paths"].items()
        }

    def validate_query(self, path: str, parameters: list[tuple[str, str]]) -> None:
        """Refuse a parameter that the call does not have, has another type of, or is given twice and no list."""
        known = self._parameters[path]
        names = [name for name, _ in parameters]
        wrong = [
            name
            for name, value in parameters
            if name not in known
            or not _TYPES[known[name]].fullmatch(value)
            or (names.count(name) > 1 and known[name] != "array")
        ]
        if wrong:
            raise ContractViolation(f"GET {path}: parameters {', '.join(wrong)}")


@cache
def contract(version: str = OLD) -> AlertmanagerContract:
    """The API of a version: OLD or NEW."""
    document = json.loads(DESCRIBED.read_text(encoding="utf-8"))
    return AlertmanagerContract(document if version == OLD else _with_additions(document))


def _with_additions(document: dict[str, Any]) -> dict[str, Any]:
    """What came after 0.25: who mutes (0.28), labels of receivers (0.33), of routes (0.34)."""
    document = copy.deepcopy(document)
    kinds, paths = document["definitions"], document["paths"]
    kinds["alertStatus"]["properties"]["mutedBy"] = {"type": "array", "items": {"type": "string"}}
    kinds["alertStatus"]["required"].append("mutedBy")
    kinds["alertGroup"]["properties"]["routeLabels"] = {"$ref": "#/definitions/labelSet"}
    kinds["alertGroup"]["required"].append("routeLabels")
    paths["/alerts/groups"]["get"]["parameters"].append({"in": "query", "name": "muted", "type": "boolean"})
    for path in ("/alerts", "/alerts/groups"):
        paths[path]["get"]["parameters"].append({"name": "receiver_matchers", **_REPEATED})
    return document


def _openapi(document: dict[str, Any]) -> dict[str, Any]:
    """The same in the form of OpenAPI 3, as far as answers to GET go."""
    kinds = {name: _whole(kind, document["definitions"]) for name, kind in document["definitions"].items()}
    paths = {}
    for path, methods in document["paths"].items():
        answers = {}
        for status, answer in methods.get("get", {}).get("responses", {}).items():
            named = document["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
            answers[status] = (
                {"content": {"application/json": {"schema": named["schema"]}}} if "schema" in named else {}
            )
        if answers:
            paths["/api/v2" + path] = {"get": {"responses": answers}}
    moved = json.dumps({"paths": paths, "components": {"schemas": kinds}})
    result: dict[str, Any] = json.loads(moved.replace("#/definitions/", "#/components/schemas/"))
    return result


def _whole(kind: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    """A type that extends others, in one piece: so that what it does not name can be refused."""
    if "allOf" not in kind:
        return kind
    parts = [kinds[part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in kind["allOf"]]
    return {
        "type": "object",
        "required": [name for part in parts for name in part.get("required", [])],
        "properties": {name: value for part in parts for name, value in part.get("properties", {}).items()},
    }
