"""From the file to the configuration in force, or to the list of everything that is wrong with it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config import reader
from bridge.config.pagerduty import read_pagerduty
from bridge.config.problems import ConfigError, Problem
from bridge.config.reader import Value, read
from bridge.config.routes import POLICY_KEYS, Common, read_group_by, read_policy, read_routes, read_severity, read_texts
from bridge.config.schema import Checkly, Config, PagerDuty, Service
from bridge.config.texts import DEFAULT_TEXTS
from bridge.config.units import format_duration
from bridge.model import Policy, UpdateKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANCE = re.compile(r"[!-~]{1,64}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_TIMEOUT_MS = 60_000
_LONGEST_SETTLE_MS = 600_000
_REQUIRED = ("version", "services", "routes")
_KEYS = (
    "version",
    "checkly",
    "pagerduty",
    "services",
    "severity",
    "public_labels",
    "defaults",
    "routes",
    "texts",
    "limits",
    "retention",
)
_CHECKLY_KEYS = ("api", "instance", "reference", "notify", "requests_per_minute", "timeout", "settle")


def load(path: str | Path) -> Config:
    """Read, check and compile a configuration file. Raises ConfigError with every problem found."""
    file = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise ConfigError([Problem(file=file, line=1, column=1, path="", message=reason)]) from error
    problems: list[Problem] = []
    config = _read_config(reader.parse(data, file, problems), file, hashlib.sha256(data).hexdigest())
    if problems:
        raise ConfigError(problems)
    return config


def _read_config(root: Value, file: str, digest: str) -> Config:
    fields = root.fields(_KEYS, required=_REQUIRED)
    read(fields, "version", _read_version, 1)
    services: dict[str, Service] = read(fields, "services", _read_services, {})
    severity = read(fields, "severity", read_severity, ())
    public_labels: frozenset[str] = read(fields, "public_labels", _read_public_labels, frozenset())
    defaults: dict[str, Value] = read(fields, "defaults", lambda value: value.fields((*POLICY_KEYS, "group_by")), {})
    policy = read_policy(defaults, Policy())
    texts = read(fields, "texts", lambda value: read_texts(value, public_labels, DEFAULT_TEXTS), DEFAULT_TEXTS)
    common = Common(
        services=services,
        severity=severity,
        public_labels=public_labels,
        policy=policy,
        group_by=read(defaults, "group_by", read_group_by, ()),
        texts=texts,
    )
    routes = read(fields, "routes", lambda value: read_routes(value, common), ())
    limits: dict[str, Value] = read(fields, "limits", lambda value: value.fields(("body",)), {})
    config = Config(
        path=file,
        digest=digest,
        checkly=read(fields, "checkly", _read_checkly, Checkly()),
        pagerduty=read(fields, "pagerduty", read_pagerduty, PagerDuty()),
        services=services,
        severity=severity,
        public_labels=public_labels,
        defaults=policy,
        routes=routes,
        texts=texts,
        max_body_bytes=read(limits, "body", Value.size_bytes, 16 << 20),
        retention_ms=read(fields, "retention", lambda value: value.duration_ms(1), 604_800_000),
    )
    _check_retention(config, fields.get("retention") or root)
    return config


def _read_version(value: Value) -> int | None:
    version = value.integer(at_least=1)
    if version not in {None, 1}:
        value.problem(f"version {version} of the format is unknown", expected="1")
    return version


def _read_public_labels(value: Value) -> frozenset[str]:
    names = value.names("a list of label names")
    for name, item in names.items():
        if "|" in name or _CONTROLS.search(name):
            item.problem("such a label cannot be public", expected='a name without "|" and control characters')
    return frozenset(names)


def _read_checkly(value: Value) -> Checkly:
    fields = value.fields(_CHECKLY_KEYS)
    return Checkly(
        api=read(fields, "api", _read_api, "v1"),
        instance=read(fields, "instance", _read_instance, ""),
        reference=read(fields, "reference", Value.boolean, default=True),
        notify=read(fields, "notify", _read_notify, frozenset()),
        requests_per_minute=read(fields, "requests_per_minute", lambda value: value.integer(at_least=1), 240),
        timeout_ms=read(fields, "timeout", lambda value: value.duration_ms(1, _LONGEST_TIMEOUT_MS), 10_000),
        settle_ms=read(fields, "settle", lambda value: value.duration_ms(0, _LONGEST_SETTLE_MS), 10_000),
    )


def _read_instance(value: Value) -> str | None:
    expected = "up to 64 printable ASCII characters without spaces"
    name = value.text(expected)
    if name is not None and not _INSTANCE.fullmatch(name):
        value.problem("this is no name for an installation", expected=expected)
        return None
    return name


def _read_api(value: Value) -> str | None:
    api = value.choice(("v1", "v3", "auto"))
    if api in {"v3", "auto"}:
        value.problem(f"{api} is not supported yet", expected="v1")
    return api


def _read_notify(value: Value) -> frozenset[UpdateKind]:
    kinds = tuple(kind.value for kind in UpdateKind)
    items = value.names(f"a list with any of {', '.join(kinds)}").values()
    return frozenset(UpdateKind(kind) for item in items if (kind := item.choice(kinds)))


def _read_services(value: Value) -> dict[str, Service]:
    entries = value.entries("a mapping from your names of services to Checkly's")
    if not entries and value.is_mapping():
        value.problem("there is no service", expected="at least one, such as checkout: Checkout")
    services = {name: _read_service(name, entry) for name, entry in entries.items()}
    _check_distinct(services, entries)
    return services


def _read_service(name: str, value: Value) -> Service:
    expected = "the service's exact name on Checkly, or {id: its UUID}"
    if not name:
        value.problem("the service's name is empty", expected="a name for routes to use")
    if _CONTROLS.search(name):
        value.problem("the service's name has a line break or another control character", expected="one line")
    if not value.is_mapping():
        return Service(name=name, remote_name=value.text(expected))
    identifier = read(value.fields(("id",), required=("id",)), "id", _read_uuid, None)
    return Service(name=name, id=identifier)


def _read_uuid(value: Value) -> str | None:
    expected = "a UUID such as 5f1c0d1e-0000-4000-8000-000000000001"
    text = value.text(expected)
    if text is not None and not _UUID.fullmatch(text):
        value.problem(f'"{text}" is no UUID', expected=expected)
        return None
    return text.lower() if text else None


def _check_distinct(services: Mapping[str, Service], entries: Mapping[str, Value]) -> None:
    first: dict[str, str] = {}
    for name, service in services.items():
        target = service.id or service.remote_name
        if target is not None and first.setdefault(target, name) != name:
            other = first[target]
            entries[name].problem(
                f'"{other}" on line {entries[other].line} is the same service', expected="one name for each"
            )


def _check_retention(config: Config, value: Value) -> None:
    longest = max((route.policy.reopen_after_ms for route in config.routes), default=0)
    if longest > config.retention_ms:
        expected = f"at least the longest reopen_after, {format_duration(longest)}"
        value.problem("resolved incidents would be forgotten while they may still be reopened", expected=expected)
