from __future__ import annotations

import json

import pytest

from tests.servers import Bridge, eventually


def payload(**labels: str) -> bytes:
    return json.dumps(
        {"version": "4", "alerts": [{"status": "firing", "labels": labels, "fingerprint": "f1"}]}
    ).encode()


@pytest.fixture
def bridge(tmp_path, config, sandbox, redis_url, monkeypatch):
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        monkeypatch.setenv("BRIDGE_URL", server.url)
        monkeypatch.setenv("ADMIN_TOKENS", server.admin_token)
        yield server


def test_what_was_not_published_is_listed(bridge, run):
    assert run("alerts", "list", "--not-published").out == "Within 24 hours, nothing was left unpublished.\n"
    bridge.deliver(payload(alertname="DiskFull", status_page="chekout"))
    bridge.deliver(payload(alertname="Odd", env="test"))
    asked = ("alerts", "list", "--not-published", "-o", "json")
    found = eventually(lambda: (each := json.loads(run(*asked).out))["groups_total"] == 2 and each, "both groups")
    assert {each["reason"] for each in found["groups"]} == {"unknown_service", "ignored"}
    listed = run("alerts", "list", "--not-published", "--reason", "unknown_service").out.splitlines()
    last = next(each["last_at"] for each in found["groups"] if each["reason"] == "unknown_service")
    expected = ["unknown_service", "labelled", "DiskFull", 'status_page="chekout"', "1", last, "alertmanager", "f1"]
    assert listed[1].split() == [*expected, "checkout"]
    cut = run("alerts", "list", "--not-published", "--limit", "1").out
    assert cut.endswith("\n1 of 2 are shown. More: --limit 2\n")


@pytest.mark.usefixtures("bridge")
def test_what_cannot_be_listed_says_what_can(run):
    refused = run("alerts", "list")
    assert (refused.code, refused.err.partition(".")[0]) == (2, "Give --not-published")
    refused = run("alerts", "list", "--not-published", "--reason", "odd")
    assert (refused.code, "reason: expected one of unmatched, ignored" in refused.err) == (1, True)
