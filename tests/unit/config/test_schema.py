"""The published JSON Schema and the loader agree on what has the right shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from bridge.config import json_schema
from bridge.model import Impact, Severity, UpdateKind
from bridge.texts.render import TextKind

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "config" / "bridge.schema.json").read_text())
BASE = {
    "version": 1,
    "services": {"a": "A", "b": {"id": "5f1c0d1e-0000-4000-8000-000000000001"}},
    "severity": [{"match": "s = 1", "is": "MAJOR"}, {"is": "MINOR"}],
    "public_labels": ["region"],
    "routes": [{"name": "x", "match": "a = 1", "services": ["a"]}, {"name": "y", "services": {"label": "l"}}],
}


def with_key(path: str, value: Any) -> Any:
    """BASE with one value replaced or added; ``path`` is dotted."""
    changed = json.loads(json.dumps(BASE))
    *parents, last = path.split(".")
    target = changed
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target.setdefault(key, {})
    target[int(last) if isinstance(target, list) else last] = value
    return changed


SILENT = ("ignore", "watchdog")
ID = "5f1c0d1e-0000-4000-8000-00000000000c"
COMPONENT = {"page": "status", "component": "Checkout"}
SERVICES: list[Any] = [
    {"id": ID},
    {"id": ID, "shared": True},
    {"name": "A"},
    {"name": "A", "shared": False},
    COMPONENT,
    {"page": ID, "component": ID},
    ["A"],
    [COMPONENT],
    ["A", COMPONENT, {**COMPONENT, "page": "internal"}],
    [COMPONENT, {"id": ID, "shared": True}],
]
NO_SERVICES: list[Any] = [
    "",
    1,
    None,
    {},
    [],
    {"shared": True},
    {"id": "x"},
    {"name": ""},
    {"id": ID, "name": "A"},
    {"name": "A", "shared": "yes"},
    {"page": "status"},
    {"component": "Checkout"},
    {**COMPONENT, "page": ""},
    {**COMPONENT, "component": 1},
    {**COMPONENT, "component": "a\nb"},
    {**COMPONENT, "shared": True},
    {**COMPONENT, "id": ID},
    ["A", "B"],
    ["A", {"id": ID}],
    [COMPONENT, COMPONENT],
    [["A"]],
    [None],
]
DURATIONS = [f"defaults.{key}" for key in ("publish_after", "resolve_after", "reopen_after", "hold_refire")]
CLUSTER: dict[str, Any] = {"name": "eu", "urls": ["http://am-0:9093"], "alive": {"match": "alertname = Watchdog"}}
HEALING: dict[str, list[Any]] = {
    "urls": [["https://a/alertmanager", "http://b"]],
    "match": ["__sender__ = eu", ["a = b", "c = d"]],
    "alive.same": [[], ["prometheus"]],
    "credentials": ["EU_ALERTMANAGER"],
    "headers": [{}, {"X-Scope-OrgID": "shop"}],
    "tls": [{}, {"ca": "a"}, {"cert": "a", "key": "b"}],
    "receiver": ["checkly-bridge"],
}
NO_HEALING: dict[str, list[Any]] = {
    "name": ["", "a b", "pagerduty", 1, None],
    "urls": [[], ["am-0"], ["http://u:p@a"], ["http://a?b"], ["http://a", "http://a"], "http://a", None],
    "match": ["", [], 1],
    "alive": [{}, {"same": ["a"]}, {"match": ""}, None],
    "credentials": ["", "A-B", "A_FILE", "REDIS_URL", 1, None],
    "headers": [{"Authorization": "x"}, {"a b": "x"}, {"a": "ä"}, {"a": 1}, [], None],
    "tls": [{"key": "k"}, {"ca": ""}, {"cert": 1}, None],
    "receiver": ["", 1, None],
    "unknown": [1],
}


NAMED: list[dict[str, str]] = [{}, {"sender": "a", "region": "eu"}]


def of_cluster(name: str, value: Any) -> Any:
    """One cluster, with a key of it replaced."""
    key, _, below = name.partition(".")
    changed = {**CLUSTER, key: {**CLUSTER[key], below: value} if below else value}
    return with_key("healing", {"alertmanagers": [changed]})


GOOD = [
    BASE,
    *(of_cluster(name, value) for name, values in HEALING.items() for value in values),
    with_key("healing", {}),
    *(with_key("healing.interval", value) for value in ("1ms", "30s", "60s", "1m", "1m30s", "90s", "2m", "120s")),
    *(with_key("healing.absent_for", value) for value in ("10m", "3m", "1d")),
    *(with_key(f"healing.{key}", value) for key in ("silenced", "inhibited") for value in ("firing", "clear")),
    *(with_key("healing.missed", value) for value in ("report", "take")),
    *(with_key("healing.mode", value) for value in ("close", "observe")),
    *(with_key("healing.pagerduty", [{"credentials": "A", **more}]) for more in NAMED),
    with_key("healing.pagerduty", [{"credentials": "A", "interval": "5m", "subscription": "PXYZ"}]),
    yaml.safe_load((ROOT / "config" / "bridge.yaml").read_text()),
    *(with_key(path, value) for path in DURATIONS for value in ("0", 0, "90s", "1d2h30m", "500ms")),
    *(with_key("checkly.notify", [kind.value]) for kind in UpdateKind),
    *(with_key("severity.0.is", severity.name) for severity in Severity),
    *(with_key(f"texts.{kind}", "Something") for kind in TextKind),
    *(with_key(f"routes.0.texts.{kind}", "Something") for kind in TextKind),
    *(with_key("limits.body", size) for size in (1, "1", "64KiB", "16MiB", "1GiB")),
    yaml.safe_load((ROOT / "config" / "pagerduty.yaml").read_text()),
    *(with_key("pagerduty.open_on", value) for value in ("triggered", "acknowledged")),
    *(with_key("pagerduty.acknowledged", value) for value in ("ignore", "identified")),
    *(with_key("pagerduty.resolve_by", value) for value in ("anyone", "person")),
    *(with_key("pagerduty.merge_unknown_target", value) for value in ("keep_open", "resolve")),
    *(with_key("pagerduty.notes.marker", value) for value in ("PUBLIC:", "#", "für alle")),
    with_key("pagerduty.status_updates", value=True),
    with_key("pagerduty", {}),
    with_key("senders", {}),
    with_key("senders", {"alertmanager": {}, "only_listed": True}),
    *(with_key(f"senders.{source}.eu-1_B", {}) for source in ("alertmanager", "pagerduty")),
    *(with_key("senders.pagerduty.eu.credentials", value) for value in ("EU_SECRETS", "_x", "a1")),
    with_key("store", {}),
    *(with_key("store.durability", value) for value in ("warn", "require")),
    *(with_key("store.wait_replicas", value) for value in (0, 1, 12)),
    *(with_key("store.wait_timeout", value) for value in ("1ms", "900ms", "1s", "1s50ms", "1s800ms", "1800ms")),
    *(with_key("budgets", value) for value in ("off", False, {}, {"open": 10, "share": 1, "reserve": {}})),
    *(with_key(f"budgets.{key}", value) for key in ("open", "opens_per_hour") for value in (4, 999)),
    *(with_key("budgets.mails_per_hour", value) for value in (0, 20)),
    *(with_key("budgets.share", value) for value in (0.25, 1, 0.5)),
    *(with_key("budgets.reserve", value) for value in ({"CRITICAL": 0}, {"CRITICAL": 0.3, "MAJOR": 0.1})),
    *(with_key("budgets.mode", value) for value in ("enforce", "observe")),
    with_key("budgets.over", "withhold"),
    with_key("budgets.over", "quiet"),
    with_key("budgets.pages", {"v1": {"over": "quiet"}}),
    with_key("budgets.pages", {"v1": {"open": 10, "mode": "observe"}}),
    with_key("checkly", {}),
    *(with_key("checkly.api", value) for value in ("v1", "auto")),
    {**with_key("checkly.api", "v3"), "services": {"a": COMPONENT}},
    *(with_key("checkly.second_writer", value) for value in ("hold", "ignore")),
    *(with_key("services.a", value) for value in SERVICES),
    *(with_key(f"impact.{severity.name}", "OPERATIONAL") for severity in Severity),
    *(with_key("routes.0.impact.MAJOR", impact.name) for impact in Impact),
    *(with_key(path, {}) for path in ("impact", "routes.0.impact")),
    with_key("checkly", {"api": "v1", "reference": False, "requests_per_minute": 1, "timeout": "1s", "settle": 0}),
    *(with_key("checkly.reference", value) for value in (True, False, "every")),
    *(with_key("checkly.instance", value) for value in ("a", "shop-eu", "x" * 64, "q/+=~!")),
    *(with_key("checkly.timeout", value) for value in ("60s", "1m", "60000ms", "1s500ms", "1ms")),
    *(with_key("checkly.backdate", value) for value in ("24h", "0", "90m", "1w")),
    *(with_key("checkly.settle", value) for value in ("10m", "600s", "9m59s", "0", "500ms")),
    with_key("public_labels", ["host.name", "a b", "größe"]),
    with_key("defaults", {}),
    with_key("limits", {}),
    with_key("texts", {}),
    with_key("public_labels", []),
    with_key("operator_labels", ["instance", "größe", "a|b"]),
    with_key("operator_labels", []),
    with_key("operator_labels", "none"),
    with_key("defaults.group_by", ["region"]),
    with_key("retention", "30d"),
    with_key("services.b.id", "5F1C0D1E-0000-4000-8000-00000000000A"),
    with_key("routes.0", {"name": "x", "match": ["a = 1", "b = 2"], "ignore": True}),
    with_key("routes.0", {"name": "x", "match": "a = 1", "watchdog": True}),
    with_key("routes.0.ignore", value=False),
    with_key("routes.0.watchdog", value=False),
    with_key("routes.0.group_by", []),
    with_key("routes.0.severity", [{"is": "MINOR"}]),
    with_key("routes.0.publish_after", "2m"),
    *(with_key("defaults.flap", value) for value in ("off", False, {}, {"returns": 4})),
    *(with_key("routes.0.flap", value) for value in ("off", False, {}, {"returns": 4})),
    *(with_key("defaults.flap.returns", value) for value in (2, 16)),
    *(with_key(f"routes.0.flap.{key}", value) for key in ("within", "settle") for value in ("1ms", "1h", "30d")),
    *(with_key("defaults.flap.blips", value) for value in ("ignore", "publish")),
]
WRONG: list[tuple[str, list[Any]]] = [
    *((path, ["", 30, "30", "5 m", "30m1h", "1.5h", True, None, ["1m"]]) for path in DURATIONS),
    ("version", [2, "1", None]),
    ("services", [{}, [], None, {"a": 1}, {"a": ""}, {"a": {}}, {"a": {"id": "x"}}, {"": "A"}, {"a\nb": "A"}]),
    ("services.b", NO_SERVICES),
    *((path, [None, [], "MAJOR", {"major": "OPERATIONAL"}]) for path in ("impact", "routes.0.impact")),
    ("impact.MAJOR", ["DOWN", "major_outage", 3, None]),
    ("severity", [[], {}, None, [{}], ["MINOR"], [{"is": "minor"}], [{"match": "a = 1"}]]),
    ("routes", [[], {}, None, ["x"], [{}], [{"name": "x"}], [{"services": ["a"]}]]),
    ("routes.0.name", ["", "a b", 1, None]),
    ("routes.0.match", ["", [], {}, 1, [1], [""]]),
    ("routes.0.services", ["a", [], {}, ["a", "a"], [1], {"label": ""}, {"label": 1}]),
    ("routes.0.ignore", ["true", 1, True]),
    ("routes.0.watchdog", ["true", 1, None, True]),
    ("routes.0", [{"name": "x", silent: True, other: False} for silent, other in (SILENT, SILENT[::-1])]),
    ("operator_labels", ["instance", "None", None, False, {}, [1], [""], ["a", "a"], [["a"]]]),
    ("public_labels", ["region", [1], ["a", "a"], [""], {}, ["a|b"], ["|"], ["a\nb"], ["a\0"]]),
    ("checkly.notify", ["open", ["opened"], ["open", "open"], [1]]),
    ("checkly.api", ["v2", 1]),
    ("checkly.second_writer", ["yield", True]),
    ("checkly.reference", ["yes", 1, "Every", None]),
    ("checkly.requests_per_minute", [0, -1, "240", 1.5]),
    ("checkly.instance", ["", " ", "a b", "ü", "x" * 65, 1, None]),
    ("checkly.timeout", [0, "0", "0s", "x", "61s", "2m", "1h"]),
    ("checkly.backdate", ["x", -1, "", True]),
    ("checkly.settle", ["x", -1, "11m", "601s", "1h", "1d"]),
    *((f"pagerduty.{key}", ["no", 1, True, None, ""]) for key in ("open_on", "acknowledged", "resolve_by")),
    ("pagerduty.merge_unknown_target", ["close", None]),
    ("pagerduty.notes", ["PUBLIC:", {}, None, True]),
    ("pagerduty.notes.marker", ["", " ", " PUBLIC:", "PUBLIC: ", 1, None]),
    ("pagerduty.status_updates", ["yes", 1, None]),
    ("senders.alertmanager", ["eu", ["eu"], {"a b": {}}, {"": {}}, {"x" * 65: {}}, {"other": {}}, {"eu": None}]),
    ("senders.alertmanager.eu", ["X", [], 1, {"token": "X"}]),
    ("senders.pagerduty.eu.credentials", ["", "A-B", "1A", "A_FILE", "REDIS_URL", "ALERTMANAGER_TOKENS", 1, None]),
    ("senders.only_listed", ["yes", 1, None]),
    ("budgets", ["on", True, None, [], 30]),
    *((f"budgets.{key}", [0, -1, "30", 1.5, None]) for key in ("open", "opens_per_hour")),
    ("budgets.mails_per_hour", [-1, "20", None]),
    ("budgets.share", [0, 1.5, -0.5, "0.5", None]),
    ("budgets.reserve", [{"critical": 0.2}, {"CRITICAL": 2}, {"CRITICAL": "0.2"}, None]),
    ("budgets.over", ["mute", None]),
    ("budgets.mode", ["on", None]),
    ("budgets.pages", [{"v1": {"opens": 3}}, {"v1": None}, None]),
    *((f"{section}.flap", ["on", True, None, [], 3]) for section in ("defaults", "routes.0")),
    ("defaults.flap.returns", [0, 1, 17, "3", 2.5, None]),
    *((f"defaults.flap.{key}", [0, "0", "0s", "15", 15, None]) for key in ("within", "settle")),
    ("defaults.flap.blips", ["on", True, None]),
    ("store.durability", ["required", "", True, None]),
    ("store.wait_replicas", [-1, "1", 1.5, None]),
    ("store.wait_timeout", [0, "0", "0s", "0ms", "1801ms", "1s801ms", "2s", "1m", 1]),
    ("retention", [0, "0", "0s", "x"]),
    ("limits.body", [0, "0", "0MiB", "16MB", -1, ""]),
    ("texts.name", ["", 1, {}, None]),
    *((section, [None]) for section in ("checkly", "pagerduty", "senders", "store", "defaults", "limits", "texts")),
    ("healing", [None, [], "on"]),
    *((f"healing.{key}", ["x", None, True]) for key in ("silenced", "missed", "mode")),
    ("healing.pagerduty", [[{}], [{"credentials": ""}], {}, None]),
]
SECTIONS = [
    "",
    "services.b.",
    "impact.",
    "routes.0.impact.",
    "checkly.",
    "pagerduty.",
    "pagerduty.notes.",
    "senders.",
    "healing.",
    "store.",
    "defaults.",
    "limits.",
    "texts.",
    "routes.0.",
    "routes.0.texts.",
    "severity.0.",
]
BAD = [
    *(of_cluster(name, value) for name, values in NO_HEALING.items() for value in values),
    *(with_key("healing.interval", value) for value in (0, "0", "x", "3m", "121s", "1h")),
    *(with_key("healing.pagerduty", [{"credentials": "A", key: "!"}]) for key in ("sender", "region", "subscription")),
    *(with_key(path, value) for path, values in WRONG for value in values),
    *(with_key(f"{section}unknown", 1) for section in SECTIONS),
    *({key: value for key, value in BASE.items() if key != missing} for missing in ("version", "services", "routes")),
]


def test_the_schema_is_the_one_that_the_readers_of_the_configuration_have():
    assert (ROOT / "config" / "bridge.schema.json").read_text() == json_schema.document(), "run make docs"


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def schema_accepts(config: Any) -> bool:
    return not list(Draft202012Validator(SCHEMA).iter_errors(config))


def test_the_reader_and_the_schema_accept_each_good_configuration(problems_of):
    verdicts = {str(each): (problems_of(yaml.safe_dump(each)), schema_accepts(each)) for each in GOOD}
    assert {config: verdict for config, verdict in verdicts.items() if verdict != ((), True)} == {}


def test_the_reader_and_the_schema_refuse_each_bad_configuration(problems_of):
    verdicts = {str(each): (bool(problems_of(yaml.safe_dump(each))), not schema_accepts(each)) for each in BAD}
    assert {config: verdict for config, verdict in verdicts.items() if verdict != (True, True)} == {}


def test_every_key_is_described():
    def undescribed(path: str, schema: Any) -> list[str]:
        found = []
        for name, each in schema.get("properties", {}).items():
            target = SCHEMA["$defs"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
            if "description" not in each and "description" not in target and "const" not in each:
                found.append(f"{path}.{name}")
            found += undescribed(f"{path}.{name}", each)
        return found

    definitions = SCHEMA["$defs"].items()
    assert not undescribed("", SCHEMA)
    assert not [found for name, schema in definitions for found in undescribed(name, schema)]
