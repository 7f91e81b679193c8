"""Alert rules and dashboard: valid, tested, and asking only for metrics and labels that the bridge exposes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from cyclopts import CycloptsError
from prometheus_client.metrics import MetricWrapperBase

from bridge import telemetry
from bridge.cli import app
from bridge.core.page_word import PAGE_WORDS
from bridge.web.unpublished import REASONS
from tests.deploy.files import DEPLOY, ROOT, run

RULES = DEPLOY / "monitoring" / "rules.yaml"
OPERATOR_RULE = DEPLOY / "kubernetes" / "components" / "prometheus-operator" / "prometheus-rule.yaml"
TESTS = Path(__file__).with_name("alert_rules.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

TARGET_LABELS = {"job", "instance"}  # Prometheus adds them to what it scrapes
HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")


def exposed() -> dict[str, set[str]]:
    """The series that the bridge's metrics make, and those of its process, with their labels."""
    process = (family for family in telemetry.REGISTRY.collect() if family.name.startswith("process_"))
    series: dict[str, set[str]] = {sample.name: set() for family in process for sample in family.samples}
    for metric in vars(telemetry).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        labels = set(metric._labelnames)  # noqa: SLF001 - there is no public way to ask
        if family.type == "histogram":
            series |= {f"{family.name}{suffix}": labels | {"le"} for suffix in HISTOGRAM_SUFFIXES}
        else:
            series[f"{family.name}_total" if family.type == "counter" else family.name] = labels
    return series


def complaints(query: str) -> list[str]:
    """What a query asks for that the bridge does not expose."""
    known, found, usable = exposed(), [], set(TARGET_LABELS)
    for name, matchers in re.findall(r"\b((?:bridge|process)_\w+)(?:\{([^}]*)\})?", query):
        if name not in known:
            found.append(f"there is no {name}")
            continue
        usable |= known[name]
        asked = set(re.findall(r"(\w+)\s*[!=]~?", matchers))
        found += [f"{name} has no label {label}" for label in sorted(asked - known[name] - TARGET_LABELS)]
    grouped = {label for labels in re.findall(r"\bby \(([^)]*)\)", query) for label in re.split(r",\s*", labels)}
    return found + [f"nothing here has a label {label}" for label in sorted(grouped - usable)]


def test_a_query_for_what_is_not_exposed_is_noticed():
    assert complaints('sum by (phase) (rate(bridge_alerts_total{code="1", source="x"}[5m])) + bridge_nothing') == [
        "bridge_alerts_total has no label code",
        "there is no bridge_nothing",
        "nothing here has a label phase",
    ]


@pytest.mark.needs("promtool")
def test_the_rules_are_valid_and_fire_when_they_should():
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", TESTS)


def expectations() -> set[tuple[str, bool]]:
    """Each alert with whether a test of the rules expects it to fire."""
    found: set[tuple[str, bool]] = set()
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for each in test.get("promql_expr_test", ()):
            names = re.findall(r'alertname=~?"([\w|]+)"', each["expr"] + str(each["exp_samples"]))
            found |= {(name, bool(each["exp_samples"])) for listed in names for name in listed.split("|")}
        found |= {(each["alertname"], bool(each["exp_alerts"])) for each in test.get("alert_rule_test", ())}
    return found


def test_every_alert_is_seen_firing_and_not_firing():
    assert {name for name in ALERTS if (name, True) not in expectations()} == set()
    assert {name for name in ALERTS if (name, False) not in expectations()} == {"Watchdog"}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_asks_for_what_is_exposed(name):
    assert complaints(ALERTS[name]["expr"]) == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_leads_to_a_runbook(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ({"none"} if name == "Watchdog" else {"critical", "warning"})
    assert {"summary", "description"} <= rule["annotations"].keys()
    _, _, runbook = rule["annotations"]["runbook_url"].partition("/docs/runbooks/")
    page = (RUNBOOKS / runbook).read_text()
    assert page.startswith(f"# {runbook.removesuffix('.md')}\n")
    assert re.findall("^## (.+)$", page, re.MULTILINE) == [
        "What it means",
        "What readers see",
        "What to look at",
        "What to do",
        "When it is over",
    ]


def first_command(page: str) -> str:
    """What a runbook begins with."""
    found = re.match(r"# \w+\n\n    (.+)\n\n\S", page)
    assert found, "a runbook begins with one command that shows what it is about, and a sentence on its answer"
    return found[1]


def commands(page: str) -> list[list[str]]:
    """The words of each command of the bridge's in a runbook, as far as the next pipe."""
    blocks = re.findall(r"^    (.*)$", page, re.MULTILINE) + re.findall(r"`(bridge [a-z]+ [^`]*)`", page)
    found = (re.search(r"(?:^|-- )bridge ([a-z].*?)(?: \||$)", line) for line in blocks)
    return [shlex.split(each[1]) for each in found if each]


def unusable(words: list[str]) -> str:
    """Why the command line refuses these words, "" if it does not."""
    try:
        app.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", sorted(ALERTS.keys() - {"Watchdog"}))
def test_a_runbook_begins_with_a_command_that_there_is(name):
    page = (RUNBOOKS / f"{name}.md").read_text()
    first = first_command(page)
    if query := re.fullmatch(r"promtool query instant \"\$PROMETHEUS\" '(.+)'", first):
        assert complaints(query[1]) == []
    else:
        assert commands(f"    {first}"), first
    for words in commands(page):
        assert unusable(words) == "", words
        if "--page" in words:
            assert words[words.index("--page") + 1] in set(PAGE_WORDS), words
        if "--reason" in words and words[0] != "budgets":  # where it is in a person's own words
            assert words[words.index("--reason") + 1] in REASONS, words


def test_a_wrong_command_of_a_runbook_is_noticed():
    found = commands("    kubectl exec bridge -- bridge incidents list --pages open | tail\n`bridge budget show`")
    assert [bool(unusable(words)) for words in found] == [True, True]
    assert unusable(["incidents", "list", "--page", "open"]) == ""


@pytest.mark.needs("promtool")
def test_the_queries_of_runbooks_are_valid(tmp_path):
    pages = [path.read_text() for path in RUNBOOKS.glob("*.md")]
    queries = [query for page in pages for query in re.findall(r"promtool query instant .*? '(.+)'", page)]
    assert len(queries) > 10
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}))
    run("promtool", "check", "rules", file)


def test_every_runbook_is_an_alerts():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == ALERTS.keys() - {"Watchdog"}


def test_the_operator_gets_the_same_rules():
    groups = RULES.read_text().partition("groups:")[2]
    indented = re.sub(r"^(?=.)", "  ", f"groups:{groups}", flags=re.MULTILINE)
    assert OPERATOR_RULE.read_text().partition("spec:\n")[2] == indented, "copy the groups of rules.yaml, indented"


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_asks_for_what_is_exposed(query):
    assert complaints(query) == []


@pytest.mark.needs("promtool")
def test_the_dashboards_queries_are_valid(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run("promtool", "check", "rules", file)


def test_the_dashboard_shows_every_metric_of_the_bridge():
    shown = "\n".join(QUERIES)
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed() if name.startswith("bridge_")}
    assert sorted(name for name in names if name not in shown) == []


def test_all_jobs_are_all_of_the_bridge_s_and_no_other():
    """Grafana makes "All" of what the query finds; an ``allValue`` would take every job's series."""
    (job,) = (each for each in DASHBOARD["templating"]["list"] if each["name"] == "job")
    assert job["query"]["query"] == "label_values(bridge_store_available, job)"
    assert not [each["name"] for each in DASHBOARD["templating"]["list"] if "allValue" in each]


def test_the_dashboards_panels_lie_side_by_side():
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
