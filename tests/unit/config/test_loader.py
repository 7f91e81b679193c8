from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.config.loader import load
from bridge.config.matchers import Matcher
from bridge.config.problems import ConfigError
from bridge.config.schema import Checkly, Reference, Service, ServiceLabel
from bridge.config.sections import routes
from bridge.model import Phase, Policy, Severity, UpdateKind
from bridge.texts.length import longest
from bridge.texts.render import TextKind

GOOD = """\
version: 1
services:
  checkout: Checkout
  search: {id: 5F1C0D1E-0000-4000-8000-000000000001}
severity:
  - {match: severity = critical, is: CRITICAL}
  - {is: MINOR}
public_labels: [region]
defaults: {publish_after: 30s, group_by: [region]}
routes:
  - name: dev
    match: env = dev
    ignore: true
  - name: checkout
    match: [service = checkout, 'a = 1, b != 2']
    services: [checkout, search]
    resolve_after: 5m
  - name: labelled
    services: {label: page}
    group_by: []
    severity: [{is: MAJOR}]
    texts: {name: "{{ services }} is down"}
texts:
  name: "{{ services }} is degraded in {{ labels.region }}"
"""

ROOT = Path(__file__).parents[3]


def test_everything_is_compiled(load_text):
    config = load_text(GOOD)
    assert config.services["search"] == Service(name="search", id="5f1c0d1e-0000-4000-8000-000000000001")
    assert config.services["search"].display == "search"
    assert config.services["checkout"].display == "Checkout"
    dev, checkout, labelled = config.routes
    assert dev.ignore
    assert dev.line == 11
    assert checkout.matchers == (Matcher("service", "=", "checkout"), Matcher("a", "=", "1"), Matcher("b", "!=", "2"))
    assert checkout.policy == Policy(publish_after_ms=30_000, resolve_after_ms=300_000)
    assert checkout.group_by == ("region",)
    assert checkout.severity == config.severity
    assert [rule.line for rule in config.severity] == [6, 7]
    assert checkout.texts is config.texts
    assert labelled.services == ServiceLabel("page")
    assert labelled.group_by == ()
    assert [rule.severity for rule in labelled.severity] == [Severity.MAJOR]
    assert labelled.policy == config.defaults == Policy(publish_after_ms=30_000)
    assert config.route("checkout") is checkout
    assert config.route("gone") is None


def test_a_route_overrides_texts_one_by_one(load_text):
    texts = load_text(GOOD + '  resolved: "All is well."\n').route("labelled").texts
    words = {"labels": {}, "services": ["A"], "severity": Severity.MINOR, "status": Phase.RESOLVED}
    assert texts.render(TextKind.NAME, **words) == "A is down"
    assert texts.render(TextKind.RESOLVED, **words) == "All is well."
    assert texts.render(TextKind.MONITORING, **words).startswith("The issue affecting A")


def test_keys_that_are_left_out_have_defaults(load_text):
    config = load_text("version: 1\nservices: {a: A}\nseverity: [{is: MINOR}]\nroutes: [{name: all, services: [a]}]\n")
    assert config.checkly == Checkly()
    assert config.checkly.notify == frozenset()
    assert config.defaults == config.routes[0].policy == Policy()
    assert config.routes[0].group_by == ()
    assert config.public_labels == frozenset()
    assert config.operator_labels == ()
    assert config.max_body_bytes == 16 * 1024 * 1024
    assert config.retention_ms == 7 * 86_400_000


def test_keys_of_checkly_limits_and_retention_are_read(load_text):
    config = load_text(
        GOOD + "checkly: {reference: no, notify: [open, severity], requests_per_minute: 9, timeout: 1s, settle: 0, "
        "backdate: 1h, instance: shop-eu}\n"
        "limits: {body: 1KiB}\nretention: 1d\n"
    )
    notify = frozenset({UpdateKind.OPEN, UpdateKind.SEVERITY})
    expected = Checkly(
        instance="shop-eu",
        reference=Reference.NEVER,
        notify=notify,
        requests_per_minute=9,
        timeout_ms=1000,
        settle_ms=0,
        backdate_ms=3_600_000,
    )
    assert config.checkly == expected
    assert config.max_body_bytes == 1024
    assert config.retention_ms == 86_400_000


def test_the_digest_changes_with_the_file(load_text):
    assert load_text(GOOD).digest != load_text(GOOD + "# more\n").digest
    assert load_text(GOOD).digest == load_text(GOOD).digest


def test_yaml_anchors_and_aliases_work(load_text):
    config = load_text(GOOD.replace("match: env = dev", "match: &dev env = dev") + "  # end\n")
    assert config.routes[0].matchers == (Matcher("env", "=", "dev"),)
    shared = "public_labels: &shared [region]\nservices: {a: A}\nversion: 1\nseverity: &rules [{is: MINOR}]\n"
    config = load_text(shared + "routes: [{name: a, services: [a], severity: *rules, group_by: *shared}]\n")
    assert config.routes[0].group_by == ("region",)


def test_the_example_configuration_loads():
    config = load(ROOT / "config" / "bridge.yaml")
    assert [route.name for route in config.routes] == ["no-outage", "not-production", "checkout", "labelled"]
    assert config.defaults == Policy()


# Each case replaces one line of GOOD (or adds to its end) and names the line and the start of the only problem.
MISTAKES = [
    ("routes:", "routes:\n  - oops", 11, 'routes[0]: found the text "oops"; expected a mapping with name'),
    ("version: 1", "version: 2", 1, "version: version 2 of the format is unknown; expected 1"),
    ("version: 1", "version: '1'", 1, 'version: found the text "1"; expected a whole number'),
    ("version: 1", "# none", 2, 'the key "version" is missing'),
    ("version: 1", "version: 1\nroute: []", 2, 'route: unknown key "route"; expected one of version, checkly'),
    ("version: 1", "version: 1\nversion: 1", 2, 'the key "version" is given twice; the first is on line 1'),
    ("version: 1", "version: 1\n<<: {a: b}", 2, 'merge keys ("<<") are not supported'),
    ("version: 1", "version: 1\n[a]: b", 2, "found a list; expected a name as the key"),
    ("  checkout: Checkout", "  checkout:", 3, "services.checkout: found nothing; expected an exact name on Checkly"),
    (
        "  checkout: Checkout",
        "  checkout: [a, b]",
        3,
        "services.checkout[1]: the service names two services of the v1 API",
    ),
    ("  checkout: Checkout", "  checkout: 7", 3, 'services.checkout: found the number "7"; expected an exact name'),
    (
        "  checkout: Checkout",
        "  checkout: yes",
        3,
        'services.checkout: found the boolean "yes"; expected an exact name',
    ),
    ("  checkout: Checkout", "  checkout: {}", 3, 'services.checkout: the key "id" is missing'),
    ("  checkout: Checkout", "  checkout: {id: 7f1c}", 3, 'services.checkout.id: "7f1c" is no UUID'),
    (
        "  checkout: Checkout",
        "  checkout: Checkout\n  c2: Checkout",
        4,
        'services.c2: "checkout" on line 3 is the same service',
    ),
    ("  checkout: Checkout", "  checkout: Checkout\n  '': None", 4, "the service's name is empty"),
    ("is: CRITICAL", "is: CRITICLE", 6, 'severity[0].is: unknown value "CRITICLE"; expected one of MINOR, MEDIUM'),
    ("is: CRITICAL", "as: CRITICAL", 6, 'severity[0].as: unknown key "as"; expected one of match, is'),
    (
        "  - {is: MINOR}",
        "  - {is: MINOR}\n  - {is: MAJOR}",
        8,
        "severity[2]: never reached: the rule on line 7 takes every alert",
    ),
    (
        "  - {is: MINOR}",
        "  - {is: MINOR}\n  - MAJOR",
        8,
        'severity[2]: found the text "MAJOR"; expected a mapping with is',
    ),
    ("severity = critical", "severity = a b", 6, "severity[0].match: unexpected b; expected a comma or the end"),
    ("[region]}", "[region, region]}", 9, 'defaults.group_by[1]: "region" is listed twice'),
    ("[region]}", "region}", 9, 'defaults.group_by: found the text "region"; expected a list of label names'),
    (
        "publish_after: 30s",
        "publish_after: 30",
        9,
        'defaults.publish_after: found the number "30"; expected a duration such as 90s',
    ),
    ("publish_after: 30s", "publish_afer: 30s", 9, 'defaults.publish_afer: unknown key "publish_afer"'),
    (
        "  - name: dev",
        "  - name: d e v",
        11,
        'routes[0].name: "d e v" is no name for a route; expected letters, digits',
    ),
    ("  - name: dev", "  - name: labelled", 18, "routes[2].name: the route on line 11 has the same name"),
    ("    match: env = dev", "    match: env =~ 'a('", 12, "routes[0].match: unexpected '"),
    ("    match: env = dev", "    match: 'env =~ \"a(\"'", 12, 'routes[0].match: bad regular expression "a("'),
    ("    match: env = dev", "    match: []", 12, "routes[0].match: there is no matcher"),
    (
        "    match: env = dev",
        "    match: [env = dev, 3]",
        12,
        'routes[0].match[1]: found the number "3"; expected a matcher',
    ),
    (
        "    match: env = dev",
        "    match: env = dev, env = test",
        12,
        'routes[0].match: no alert can match: env="dev" contradicts env="test"',
    ),
    (
        "    match: env = dev",
        "    match: service != x",
        14,
        'routes[1]: never reached: the route "dev" on line 11 takes every',
    ),
    ("public_labels: [region]", 'public_labels: [region, "a|b"]', 8, "public_labels[1]: such a label cannot be public"),
    (
        "public_labels: [region]",
        r'public_labels: [region, "a\nb"]',
        8,
        "public_labels[1]: such a label cannot be public",
    ),
    ("  checkout: Checkout", '  checkout: Checkout\n  "a\\nb": A', 4, "the service's name has a line break"),
    (
        "services: [checkout, search]",
        "<<: {services: [checkout]}",
        16,
        'routes[1]: merge keys ("<<") are not supported',
    ),
    ("  - name: labelled", "  - <<: {name: labelled}", 18, 'routes[2]: merge keys ("<<") are not supported'),
    ("services: [checkout, search]", "servces: [checkout]", 16, 'did you mean "services"?'),
    ("    ignore: true", "    ignore: false", 11, 'routes[0]: the key "services" is missing'),
    (
        "    resolve_after: 5m",
        "    ignore: maybe",
        17,
        'routes[1].ignore: found the text "maybe"; expected true or false',
    ),
    (
        "    ignore: true",
        "    ignore: true\n    group_by: [a]",
        14,
        "routes[0].group_by: a route that ignores has no use for this",
    ),
    (
        "    ignore: true",
        "    watchdog: true\n    group_by: [a]",
        14,
        "routes[0].group_by: a route of a watchdog has no use for this; expected only name, match and watchdog",
    ),
    ("    ignore: true", "    ignore: true\n    watchdog: true", 14, "routes[0].watchdog: a route that ignores has no"),
    ("services: [checkout, search]", "services: [chekout]", 16, 'routes[1].services[0]: unknown service "chekout"'),
    ("services: [checkout, search]", "services: []", 16, "routes[1].services: the list names no service"),
    (
        "services: [checkout, search]",
        "services: checkout",
        16,
        'routes[1].services: found the text "checkout"; expected a list of services',
    ),
    ("services: [checkout, search]", "publish_after: 1m", 14, 'routes[1]: the key "services" is missing'),
    ("services: {label: page}", "services: {lable: page}", 19, 'routes[2].services.lable: unknown key "lable"'),
    (
        "resolve_after: 5m",
        "resolve_after: -5m",
        17,
        'routes[1].resolve_after: found the text "-5m"; expected a duration',
    ),
    (
        "resolve_after: 5m",
        "reopen_after: 8d",
        1,
        "resolved incidents would be forgotten while they may still be reopened",
    ),
    (
        "{{ services }} is down",
        "{{ labels.regoin }} is down",
        22,
        'routes[2].texts.name: the label "regoin" is not public',
    ),
    ("{{ services }} is down", "{{ servces }} is down", 22, 'routes[2].texts.name: unknown name "servces"'),
    ("{{ services }} is down", "{{ services", 22, "routes[2].texts.name: template syntax"),
    ("{{ services }} is down", "{{ labels.region }}", 22, "routes[2].texts.name: the text can come out empty"),
    (
        "{{ services }} is down",
        "{{ labels.region }} {{ labels.region }} {{ labels.region }}x",
        18,
        "routes[2]: the incident's name can be 363 characters long; expected at most 255",
    ),
    (
        '{name: "{{ services }} is down"}',
        "{name: {{ services }}}",
        22,
        "routes[2].texts.name: found a mapping; expected a text in quotes",
    ),
    ('{name: "{{ services }} is down"}', "{nam: x}", 22, 'routes[2].texts.nam: unknown key "nam"'),
    ("", "  resolved: |\n    Fine.\n\n    {{ oops }}\n", 28, 'texts.resolved: unknown name "oops"'),
    ("", "checkly: {api: v9}\n", 25, 'checkly.api: unknown value "v9"'),
    ("", "checkly: {notify: [opn]}\n", 25, 'checkly.notify[0]: unknown value "opn"; expected one of open, update'),
    ("", "checkly: {notify: open}\n", 25, 'checkly.notify: found the text "open"; expected a list with any of open'),
    (
        "",
        "checkly: {requests_per_minute: 0}\n",
        25,
        'checkly.requests_per_minute: found the number "0"; expected a whole number, at least 1',
    ),
    ("", "checkly: {requests_per_minute: 1.5}\n", 25, 'checkly.requests_per_minute: found the number "1.5"'),
    ("", "checkly: {timeout: 0s}\n", 25, 'checkly.timeout: found the text "0s"; expected a duration such as 90s'),
    ("", "checkly: {timeout: 61s}\n", 25, "checkly.timeout: 61s is too long; expected at most 1m"),
    ("", "checkly: {settle: 1h}\n", 25, "checkly.settle: 1h is too long; expected at most 10m"),
    (
        "",
        "checkly: {instance: shop eu}\n",
        25,
        "checkly.instance: not a valid name for an installation; expected up to 64",
    ),
    ("", "checkly: {reference: 1}\n", 25, 'checkly.reference: found the number "1"; expected true, false or every'),
    ("", "checkly:\n", 25, "checkly: found nothing; expected a mapping with api"),
    ("", "limits: {body: 16MB}\n", 25, 'limits.body: found the text "16MB"; expected a size such as 16MiB'),
    ("", "limits: {body: 0}\n", 25, 'limits.body: found the number "0"; expected a size'),
    ("", "retention: 1m\n", 25, "retention: resolved incidents would be forgotten"),
    ("", "retention: 2026-01-01\n", 25, 'retention: found the date "2026-01-01"; expected a duration'),
    ("", "retention: !now 1d\n", 25, 'retention: found a value tagged !now "1d"; expected a duration'),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), MISTAKES, ids=[case[1][:40] for case in MISTAKES])
def test_every_mistake_is_told_with_its_line(problems_of, config_path, old, new, line, message):
    assert old in GOOD
    text = GOOD.replace(old, new, 1) if old else GOOD + new
    found = problems_of(text)
    assert message in "\n".join(map(str, found))
    problem = next(problem for problem in found if message in str(problem))
    assert str(problem).startswith(f"{config_path}:{line}:")
    assert len(found) == 1


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", 1, "the file is empty"),
        (b"# nothing\n", 1, "the file is empty"),
        (b"version: 1\nservices:\n\tcheckout: x\n", 3, "not YAML"),
        (b"version: 1\nroutes: [\n", 3, "not YAML"),
        (b"version: 1\nname: {{ a }} is down\n", 2, "not YAML"),
        (b"version: 1\n---\nversion: 1\n", 2, "not YAML"),
        (b"version: 1\na: *b\n", 2, "not YAML"),
        (b"version: 1\n\x00", 2, "not YAML"),
        (b"version: 1\nname: \xff\n", 2, "not UTF-8 text"),
        (b"just text\n", 1, 'found the text "just text"; expected a mapping with version, services, severity, routes'),
        (b"- a\n", 1, "found a list"),
        (b"[" * 9999, 1, "not YAML"),
        (b"version: 1\nroutes:\n" + b"[" * 9999, 3, "not YAML"),
        (b'version: 1\nname: "\\UFFFFFFFF"\n', 2, "not YAML: "),
        (b'version: 1\nname: "\\U00110000"\n', 2, "not YAML: ValueError"),
        (b"%YAML " + b"9" * 9999 + b".1\n---\nversion: 1\n", 1, "not YAML: ValueError"),
    ],
)
def test_what_is_no_configuration_at_all(config_path, data, line, message):
    config_path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load(config_path)
    [problem] = caught.value.problems
    assert problem.line == line
    assert problem.message.startswith(message.partition(";")[0])


def test_a_missing_configuration_file_is_a_mistake(config_path):
    with pytest.raises(ConfigError, match="the file cannot be read: No such file or directory"):
        load(config_path)


def test_a_mistake_inside_a_text_has_its_own_line(problems_of):
    [problem] = problems_of(GOOD + "  resolved: |\n    Fine.\n\n    {{ oops }}\n")
    assert (problem.line, problem.column) == (28, 1)


def test_a_tab_in_yaml_is_explained(problems_of):
    [problem] = problems_of("version: 1\nservices:\n\tcheckout: x\n")
    assert (problem.line, problem.column, problem.hint) == (3, 1, "indent with spaces")


NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        (f"version: 1\nroutes:\n  - name: x\n  {NBSP} match: y\n", 4, 3, "U+00A0 (no-break space) stands here: indent"),
        (f"version: 1\nroutes:\n  - name: x\n    match:{NBSP}y\n", 4, 11, "U+00A0 (no-break space) stands here: write"),
        ("version: 1\nservices: {a: x}\n\troutes: []\n", 3, 1, "indent with spaces"),
        ("version: 1\nservices:\n  a: x\n \t b: y\n", 4, 2, "indent with spaces"),
    ],
)
def test_what_cannot_be_seen_is_blamed_where_it_breaks_the_file(problems_of, text, line, column, words):
    [problem] = problems_of(text)
    assert problem.message.startswith("not YAML")
    assert (problem.line, problem.column) == (line, column)
    assert problem.hint.startswith(words)


@pytest.mark.parametrize(
    ("match", "column"),
    [
        ("severity = a b", 26),
        ('"severity = a b"', 27),
        ("'severity = a b'", 27),
        (f"severity = a{NBSP}b", 26),
        ("severity = a\tb", 25),
        ("severity critical", 22),
        ("[severity = critical, env ~ a]", 39),
        ("severity = \u201ca b\u201d", 27),
        ('\'severity =~ "a" "b"\'', 30),
    ],
)
def test_a_mistake_in_a_matcher_has_its_own_column(problems_of, match, column):
    [problem] = problems_of(GOOD.replace("- {is: MINOR}", f"- {{match: {match}, is: MINOR}}"))
    assert (problem.line, problem.column) == (7, column)


def test_a_section_without_entries_is_a_mistake(problems_of):
    found = problems_of("version: 1\nservices: {}\nseverity: []\nroutes: []\n")
    assert [(problem.line, problem.path, problem.message) for problem in found] == [
        (2, "services", "there is no service"),
        (3, "severity", "there is no rule"),
        (4, "routes", "there is no route"),
    ]


EIGHT = """\
version: 1
chekly: {api: v1}
services:
  checkout: Checkout
severity:
  - {match: severity = critical, is: CRITICLE}
  - {is: MINOR}
defaults:
  publish_after: 5 minutes
routes:
  - name: all
    match: 'team =~ "a(b"'
    services: [checkout]
  - name: checkout
    services: [chekout]
    texts:
      name: "Down in {{ labels.regoin }}"
  - name: late
    match: team = late
    services: [checkout]
  - name: long
    services: 7
"""


def test_all_mistakes_are_reported_at_once(problems_of, config_path):
    found = problems_of(EIGHT)
    assert [problem.line for problem in found] == [2, 6, 9, 12, 15, 17, 18, 21, 22]
    assert str(found[1]) == (
        f'{config_path}:6:38: severity[0].is: unknown value "CRITICLE"; '
        'expected one of MINOR, MEDIUM, MAJOR, CRITICAL; did you mean "CRITICAL"?'
    )
    with pytest.raises(ConfigError) as caught:
        load(config_path)
    assert str(caught.value).splitlines() == [str(problem) for problem in found]


def test_a_name_that_is_too_long_only_with_all_services(problems_of):
    services = "".join(f"  s{n}: {'x' * 60}{n}\n" for n in range(5))
    text = f"version: 1\nservices:\n{services}severity: [{{is: MINOR}}]\nroutes:\n"
    assert not problems_of(text + "- {name: a, services: [s1, s2, s3], texts: {name: '{{ services }}'}}\n")
    [problem] = problems_of(text + "- {name: a, services: {label: s}, texts: {name: '{{ services }}'}}\n")
    assert problem.message == "the incident's name can be 316 characters long"
    guarded = "{% if services | length > 3 %}Several services{% else %}{{ services }}{% endif %}"
    assert not problems_of(text + f"- {{name: a, services: {{label: s}}, texts: {{name: '{guarded}'}}}}\n")


def test_routes_that_share_a_text_are_measured_once(load_text, problems_of, monkeypatch):
    measured = []

    def counting(template, **situation):
        measured.append(template.source)
        return longest(template, **situation)

    monkeypatch.setattr(routes, "longest", counting)
    route = "- {{name: r{0}, match: a = {0}, services: {{label: s}}{1}}}\n"
    text = "version: 1\nservices: {a: A, b: B}\npublic_labels: [x]\nroutes:\n"
    same = ", texts: {name: 'Trouble {{ labels.x }}'}"
    load_text(text + "".join(route.format(n, same if n > 50 else "") for n in range(100)))
    assert len(measured) == 2
    long = same.replace("Trouble", "x" * 150)
    grouped = long.replace("}}", "}}") + ", group_by: [x]"
    found = problems_of(text + route.format(1, long) + route.format(2, grouped) + route.format(3, long))
    assert [problem.path for problem in found] == ["routes[0]", "routes[2]"]


TOO_MUCH = {
    "indentation": "x" + "{% if services %}" * 150 + "y" + "{% endif %}" * 150,
    "parentheses": "{{ " + "(" * 5_000 + "'x'" + ")" * 5_000 + " }}",
    "nesting": "x" + "{% if services %}" * 5_000 + "y" + "{% endif %}" * 5_000,
    "filters": "{{ severity" + " | lower" * 5_000 + " }}",
    "digits": "{{ " + "9" * 5_000 + " }}",
    "hexadecimal digits": "{{ 0x" + "f" * 10_000 + " }}",
    "autoescape": "{% autoescape x %}{% endautoescape %}",
    "half a character": "x{{ '\\ud800' }}",
}


@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_text_that_python_cannot_compile_is_a_mistake_with_its_line(problems_of, text):
    found = problems_of(GOOD + f"  resolved: {json.dumps(text)}\n")
    assert [(problem.line, problem.path) for problem in found] == [(25, "texts.resolved")]
    assert "\n" not in str(found[0])
    assert len(found[0].message) < 300


def test_half_a_character_is_a_mistake(problems_of):
    [problem] = problems_of(GOOD + '  resolved: "Over \\ud83d."\n')
    assert str(problem).endswith("texts.resolved: half a character, U+D83D, stands in it; expected a whole one")


def test_whatever_reading_raises_is_a_mistake(problems_of, monkeypatch):
    def fail(*_):
        raise ArithmeticError("of a library")

    monkeypatch.setattr("bridge.config.loader._check_retention", fail)
    [problem] = problems_of(GOOD)
    assert (problem.line, problem.message) == (1, "the file cannot be used: ArithmeticError: of a library")


PIECES = st.sampled_from(
    [
        *"{}[]()%#'\"|~:,-&*!?<>= \n\t\\\u00a0\u200b0aé",
        *("{{ ", " }}", "{% ", " %}", "{% if x %}", "{% endif %}", "labels.region", "services", "match: ", "texts: "),
        *("\n  ", "\n- ", "&a ", "*a", "<<: ", "=~", '"(', "9" * 5_000, "[" * 300, "\\U00", "true"),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join), st.integers(0, len(GOOD)), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_loads_or_is_refused_with_its_problems(config_path, piece, at, quoted):
    config_path.write_text(GOOD[:at] + (json.dumps(piece) if quoted else piece) + GOOD[at:])
    with suppress(ConfigError):
        load(config_path)


@pytest.mark.parametrize("kind", ["ignore", "watchdog"])
def test_a_route_that_publishes_nothing_does_not_bound_the_retention(load_text, kind):
    config = load_text(
        "version: 1\nservices: {a: A}\nseverity: [{is: MINOR}]\nretention: 1d\ndefaults: {reopen_after: 2d}\n"
        f"routes: [{{name: silent, match: b = c, {kind}: true}}, {{name: r, services: [a], reopen_after: 1h}}]\n"
    )
    assert config.retention_ms == 86_400_000
