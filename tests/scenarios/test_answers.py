"""What a sender is answered: a contract with the rules by which Alertmanager and its look-alikes repeat a delivery."""

from __future__ import annotations

import base64
import signal
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.scenarios.vocabulary import INCIDENTS, Outage, alert, log_of, logged, metric, payload
from tests.servers import Bridge, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 16 << 20
CANARY = "quokka"


def assert_refused(answer: httpx.Response, status: int) -> None:
    """An error is JSON of one shape, and repeats nothing of the request."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error", "message"}
    assert CANARY not in answer.text.lower()
    assert Bridge.alertmanager_token not in answer.text


def send(bridge: Bridge, content: Any, *, method: str = "POST", path: str = "", authorization: str | None = None):
    """A request to the webhook, with the right token unless another authorization is given."""
    token = f"Bearer {bridge.alertmanager_token}" if authorization is None else authorization
    return httpx.request(method, bridge.webhook + path, content=content, headers={"Authorization": token})


def padded(size: int) -> bytes:
    """A payload of this size."""
    small = payload(alert(instance=CANARY))
    return small + b" " * (size - len(small))


def in_chunks(body: bytes) -> Iterator[bytes]:
    """A body whose size is not declared."""
    for start in range(0, len(body), 1 << 16):
        yield body[start : start + (1 << 16)]


def changed(answer: httpx.Response) -> int:
    """How many alerts an accepted delivery changed."""
    assert answer.status_code == 202
    delivery: dict[str, int] = answer.json()["delivery"]
    return delivery["changed"]


def test_what_is_stored_repeated_or_ignored_is_accepted(bridge):
    started = payload(alert())
    assert changed(send(bridge, started)) == 1
    assert changed(send(bridge, started)) == 0
    assert changed(send(bridge, payload(alert(team="other")))) == 0
    assert changed(send(bridge, payload(alert("resolved", service="search")))) == 0
    for outcome in ("opened", "repeat", "unmatched", "unknown"):
        assert metric(bridge, "bridge_alerts_total", outcome=outcome) == 1


def test_grafana_may_deliver_with_put(bridge, page):
    """Grafana says version 1, adds fields of its own, and uses PUT where it is told to."""
    body = payload(alert() | {"values": None}, version="1", orgId=1, title="[FIRING:1]", state="alerting", message="")
    assert changed(send(bridge, body, method="PUT")) == 1
    page.shows(status="INVESTIGATING")


def test_missing_and_wrong_credentials_are_refused(bridge):
    assert_refused(httpx.post(bridge.webhook, content=payload(alert())), 401)
    pair = base64.b64encode(f"alertmanager:{CANARY}".encode()).decode()
    for authorization in ("", "Bearer", f"Bearer {CANARY}", f"Basic {pair}", f"Digest {bridge.alertmanager_token}"):
        assert_refused(send(bridge, payload(alert()), authorization=authorization), 401)


def test_a_token_may_come_as_the_password_of_basic_authentication(bridge):
    pair = base64.b64encode(f"alertmanager:{bridge.alertmanager_token}".encode()).decode()
    assert changed(send(bridge, payload(alert()), authorization=f"Basic {pair}")) == 1


def test_without_any_credentials_of_its_own_the_bridge_asks_for_patience_and_says_so_loudly(start_bridge):
    bridge = start_bridge(environment={"ALERTMANAGER_TOKENS": ""})
    assert_refused(send(bridge, payload(alert())), 503)
    (line,) = log_of(bridge, "credentials_missing")
    assert line["level"] == "error"
    assert "ALERTMANAGER_TOKENS" in line["message"]


def test_what_is_no_payload_is_refused_with_what_and_where(bridge):
    for body, where in (
        (CANARY.encode(), "$"),
        (b"", "$"),
        (b'{"alerts": [{"labels": {"quokka": "quokka"}}', "$"),
        (b"\xff\xfe", "$"),
        (b'["quokka"]', "$"),
        (b'{"quokka": "quokka"}', "$"),
        (b'{"version": "4", "alerts": "quokka"}', "$.alerts"),
        (b'{"version": "9", "alerts": []}', "$.version"),
    ):
        answer = send(bridge, body)
        assert_refused(answer, 400)
        assert f"{where}: " in answer.json()["message"]


def test_one_unusable_alert_does_not_sink_its_group(bridge, page):
    unusable = {**alert(service=CANARY), "labels": {CANARY: 7}}
    answer = send(bridge, payload(unusable, alert()))
    assert changed(answer) == 1
    assert answer.json()["delivery"]["unusable"] == 1
    assert metric(bridge, "bridge_alerts_total", outcome="unusable") == 1
    (line,) = log_of(bridge, "alert_unusable")
    assert line["path"].startswith("$.alerts[0].labels")
    page.shows(status="INVESTIGATING", services=("Checkout",))


def test_other_methods_are_neither_accepted_nor_redirected(bridge):
    for method in ("GET", "HEAD", "DELETE", "PATCH"):
        answer = send(bridge, None, method=method)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


def test_a_path_beside_the_webhook_is_not_redirected(bridge):
    for path in ("/", "/more/still"):
        assert_refused(send(bridge, payload(alert()), path=path), 404)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_exactly_the_limit_is_accepted_and_a_byte_more_is_not(bridge, chunked):
    fits, exceeds = padded(LIMIT), padded(LIMIT + 1)
    assert changed(send(bridge, in_chunks(fits) if chunked else fits)) == 1
    assert_refused(send(bridge, in_chunks(exceeds) if chunked else exceeds), 413)


def test_a_body_that_says_it_is_too_large_is_refused_unread(bridge):
    head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bridge.alertmanager_token}\r\n"
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {LIMIT + 1}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.needs("redis-server")
def test_while_redis_is_away_nothing_is_promised_and_afterwards_all_goes_on(start_bridge, page, own_redis):
    bridge = start_bridge(redis_url=own_redis.url)
    pid = bridge.pid
    assert changed(send(bridge, payload(alert()))) == 1
    page.shows(status="INVESTIGATING")

    own_redis.stop()
    assert_refused(send(bridge, payload(alert(service="payments"))), 503)
    eventually(lambda: httpx.get(f"{bridge.url}/readyz").status_code == 503, "the bridge not to be ready")
    assert_refused(httpx.get(f"{bridge.url}/readyz"), 503)
    assert httpx.get(f"{bridge.url}/healthz").status_code == 200
    assert log_of(bridge, "store_unavailable")

    own_redis.start()
    eventually(bridge.is_ready, "the bridge to be ready again")
    assert changed(send(bridge, payload(alert(service="payments")))) == 1
    page.shows(status="INVESTIGATING", services=("Checkout", "Payments"))
    assert bridge.pid == pid


def test_shutting_down_it_asks_for_patience_and_finishes_what_is_in_hand(bridge, page):
    page.fault("hold", method="POST", path=INCIDENTS, commit=True)
    Outage(bridge).fires()
    page.holds()

    bridge.signal(signal.SIGTERM)
    logged(bridge, "stopping")
    assert_refused(send(bridge, payload(alert(service="payments"))), 503)
    assert_refused(httpx.get(f"{bridge.url}/readyz"), 503)

    page.release()
    assert bridge.wait() == 0
    assert log_of(bridge, "page_written")
    assert log_of(bridge)[-1]["event"] == "stopped"
