from __future__ import annotations

import json

import pytest

from tests.servers import Bridge

PAYLOAD = json.dumps(
    {
        "version": "4",
        "alerts": [{"status": "firing", "labels": {"region": "eu"}, "startsAt": "2026-01-01T00:00:00Z"}],
    }
).encode()


@pytest.fixture
def bridge(tmp_path, config, sandbox, redis_url, monkeypatch):
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        monkeypatch.setenv("BRIDGE_URL", server.url)
        monkeypatch.setenv("ADMIN_TOKENS", server.admin_token)
        yield server


def test_they_are_listed_and_shown(bridge, run):
    assert run("incidents", "list").out == "No incidents.\n"
    bridge.deliver(PAYLOAD)
    listed = run("incidents", "list")
    assert listed.code == 0
    (found,) = json.loads(run("incidents", "list", "--output", "json").out)
    assert listed.out.splitlines()[1].split() == [found["id"], "PENDING", "MINOR", "checkout", 'shop{region="eu"}']
    shown = run("incidents", "show", found["id"])
    assert 'route "shop"' in shown.out
    assert json.loads(run("incidents", "show", found["id"], "--output", "json").out)["alerts"][0]["status"] == "firing"


@pytest.mark.usefixtures("bridge")
def test_an_unknown_id_is_said(run):
    shown = run("incidents", "show", "0000000000")
    assert shown.code == 1
    assert "answers 404: there is no incident of this id" in shown.err


@pytest.mark.usefixtures("bridge")
def test_a_wrong_token_is_said_and_not_shown(run, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKENS", "hunter2")
    shown = run("incidents", "list")
    assert shown.code == 1
    assert "answers 401" in shown.err
    assert "hunter2" not in shown.err


def test_without_a_bridge_it_says_where_it_looked(run, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKENS", "x")
    shown = run("incidents", "list", "--url", "http://127.0.0.1:1")
    assert shown.code == 1
    assert "No bridge answers at http://127.0.0.1:1" in shown.err


def test_a_token_is_needed(run, monkeypatch):
    monkeypatch.delenv("ADMIN_TOKENS", raising=False)
    assert run("incidents", "list").code == 2
