"""Reading the services: your names for what Checkly shows, in either generation of its status pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.config.schema import UUID, Component, Service
from bridge.config.yaml_node import Value, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_V1, _V3 = ("id", "name", "shared"), ("page", "component")
_EXPECTED = "an exact name on Checkly, {id: UUID}, {page: …, component: …}, or a list of these"


def read_services(value: Value, api: str) -> dict[str, Service]:
    """The services. ``api`` is the generation that they must be of, or ``auto``."""
    entries = value.entries("a mapping from your names of services to Checkly's")
    if not entries and value.is_mapping():
        value.problem("there is no service", expected="at least one, such as checkout: Checkout")
    services = {name: _read_service(name, entry, api) for name, entry in entries.items()}
    _check_distinct(services, entries)
    return services


def _read_service(name: str, value: Value, api: str) -> Service:
    if not name:
        value.problem("the service's name is empty", expected="a name for routes to use")
    if CONTROLS.search(name):
        value.problem("the service's name has a line break or another control character", expected="one line")
    service = Service(name=name, in_v1=False)
    targets = value.items(_EXPECTED) if value.is_list() else [value]
    if not targets:
        value.problem("the list is empty", expected="at least one service or component of Checkly's")
    for target in targets:
        service = _add_target(service, target, api)
    return service


def _add_target(service: Service, value: Value, api: str) -> Service:
    if value.has_any(_V3):
        _check_generation(value, api, "v3")
        return _add_component(service, value)
    _check_generation(value, api, "v1")
    if not value.is_mapping():
        return _add_v1(service, value, remote_name=value.text(_EXPECTED))
    fields = value.fields(_V1 if value.has_any(_V1) else (*_V1, *_V3))
    if not fields.keys() & {"id", "name"}:
        value.missing("id", expected=_EXPECTED)
    if fields.keys() >= {"id", "name"}:
        value.problem("both id and name are given", expected="one of them")
    service = _add_v1(
        service, value, id=read(fields, "id", _read_uuid, None), remote_name=read(fields, "name", Value.text, None)
    )
    return replace(service, shared=read(fields, "shared", Value.boolean, default=False))


def _add_component(service: Service, value: Value) -> Service:
    fields = value.fields(_V3, required=_V3)
    component = Component(
        page=read(fields, "page", _read_reference, ""), component=read(fields, "component", _read_reference, "")
    )
    if component in service.components:
        value.problem("the service names this component twice", expected="each component once")
    return replace(service, components=(*service.components, component))


def _add_v1(service: Service, value: Value, **target: str | None) -> Service:
    if service.in_v1:
        value.problem("the service names two services of the v1 API", expected="one; or a service of its own for it")
    return replace(service, in_v1=True, **target)


def _check_generation(value: Value, api: str, generation: str) -> None:
    if api not in {generation, "auto"}:
        shape = "a service of the v1 API" if generation == "v1" else "a component of a v3 page"
        value.problem(f"this is {shape}, but checkly.api is {api}", expected=f"checkly.api: auto or {generation}")


def _read_reference(value: Value) -> str | None:
    text = value.text("an id or a name")
    if text is not None and CONTROLS.search(text):
        value.problem("there is a line break or another control character in it", expected="one line")
    return text.lower() if text and UUID.fullmatch(text) else text


def _read_uuid(value: Value) -> str | None:
    expected = "a UUID such as 5f1c0d1e-0000-4000-8000-000000000001"
    text = value.text(expected)
    if text is not None and not UUID.fullmatch(text):
        value.problem(f'"{text}" is no UUID', expected=expected)
        return None
    return text.lower() if text else None


def _check_distinct(services: Mapping[str, Service], entries: Mapping[str, Value]) -> None:
    kinds: tuple[Callable[[Service], tuple[object, ...]], ...] = (
        lambda service: (service.id or service.remote_name,),
        lambda service: service.components,
    )
    for targets in kinds:
        first: dict[object, str] = {}
        for name, service in services.items():
            for target in targets(service):
                if target is not None and first.setdefault(target, name) != name:
                    other = first[target]
                    entries[name].problem(
                        f'"{other}" on line {entries[other].line} is the same service', expected="one name for each"
                    )
