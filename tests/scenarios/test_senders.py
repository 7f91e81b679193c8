"""Two clusters whose alerts have the same labels: with names they are two, and without names they are noticed."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.scenarios.pager import ENVIRONMENT, SECRET, PagedIncident
from tests.scenarios.vocabulary import alert, command, iso, log_of, logged, metric, now_ms, payload, write_configuration
from tests.servers import Alertmanager, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Bridge

TIMES = {"publish_after": "0", "resolve_after": "1s", "hold_refire": "60s"}
BY_SENDER = [
    {"name": "eu", "match": "__sender__ = eu", "services": ["checkout"]},
    {"name": "us", "match": "__sender__ = us", "services": ["payments"]},
    {"name": "rest", "services": ["search"]},
]
BY_RECEIVER = [
    {"name": "eu", "match": "__receiver__ = status-eu", "services": ["checkout"]},
    {"name": "us", "match": "__receiver__ = status-us", "services": ["payments"]},
]


@pytest.fixture
def bridge(start_bridge, config):
    """It tells senders apart by their names."""
    write_configuration(config, routes=BY_SENDER, defaults=TIMES)
    return start_bridge(environment=ENVIRONMENT)


def takes(bridge: Bridge, path: str, *alerts: dict[str, Any], **envelope: Any) -> None:
    headers = {"Authorization": f"Bearer {bridge.alertmanager_token}"}
    answer = httpx.post(f"{bridge.webhook}{path}", content=payload(*alerts, **envelope), headers=headers)
    assert answer.status_code == 202, answer.text


def pages(bridge: Bridge, path: str, *events: bytes) -> None:
    for event in events:
        signature = hmac.new(SECRET.encode(), event, "sha256").hexdigest()
        headers = {"X-PagerDuty-Signature": f"v1={signature}"}
        answer = httpx.post(f"{bridge.url}/webhooks/pagerduty{path}", content=event, headers=headers)
        assert answer.status_code == 202, answer.text


def over(started: dict[str, Any]) -> dict[str, Any]:
    return started | {"status": "resolved", "endsAt": iso(now_ms())}


def shown(page: Any) -> dict[str, str]:
    """The status of each service's incident."""
    return {", ".join(incident.services): incident.status for incident in page.incidents}


def wait_for(page: Any, **expected: str) -> None:
    eventually(lambda: shown(page) == expected, f"the page to show {expected}")


def test_two_clusters_with_names_have_incidents_of_their_own_and_each_ends_its_own(bridge, page):
    eu, us = alert(), alert() | {"startsAt": iso(now_ms() + 1)}
    assert eu["fingerprint"] == us["fingerprint"]
    takes(bridge, "/eu", eu)
    takes(bridge, "/us", us)
    wait_for(page, Checkout="INVESTIGATING", Payments="INVESTIGATING")
    takes(bridge, "/us", over(us))
    wait_for(page, Checkout="INVESTIGATING", Payments="RESOLVED")
    takes(bridge, "/eu", eu)
    takes(bridge, "/eu", over(eu))
    wait_for(page, Checkout="RESOLVED", Payments="RESOLVED")
    assert {each["sender"] for found in bridge.incidents()["incidents"] for each in alerts_of(bridge, found)} == {
        "eu",
        "us",
    }


def alerts_of(bridge: Bridge, incident: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bridge.incident(incident["id"])["alerts"]
    return found


@pytest.mark.parametrize("word", ["firing", "resolved"])
def test_what_fires_when_its_path_gets_a_name_ends_in_the_same_incident(bridge, page, word):
    started = alert()
    takes(bridge, "", started)
    wait_for(page, Search="INVESTIGATING")
    if word == "firing":
        takes(bridge, "/eu", started)
    takes(bridge, "/eu", over(started))
    wait_for(page, Search="RESOLVED")
    assert page.opened == 1


def test_two_pagerduty_accounts_with_the_same_ids_merge_and_end_their_own(bridge, page):
    eu, us = PagedIncident("Q1SENDER00001"), PagedIncident("Q1SENDER00001")
    target = PagedIncident("Q1SENDER00002")
    pages(bridge, "/eu", eu.triggered(), target.triggered())
    pages(bridge, "/us", us.triggered())
    wait_for(page, Checkout="INVESTIGATING", Payments="INVESTIGATING")
    pages(bridge, "/eu", eu.merged_into(target))
    pages(bridge, "/us", us.resolved())
    wait_for(page, Checkout="INVESTIGATING", Payments="RESOLVED")
    pages(bridge, "/eu", target.resolved())
    wait_for(page, Checkout="RESOLVED", Payments="RESOLVED")


def test_two_senders_that_nobody_named_are_noticed_with_what_to_do(start_bridge, config):
    write_configuration(config, routes=BY_RECEIVER, defaults=TIMES)
    bridge = start_bridge()
    started = alert()
    for receiver in ("status-eu", "status-us", "status-eu"):
        takes(bridge, "", started, receiver=receiver)
    (line,) = logged(bridge, "identity_conflict")
    assert line["level"] == "warning"
    assert "/webhooks/alertmanager/<name>" in line["remedy"]
    assert line["fingerprint"] == started["fingerprint"]
    assert metric(bridge, "bridge_identity_conflicts_total", source="alertmanager") == 1
    listed = command("incidents", "list", "--url", bridge.url, environment={"ADMIN_TOKENS": bridge.admin_token}).stdout
    assert "two senders report the same alert: name them" in listed


def test_a_renamed_receiver_orphans_nothing_and_is_no_conflict(start_bridge, page, config):
    write_configuration(config, routes=BY_RECEIVER, defaults=TIMES)
    bridge = start_bridge()
    started = alert()
    takes(bridge, "", started, receiver="status-eu")
    wait_for(page, Checkout="INVESTIGATING")
    takes(bridge, "", started, receiver="status-us")
    takes(bridge, "", over(started), receiver="status-us")
    wait_for(page, Checkout="RESOLVED")
    assert not log_of(bridge, "identity_conflict")


def test_credentials_of_a_senders_own(start_bridge, config, tmp_path):
    (tmp_path / "eu").write_text("eu-token\n")
    senders = {"alertmanager": {"eu": {"credentials": "EU_TOKENS"}, "us": {"credentials": "US_TOKENS"}}}
    write_configuration(config, routes=BY_SENDER, defaults=TIMES, senders={**senders, "only_listed": True})
    bridge = start_bridge(environment={"EU_TOKENS_FILE": str(tmp_path / "eu")})
    (line,) = log_of(bridge, "credentials_missing")
    assert (line["sender"], "US_TOKENS" in line["message"]) == ("us", True)
    for path, token, status in (
        ("/eu", "eu-token", 202),
        ("/eu", bridge.alertmanager_token, 401),
        ("/us", bridge.alertmanager_token, 503),
        ("/ap", bridge.alertmanager_token, 404),
        ("", bridge.alertmanager_token, 202),
        ("/" + "x" * 65, bridge.alertmanager_token, 404),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.post(bridge.webhook + path, content=payload(alert()), headers=headers)
        assert answer.status_code == status, path
    assert metric(bridge, "bridge_deliveries_total", sender="eu", code="202") == 1
    write_configuration(config, routes=BY_SENDER, defaults=TIMES)
    logged(bridge, "config_loaded", times=2)
    headers = {"Authorization": f"Bearer {bridge.alertmanager_token}"}
    assert httpx.post(f"{bridge.webhook}/us", content=payload(alert()), headers=headers).status_code == 202


def test_explain_asks_for_the_senders_name(config, tmp_path):
    write_configuration(config, routes=BY_SENDER, defaults=TIMES)
    (tmp_path / "payload.json").write_bytes(payload(alert()))
    for options, route in (([], "rest"), (["--sender", "us"], "us")):
        asked = command("explain", "--config", config, tmp_path / "payload.json", *options)
        assert f'route "{route}"' in asked.stdout
    assert command("explain", "--config", config, tmp_path / "payload.json", "--sender", "a b").returncode == 2


@pytest.mark.needs("alertmanager")
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_two_real_alertmanagers_of_two_clusters(start_bridge, page, config, tmp_path: Path, named):
    """The same rules in both. Without names the receivers differ, which the bridge notices; with names all is well."""
    write_configuration(config, routes=BY_SENDER if named else BY_RECEIVER, defaults=TIMES)
    bridge = start_bridge()
    route = {"group_wait": "0s", "repeat_interval": "1s"}
    labels = {"alertname": "CheckoutErrors", "severity": "critical"}

    def cluster(name: str) -> Alertmanager:
        webhook = f"{bridge.webhook}/{name}" if named else bridge.webhook
        return Alertmanager(
            tmp_path / name, webhook=webhook, token=bridge.alertmanager_token, route=route, receiver=f"status-{name}"
        )

    with cluster("eu") as eu, cluster("us") as us:
        eu.alert(**labels)
        wait_for(page, Checkout="INVESTIGATING")
        us.alert(**labels)
        if not named:
            logged(bridge, "identity_conflict")
            return
        wait_for(page, Checkout="INVESTIGATING", Payments="INVESTIGATING")
        us.post({"labels": labels, "endsAt": iso(now_ms())})
        wait_for(page, Checkout="INVESTIGATING", Payments="RESOLVED")
        delivered = metric(bridge, "bridge_deliveries_total", code="202")
        eventually(lambda: metric(bridge, "bridge_deliveries_total", code="202") >= delivered + 3, "repeats of eu")
        assert shown(page) == {"Checkout": "INVESTIGATING", "Payments": "RESOLVED"}
        eu.post({"labels": labels, "endsAt": iso(now_ms())})
        wait_for(page, Checkout="RESOLVED", Payments="RESOLVED")
    assert not log_of(bridge, "identity_conflict")
