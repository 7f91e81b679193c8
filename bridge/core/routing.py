"""Which incident an alert belongs to, how bad it is, which services it concerns, and why: a function of its labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from bridge.model import RECEIVER_LABEL, Ignored, Routed, Severity

if TYPE_CHECKING:
    from bridge.config.matchers import Matcher
    from bridge.config.schema import Config, Route

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_DIGITS = 10  # of 5 bits: among 10,000 incidents two share an id with a chance of 1 in 20 million
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CACHED_LABEL_SETS = 4096
_CACHED_CHARS = 1_024  # of all values together: longer ones are routed each time, so that the cache stays within 16 MiB
_LABEL_CHARS = 128  # more than a text could show; at most 512 bytes, kept with the incident for each public value
_KEY_BYTES = 512  # longer values stand in keys, and so in Redis, logs and answers, as their hash


def route(labels: Mapping[str, str], config: Config) -> Routed | Ignored:
    """Where an alert with these labels goes; the first route that matches decides."""
    found = next((route for route in config.routes if _match(route.matchers, labels)), None)
    if found is None:
        return _unmatched(labels, config)
    why = f'route "{found.name}" ({config.path}:{found.line}) matches {_conditions(found.matchers)}'
    if found.ignore:
        return Ignored(reason="route", why=(why, "the route has ignore: true"), route=found.name)
    if found.watchdog:
        why_watchdog = "the route is a watchdog's: the bridge records when it last received this alert firing"
        return Ignored(reason="watchdog", why=(why, why_watchdog), watchdog=found.name, route=found.name)
    services, why_services = _services(found, labels, config)
    if not services:
        label = "" if isinstance(found.services, tuple) else found.services.label
        value = _shown(labels.get(label, ""))
        return Ignored(reason="service", why=(why, why_services), route=found.name, label=label, value=value)
    severity, why_severity = _severity(found, labels, config)
    group = {name: labels.get(name, "") for name in sorted(found.group_by)}
    whole_key = incident_key(found.name, group)  # the id is that of the whole values
    group = {name: _bounded(value) for name, value in group.items()}
    key = incident_key(found.name, group)
    return Routed(
        key=key,
        id=incident_id(whole_key, config.checkly.instance),
        route=found.name,
        group=group,
        severity=severity,
        services=services,
        labels={name: labels[name][:_LABEL_CHARS] for name in sorted(config.public_labels) if labels.get(name)},
        hold_refire_ms=found.policy.hold_refire_ms,
        backdate_ms=config.checkly.backdate_ms,
        why=(why, why_severity, why_services, f"incident {key}: {_why_key(group)}"),
        receiver=labels.get(RECEIVER_LABEL, ""),
    )


def incident_key(route_name: str, group: Mapping[str, str]) -> str:
    """``checkout{region="eu-west-1"}``: values are JSON strings, so that different groups never share a key."""
    if not group:
        return route_name
    return f"{route_name}{{{','.join(f'{_name(name)}={_quoted(value)}' for name, value in group.items())}}}"


def incident_id(key: str, instance: str = "") -> str:
    """Ten characters of Crockford's base 32, the first 50 bits of the key's BLAKE2b: short enough to read out.

    ``instance`` (at most 64 bytes) keys the hash: installations with the same routes differ in their ids, and who
    does not know it cannot tell an id's group.
    """
    bits = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7, key=instance.encode()).digest()) >> 6
    return "".join(_CROCKFORD[bits >> shift & 31] for shift in range(5 * (_ID_DIGITS - 1), -1, -5))


class Router:
    """``route`` with a memory, bounded in bytes, for the configuration last asked about.

    Only the labels that the configuration reads tell alerts apart, so an outage's storm is routed once.
    """

    def __init__(self) -> None:
        self._config: Config | None = None
        self._names: tuple[str, ...] = ()
        self._cached: Callable[[tuple[str, ...]], Routed | Ignored]
        self._uncached: Callable[[tuple[str, ...]], Routed | Ignored]

    def route(self, labels: Mapping[str, str], config: Config) -> Routed | Ignored:
        """The same answer as the function of this name."""
        if config is not self._config:
            self._forget(config)
        read = labels.get
        values = tuple([read(name, "") for name in self._names])
        if sum(map(len, values)) > _CACHED_CHARS:
            return self._uncached(values)
        return self._cached(values)

    def _forget(self, config: Config) -> None:
        names = tuple(sorted(labels_read(config)))

        def uncached(values: tuple[str, ...]) -> Routed | Ignored:
            return route(dict(zip(names, values, strict=True)), config)

        self._config, self._names, self._uncached = config, names, uncached
        self._cached = lru_cache(maxsize=_CACHED_LABEL_SETS)(uncached)


def labels_read(config: Config) -> frozenset[str]:
    """The names of all labels that can make a difference to ``route``."""
    names = set(config.public_labels)
    for each in config.routes:
        names.update(each.group_by, (matcher.name for matcher in each.matchers))
        names.update(matcher.name for rule in each.severity for matcher in rule.matchers)
        if not isinstance(each.services, tuple):
            names.add(each.services.label)
    return frozenset(names)


def _unmatched(labels: Mapping[str, str], config: Config) -> Ignored:
    """With the first condition that fails of the closest route: of those that publish, the fewest of it fail."""
    failing = (
        (each, [matcher for matcher in each.matchers if not matcher.matches(labels)])
        for each in config.routes
        if not each.ignore and not each.watchdog
    )
    why = f"no route of {config.path} matches"
    closest, failed = min(failing, key=lambda pair: len(pair[1]), default=(None, []))
    if closest is None:
        return Ignored(reason="unmatched", why=(why,))
    label, value = failed[0].name, _shown(labels.get(failed[0].name, ""))
    place = f'route "{closest.name}" ({config.path}:{closest.line})'
    why_closest = f"closest is {place}, which wants {failed[0]}: label {_name(label)} is {_quoted(value)}"
    return Ignored(reason="unmatched", why=(why, why_closest), label=label, value=value)


def _match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


def _services(found: Route, labels: Mapping[str, str], config: Config) -> tuple[tuple[str, ...], str]:
    if isinstance(found.services, tuple):
        return found.services, f"services {', '.join(found.services)}: named by the route"
    label = found.services.label
    value = labels.get(label, "")
    if value not in config.services:
        return (), f"label {_name(label)} is {_quoted(_shown(value))}, which names no entry of services"
    return (value,), f"service {value}: the value of label {_name(label)}"


def _severity(found: Route, labels: Mapping[str, str], config: Config) -> tuple[Severity, str]:
    rule = next((rule for rule in found.severity if _match(rule.matchers, labels)), None)
    if rule is None:
        return Severity.MINOR, "severity MINOR: no severity rule matches"
    place = f"{config.path}:{rule.line}"
    return rule.severity, f"severity {rule.severity.name}: rule ({place}) matches {_conditions(rule.matchers)}"


def _shown(value: str) -> str:
    """The value, cut where it is longer than people read."""
    return value if len(value) <= _LABEL_CHARS else f"{value[: _LABEL_CHARS - 1]}…"


def _bounded(value: str) -> str:
    """The value, or its SHA-256 where it is longer than a key may be."""
    if len(value) <= _KEY_BYTES // 4:
        return value
    encoded = value.encode()
    return value if len(encoded) <= _KEY_BYTES else f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def _conditions(matchers: Sequence[Matcher]) -> str:
    return ", ".join(map(str, matchers)) or "every alert"


def _why_key(group: Mapping[str, str]) -> str:
    return f"one for each {', '.join(map(_name, group))}" if group else "one for the whole route"


def _name(label: str) -> str:
    return label if _PLAIN_NAME.fullmatch(label) else _quoted(label)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
