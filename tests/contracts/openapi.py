"""Holds requests and responses against an OpenAPI 3.0 document, more strictly than the document asks.

On top of the document: properties it doesn't name are refused, its vendor notes for UUIDs and array lengths are
enforced, and nullable is understood. ``format: date`` also accepts a full timestamp, which is what Checkly sends.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
PARAMETER = re.compile(r"\\{[^/{}]+\\}")

FORMATS = FormatChecker(formats=["date-time"])


@FORMATS.checks("date")
def _is_date_or_timestamp(value: object) -> bool:
    return (
        not isinstance(value, str)
        or re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
        or FORMATS.conforms(value, "date-time")
    )


class ContractViolation(AssertionError):
    """A message that the document doesn't allow; lists every difference with its JSON path."""


class Contract:
    """What one OpenAPI document allows. Paths are concrete (``/v1/status-pages/services``); a query is ignored."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document: dict[str, Any] = _json_schema(document)
        templates = sorted(self._document["paths"], key=lambda template: template.count("{"))
        self._paths = [(re.compile(PARAMETER.sub("[^/]+", re.escape(path))), path) for path in templates]

    @classmethod
    @cache
    def v1(cls) -> Contract:
        """Checkly's v1 status pages."""
        return cls(_read("checkly-v1.openapi.json"))

    @classmethod
    @cache
    def v3(cls) -> Contract:
        """Checkly's v3 status pages."""
        return cls(_read("checkly-v3.openapi.json"))

    def validate_request(self, method: str, path: str, body: Any) -> None:
        """Refuse an operation or body the document doesn't know; ``body`` is None where none is sent."""
        schema = self._content(self._operation(method, path).get("requestBody", {}))
        self._validate(f"request {method} {path}", schema, body)

    def validate_response(self, method: str, path: str, status: int, body: Any) -> None:
        """Refuse a status or body the document doesn't know. A 204 has no body, whatever is declared."""
        responses = self._operation(method, path)["responses"]
        if str(status) not in responses:
            raise ContractViolation(f"{method} {path} answered {status}, declared are {', '.join(responses)}")
        schema = None if status == 204 else self._content(responses[str(status)])
        self._validate(f"response {status} to {method} {path}", schema, body)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        bare = path.partition("?")[0]
        template = next((template for pattern, template in self._paths if pattern.fullmatch(bare)), None)
        operation = self._document["paths"].get(template, {}).get(method.lower())
        if operation is None:
            raise ContractViolation(f"{method} {bare} is not in the document")
        return dict(operation)

    def _content(self, message: dict[str, Any]) -> dict[str, Any] | None:
        content = message.get("content", {}).get("application/json")
        return None if content is None else content["schema"]

    def _validate(self, what: str, schema: dict[str, Any] | None, body: Any) -> None:
        if schema is None:
            if body is not None:
                raise ContractViolation(f"{what}: a body where none is declared")
            return
        whole = {**schema, "components": self._document["components"]}
        errors = list(Draft202012Validator(whole, format_checker=FORMATS).iter_errors(body))
        if errors:
            raise ContractViolation("\n".join([what, *(f"  {error.json_path}: {error.message}" for error in errors)]))


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return document


def _json_schema(node: Any) -> Any:
    """The document with OpenAPI's and the vendor's own words turned into JSON Schema's."""
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _json_schema(value) for key, value in node.items()}
    if schema.get("type") == "object" and schema.get("properties"):
        schema.setdefault("additionalProperties", False)
    if schema.get("x-format") == {"guid": True}:
        schema["pattern"] = UUID
    match schema.get("x-constraint"):
        case {"length": int(length)}:
            schema |= {"minItems": length, "maxItems": length}
    if schema.pop("nullable", False) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema
