"""What the application answers to PagerDuty, whose retry rules differ from Alertmanager's."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.model import AlertStatus
from bridge.store import StoreUnavailable
from tests.unit.application import NOW, Bridge, assert_refused
from tests.unit.sources.pagerduty_fixtures import BODIES, DIRECTORY, NAMES, fixture

CONFIG = """\
version: 1
services: {checkout: Checkout}
severity: [{is: MAJOR}]
pagerduty: {notes: {marker: "PUBLIC:"}}
routes:
  - {name: quiet, match: urgency = low, ignore: true}
  - {name: checkout, match: service_id = PSERV01, services: [checkout]}
"""
TRIGGERED = BODIES["incident-triggered"]
UNSIGNED = {"X-PagerDuty-Signature": ""}


@pytest.fixture
async def bridge(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG, secrets=("old", "secret"))
    async with bridge.client:
        yield bridge


def delivery(**counts: int) -> dict[str, Any]:
    return {"status": "accepted", "delivery": {"alerts": 0, "changed": 0, "ignored": 0, "unusable": 0} | counts}


def last_delivery() -> float:
    return telemetry.REGISTRY.get_sample_value("bridge_last_delivery_timestamp_seconds", {"source": "pagerduty"}) or 0


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


async def test_an_unusable_event_is_accepted_and_recorded(bridge):
    with capture_logs() as lines:
        answer = await bridge.page(fixture("incident-triggered", data=None))
    assert (answer.status_code, answer.json()) == (202, delivery(alerts=1, unusable=1))
    assert [(line["event"], line["path"]) for line in lines] == [("alert_unusable", "$.event.data.type")]
    assert bridge.store.items == []


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


@pytest.mark.parametrize("body", [b"", b"canary", json.dumps(TRIGGERED).encode()[:-3], b'{"event": "canary"}', b"[]"])
async def test_what_is_no_event(bridge, body):
    with capture_logs() as lines:
        answer = await bridge.page(body)
    assert_refused(answer, 400, "not_understood")
    assert "PagerDuty V3" in answer.json()["message"]
    assert "canary" not in answer.text + repr(lines)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_other_methods(bridge, method):
    answer = await bridge.page(TRIGGERED, method=method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_the_size_limit_is_lower_for_a_sender_that_is_known_only_by_its_body(bridge):
    body = json.dumps(TRIGGERED).encode()
    assert (await bridge.page(body + b" " * 300_000)).status_code == 202
    assert_refused(await bridge.page(body + b" " * (1 << 20)), 413, "too_large")


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
    telemetry.LAST_DELIVERY.labels("pagerduty").set(0)
    await bridge.page(BODIES["ping"])
    assert last_delivery() == NOW / 1000


async def test_a_remark_is_counted_and_said_to_be_dropped(bridge):
    with capture_logs() as lines:
        answer = await bridge.page(BODIES["incident-annotated"])
    assert (answer.status_code, answer.json()) == (202, delivery())
    assert [(line["event"], line["fingerprint"]) for line in lines] == [("remark_dropped", "Q1SAMPLE000001")]
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
    assert {line["event"] for line in lines} >= {"alert_changed", "remark_dropped", "alert_unusable"}
    assert "canary" not in repr(lines) + (await bridge.get("/metrics")).text
