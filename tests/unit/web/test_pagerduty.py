"""What the application answers to PagerDuty, whose retry rules differ from Alertmanager's."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.core.routing import Router
from bridge.model import AlertStatus
from bridge.senders.credentials import Credentials
from bridge.senders.pagerduty.signature import SigningSecrets
from bridge.store import StoreUnavailable
from bridge.web.admin import People
from bridge.web.app import create_app
from bridge.web.endpoints import PagerDuty
from bridge.web.sender_watch import SenderWatch
from tests.servers import programs
from tests.unit.senders.pagerduty.fixtures import BODIES, DIRECTORY, NAMES, fixture
from tests.unit.web.application import NOW, Bridge, assert_refused

CONFIG = """\
version: 1
services: {checkout: Checkout}
severity: [{is: MAJOR}]
pagerduty: {notes: {marker: "PUBLIC:"}}
routes:
  - {name: quiet, match: urgency = low, ignore: true}
  - {name: pager, match: service = Heartbeat, watchdog: true}
  - {name: checkout, match: service_id = PSERV01, services: [checkout]}
"""
TRIGGERED = BODIES["incident-triggered"]
UNSIGNED = {"X-PagerDuty-Signature": ""}
HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "pagerduty.md"
ALWAYS_THERE = [
    *(("bridge_deliveries_total", {"code": code}) for code in ("202", "400", "401", "405", "413", "415", "503")),
    ("bridge_alerts_total", {"outcome": "unusable"}),
    ("bridge_alerts_total", {"outcome": "unknown_service"}),
    ("bridge_alerts_truncated_total", {}),
    ("bridge_public_notes_total", {"outcome": "dropped"}),
]


@pytest.fixture
async def bridge(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG, secrets=("old", "secret"))
    async with bridge.client:
        yield bridge


def delivery(**counts: int) -> dict[str, Any]:
    return {"status": "accepted", "delivery": {"alerts": 0, "changed": 0, "ignored": 0, "unusable": 0} | counts}


def sample(metric: str, **labels: str) -> float | None:
    return telemetry.REGISTRY.get_sample_value(metric, {"source": "pagerduty", "sender": ""} | labels)


def last_delivery() -> float:
    return sample("bridge_last_delivery_timestamp_seconds") or 0


async def test_an_incident_is_stored_and_its_duplicate_changes_nothing(bridge):
    for changed in (1, 0):
        answer = await bridge.page(TRIGGERED)
        assert (answer.status_code, answer.json()) == (202, delivery(alerts=1, changed=changed))
    assert [(alert.fingerprint, routed.route) for alert, routed in bridge.store.items] == [
        ("Q1SAMPLE000001", "checkout")
    ] * 2


@pytest.mark.parametrize("name", NAMES)
async def test_every_event_is_accepted(bridge, name):
    assert (await bridge.page(BODIES[name])).status_code == 202


async def test_either_secret_is_accepted(bridge):
    assert (await bridge.page(TRIGGERED, secret="old")).status_code == 202


@pytest.mark.parametrize(
    "body", [BODIES["ping"], fixture("incident-triggered", event_type="incident.canary")], ids=["ping", "unknown"]
)
async def test_what_is_no_news_changes_nothing_and_needs_no_store(bridge, body):
    bridge.store.error = StoreUnavailable("not to be asked")
    with capture_logs() as lines:
        answer = await bridge.page(body)
    assert (answer.status_code, answer.json()) == (202, delivery())
    assert bridge.changes == 0
    assert [line["event"] for line in lines] == ["delivery_dismissed"]
    assert "canary" not in repr(lines)


async def test_an_ignored_incident_is_told_to_the_store_which_may_count_it_still(bridge):
    answer = await bridge.page(fixture("incident-triggered", data__urgency="low"))
    assert answer.status_code == 202
    assert [(alert.status, routed) for alert, routed in bridge.store.items] == [(AlertStatus.FIRING, None)]


async def test_an_incident_may_be_a_watchdog(bridge):
    for event, heard in (("incident-resolved-by-person", set()), ("incident-triggered", {"pager"})):
        assert (await bridge.page(fixture(event, data__service__summary="Heartbeat"))).status_code == 202
        assert bridge.store.heard == heard
    assert [routed for _, routed in bridge.store.items] == [None, None]


async def test_an_unusable_event_is_accepted_and_recorded(bridge):
    with capture_logs() as lines:
        answer = await bridge.page(fixture("incident-triggered", data=None))
    assert (answer.status_code, answer.json()) == (202, delivery(alerts=1, unusable=1))
    assert [(line["event"], line["path"]) for line in lines] == [("alert_unusable", "$.event.data.type")]
    assert bridge.store.items == []


@pytest.mark.parametrize(
    ("key", "unusable"), [("service", 1), ("urgency", 1), ("title", 0), ("teams", 0), ("priority", 0)]
)
async def test_an_event_must_say_what_the_configuration_reads_and_no_more(bridge, key, unusable):
    answer = await bridge.page(fixture("incident-triggered", **{f"data__{key}": None}))
    assert (answer.status_code, answer.json()["delivery"]["unusable"]) == (202, unusable)
    assert len(bridge.store.items) == 1 - unusable


@pytest.mark.parametrize("signature", ["", "v1=", "v1=" + "0" * 64, "v2=" + "0" * 64])
async def test_a_missing_or_wrong_signature(bridge, signature):
    before = last_delivery()
    answer = await bridge.page(TRIGGERED, headers={"X-PagerDuty-Signature": signature})
    assert_refused(answer, 401, "unauthorized")
    assert "www-authenticate" in answer.headers
    assert bridge.store.items == []
    assert last_delivery() == before


async def test_neither_a_token_nor_an_unreadable_header_is_a_signature(bridge):
    headers: Any = {"X-PagerDuty-Signature": "v1=Überlastung".encode(), "Authorization": b"Bearer token"}
    assert_refused(await bridge.page(TRIGGERED, headers=headers), 401, "unauthorized")


async def test_no_secret_configured_is_loud_and_the_event_comes_again(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG, secrets=())
    async with bridge.client:
        with capture_logs() as lines:
            answer = await bridge.page(TRIGGERED)
    assert_refused(answer, 503, "no_credentials")
    assert "PAGERDUTY_SIGNING_SECRETS" in answer.json()["message"]
    assert [(line["event"], line["log_level"]) for line in lines] == [("credentials_missing", "error")]
    assert "V3" not in lines[0]["message"]


async def test_an_older_webhook_is_told_to_migrate_even_while_there_is_no_secret(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG, secrets=())
    async with bridge.client:
        for body, headers in ((b'{"messages": []}', {}), (b"{}", {"User-Agent": "PagerDuty-Webhook/V2.0"})):
            answer = await bridge.page(body, headers=UNSIGNED | headers)
            assert_refused(answer, 503, "no_credentials")
            assert "PAGERDUTY_SIGNING_SECRETS" in answer.json()["message"]
            assert "create a V3 subscription" in answer.json()["message"]


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_an_older_webhook_is_unsigned_and_told_to_migrate(bridge, version):
    body = (DIRECTORY / "legacy" / f"{version}.json").read_bytes()
    with capture_logs() as lines:
        answer = await bridge.page(body, headers=UNSIGNED)
    assert_refused(answer, 401, "unauthorized")
    assert "create a V3 subscription" in lines[0]["message"]
    assert_refused(await bridge.page(body), 400, "not_understood")


async def test_the_older_webhook_s_user_agent_is_enough(bridge):
    answer = await bridge.page(b"{}", headers=UNSIGNED | {"User-Agent": "PagerDuty-Webhook/V2.0"})
    assert "V3" in answer.json()["message"]
    answer = await bridge.page(b"{}", headers=UNSIGNED | {"User-Agent": "PagerDuty-Webhook/V3.0"})
    assert "V3" not in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "is_older"),
    [
        (b'{"a":1,"messages" : [ {"id": 1}]}', True),
        (b'{"a":1,"messages":[', True),
        (b'{"messages":"x"}', False),
        (b'{"event":{"data":{"message":"the \\"messages\\": [x]"}}}', False),
        (json.dumps(TRIGGERED).encode(), False),
    ],
)
async def test_the_older_webhooks_messages_are_noticed_wherever_they_stand(bridge, body, is_older):
    answer = await bridge.page(body, headers=UNSIGNED)
    assert_refused(answer, 401, "unauthorized")
    assert ("V3" in answer.json()["message"]) is is_older


@pytest.mark.parametrize("body", [b"", b"canary", json.dumps(TRIGGERED).encode()[:-3], b'{"event": "canary"}', b"[]"])
async def test_a_signed_body_that_is_not_an_event_is_answered_400(bridge, body):
    with capture_logs() as lines:
        answer = await bridge.page(body)
    assert_refused(answer, 400, "not_understood")
    assert "PagerDuty V3" in answer.json()["message"]
    assert "canary" not in answer.text + repr(lines)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_webhooks_of_pagerduty_answer_405_to_other_methods(bridge, method):
    before = sample("bridge_deliveries_total", code="405") or 0
    answer = await bridge.page(TRIGGERED, method=method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert sample("bridge_deliveries_total", code="405") == before + 1
    assert bridge.store.items == []


class Newcomer(PagerDuty):
    """A sender of which nothing was ever heard."""


@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize(("metric", "labels"), ALWAYS_THERE, ids=str)
def test_what_alert_rules_watch_is_there_before_it_happens(bridge, metric, labels, receives):
    Newcomer.name = f"newcomer-{receives}"
    create_app(
        store=bridge.store,
        config=bridge,
        router=Router(),
        senders=[Newcomer(SigningSecrets([]))],
        people=People(admins=Credentials([]), operators={}),
        wall_ms=lambda: NOW,
        health=bridge.health,
        sender_watch=SenderWatch([], wall_ms=lambda: NOW),
        unpublished=bridge.unpublished,
        receives=receives,
    )
    assert sample(metric, source=Newcomer.name, **labels) == 0
    assert sample("bridge_last_delivery_timestamp_seconds", source=Newcomer.name) is None


async def test_the_size_limit_is_lower_for_a_sender_that_is_known_only_by_its_body(bridge):
    body = json.dumps(TRIGGERED).encode()
    assert (await bridge.page(body + b" " * 200_000)).status_code == 202
    assert_refused(await bridge.page(body + b" " * (256 << 10)), 413, "too_large")


async def test_a_lower_limit_of_the_configuration_holds_too(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG + "limits: {body: 100}\n")
    async with bridge.client:
        assert_refused(await bridge.page(TRIGGERED), 413, "too_large")


async def test_without_the_store_the_event_comes_again(bridge):
    bridge.store.error = StoreUnavailable("gone")
    assert_refused(await bridge.page(TRIGGERED), 503, "store_unavailable")


async def test_while_stopping_the_event_comes_again(bridge):
    bridge.app.state.stopping = True
    assert_refused(await bridge.page(TRIGGERED), 503, "stopping")


async def test_a_ping_counts_as_a_sign_of_life(bridge):
    telemetry.LAST_DELIVERY.labels("pagerduty", "").set(0)
    await bridge.page(BODIES["ping"])
    assert last_delivery() == NOW / 1000


DAY = 1440  # minutes
RESTARTED = f"60x60 _x{5 * DAY}"  # heard in the first minute, forgotten an hour later
PINGED = f"60x60 _x{DAY - 61} {60 + DAY * 60}x60 _x{DAY - 61} {60 + 2 * DAY * 60}x60 _x{3 * DAY}"


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    ("heard", "at", "fires"),
    [
        ("_", "10m", True),
        (f"60x{5 * DAY}", "47h", False),
        (f"60x{5 * DAY}", "49h", True),
        (RESTARTED, "47h", False),
        (RESTARTED, "48h30m", True),
        (RESTARTED, "49h30m", True),
        (RESTARTED, "100h", True),
        (PINGED, "95h", False),
        (PINGED, "97h", True),
    ],
)
def test_the_how_to_s_rule_sees_silence_through_restarts(tmp_path, heard, at, fires):
    (text,) = re.findall(r"^    - alert: .*(?:\n    .*)+", HOW_TO.read_text(), re.MULTILINE)
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "how-to", "rules": yaml.safe_load(text)}]}))
    up = {"series": 'up{job="checkly-bridge"}', "values": f"1x{5 * DAY}"}
    last = {"series": 'bridge_last_delivery_timestamp_seconds{source="pagerduty"}', "values": heard}
    query = {
        "expr": 'count(ALERTS{alertname="BridgeNoPagerDuty", alertstate="firing"}) or vector(0)',
        "eval_time": at,
        "exp_samples": [{"labels": "{}", "value": int(fires)}],
    }
    test = {"interval": "1m", "input_series": [up, last], "promql_expr_test": [query]}
    (tmp_path / "test.yaml").write_text(
        json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]})
    )
    told = subprocess.run(
        [programs.require("promtool"), "test", "rules", tmp_path / "test.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


async def test_a_remark_is_counted_and_said_to_be_dropped(bridge):
    with capture_logs() as lines:
        answer = await bridge.page(BODIES["incident-annotated"])
    assert (answer.status_code, answer.json()) == (202, delivery())
    assert [(line["event"], line["fingerprint"]) for line in lines] == [("public_note_dropped", "Q1SAMPLE000001")]
    assert "rolling back" not in repr(lines)


async def test_titles_names_and_notes_reach_neither_log_nor_metrics(bridge):
    body = copy.deepcopy(TRIGGERED)
    for name in ("service", "escalation_policy"):
        body["event"]["data"][name]["summary"] = "canary"
    body["event"]["data"] |= {"title": "canary", "incident_key": "canary", "html_url": "https://canary"}
    with capture_logs() as lines:
        await bridge.page(body)
        await bridge.page(fixture("incident-annotated", data__content="PUBLIC: canary"))
        await bridge.page(fixture("incident-triggered", data__status="canary"))
    assert {line["event"] for line in lines} >= {"alert_changed", "public_note_dropped", "alert_unusable"}
    assert "canary" not in repr(lines) + (await bridge.get("/metrics")).text
