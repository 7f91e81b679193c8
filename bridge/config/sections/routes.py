"""Reading the rules: matchers, severity, texts and the routes that combine them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bridge.config import matchers
from bridge.config.matchers import Matcher, MatcherError
from bridge.config.schema import Route, Service, ServiceLabel, SeverityRule
from bridge.config.settings import read_section
from bridge.config.yaml_node import Value, read
from bridge.flap import Flap
from bridge.messages import did_you_mean, one_of
from bridge.model import Impact, Policy, Severity
from bridge.texts.length import longest
from bridge.texts.render import NAME_CHARS, TextKind, Texts, compile_text
from bridge.texts.template import Template

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

POLICY_KEYS = tuple(each.removesuffix("_ms") for each in Policy.__struct_fields__ if each.endswith("_ms"))
SILENT = {"ignore": "that ignores", "watchdog": "of a watchdog"}
ROUTE_KEYS = ("name", "match", *SILENT, "services", "group_by", *POLICY_KEYS, "flap", "severity", "impact", "texts")
ROUTE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class _Rule(NamedTuple):
    """A rule's place, matchers (None: unusable) and what to call it."""

    item: Value
    matchers: tuple[Matcher, ...] | None
    what: str


class Common(Struct, frozen=True, kw_only=True):
    """What routes refer to, and what they have where they say nothing of their own."""

    services: dict[str, Service]
    severity: tuple[SeverityRule, ...]
    public_labels: frozenset[str]
    policy: Policy
    group_by: tuple[str, ...]
    texts: Texts


def read_routes(value: Value, common: Common) -> tuple[Route, ...]:
    """The routes, at least one; no two of one name, and none that an earlier one makes unreachable."""
    items = value.items("a list of routes")
    if value.is_list() and not items:
        value.problem("there is no route", expected="at least one; an alert that no route matches is ignored")
    routes: list[Route] = []
    rules: list[_Rule] = []
    for item in items:
        fields = item.fields(ROUTE_KEYS, required=("name",))
        name = read(fields, "name", lambda value: _read_route_name(value, routes), "")
        rule = _Rule(item, read_match(fields) if fields else None, f'the route "{name}"')
        base = Route(name=name, line=item.line, matchers=rule.matchers or (), texts=common.texts)
        silent = [key for key in SILENT if read(fields, key, Value.boolean, default=False)]
        routes.append(_read_silent(fields, base, silent[0]) if silent else _read_publishing(item, fields, base, common))
        rules.append(rule)
    _check_reach(rules)
    _check_names(zip(items, routes, strict=True), common)
    return tuple(routes)


def read_severity(value: Value) -> tuple[SeverityRule, ...]:
    """The severity rules, in order."""
    found: list[SeverityRule] = []
    rules: list[_Rule] = []
    for item in value.items("a list of rules such as {match: severity = critical, is: CRITICAL}"):
        fields = item.fields(("match", "is"), required=("is",))
        name = read(fields, "is", lambda value: value.choice(Severity.__members__), "MINOR")
        rule = _Rule(item, read_match(fields) if fields else None, "the rule")
        found.append(SeverityRule(matchers=rule.matchers or (), severity=Severity[name], line=item.line))
        rules.append(rule)
    if value.is_list() and not rules:
        value.problem("there is no rule", expected="at least one, such as {match: severity = critical, is: CRITICAL}")
    _check_reach(rules)
    return tuple(found)


def read_texts(value: Value, public_labels: Collection[str], base: Texts) -> Texts:
    """The texts of ``base`` with those replaced that are given here."""
    fields = value.fields([kind.value for kind in TextKind])
    templates = {TextKind(key): read(fields, key, lambda text: _read_text(text, public_labels), None) for key in fields}
    return base.override({kind: template for kind, template in templates.items() if template})


def read_policy(fields: Mapping[str, Value], base: Policy) -> Policy:
    """The timing and the impacts of ``base`` with what is given here."""
    return Policy(
        **{f"{key}_ms": read(fields, key, Value.duration_ms, getattr(base, f"{key}_ms")) for key in POLICY_KEYS},
        flap=_read_flap(fields, base.flap),
        impacts=read(fields, "impact", lambda value: read_impacts(value, base.impacts), base.impacts),
    )


def _read_flap(fields: Mapping[str, Value], base: Flap | None) -> Flap | None:
    if "flap" in fields and fields["flap"].is_off():
        return None
    return read(fields, "flap", lambda value: read_section(value, base or Flap()), base)


def read_impacts(value: Value, base: Mapping[Severity, Impact]) -> dict[Severity, Impact]:
    """What each severity does to a component of a v3 page: ``base`` with what is given here."""
    given = value.fields(tuple(Severity.__members__))
    names = {key: read(given, key, lambda each: each.choice(Impact.__members__), None) for key in given}
    return {**base, **{Severity[key]: Impact[name] for key, name in names.items() if name}}


def read_group_by(value: Value) -> tuple[str, ...]:
    """The labels whose values tell incidents of one route apart."""
    return tuple(value.names("a list of label names"))


def _read_publishing(item: Value, fields: Mapping[str, Value], base: Route, common: Common) -> Route:
    if "services" not in fields and item.is_mapping():
        item.missing("services", expected="names of services, {label: …}, ignore: true or watchdog: true")
    return replace(
        base,
        services=read(fields, "services", lambda value: _read_services(value, common.services), ()),
        severity=read(fields, "severity", read_severity, common.severity),
        group_by=read(fields, "group_by", read_group_by, common.group_by),
        policy=read_policy(fields, common.policy),
        texts=read(fields, "texts", lambda value: read_texts(value, common.public_labels, common.texts), common.texts),
    )


def _read_silent(fields: Mapping[str, Value], base: Route, kind: str) -> Route:
    """A route that publishes nothing; ``kind`` is the key that says so."""
    for key in fields.keys() - {"name", "match", kind}:
        fields[key].problem(f"a route {SILENT[kind]} has no use for this", expected=f"only name, match and {kind}")
    return replace(base, ignore=kind == "ignore", watchdog=kind == "watchdog")


def _read_route_name(value: Value, earlier: Sequence[Route]) -> str | None:
    expected = "letters, digits, _, . and -"
    name = value.text(expected)
    if name is not None and not ROUTE_NAME.fullmatch(name):
        value.problem(f'"{name}" is no name for a route', expected=expected)
    for route in earlier:
        if route.name == name:
            value.problem(f"the route on line {route.line} has the same name", expected="a name of its own")
    return name


def _read_services(value: Value, services: Mapping[str, Service]) -> tuple[str, ...] | ServiceLabel | None:
    if value.is_mapping():
        label = read(value.fields(("label",), required=("label",)), "label", Value.text, None)
        return ServiceLabel(label) if label else None
    names = value.names("a list of services, or {label: the label that names one}")
    if value.is_list() and not names:
        value.problem("the list names no service", expected="at least one service")
    for name, item in names.items():
        if services and name not in services:
            item.problem(f'unknown service "{name}"', expected=one_of(services), hint=did_you_mean(name, services))
    return tuple(names)


def read_match(fields: Mapping[str, Value]) -> tuple[Matcher, ...] | None:
    """The matchers of a rule, none if it has no ``match``; None if they are wrong."""
    value = fields.get("match")
    if value is None:
        return ()
    texts = value.items("") if value.is_list() else [value]
    if not texts:
        value.problem("there is no matcher", hint="leave match out to match every alert")
    parsed = [_read_matchers(text) for text in texts]
    found = tuple(matcher for each in parsed for matcher in each or ())
    clash = matchers.contradiction(found)
    if clash:
        value.problem(f"no alert can match: {clash[0]} contradicts {clash[1]}")
    return None if clash or not found or None in parsed else found


def _read_matchers(value: Value) -> tuple[Matcher, ...] | None:
    text = value.text("a matcher such as severity = critical, or a list of them")
    try:
        return None if text is None else matchers.parse(text)
    except MatcherError as error:
        value.problem(str(error), expected=error.expected, hint=error.hint, at=error.at)
        return None


def _read_text(value: Value, public_labels: Collection[str]) -> Template | None:
    source = value.text("a text in quotes")
    result = compile_text(source, public_labels) if source else None
    if not isinstance(result, list):
        return result
    for flaw in result:
        value.problem(flaw.message, expected=flaw.expected, hint=flaw.hint, line=value.content_line + flaw.line - 1)
    return None


def _check_names(routes: Iterable[tuple[Value, Route]], common: Common) -> None:
    @cache  # it is slow with many services, and routes share texts
    def measure(source: str, names: tuple[str, ...], single: frozenset[str]) -> int:
        return longest(Template(source), services=names, group_by=single) if names else 0

    for item, route in routes:
        services = common.services if isinstance(route.services, ServiceLabel) else route.services
        names = tuple(common.services[name].display for name in services if name in common.services)
        template = route.texts.templates[TextKind.NAME]
        single = template.labels.intersection(route.group_by)
        length = measure(template.source, names, single)
        if length > NAME_CHARS:
            several = sorted(template.labels - single)
            hint = f"group_by {several[0]}, so that it has one value" if several else None
            item.problem(
                f"the incident's name can be {length} characters long", expected=f"at most {NAME_CHARS}", hint=hint
            )


def _check_reach(rules: Sequence[_Rule]) -> None:
    known = [rule for rule in rules if rule.matchers is not None]
    for index, rule in enumerate(known):
        for earlier in known[:index]:
            if matchers.implies(rule.matchers or (), earlier.matchers or ()):
                message = (
                    f"never reached: {earlier.what} on line {earlier.item.line} takes every alert that this one matches"
                )
                rule.item.problem(message, expected="the special before the general")
                break
