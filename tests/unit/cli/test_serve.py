"""The process itself: its roles, signals and exit codes. What it does with alerts is told in the scenarios."""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.servers import Bridge, Process, ServerError, eventually

PAYLOAD = json.dumps(
    {
        "version": "4",
        "alerts": [{"status": "firing", "labels": {"region": "eu"}, "startsAt": "2026-01-01T00:00:00Z"}],
    }
).encode()


@pytest.fixture
def bridge(tmp_path, config, sandbox, redis_url):
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        yield server


def events(server: Process) -> list[str]:
    return [json.loads(line)["event"] for line in server.output.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(bridge, number):
    assert bridge.deliver(PAYLOAD).status_code == 202
    bridge.signal(number)
    assert bridge.wait() == 0
    assert events(bridge)[-1] == "stopped"
    assert "stopping" in events(bridge)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_while_it_starts_is_not_lost(tmp_path, config, sandbox, number):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a Redis that does not answer: the start waits for it
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        starting = Bridge(tmp_path / "starting", config=config, sandbox=sandbox, redis_url=url).start(wait=False)
        connection, _ = silent.accept()
        with connection:
            starting.signal(number)
            assert starting.wait() == 0


def test_a_delivery_in_flight_is_finished_after_sigterm(bridge):
    half = len(PAYLOAD) // 2
    head = (
        f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bridge.alertmanager_token}\r\n"
        f"Content-Length: {len(PAYLOAD)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", bridge.port)) as connection:
        connection.sendall(head.encode() + PAYLOAD[:half])
        eventually(lambda: httpx.get(f"{bridge.url}/healthz").is_success, "the loop to have seen the request")
        bridge.signal(signal.SIGTERM)
        eventually(lambda: "stopping" in events(bridge), "the stop to begin")
        connection.sendall(PAYLOAD[half:])
        assert connection.recv(100).startswith(b"HTTP/1.1 202")
    assert bridge.wait() == 0


def test_while_it_finishes_a_write_it_answers_503(bridge, config, sandbox):
    config.write_text(config.read_text().replace("publish_after: 90s", "publish_after: 0s"))
    bridge.signal(signal.SIGHUP)
    eventually(lambda: events(bridge).count("config_loaded") == 2, "the reload")
    sandbox.control("POST", "faults", kind="hold", method="POST", path="/v1/status-pages/incidents", commit=True)
    assert bridge.deliver(PAYLOAD).status_code == 202
    eventually(lambda: any(call["fault"] == "hold" for call in sandbox.control("GET", "calls")), "the held write")
    bridge.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in events(bridge), "the stop to begin")
    refused = bridge.deliver(PAYLOAD)
    assert (refused.status_code, refused.json()["error"]) == (503, "stopping")
    assert httpx.get(f"{bridge.url}/readyz").status_code == 503
    assert sandbox.control("POST", "release") == {"released": 1}
    assert bridge.wait(within=10) == 0
    assert events(bridge).index("stopping") < events(bridge).index("page_written")


def test_sighup_takes_over_the_file(bridge, config):
    config.write_text(config.read_text() + "retention: 9d\n")
    bridge.signal(signal.SIGHUP)
    eventually(lambda: events(bridge).count("config_loaded") == 2, "the reload")


def test_sighup_while_it_starts_is_survived(tmp_path, config, sandbox, redis_url):
    """It is made to wait for the file of a variable, so that the signal comes in the middle of the start."""
    waits = tmp_path / "redis-url"
    os.mkfifo(waits)
    variables = {"REDIS_URL": "", "REDIS_URL_FILE": str(waits)}
    server = Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, environment=variables)
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        server.start(wait=False)
        with waits.open("w") as url:
            server.signal(signal.SIGHUP)
            url.write(redis_url)
        server.wait_ready()
    finally:
        signal.signal(signal.SIGHUP, inherited)
        server.stop()


def test_no_server_header_is_sent(bridge):
    assert "server" not in httpx.get(f"{bridge.url}/healthz").headers


def test_a_taken_port_is_said(bridge, tmp_path, config, sandbox, redis_url):
    second = Bridge(tmp_path / "second", config=config, sandbox=sandbox, redis_url=redis_url, port=bridge.port)
    assert second.start(wait=False).wait() == 1
    assert f"Cannot listen on 127.0.0.1 port {bridge.port}: Address already in use" in second.output


def test_a_broken_configuration_keeps_it_from_starting(tmp_path, config, sandbox, redis_url):
    config.write_text("version: 2\n")
    with pytest.raises(ServerError, match=r"exit code 1(?s:.*)bridge\.yaml:1:"):
        Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url).start()


def test_a_receiver_needs_no_key(tmp_path, config, sandbox, redis_url):
    bare = {"CHECKLY_API_KEY": "", "CHECKLY_ACCOUNT_ID": ""}
    with Bridge(
        tmp_path / "receiver", config=config, sandbox=sandbox, redis_url=redis_url, role="receiver", environment=bare
    ) as receiver:
        assert receiver.deliver(PAYLOAD).status_code == 202
    with pytest.raises(ServerError, match=r"exit code 2(?s:.*)Set CHECKLY_API_KEY"):
        Bridge(tmp_path / "all", config=config, sandbox=sandbox, redis_url=redis_url, environment=bare).start()


def test_a_reconciler_takes_no_deliveries(tmp_path, config, sandbox, redis_url):
    with Bridge(tmp_path / "r", config=config, sandbox=sandbox, redis_url=redis_url, role="reconciler") as reconciler:
        assert reconciler.deliver(PAYLOAD).status_code == 503


@pytest.mark.needs("valkey-server")
def test_without_a_redis_it_brings_its_own(tmp_path, config, sandbox):
    server = Bridge(tmp_path / "bridge", config=config, sandbox=sandbox)
    with server:
        assert server.deliver(PAYLOAD).status_code == 202
        server.kill()
        server.start()
        assert [incident["key"] for incident in server.incidents()["incidents"]] == ['shop{region="eu"}']


def test_pagerduty_delivers_with_any_of_several_secrets(tmp_path, config, sandbox, redis_url):
    body = (Path(__file__).parents[2] / "fixtures" / "pagerduty" / "ping.json").read_bytes()
    secrets = {"PAGERDUTY_SIGNING_SECRETS": "old,new"}
    with Bridge(
        tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url, environment=secrets
    ) as server:
        for secret, code in (("old", 202), ("new", 202), ("other", 401)):
            signature = f"v1={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"
            headers = {"X-PagerDuty-Signature": signature}
            assert httpx.post(f"{server.url}/webhooks/pagerduty", content=body, headers=headers).status_code == code


def started_with(tmp_path, config, sandbox, redis_url, event: str, **options) -> list[dict[str, str]]:
    """The lines of this event that a bridge writes as it starts, when another has come that is later."""
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url, **options) as server:
        if options.get("role") != "receiver":
            eventually(lambda: {"audit_failed", "audit_finding"} & set(events(server)), "the account to be looked at")
        return [line for line in map(json.loads, server.output.splitlines()) if line["event"] == event]


@pytest.mark.parametrize("role", ["all", "receiver"])
def test_a_bridge_that_nobody_can_deliver_to_says_so(tmp_path, config, sandbox, redis_url, role):
    nobody = {"ALERTMANAGER_TOKENS": "", "PAGERDUTY_SIGNING_SECRETS": ""}
    said = started_with(
        tmp_path, config, sandbox, redis_url, "sender_without_credentials", role=role, environment=nobody
    )
    assert [(line["level"], line["source"], line["set"], str(line["needed"])) for line in said] == [
        ("warning", "alertmanager", "ALERTMANAGER_TOKENS", "False"),
        ("warning", "pagerduty", "PAGERDUTY_SIGNING_SECRETS", "False"),
    ]


def test_each_sender_without_credentials_is_said_by_those_who_receive(tmp_path, config, sandbox, redis_url):
    config.write_text(config.read_text() + "senders: {pagerduty: {eu: {}, us: {credentials: US_SECRETS}}}\n")
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        lines = [json.loads(line) for line in server.output.splitlines()]
    said = [(line["event"], line["sender"]) for line in lines if "credentials" in line["event"]]
    assert said == [("credentials_missing", "us"), ("sender_without_credentials", "eu")]
    nobody = {"ALERTMANAGER_TOKENS": "", "PAGERDUTY_SIGNING_SECRETS": ""}
    options = {"role": "reconciler", "environment": nobody}
    event = "sender_without_credentials"
    assert started_with(tmp_path / "r", config, sandbox, redis_url, event, **options) == []


STRICT = ("--strict",)
WITHOUT = {"ALERTMANAGER_TOKENS": ""}


@pytest.mark.parametrize(
    ("section", "environment", "message"),
    [
        ("", WITHOUT, "No sender has credentials: set ALERTMANAGER_TOKENS or PAGERDUTY_SIGNING_SECRETS."),
        ("pagerduty: {status_updates: true}", {}, "The sender pagerduty has no credentials: set PAGERDUTY_SIGNING"),
        ("senders: {alertmanager: {eu: {}, us: {}}}", WITHOUT, "alertmanager eu has no credentials: set ALERTMANAGER_"),
        ("senders: {alertmanager: {eu: {}, us: {}}}", WITHOUT, "alertmanager us has no credentials: set ALERTMANAGER_"),
        (
            "senders: {alertmanager: {eu: {credentials: EU}}}",
            {},
            "alertmanager eu has no credentials: set EU (or",
        ),
        ("", {"CHECKLY_API_KEY": "wrong"}, "refuses the key: "),
    ],
)
def test_a_strict_bridge_does_not_start_without_what_it_needs(
    tmp_path, config, sandbox, redis_url, section, environment, message
):
    config.write_text(f"{config.read_text()}{section}\n")
    parts = {"config": config, "sandbox": sandbox, "redis_url": redis_url, "environment": environment}
    server = Bridge(tmp_path / "strict", arguments=STRICT, **parts).start(wait=False)
    assert server.wait() == 1
    assert server.output.count(message) == 1
    with Bridge(tmp_path / "lenient", **parts):
        pass  # it is ready


def test_a_strict_bridge_starts_with_what_it_needs_and_when_checkly_does_not_answer(
    tmp_path, config, sandbox, redis_url
):
    parts = {"config": config, "sandbox": sandbox, "redis_url": redis_url, "arguments": STRICT}
    with Bridge(tmp_path / "right", **parts) as right:
        assert "key_not_probed" not in events(right)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = {"CHECKLY_API_URL": f"http://127.0.0.1:{closed.getsockname()[1]}"}
    with Bridge(tmp_path / "away", environment=away, **parts) as server:
        assert "key_not_probed" in events(server)
    bare = {"CHECKLY_API_KEY": "", "CHECKLY_ACCOUNT_ID": ""}
    with Bridge(tmp_path / "receiver", role="receiver", environment=bare, **parts):
        pass  # it writes nothing, so it needs no key
    with Bridge(tmp_path / "reconciler", role="reconciler", environment=WITHOUT, **parts):
        pass  # it receives nothing


def test_a_bridge_whose_key_is_refused_is_ready_and_says_so(tmp_path, config, sandbox, redis_url):
    wrong = {"CHECKLY_API_KEY": "wrong"}
    (said,) = started_with(tmp_path, config, sandbox, redis_url, "checkly_unauthorized", environment=wrong)
    assert said["level"] == "warning"
    assert "401" in said["reason"]
    assert started_with(tmp_path / "right", config, sandbox, redis_url, "checkly_unauthorized") == []


def test_every_answer_says_that_it_is_what_it_is_and_not_to_be_kept(bridge):
    answers = [
        bridge.deliver(PAYLOAD),
        bridge.deliver(PAYLOAD, token="wrong"),
        *(httpx.get(bridge.url + path) for path in ("/healthz", "/readyz", "/metrics", "/api/incidents", "/none")),
    ]
    with socket.create_connection(("127.0.0.1", bridge.port)) as connection:
        connection.sendall(b"no HTTP\r\n\r\n")
        no_http = connection.recv(1000)
    assert [answer.status_code for answer in answers] == [202, 401, 200, 200, 200, 401, 404]
    for answer in answers:
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
    assert no_http.startswith(b"HTTP/1.1 400")
    assert {b"nosniff", b"no-store"} <= set(no_http.split())
