from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PROBLEM = {"file", "line", "column", "path", "message", "expected", "hint"}
BROKEN = """\
version: 1
services: {checkout: Checkout}
severity: [{is: TERRIBLE}]
routes: [{name: all, services: [chekout]}]
"""


def test_a_right_configuration_is_summed_up(run, config):
    shown = run("check", config)
    assert shown.code == 0
    assert "4 routes, 2 services" in shown.out
    assert "  payments  Payments\n" in shown.out
    assert re.search(r'test-systems +env="test" +ignored', shown.out)
    assert re.search(r'alive +alertname="Watchdog" +watchdog', shown.out)
    assert "publish after 1m30s, resolve after 2m, one incident per region" in shown.out
    assert "service by label status_page" in shown.out


def test_it_says_what_is_kept_of_alerts_for_administrators(run, config):
    text = config.read_text()
    config.write_text(f"{text}\noperator_labels: [instance]\n")
    assert re.search(
        r"Kept of alerts for administrators: name, link, labels .*, instance\.\n", run("check", config).out
    )
    assert json.loads(run("check", config, "--output", "json").out)["labels_kept"][-1] == "instance"
    config.write_text(f"{text}\noperator_labels: none\n")
    assert "nothing but their fingerprints is kept" in run("check", config).out
    assert json.loads(run("check", config, "--output", "json").out)["labels_kept"] is None


def test_it_says_whether_an_update_on_the_page_takes_an_incident_over(run, config):
    assert "takes it over" not in run("check", config).out
    assert json.loads(run("check", config, "--output", "json").out)["people"]["on_update"] == "continue"
    config.write_text(f"{config.read_text()}\npeople: {{on_update: stop}}\n")
    assert "takes it over (people.on_update: stop).\n" in run("check", config).out
    assert json.loads(run("check", config, "--output", "json").out)["people"]["on_update"] == "stop"


def test_it_says_what_bounds_what_becomes_public(run, config):
    text = config.read_text()
    assert (
        "Budgets of each page: 30 open, 60 openings and 20 mails an hour. "
        "An opening without room is withheld until there is room.\n" in run("check", config).out
    )
    config.write_text(f"{text}\nbudgets: {{open: 10, pages: {{v1: {{over: quiet}}}}}}\n")
    shown = run("check", config).out
    assert "Budgets of each page: 10 open, 60 openings" in shown
    assert re.search(r"Budgets of v1: 10 open, .* without room is published without a mail\.\n", shown)
    config.write_text(f"{text}\nbudgets: {{mode: observe, over: quiet}}\n")
    assert "An opening without room is published as ever, and counted.\n" in run("check", config).out
    config.write_text(f"{text}\nbudgets: off\n")
    assert "Budgets are off" in run("check", config).out


def test_check_prints_its_summary_as_json(run, config):
    summary = json.loads(run("check", config, "--output", "json").out)
    assert summary["ok"] is True
    assert [route["ignore"] for route in summary["routes"]] == [True, False, False, False]
    assert [route["watchdog"] for route in summary["routes"]] == [False, True, False, False]
    assert summary["routes"][3]["services"] == {"label": "status_page"}
    assert summary["routes"][3]["policy"]["impacts"]["CRITICAL"] == "MAJOR_OUTAGE"


def test_components_are_shown_with_their_pages(run, config):
    components = "[{page: status, component: Pay}, Payments]"
    config.write_text(config.read_text().replace("payments: Payments", f"payments: {components}"))
    assert "  payments  Payments, Pay on status\n" in run("check", config).out


def test_every_problem_is_printed_with_its_place(run, config):
    config.write_text(BROKEN)
    shown = run("check", config)
    assert shown.code == 1
    lines = shown.out.splitlines()
    assert lines[-1] == "2 problems"
    assert lines[0].startswith(f"{config}:3:")
    assert lines[1].startswith(f"{config}:4:")
    assert 'did you mean "checkout"?' in lines[1]


def test_check_prints_problems_as_json(run, config):
    config.write_text(BROKEN)
    shown = run("check", config, "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, found["ok"]) == (1, False)
    assert [problem["line"] for problem in found["problems"]] == [3, 4]
    assert [problem.keys() for problem in found["problems"]] == [PROBLEM] * 2


def test_a_missing_file_is_a_problem(run, tmp_path):
    shown = run("check", tmp_path / "none.yaml")
    assert shown.code == 1
    assert "No such file" in shown.out


@pytest.mark.usefixtures("environment")
def test_online_it_names_the_pages_that_show_each_service_and_that_each_route_reaches(run, config):
    config.write_text(config.read_text().replace("payments: Payments", "payments: {page: platform, component: Orders}"))
    shown = run("check", config, "--online")
    assert shown.code == 0
    assert "Account Acme: the key is accepted" in shown.out
    for line in (
        "checkout  v1 service Checkout  Public (public), Internal (private)",
        "payments  v3 component Orders  Platform (v3)",
        "shop      Public (public), Internal (private)",
        "labelled  Public (public), Internal (private), Platform (v3)",
    ):
        assert f"  {line}\n" in shown.out


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (
            "Payments",
            "service 'payments': no status page shows 'Payments', so no reader would see it; `bridge services`",
        ),
        ("Payment", "service 'payments': the account has no service named 'Payment'; did you mean 'Payments'?"),
        ("{page: platform, component: Order}", "page 'platform' has no component 'Order'; did you mean 'Orders'?"),
        ("{page: platform, component: API}", "'API' is a group on page 'platform'"),
        ("{page: nowhere, component: Orders}", "the account has no v3 status page 'nowhere'"),
        (
            "[{page: platform, component: Orders}, {page: Platform, component: Checkout}]",
            "are the same page 'Platform'",
        ),
    ],
)
def test_online_a_service_that_does_not_lead_to_readers_is_refused(run, config, service, problem):
    config.write_text(config.read_text().replace("payments: Payments", f"payments: {service}"))
    shown = run("check", config, "--online")
    assert shown.code == 1
    (line,) = [line for line in shown.out.splitlines() if line.startswith("Problem: ")]
    assert problem in line


@pytest.mark.usefixtures("environment")
def test_online_several_pages_must_be_meant(run, config):
    config.write_text(config.read_text().replace("{name: Checkout, shared: true}", "Checkout"))
    found = json.loads(run("check", config, "--online", "--output", "json").out)
    assert found["problems"][0]["message"].startswith(
        "service 'checkout': 'Checkout' is on several pages (Public, Internal);"
    )
    assert len(found["problems"]) == 2
    places = [(each["file"], each["line"], each["column"], each["path"]) for each in found["problems"]]
    assert places == [(str(config), 3, 3, "services.checkout"), (str(config), 4, 3, "services.payments")]
    assert [each.keys() for each in found["problems"]] == [PROBLEM] * 2


@pytest.mark.usefixtures("environment")
def test_online_nothing_is_called_right_above_a_problem(run, config):
    shown = run("check", config, "--online")
    assert "is valid" not in shown.out
    assert shown.out.startswith(f"{config} does not fit the account: 1 problem; 4 routes, 2 services.\n")


@pytest.mark.usefixtures("environment")
def test_online_everything_can_be_right(run, config):
    config.write_text(config.read_text().replace("  payments: Payments\n", ""))
    shown = run("check", config, "--online", "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, found["ok"], found["problems"]) == (0, True, [])
    assert [page["name"] for page in found["reach"][0]["pages"]] == ["Public", "Internal"]
    assert [[page["private"] for page in route["pages"]] for route in found["routes"]] == [
        [],
        [],
        [False, True],
        [False, True],
    ]


@pytest.mark.usefixtures("environment")
def test_online_a_migration_is_seen_and_the_way_out_is_named(run, config, sandbox):
    config.write_text(config.read_text().replace("  payments: Payments\n", "").replace("shared: true", "shared: false"))
    sandbox.control("POST", "pages/internal/migrate")
    try:
        assert run("check", config, "--online").code == 0
        sandbox.control("POST", "pages/public/migrate")
        shown = run("check", config, "--online")
        assert shown.code == 1
        assert "no status page shows 'Checkout', so no reader would see it" in shown.out
        assert "{page: 'public', component: 'Checkout'}" in shown.out
        now = "[{page: public, component: Checkout}, {page: internal, component: Checkout}]"
        config.write_text(config.read_text().replace("{name: Checkout, shared: false}", now))
        assert run("check", config, "--online").code == 0
    finally:
        sandbox.control("POST", "reset")


@pytest.mark.usefixtures("environment")
def test_online_a_retired_v1_api_is_named_as_that(run, config, sandbox):
    sandbox.control("PATCH", "settings", v1_gone=410)
    try:
        shown = run("check", config, "--online")
        assert shown.code == 1
        assert "Problem: Checkly has retired the v1 API for this account: name pages and components for" in shown.out
        services = "{checkout: {page: platform, component: Checkout}, payments: {page: platform, component: Orders}}"
        text = config.read_text()
        config.write_text(f"version: 1\nservices: {services}\n{text[text.index('severity:') :]}")
        assert run("check", config, "--online").code == 0
    finally:
        sandbox.control("PATCH", "settings", v1_gone=None)


def test_online_a_refused_key_is_explained(run, config, environment):
    environment.setenv("CHECKLY_API_KEY", "wrong")
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "refuses the key" in shown.err
    assert "wrong" not in shown.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "problem"),
    [
        ("CHECKLY_API_KEY", "wrong", 1, "refuses the key"),
        ("CHECKLY_API_URL", "http://127.0.0.1:1", 1, "http://127.0.0.1:1 cannot be read"),
        ("CHECKLY_API_KEY", "", 2, "Set CHECKLY_API_KEY and CHECKLY_ACCOUNT_ID"),
    ],
)
def test_online_an_account_that_cannot_be_looked_at_is_json_too(
    run, config, environment, variable, value, code, problem
):
    environment.setenv(variable, value)
    shown = run("check", config, "--online", "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, shown.err, found["ok"]) == (code, "", False)
    assert problem in found["problems"][0]["message"]
    assert found["problems"][0].keys() == PROBLEM


def test_what_is_lost_without_a_reference_is_said(run, config):
    ignored = "routes:\n  - {name: no-outage, match: 'alertname =~ \"Datasource(Error|NoData)\"', ignore: true}"
    config.write_text(config.read_text().replace("routes:", ignored))
    assert "Note:" not in run("check", config).out
    assert json.loads(run("check", config, "--output", "json").out)["notes"] == []
    config.write_text(config.read_text().replace("checkly: {", "checkly: {reference: false, "))
    shown = run("check", config)
    assert shown.code == 0
    assert "Note: checkly.reference is false" in shown.out
    (note,) = json.loads(run("check", config, "--output", "json").out)["notes"]
    assert "after a loss of Redis" in note


def test_check_online_needs_an_api_key(run, config, monkeypatch):
    monkeypatch.delenv("CHECKLY_API_KEY", raising=False)
    shown = run("check", config, "--online")
    assert shown.code == 2
    assert "Set CHECKLY_API_KEY and CHECKLY_ACCOUNT_ID" in shown.err


def test_online_a_checkly_out_of_reach_is_said(run, config, environment):
    environment.setenv("CHECKLY_API_URL", "http://127.0.0.1:1")
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "http://127.0.0.1:1 cannot be read" in shown.err


META = """\
version: 1
services: {checkout: Checkout}
severity: [{is: MINOR}]
routes:
%s
"""
GRAFANA = "{name: own, match: 'alertname =~ \"Datasource(Error|NoData)\"', ignore: true}"
SERVICE = "{name: checkout, match: service = checkout, services: [checkout]}"
EVERYTHING = "{name: all, services: [checkout]}"


def notes(run, config, *routes: str) -> list[str]:
    config.write_text(META % "\n".join(f"  - {each}" for each in routes))
    shown = run("check", config, "--output", "json")
    assert shown.code == 0
    found: list[str] = json.loads(shown.out)["notes"]
    return [note.removeprefix(f"{config}:") for note in found]


def test_what_grafana_fires_of_itself_is_noted_where_a_route_would_publish_it(run, config):
    (note,) = notes(run, config, SERVICE)
    assert note.startswith('5: the route "checkout": if Grafana sends you alerts')
    assert "MissingSeries" in note
    (note,) = notes(run, config, SERVICE, EVERYTHING.replace("all", "warnings").replace(", s", ", match: a = b, s"))
    assert note.startswith('5: the route "checkout" and others: ')


@pytest.mark.parametrize(
    "routes",
    [
        (GRAFANA, SERVICE),
        (GRAFANA.replace("ignore", "watchdog"), SERVICE),
        ("{name: own, match: 'alertname =~ \"Datasource.*\"', ignore: true}", SERVICE),
        (SERVICE.replace("match: service", "match: alertname"),),
        (SERVICE.replace("service = checkout", "['alertname !~ \"Datasource.*\"', service = checkout]"),),
        (SERVICE.replace("service = checkout", "__source__ = pagerduty"),),
    ],
)
def test_what_grafana_fires_of_itself_is_not_noted_where_no_route_would_publish_it(run, config, routes):
    assert notes(run, config, *routes) == []


def test_a_route_that_publishes_the_watchdog_is_noted(run, config):
    (note,) = notes(run, config, GRAFANA, EVERYTHING)
    assert note.startswith('6: the route "all" publishes Watchdog and InfoInhibitor, which are not outages')
    (note,) = notes(run, config, GRAFANA, "{name: alive, match: alertname = Watchdog, watchdog: true}", EVERYTHING)
    assert note.startswith('7: the route "all" publishes InfoInhibitor, which')
    match = "match: 'alertname =~ \"Watchdog|InfoInhibitor|Datasource(Error|NoData)\"'"
    assert notes(run, config, f"{{name: own, {match}, ignore: true}}", EVERYTHING) == []
    assert notes(run, config, GRAFANA, "{name: all, services: {label: service}}") == []


def test_what_cannot_be_seen_is_noted_with_its_place(run, config):
    (note,) = notes(run, config, GRAFANA, SERVICE.replace("= checkout", "= check\u200bout"))
    assert note == "6:44: routes[1].match: U+200B (zero width space) cannot be seen here"
    config.write_text(config.read_text().replace("version", "versio\u043f"))
    shown = run("check", config)
    assert shown.code == 1
    assert (
        f"Note: {config}:1:7: versio\u043f: U+043F (cyrillic small letter pe) is not a Latin letter here\n" in shown.out
    )


def test_the_how_to_shows_what_is_printed_of_the_example(run):
    shown = run("check", ROOT / "config" / "bridge.yaml")
    how_to = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
    routes = [line for line in shown.out.partition("\n")[2].partition("\n\nServices:")[0].splitlines() if line]
    assert [line for line in routes if f"    {line}\n" not in how_to] == []
    assert "bridge.yaml is valid: 4 routes, 3 services." in shown.out
    assert "bridge.yaml is valid: 4 routes, 3 services." in how_to


HEALING = """\
healing:
  alertmanagers: [{name: eu, urls: [http://a, http://b], alive: {match: alertname = Watchdog}}]
"""


@pytest.mark.parametrize(("mode", "then"), [("close", "closes"), ("observe", "only tells")])
def test_it_says_whom_healing_asks_and_what_becomes_of_that(run, config, mode, then):
    config.write_text(config.read_text() + HEALING + f"  mode: {mode}\n")
    found = run("check", config)
    assert f"Healing asks eu (2 peers) every 1m, and {then} what no peer has listed for 10m." in found.out


def test_an_absence_that_is_short_is_noted(run, config):
    config.write_text(config.read_text() + HEALING + "  absent_for: 3m\n")
    assert "less than 5m makes it likely that an alert is closed which fires on" in run("check", config).out
