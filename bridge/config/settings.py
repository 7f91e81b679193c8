"""The keys of a section, from the Struct that it becomes: their names, types, bounds, defaults and descriptions.

A field is a key if its type is ``Annotated`` with a ``Meta`` that describes it. Its name in the file is the field's
without ``_ms``, or the one that ``msgspec.field`` gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.structs import fields, replace

from bridge.config.yaml_node import Value, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msgspec.structs import FieldInfo

Section = TypeVar("Section", bound=Struct)


class Key(Struct, frozen=True):
    """A key of a section: the ``field`` that it sets, the type of that, and what is said of it."""

    name: str
    field: str
    kind: Any
    meta: Meta

    @property
    def is_duration(self) -> bool:
        """Whether the file writes it as a Prometheus duration."""
        return self.field.endswith("_ms")

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values to choose from; none if it is no choice."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def keys_of(section: type[Struct]) -> dict[str, Key]:
    """The keys that this Struct has in the file, by name and in its order."""
    found = (_key(each) for each in fields(section))
    return {key.name: key for key in found if key is not None}


def read_keys(given: Mapping[str, Value], base: Section, **own: Callable[[Value], Any]) -> Section:
    """``base`` with what is given in the file; ``own`` are the readers of fields whose type does not say how."""
    found = {
        key.field: read(given, key.name, own.get(key.field) or _reader(key), getattr(base, key.field))
        for key in keys_of(type(base)).values()
    }
    return replace(base, **found)


def read_section(value: Value, base: Section, **own: Callable[[Value], Any]) -> Section:
    """A section that is a mapping with these keys and no others; as ``read_keys``."""
    return read_keys(value.fields(tuple(keys_of(type(base)))), base, **own)


def _key(field: FieldInfo) -> Key | None:
    if get_origin(field.type) is not Annotated:
        return None
    kind, meta = get_args(field.type)
    return Key(field.encode_name.removesuffix("_ms"), field.name, kind, meta)


def _reader(key: Key) -> Callable[[Value], Any]:
    least = int(key.meta.ge or 0)
    if key.choices:
        return lambda value: value.choice(key.choices)
    if key.is_duration:
        return lambda value: value.duration_ms(least, None if key.meta.le is None else int(key.meta.le))
    most = None if key.meta.le is None else int(key.meta.le)
    return Value.boolean if key.kind is bool else lambda value: value.integer(at_least=least, at_most=most)
