"""What a payload says stays inside: only the configuration's words, and labels that it lists as public, get out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis

from tests.scenarios.pager import ENVIRONMENT, delivered
from tests.scenarios.vocabulary import (
    Page,
    alert,
    command,
    iso,
    log_of,
    logged,
    metric,
    now_ms,
    payload,
    write_configuration,
)
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.servers import Bridge

CANARY = "Quokka"
EVERYTHING = [{"name": "all", "services": ["checkout"]}]


def canaries(status: str) -> bytes:
    """A payload that says the word wherever it can; one of its alerts cannot be understood."""
    labels = {f"{CANARY}_{number}": f"{CANARY} {number}" for number in range(3)}
    names = ("alertname", "service", "severity", "team", "instance")
    told = alert(status, **labels, **dict.fromkeys(names, CANARY)) | {
        "annotations": {"summary": f"{CANARY} <b>", CANARY: CANARY},
        "generatorURL": f"http://prometheus/graph?g0.expr={CANARY}",
    }
    unusable = told | {"labels": {CANARY: [CANARY]}, "fingerprint": [CANARY], "startsAt": CANARY}
    return payload(
        told,
        unusable,
        receiver=CANARY,
        groupKey=f'{{}}:{{{CANARY}="{CANARY}"}}',
        groupLabels={CANARY: CANARY},
        commonLabels=labels,
        commonAnnotations={CANARY: CANARY},
        externalURL=f"http://{CANARY}:9093",
        notification_reason=CANARY,
    )


def paged(status: str) -> bytes:
    """An event of PagerDuty that says the word wherever it can."""
    reference = {"id": CANARY, "type": "service_reference", "summary": CANARY, "html_url": f"https://{CANARY}.example"}
    data = {
        "id": "Q1",
        "type": "incident",
        "number": 7,
        "status": status,
        "title": f"{CANARY}\r\n<b>",
        "html_url": f"https://{CANARY}.pagerduty.example/incidents/Q1",
        "created_at": iso(now_ms()),
        "service": reference,
        "escalation_policy": reference,
        "teams": [reference],
        "priority": reference,
        "urgency": "high",
        "body": {"details": CANARY},
    }
    event = {"id": status, "event_type": f"incident.{status}", "occurred_at": iso(now_ms()), "data": data}
    return json.dumps({"event": event}).encode()


def kept(redis_url: str) -> bytes:
    """Everything in Redis, with the names of the keys."""
    readers = {"string": "get", "hash": "hgetall", "list": "lrange", "set": "smembers", "zset": "zrange"}
    found = b""
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter():
            kind = client.type(key).decode()
            everything = (0, -1) if kind in {"list", "zset"} else ()
            found += key + repr(getattr(client, readers[kind])(key, *everything)).encode()
    return found


def told(bridge: Bridge) -> list[dict[str, Any]]:
    """The alerts of the only incident, as an administrator reads them."""
    (incident,) = bridge.incidents()["incidents"]
    answer = httpx.get(
        f"{bridge.url}/api/incidents/{incident['id']}", headers={"Authorization": f"Bearer {bridge.admin_token}"}
    )
    alerts: list[dict[str, Any]] = answer.raise_for_status().json()["alerts"]
    return alerts


def assert_silent(bridge: Bridge, page: Page) -> None:
    """The word is nowhere outside, nor in what operators collect; the secrets neither."""
    metrics = httpx.get(f"{bridge.url}/metrics").raise_for_status().text
    for text in (page.html, str(page.incidents), str(page.calls), str(page.mails), metrics, bridge.output):
        assert CANARY.lower() not in text.lower()
        assert bridge.alertmanager_token not in text
        assert bridge.admin_token not in text


def test_a_word_in_all_labels_and_annotations_gets_nowhere(start_bridge, page, config):
    write_configuration(config, routes=EVERYTHING, public_labels=["region"])
    bridge = start_bridge()
    for refused in (CANARY.encode(), f'{{"alerts": "{CANARY}"}}'.encode(), f'{{"version": "{CANARY}"}}'.encode()):
        assert bridge.deliver(refused).status_code == 400
    assert bridge.deliver(b"{}", token=CANARY).status_code == 401
    assert bridge.deliver(canaries("firing")).json()["delivery"]["changed"] == 1
    page.shows(status="INVESTIGATING", services=("Checkout",))
    assert_silent(bridge, page)
    assert bridge.deliver(canaries("resolved")).json()["delivery"]["changed"] == 1
    page.shows(status="RESOLVED")
    assert_silent(bridge, page)
    assert metric(bridge, "bridge_alerts_total", outcome="unusable") == 2
    assert len(log_of(bridge, "alert_unusable")) == 2


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ({"match": "team = shop", "services": ["checkout"]}, "unmatched"),
        ({"match": f"team = {CANARY}", "ignore": True}, "ignored"),
        ({"services": {"label": "service"}}, "unknown_service"),
    ],
)
def test_what_is_not_published_is_said_to_those_with_a_token_alone(start_bridge, page, config, route, reason):
    write_configuration(config, routes=[{"name": "only", **route}])
    bridge = start_bridge()
    assert bridge.deliver(canaries("firing")).json()["delivery"]["ignored"] == 1
    lines = logged(bridge, "alert_not_published", times=2)
    assert {line["reason"] for line in lines} == {reason, "unusable"}
    assert_silent(bridge, page)
    asked = httpx.get(f"{bridge.url}/api/alerts?published=false&reason={CANARY}")
    assert CANARY not in asked.text
    headers = {"Authorization": f"Bearer {bridge.admin_token}"}
    asked = httpx.get(f"{bridge.url}/api/alerts?published=false&reason={CANARY}", headers=headers)
    assert (asked.status_code, CANARY in asked.text) == (400, False)

    def groups():
        found = httpx.get(f"{bridge.url}/api/alerts?published=false&reason={reason}", headers=headers)
        return found.raise_for_status().json()["groups"]

    (group,) = eventually(groups, "the group")
    assert group["name"] == CANARY


def test_what_operators_are_told_of_alerts_stands_behind_a_token_alone(start_bridge, page, config, redis_url):
    write_configuration(config, routes=EVERYTHING, operator_labels=["instance", f"{CANARY}_1"])
    bridge = start_bridge(environment=ENVIRONMENT)
    assert bridge.deliver(canaries("firing")).status_code == 202
    delivered(bridge, paged("triggered"))
    page.shows(status="INVESTIGATING", services=("Checkout",))
    assert_silent(bridge, page)
    for headers in ({}, {"Authorization": f"Bearer {CANARY}"}):
        (incident,) = bridge.incidents()["incidents"]
        answer = httpx.get(f"{bridge.url}/api/incidents/{incident['id']}", headers=headers)
        assert answer.status_code == 401
        assert CANARY not in answer.text
    by_source = {alert["source"]: alert for alert in told(bridge)}
    alertmanager, pagerduty = by_source["alertmanager"], by_source["pagerduty"]
    assert alertmanager["name"] == CANARY
    assert alertmanager["labels"] == {"severity": CANARY, "instance": CANARY, f"{CANARY}_1": f"{CANARY} 1"}
    assert alertmanager["link"].startswith(f"http://{CANARY}:9093/#/alerts?filter=%7Balertname%3D%22{CANARY}%22")
    assert CANARY.encode() in kept(redis_url)
    assert pagerduty["name"] == f"#7 {CANARY} <b>"
    assert pagerduty["link"] == f"https://{CANARY}.pagerduty.example/incidents/Q1"
    assert bridge.deliver(canaries("resolved")).status_code == 202
    delivered(bridge, paged("resolved"))
    page.shows(status="RESOLVED")
    assert_silent(bridge, page)


def test_without_operator_labels_the_word_is_not_even_in_redis(start_bridge, page, config, redis_url):
    write_configuration(config, routes=EVERYTHING, operator_labels="none")
    bridge = start_bridge(environment=ENVIRONMENT)
    assert bridge.deliver(canaries("firing")).status_code == 202
    delivered(bridge, paged("triggered"))
    page.shows(status="INVESTIGATING", services=("Checkout",))
    assert_silent(bridge, page)
    assert [(each["name"], each["labels"], each["link"]) for each in told(bridge)] == [(None, None, None)] * 2
    assert b"incident:" in kept(redis_url)
    assert CANARY.lower().encode() not in kept(redis_url).lower()


def test_without_operator_labels_what_is_not_published_is_kept_without_its_words(start_bridge, page, config, redis_url):
    write_configuration(config, routes=[{"name": "only", "services": {"label": "service"}}], operator_labels="none")
    bridge = start_bridge()
    assert bridge.deliver(canaries("firing")).json()["delivery"]["ignored"] == 1
    headers = {"Authorization": f"Bearer {bridge.admin_token}"}

    def groups():
        found = httpx.get(f"{bridge.url}/api/alerts?published=false", headers=headers).raise_for_status().json()
        return found["groups"] if len(found["groups"]) == 2 else None

    found = eventually(groups, "both groups")
    assert {(each["reason"], each["name"], each["value"]) for each in found} == {
        ("unknown_service", None, None),
        ("unusable", None, None),
    }
    assert b"unknown_service" in kept(redis_url)
    assert CANARY.lower().encode() not in kept(redis_url).lower()
    assert_silent(bridge, page)


@pytest.mark.parametrize("name", ["name", "investigating"])
def test_a_text_that_reads_another_label_is_no_configuration(config, name):
    write_configuration(config, routes=EVERYTHING, public_labels=["region"], texts={name: "{{ labels.instance }}"})
    result = command("check", config)
    assert result.returncode == 1
    assert 'the label "instance" is not public' in result.stdout
