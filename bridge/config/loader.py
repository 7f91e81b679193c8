"""From the file to the configuration in force, or to the list of everything that is wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bridge.config import yaml_node
from bridge.config.content_hash import content_hash
from bridge.config.notes import notes
from bridge.config.problems import ConfigError, Problem, in_brief
from bridge.config.schema import (
    INSTANCE,
    MAX_BODY_BYTES,
    RETENTION_MS,
    Budgets,
    Checkly,
    Config,
    Limits,
    People,
    Reference,
    Route,
    Service,
    Store,
)
from bridge.config.sections.budgets import read_budgets
from bridge.config.sections.healing import haste, read_healing
from bridge.config.sections.pagerduty import read_pagerduty
from bridge.config.sections.routes import (
    POLICY_KEYS,
    Common,
    read_group_by,
    read_impacts,
    read_policy,
    read_routes,
    read_severity,
    read_texts,
)
from bridge.config.sections.senders import read_senders
from bridge.config.sections.services import CONTROLS, read_services
from bridge.config.sections.store import read_store
from bridge.config.senders import PagerDuty, Senders
from bridge.config.settings import keys_of, read_keys, read_section
from bridge.config.units import format_duration
from bridge.config.yaml_node import Value, read
from bridge.model import IMPACTS, Policy, UpdateKind
from bridge.texts.render import DEFAULT_TEXTS

_INSTANCE = re.compile(INSTANCE)
REQUIRED = ("version", "services", "routes")
KEYS = (
    "version",
    "checkly",
    "people",
    "pagerduty",
    "senders",
    "healing",
    "store",
    "budgets",
    "services",
    "severity",
    "impact",
    "public_labels",
    "operator_labels",
    "defaults",
    "routes",
    "texts",
    "limits",
    "retention",
)


def load(path: str | Path) -> Config:
    """Read, check and compile a configuration file. Raises ConfigError with every problem found."""
    file = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise _unusable(file, f"the file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(file, f"the file cannot be read: {error}") from error
    problems: list[Problem] = []
    root = yaml_node.parse(data, file, problems)
    found = notes(root.node, file)
    try:
        config = _read_config(root, file, hashlib.sha256(data).hexdigest())
    except Exception as error:
        if not problems:  # else it may come of these
            root.problem(f"the file cannot be used: {in_brief(error)}")
        raise ConfigError(problems, found) from error
    if problems:
        raise ConfigError(problems, found)
    if config.healing is not None:
        found += haste(root.fields(KEYS)["healing"], config.healing, file)
    return replace(config, notes=tuple(found), content_hash=content_hash(root.node))


def _unusable(file: str, message: str) -> ConfigError:
    return ConfigError([Problem(file=file, line=1, column=1, path="", message=message)])


def _read_config(root: Value, file: str, digest: str) -> Config:
    fields = root.fields(KEYS, required=REQUIRED)
    read(fields, "version", _read_version, 1)
    checkly = read(fields, "checkly", _read_checkly, Checkly())
    services: dict[str, Service] = read(fields, "services", lambda value: read_services(value, checkly.api), {})
    severity = read(fields, "severity", read_severity, ())
    public_labels: frozenset[str] = read(fields, "public_labels", _read_public_labels, frozenset())
    defaults: dict[str, Value] = read(
        fields, "defaults", lambda value: value.fields((*POLICY_KEYS, "flap", "group_by")), {}
    )
    impacts = read(fields, "impact", lambda value: read_impacts(value, IMPACTS), dict(IMPACTS))
    policy = read_policy(defaults, Policy(impacts=impacts))
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
    limits: dict[str, Value] = read(fields, "limits", lambda value: value.fields(("body", *keys_of(Limits))), {})
    config = Config(
        path=file,
        digest=digest,
        checkly=checkly,
        people=read(fields, "people", _read_people, People()),
        pagerduty=read(fields, "pagerduty", read_pagerduty, PagerDuty()),
        senders=(senders := read(fields, "senders", read_senders, Senders())),
        healing=read(fields, "healing", lambda value: read_healing(value, senders), None),
        store=read(fields, "store", read_store, Store()),
        services=services,
        places=read(fields, "services", lambda value: value.places(), {}),
        severity=severity,
        public_labels=public_labels,
        operator_labels=_read_operator_labels(fields),
        defaults=policy,
        routes=routes,
        texts=texts,
        limits=_read_limits(limits, routes),
        budgets=Budgets(),
        max_body_bytes=read(limits, "body", Value.size_bytes, MAX_BODY_BYTES),
        retention_ms=read(fields, "retention", lambda value: value.duration_ms(1), RETENTION_MS),
    )
    if "budgets" in fields:
        is_shared = len(config.publishing) > 1
        config = replace(config, budgets=read_budgets(fields["budgets"], config.pages, is_shared=is_shared))
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
        if "|" in name or CONTROLS.search(name):
            item.problem("such a label cannot be public", expected='a name without "|" and control characters')
    return frozenset(names)


def _read_operator_labels(fields: dict[str, Value]) -> tuple[str, ...] | None:
    if "operator_labels" in fields and fields["operator_labels"].is_word("none"):
        return None
    found: tuple[str, ...] = read(
        fields, "operator_labels", lambda value: tuple(value.names("a list of label names, or none")), ()
    )
    return found


def _read_checkly(value: Value) -> Checkly:
    return read_section(value, Checkly(), instance=_read_instance, reference=_read_reference, notify=_read_notify)


def _read_people(value: Value) -> People:
    return read_section(value, People(), look_every_ms=_read_look_every)


def _read_look_every(value: Value) -> int | None:
    return 0 if value.is_off() else value.duration_ms(1)


def _read_limits(fields: dict[str, Value], routes: Sequence[Route]) -> Limits:
    shared = sum(not (route.ignore or route.watchdog) for route in routes) > 1
    return read_keys(fields, Limits(shared=shared))


def _read_reference(value: Value) -> Reference | None:
    mode = value.boolean_or(Reference.EVERY.value)
    return None if mode is None else Reference(mode)


def _read_instance(value: Value) -> str | None:
    expected = "up to 64 printable ASCII characters without spaces"
    name = value.text(expected)
    if name is not None and not _INSTANCE.fullmatch(name):
        value.problem("not a valid name for an installation", expected=expected)
        return None
    return name


def _read_notify(value: Value) -> frozenset[UpdateKind]:
    kinds = tuple(kind.value for kind in UpdateKind)
    items = value.names(f"a list with any of {', '.join(kinds)}").values()
    return frozenset(UpdateKind(kind) for item in items if (kind := item.choice(kinds)))


def _check_retention(config: Config, value: Value) -> None:
    publishing = [route for route in config.routes if not (route.ignore or route.watchdog)]
    longest = max((route.policy.reopen_after_ms for route in publishing), default=0)
    if longest > config.retention_ms:
        expected = f"at least the longest reopen_after, {format_duration(longest)}"
        value.problem("resolved incidents would be forgotten while they may still be reopened", expected=expected)
