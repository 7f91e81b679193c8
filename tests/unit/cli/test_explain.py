from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[3]
FIXTURES = sorted((ROOT / "tests" / "fixtures" / "alertmanager").glob("*.json"))
PAGERDUTY = ROOT / "tests" / "fixtures" / "pagerduty"


def payload(*alerts: dict[str, str], status: str = "firing") -> str:
    listed = [{"labels": labels, "status": status, "startsAt": "2026-01-01T00:00:00Z"} for labels in alerts]
    return json.dumps({"version": "4", "status": status, "alerts": listed})


@pytest.fixture
def explain(run, config, tmp_path):
    """Explains a payload with ``CONFIG``."""

    def explain_(text: str, *options: str):
        path = tmp_path / "payload.json"
        path.write_text(text)
        return run("explain", "--config", config, path, *options)

    return explain_


def test_an_alert_is_explained_line_by_line(explain, config):
    shown = explain(payload({"region": "eu", "severity": "critical"}))
    assert shown.code == 0
    for line in (
        f'- route "shop" ({config}:13) matches region!=""',
        f'- severity CRITICAL: rule ({config}:6) matches severity="critical"',
        "- services checkout: named by the route",
        "publish after  1m30s of firing",
        "hold           6m for a doubtful re-fire",
        "flapping       when it fires 3 times within 1h, until 15m of quiet or of firing",
        "on v1          Checkout CRITICAL",
        "name           Issue affecting Checkout",
        "without room   withheld until there is room (budgets)",
        "investigating (mailed to subscribers):",
        "resolved (not mailed):",
    ):
        assert line in shown.out
    assert shown.out.count("Reference: ") == 1


def test_alerts_of_one_incident_are_summed_up(explain):
    shown = explain(
        payload({"region": "eu"}, {"region": "eu", "severity": "critical"}, {"region": "us"}), "--output", "json"
    )
    (found,) = json.loads(shown.out)
    assert [(each["key"], each["severity"]) for each in found["incidents"]] == [
        ('shop{region="eu"}', "CRITICAL"),
        ('shop{region="us"}', "MINOR"),
    ]
    assert found["incidents"][0]["id"] in found["incidents"][0]["posts"][0]["texts"]["investigating"]
    assert found["incidents"][0]["policy"]["impacts"]["MINOR"] == "DEGRADED_PERFORMANCE"


PAGES = """\
version: 1
services:
  checkout: [Checkout, {page: status, component: Shop}]
  orders: [{page: status, component: Orders}, {page: platform, component: Orders}]
severity: [{match: severity = critical, is: CRITICAL}, {is: MINOR}]
impact: {MINOR: UNDER_MAINTENANCE}
routes: [{name: labelled, services: {label: service}, impact: {CRITICAL: PARTIAL_OUTAGE}}]
"""


def test_every_page_is_shown_with_the_impact_on_its_components_and_its_own_words(explain, config):
    config.write_text(PAGES)
    text = payload({"service": "orders"}, {"service": "checkout", "severity": "critical"})
    shown = explain(text)
    assert shown.code == 0
    assert "  on v1          Checkout CRITICAL\n  name           Issue affecting Checkout\n" in shown.out
    assert (
        "  on v3:status   Shop PARTIAL_OUTAGE, Orders UNDER_MAINTENANCE\n"
        "  name           Issue affecting multiple services\n"
    ) in shown.out
    assert "  on v3:platform  Orders UNDER_MAINTENANCE\n  name           Issue affecting Orders\n" in shown.out
    (found,) = json.loads(explain(text, "--output", "json").out)
    assert [(post["page"], post["shown"]) for post in found["incidents"][0]["posts"]] == [
        ("v1", {"Checkout": "CRITICAL"}),
        ("v3:status", {"Shop": "PARTIAL_OUTAGE", "Orders": "UNDER_MAINTENANCE"}),
        ("v3:platform", {"Orders": "UNDER_MAINTENANCE"}),
    ]


def test_it_says_where_an_update_on_the_page_takes_an_incident_over(explain, config):
    text = payload({"service": "orders"})
    config.write_text(f"{PAGES}people: {{on_update: stop}}\n")
    assert "  people         an update on the page takes it over (people.on_update)\n" in explain(text).out
    (found,) = json.loads(explain(text, "--output", "json").out)
    assert found["incidents"][0]["on_update"] == "stop"


def test_pages_with_the_same_words_are_shown_together(explain, config):
    config.write_text(PAGES)
    shown = explain(payload({"service": "orders"}))
    pages = "  on v3:status   Orders UNDER_MAINTENANCE\n  on v3:platform  Orders UNDER_MAINTENANCE\n  name "
    assert pages in shown.out
    assert shown.out.count("  name ") == 1


def test_an_incident_whose_alerts_are_resolved_is_shown_as_it_was(explain):
    (found,) = json.loads(explain(payload({"region": "eu"}, status="resolved"), "--output", "json").out)
    assert found["incidents"][0]["services"] == ["checkout"]


def test_an_ignored_alert_says_why(explain):
    shown = explain(payload({"env": "test"}, {"status_page": "unknown"}))
    assert shown.code == 0
    assert "is not published (route)" in shown.out
    assert "is not published (service)" in shown.out
    assert "Incident " not in shown.out


def test_a_watchdog_is_not_published_and_says_what_it_is_for(explain, config):
    shown = explain(payload({"alertname": "Watchdog"}))
    assert "is not published (watchdog)" in shown.out
    assert f'- route "alive" ({config}:12) matches alertname="Watchdog"' in shown.out
    assert "- the route is a watchdog's: the bridge records when it last received this alert firing" in shown.out
    (found,) = json.loads(explain(payload({"alertname": "Watchdog"}), "--output", "json").out)
    assert (found["alerts"][0]["ignored"], found["incidents"]) == ("watchdog", [])


def test_an_unusable_alert_is_exit_code_1_and_the_others_count(explain):
    shown = explain('{"version": "4", "alerts": [{"labels": 3}, {"labels": {"region": "eu"}, "status": "firing"}]}')
    assert shown.code == 1
    assert "Alert 1 is unusable: $.alerts[0].labels" in shown.out
    assert "Incident " in shown.out


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "9", "alerts": []}'])
def test_what_is_no_payload_is_refused(explain, text):
    shown = explain(text)
    assert shown.code == 1
    assert "not a payload of alertmanager" in shown.err


def test_explain_reads_standard_input(run, config, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(payload({"region": "eu"}).encode())))
    assert 'shop{region="eu"}' in run("explain", "-", "--config", config).out


def test_explain_reports_a_missing_file(run, config):
    assert "No such file" in run("explain", "/nowhere.json", "--config", config).err


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_every_captured_payload_is_understood(run, config, fixture):
    shown = run("explain", "--config", config, fixture)
    assert shown.code == 0
    deliveries = len(json.loads(fixture.read_bytes()).get("deliveries", [None]))
    assert shown.out.count("=== Delivery") == (deliveries if deliveries > 1 else 0)


class TestPagerDuty:
    """The same, for what PagerDuty delivers."""

    @pytest.fixture
    def explain_event(self, run, tmp_path):
        """Explains one of the invented deliveries, with the example and more of its ``pagerduty`` section."""
        example = ROOT / "config" / "pagerduty.yaml"

        def explain_(name: str, *options: str, **meaning: str):
            text = example.read_text()
            for key, value in meaning.items():
                text = re.sub(f"(?m)^  {key}: .*$", f"  {key}: {value}", text)
            path = tmp_path / "pagerduty.yaml"
            path.write_text(text)
            return run("explain", "--config", path, "--source", "pagerduty", PAGERDUTY / f"{name}.json", *options)

        return explain_

    @pytest.mark.parametrize(
        ("name", "meaning", "line"),
        [
            ("incident-triggered", {}, "- severity MAJOR: rule"),
            ("incident-priority-updated", {}, "- severity CRITICAL: rule"),
            ("incident-triggered", {"open_on": "acknowledged"}, "- opens nothing yet: nobody has acknowledged it"),
            ("incident-merged", {}, "- merged into Q1SAMPLE000002: it is over only when that one is"),
            (
                "incident-resolved-by-timeout",
                {"resolve_by": "person"},
                "It changes nothing: resolved, but not by a person",
            ),
            ("incident-annotated", {}, "    Some payments fail. We are rolling back."),
            ("incident-annotated-by-resolution", {}, "It changes nothing: a note or status update that is not for"),
            ("incident-workflow-started", {}, "It changes nothing: an event of a type that is of no use here"),
            ("ping", {}, "It changes nothing: a ping."),
        ],
    )
    def test_explain_shows_what_an_event_would_do(self, explain_event, name, meaning, line):
        shown = explain_event(name, **meaning)
        assert shown.code == 0, shown.err
        assert line in shown.out

    def test_explain_prints_the_same_as_json(self, explain_event):
        (found,) = json.loads(explain_event("incident-annotated", "--output", "json").out)
        assert [public_note["fingerprint"] for public_note in found["public_notes"]] == ["Q1SAMPLE000001"]
        (found,) = json.loads(explain_event("ping", "--output", "json").out)
        assert found["dismissed"]["reason"] == "ping"

    def test_an_event_that_does_not_say_what_the_configuration_reads_is_exit_code_1(self, run, tmp_path):
        event = json.loads((PAGERDUTY / "incident-triggered.json").read_bytes())
        event["event"]["data"]["service"] = None
        path = tmp_path / "payload.json"
        path.write_text(json.dumps(event))
        config = ROOT / "config" / "pagerduty.yaml"
        shown = run("explain", "--config", config, "--source", "pagerduty", path)
        assert shown.code == 1
        assert "$.event.data.service" in shown.out

    def test_another_senders_payload_is_refused(self, run, config, tmp_path):
        path = tmp_path / "payload.json"
        path.write_text(payload({"region": "eu"}))
        shown = run("explain", "--config", config, "--source", "pagerduty", path)
        assert (shown.code, "not a payload of pagerduty" in shown.err) == (1, True)


@pytest.mark.parametrize("alertname", ["DatasourceError", "DatasourceNoData", "Watchdog", "InfoInhibitor"])
def test_the_example_to_copy_publishes_no_alert_about_alerting(run, tmp_path, alertname):
    path = tmp_path / "payload.json"
    path.write_text(payload({"alertname": alertname, "service": "checkout", "severity": "critical", "env": "prod"}))
    shown = run("explain", "--config", ROOT / "config" / "bridge.yaml", path)
    assert 'route "no-outage"' in shown.out
    assert "the route has ignore: true" in shown.out


SLY = "a\x1b[31mb\x9bc\u202ed\nFIRING e\u2028f"


def test_what_is_not_printable_is_escaped_everywhere(tmp_path, run):
    config = tmp_path / "bridge.yaml"
    config.write_text(
        "version: 1\nservices: {a: A}\nseverity: [{is: MINOR}]\npublic_labels: [region]\n"
        "routes: [{name: r, services: [a], group_by: [region]}]\n"
    )
    payload = tmp_path / "payload.json"
    alert = {"status": "firing", "fingerprint": SLY, "labels": {"region": SLY, SLY: SLY}}
    payload.write_text(json.dumps({"version": "4", "alerts": [alert, {"status": SLY}]}))
    shown = run("explain", str(payload), "--config", str(config))
    assert not [char for char in shown.out if not (char.isprintable() or char == "\n")]
    assert "\\u001b[31mb\\u009bc\\u202ed\\nFIRING e\\u2028f" in shown.out
    assert not [line for line in shown.out.splitlines() if line.startswith("FIRING e")]
    found = run("explain", str(payload), "--config", str(config), "--output", "json").out
    assert not [char for char in found if not (char.isprintable() or char == "\n")]
    assert json.loads(found)[0]["alerts"][0]["fingerprint"] == SLY
