"""What the JSON Schema of the configuration is made of: references, lists, mappings, and the keys of a section."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bridge.config.settings import Key, keys_of
from bridge.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Struct

Schema: TypeAlias = dict[str, Any]

ONE_LINE: Final = "^[^\\u0000-\\u001f\\u007f]*$"
TEXT: Final[Schema] = {"type": "string", "minLength": 1}
LINE: Final[Schema] = {**TEXT, "pattern": ONE_LINE}
_LARGEST: Final = 999_999_999  # nine digits are read


def section_of(section: type[Struct], description: str) -> Schema:
    """A section whose Struct says all of it."""
    return {**mapping(keys(section)), "description": description}


def keys(section: type[Struct]) -> Schema:
    """The keys of a section whose Struct says all of them."""
    base = section()
    return {name: _key(key, getattr(base, key.field)) for name, key in keys_of(section).items()}


def _key(key: Key, default: Any) -> Schema:
    shape: Schema
    if key.choices:
        shape = {"enum": list(key.choices)}
    elif key.is_duration:
        shape = ref("positive_duration" if key.meta.ge else "duration")
        default = format_duration(default)
    elif key.kind is bool:
        shape = {"type": "boolean"}
    elif key.kind is int:
        shape = {"type": "integer", "minimum": key.meta.ge, "maximum": key.meta.le or _LARGEST}
    else:
        shape = {}
    shown = {} if default in (None, "") else {"default": _plain(default)}
    return {**shape, **(key.meta.extra_json_schema or {}), **shown, "description": key.meta.description}


def _plain(value: Any) -> Any:
    """A default as the file has it."""
    match value:
        case Enum():
            return value.value
        case Fraction():
            return float(value)
        case frozenset():
            return sorted(value)
        case dict():
            return {key.name: _plain(part) for key, part in value.items()}
    return value


def ref(name: str, description: str = "") -> Schema:
    """What the definitions have under this name."""
    return {"$ref": f"#/$defs/{name}", **({"description": description} if description else {})}


def list_of(items: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "minItems": 1, "items": items}


def mapping(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys and no others."""
    demanded = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, **demanded, "properties": dict(properties)}


def mapping_of(values: Schema, description: str) -> Schema:
    """A mapping from any name."""
    return {"type": "object", "additionalProperties": values, "description": description}
