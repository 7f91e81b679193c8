from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.model import (
    AlertStatus,
    Incident,
    Intent,
    Phase,
    Post,
    Progress,
    Retry,
    Severity,
    Summary,
    UpdateKind,
    Write,
)
from bridge.store import CountedAlert, NotDurable, NotReplicated, StoreUnavailable
from bridge.web import app as app_module
from tests.unit.web.application import NOW, TOKEN, WEBHOOK, Bridge, assert_refused

LIMIT = 4096
DEADLINE = 10  # seconds; only a defect takes longer
INCIDENT = Incident(
    id="0JH0JQZKSA",
    key="checkout",
    route="checkout",
    revision=3,
    summary=Summary(firing=1, services={"checkout": Severity.MAJOR}, firing_since=NOW, outage_started_at=NOW - 1),
    progress=Progress(
        phase=Phase.INVESTIGATING,
        phase_since=NOW,
        posts={
            "v1": Post(
                remote_id="abc",
                status=Phase.INVESTIGATING,
                severity=Severity.MAJOR,
                services=("checkout",),
                intent=Intent(
                    write=Write.UPDATE,
                    status=Phase.MONITORING,
                    kind=UpdateKind.UPDATE,
                    severity=Severity.MAJOR,
                    services=("checkout",),
                    labels={},
                    name="n",
                    text="t",
                    notify=False,
                    public_at=NOW,
                    recorded_at=NOW,
                    unknown_at=NOW + 5,
                ),
                retry=Retry(parked="400: no such service"),
            )
        },
    ),
)
COUNTED = CountedAlert(
    source="alertmanager",
    fingerprint="f1",
    status="held",
    starts_at=NOW,
    ends_at=None,
    seen_at=NOW,
    severity=Severity.MAJOR,
    services=("checkout",),
    why=("because",),
)


@pytest.fixture
async def bridge(tmp_path):
    bridge = Bridge(tmp_path)
    bridge.store.held = [(INCIDENT, [COUNTED])]
    async with bridge.client:
        yield bridge


def alert(number: int = 0, /, *, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "A", "n": str(number)} | (labels or {"service": "checkout"}),
        "startsAt": "2026-11-23T18:47:07Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }


def group(*alerts: Any, **fields: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "web", "alerts": list(alerts)} | fields


def counted(source: str = "alertmanager") -> dict[str, float]:
    samples = next(iter(telemetry.ALERTS.collect())).samples
    return {s.labels["outcome"]: s.value for s in samples if s.name.endswith("_total") and s.labels["source"] == source}


def delivery(**counts: int) -> dict[str, Any]:
    return {"status": "accepted", "delivery": {"alerts": 1, "changed": 0, "ignored": 0, "unusable": 0} | counts}


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_stored_then_duplicate_then_resolved_are_accepted(bridge, method):
    for body, changed in [(alert(), 1), (alert(), 0), (alert(status="resolved"), 1), (alert(status="resolved"), 0)]:
        answer = await bridge.send(group(body), method=method)
        assert (answer.status_code, answer.json()) == (202, delivery(changed=changed))
    assert [routed.route for _, routed in bridge.store.items] == ["checkout"] * 4


async def test_only_a_delivery_that_made_an_incident_due_wakes_the_reconciler(bridge):
    await bridge.send(group(alert(1), alert(2)))
    assert bridge.changes == 1
    await bridge.send(group(alert(1)))
    await bridge.send(group(alert(env="dev")))
    await bridge.send(b"x")
    assert bridge.changes == 1


async def test_an_empty_group_is_accepted(bridge):
    answer = await bridge.send(group())
    assert (answer.status_code, answer.json()) == (202, delivery(alerts=0))


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [({"env": "dev"}, "ignored"), ({"env": "x"}, "unmatched"), ({"status_page": "x"}, "unknown_service")],
)
async def test_an_ignored_firing_alert_is_accepted_without_the_store(bridge, labels, outcome):
    bridge.store.error = StoreUnavailable("not to be asked")
    before = counted().get(outcome, 0)
    answer = await bridge.send(group(alert(**labels)))
    assert (answer.status_code, answer.json()) == (202, delivery(ignored=1))
    assert not bridge.store.reached.is_set()
    assert counted()[outcome] == before + 1


async def test_a_watchdog_is_accepted_once_the_store_has_noted_that_it_was_heard(bridge):
    before = counted().get("watchdog", 0)
    watchdog = alert(alertname="Watchdog")
    bridge.store.error = StoreUnavailable("gone")
    assert (await bridge.send(group(watchdog))).status_code == 503
    bridge.store.error = None
    answer = await bridge.send(group(watchdog, alert()))
    assert (answer.status_code, answer.json()) == (202, delivery(alerts=2, changed=1, ignored=1))
    assert bridge.store.heard == {"alive"}
    assert [alert.labels.get("alertname") for alert, _ in bridge.store.items] == ["A"]
    assert counted()["watchdog"] == before + 1


async def test_the_end_of_a_watchdog_is_no_sign_of_life(bridge):
    assert (await bridge.send(group(alert(status="resolved", alertname="Watchdog")))).status_code == 202
    assert bridge.store.heard == set()


async def test_an_ignored_resolve_reaches_the_store_without_a_route(bridge):
    answer = await bridge.send(group(alert(status="resolved", env="dev")))
    assert (answer.status_code, answer.json()) == (202, delivery(ignored=1))
    assert [(item.status, routed) for item, routed in bridge.store.items] == [(AlertStatus.RESOLVED, None)]


async def test_an_ignored_resolve_that_an_incident_waits_for_counts(bridge):
    body = alert(status="resolved", env="dev")
    bridge.store.firing.add("f1")
    answer = await bridge.send(group(body | {"fingerprint": "f1"}))
    assert (answer.status_code, answer.json()) == (202, delivery(changed=1))


async def test_one_unusable_alert_is_recorded_and_the_others_count(bridge):
    before = counted()
    with capture_logs() as lines:
        answer = await bridge.send(group(alert(1), {"labels": {"a": 1}}, alert(2), truncatedAlerts=3))
    assert (answer.status_code, answer.json()) == (202, delivery(alerts=3, changed=2, unusable=1))
    assert counted()["unusable"] == before.get("unusable", 0) + 1
    assert [line["path"] for line in lines if line["event"] == "alert_unusable"] == ["$.alerts[1].labels[...]"]
    assert [line["truncated"] for line in lines if line["event"] == "alerts_truncated"] == [3]


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}, {"Authorization": "Basic dG9rZW4="}]
)
async def test_missing_or_wrong_credentials_are_answered_401(bridge, headers):
    answer = await bridge.send(group(alert()), headers=headers)
    assert_refused(answer, 401, "unauthorized")
    assert "Bearer" in answer.headers["www-authenticate"]
    assert bridge.store.items == []


async def test_wrong_credentials_are_refused_before_the_body_is_read(bridge):
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"{}")
        yield b"{}"

    assert_refused(await bridge.send(body(), token="wrong"), 401, "unauthorized")
    assert read == []


async def test_basic_credentials_are_accepted(bridge):
    answer = await bridge.client.post(WEBHOOK, json=group(alert()), auth=("anyone", "token"))
    assert answer.status_code == 202


async def test_no_credentials_configured_is_loud(tmp_path):
    bridge = Bridge(tmp_path, tokens=())
    async with bridge.client:
        with capture_logs() as lines:
            answer = await bridge.send(group(alert()))
    assert_refused(answer, 503, "no_credentials")
    assert "ALERTMANAGER_TOKENS" in answer.json()["message"]
    assert [(line["event"], line["log_level"]) for line in lines] == [("credentials_missing", "error")]


@pytest.mark.parametrize(
    "body", [b"", b"canary", b"[]", b'{"alerts": "canary"}', b'{"alerts": [], "version": "canary"}']
)
async def test_a_body_that_is_not_the_senders_payload_is_answered_400(bridge, body):
    with capture_logs() as lines:
        answer = await bridge.send(body)
    assert_refused(answer, 400, "not_understood")
    assert "canary" not in answer.text + repr(lines)
    assert [line["event"] for line in lines] == ["delivery_rejected"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
async def test_webhooks_of_alertmanager_answer_405_to_other_methods(bridge, method):
    answer = await bridge.send(b"", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].replace(" ", "").split(",")) == {"POST", "PUT"}
    if method != "HEAD":
        assert_refused(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/webhooks/alertmanager/", "/webhooks", "/healthz/", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_paths_are_not_found_and_never_redirected(bridge, path, method):
    assert_refused(await bridge.send(b"", method=method, path=path), 404, "not_found")


async def in_chunks(body: bytes):
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_the_size_limit_is_answered_413(bridge, chunked):
    body = json.dumps(group(alert())).encode()
    fits, over = body + b" " * (LIMIT - len(body)), body + b" " * (LIMIT - len(body) + 1)
    assert (await bridge.send(in_chunks(fits) if chunked else fits)).status_code == 202
    assert_refused(await bridge.send(in_chunks(over) if chunked else over), 413, "too_large")
    assert len(bridge.store.items) == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity, gzip", ""])
async def test_encoded_bodies_are_refused(bridge, encoding):
    answer = await bridge.send(b"\x1f\x8b", headers={"Content-Encoding": encoding})
    assert_refused(answer, 415, "unsupported_encoding")


async def test_store_unavailable_and_back(bridge):
    bridge.store.error = StoreUnavailable("ConnectionError: refused")
    with capture_logs() as lines:
        answer = await bridge.send(group(alert()))
    assert_refused(answer, 503, "store_unavailable")
    assert [(line["event"], line["log_level"]) for line in lines] == [("store_unavailable", "error")]
    bridge.store.error = None
    assert (await bridge.send(group(alert()))).status_code == 202


@pytest.mark.parametrize(
    ("error", "code"), [(NotDurable, "store_not_durable"), (NotReplicated, "store_not_replicated")]
)
async def test_a_store_that_is_not_safe_says_what_to_do(bridge, error, code):
    bridge.store.error = error("set appendonly yes")
    answer = await bridge.send(group(alert()))
    assert_refused(answer, 503, code)
    assert answer.json()["message"] == "set appendonly yes"


async def test_a_defect_is_loud_keeps_the_payload_to_itself_and_makes_the_sender_come_again(bridge):
    bridge.store.error = KeyError("canary")
    with capture_logs() as lines:
        answer = await bridge.send(group(alert(service="checkout", x="canary")))
    assert_refused(answer, 503, "internal")
    assert [(line["event"], line["log_level"], line["detail"]) for line in lines] == [
        ("delivery_failed", "error", "KeyError")
    ]
    assert "application.py:" in lines[0]["where"]
    assert "canary" not in answer.text + repr(lines)


async def test_while_stopping_what_is_in_flight_is_finished_and_new_deliveries_come_again(bridge):
    bridge.store.gate = asyncio.Event()
    in_flight = asyncio.create_task(bridge.send(group(alert())))
    await bridge.store.reached.wait()
    bridge.app.state.stopping = True
    async with asyncio.timeout(DEADLINE):
        assert_refused(await bridge.send(group(alert())), 503, "stopping")
    assert_refused(await bridge.get("/readyz"), 503, "not_ready")
    assert (await bridge.get("/healthz")).status_code == 200
    bridge.store.gate.set()
    assert (await in_flight).status_code == 202


async def test_deliveries_beyond_the_limit_are_answered_503(tmp_path, monkeypatch):
    monkeypatch.setattr(app_module, "_MAX_DELIVERIES", 1)
    bridge = Bridge(tmp_path)
    bridge.store.gate = asyncio.Event()
    async with bridge.client:
        in_flight = asyncio.create_task(bridge.send(group(alert())))
        await bridge.store.reached.wait()
        async with asyncio.timeout(DEADLINE):
            assert_refused(await bridge.send(group(alert())), 503, "overloaded")
        bridge.store.gate.set()
        assert (await in_flight).status_code == 202
        assert (await bridge.send(group(alert()))).status_code == 202


async def test_a_lost_connection_is_no_defect(bridge):
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": WEBHOOK,
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer token")],
    }

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    with capture_logs() as lines:
        await bridge.app(scope, receive, send)
    assert sent[0]["status"] == 503
    assert [(line["event"], line["error"]) for line in lines] == [("delivery_rejected", "disconnected")]


async def test_a_storm_does_not_drown_the_log(bridge):
    bridge.current = structs.replace(bridge.current, max_body_bytes=1 << 20)
    with capture_logs() as lines:
        await bridge.send(group(*map(alert, range(50))))
    assert sum(line["event"] == "alert_changed" for line in lines) == 20
    (stored,) = [line for line in lines if line["event"] == "delivery_stored"]
    assert (stored["alerts"], stored["changed"], stored["unlisted"]) == (50, 50, 30)


def counting(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many alerts the store is given at a time, as it is given them."""
    sizes: list[int] = []
    ingest = bridge.store.ingest

    async def ingest_part(items):
        sizes.append(len(items))
        return await ingest(items)

    monkeypatch.setattr(bridge.store, "ingest", ingest_part)
    return sizes


async def test_a_large_delivery_is_read_in_parts_and_stored_as_one(bridge, monkeypatch):
    monkeypatch.setattr("bridge.web.receiver._ALERTS_AT_ONCE", 3)
    sizes = counting(bridge, monkeypatch)
    answer = await bridge.send(group(*map(alert, range(7)), alert(env="dev")))
    assert answer.json() == delivery(alerts=8, changed=7, ignored=1)
    assert sizes == [7]
    assert bridge.changes == 1


async def test_large_deliveries_take_turns_and_small_ones_do_not_wait(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.web.receiver._DECODED_BYTES", 4_000)
    monkeypatch.setattr("bridge.web.receiver._SMALL_BYTES", 1_000)
    bridge = Bridge(tmp_path)
    bridge.store.gate = asyncio.Event()
    given = counting(bridge, monkeypatch)
    large = [group(alert(number, service="checkout", note="x" * 3_000)) for number in range(2)]
    async with bridge.client, asyncio.timeout(DEADLINE), asyncio.TaskGroup() as sending:
        for each in large:
            sending.create_task(bridge.send(each))
        await bridge.store.reached.wait()
        assert (await bridge.send(group(alert(env="dev")))).status_code == 202
        assert given == [1]
        bridge.store.gate.set()
    assert given == [1, 1]


async def test_repeats_are_not_logged(bridge):
    await bridge.send(group(alert()))
    with capture_logs() as lines:
        await bridge.send(group(alert()))
    assert lines == []


async def test_labels_reach_neither_log_nor_metrics(bridge):
    body = alert(service="checkout", canary_name="canary_value")
    body["annotations"] = {"canary_note": "canary_text"}
    with capture_logs() as lines:
        await bridge.send(group(body, receiver="canary_receiver", commonLabels={"canary": "canary"}))
    metrics = (await bridge.get("/metrics")).text
    assert lines
    assert "canary" not in repr(lines) + metrics


async def test_deliveries_are_metered(bridge):
    def count(code: str) -> float:
        labels = {"source": "alertmanager", "sender": "", "code": code}
        return telemetry.REGISTRY.get_sample_value("bridge_deliveries_total", labels) or 0

    before = count("202"), count("400")
    await bridge.send(group(alert()))
    await bridge.send(b"x")
    assert (count("202"), count("400")) == (before[0] + 1, before[1] + 1)
    labels = {"source": "alertmanager", "sender": ""}
    last = telemetry.REGISTRY.get_sample_value("bridge_last_delivery_timestamp_seconds", labels)
    assert last == NOW / 1000


async def test_health_and_metrics_need_no_credentials(bridge):
    assert (await bridge.client.get("/healthz")).json() == {"status": "alive"}
    assert (await bridge.client.get("/readyz")).json() == {"status": "ready"}
    metrics = await bridge.client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "# TYPE bridge_deliveries_total counter" in metrics.text


async def test_unready_says_why_and_stays_alive(bridge):
    bridge.health.answer = (False, "Redis does not answer")
    answer = await bridge.client.get("/readyz")
    assert_refused(answer, 503, "not_ready")
    assert answer.json()["message"] == "Redis does not answer"
    assert (await bridge.client.get("/healthz")).status_code == 200


async def test_incidents_are_listed(bridge):
    answer = await bridge.get("/api/incidents")
    assert answer.status_code == 200
    (view,) = answer.json()["incidents"]
    assert view == {
        "id": "0JH0JQZKSA",
        "key": "checkout",
        "route": "checkout",
        "group": {},
        "episode": 1,
        "revision": 3,
        "phase": "INVESTIGATING",
        "phase_since": "2026-11-23T18:47:10.000Z",
        "severity": "MAJOR",
        "services": {"checkout": "MAJOR"},
        "labels": {},
        "firing": 1,
        "acknowledged": 0,
        "held": 0,
        "orphaned": 0,
        "starts_at": "2026-11-23T18:47:09.999Z",
        "ends_at": None,
        "firing_since": "2026-11-23T18:47:10.000Z",
        "cleared_at": None,
        "identity_conflict_at": None,
        "public_at": None,
        "public_end_at": None,
        "publish_delay_seconds": None,
        "resolve_delay_seconds": None,
        "mails": 0,
        "posts": [
            {
                "page": "v1",
                "remote_id": "abc",
                "status": "INVESTIGATING",
                "severity": "MAJOR",
                "services": ["checkout"],
                "impacts": {},
                "pending": {
                    "write": "update",
                    "status": "MONITORING",
                    "recorded_at": "2026-11-23T18:47:10.000Z",
                    "unknown_at": "2026-11-23T18:47:10.005Z",
                },
                "attempts": 0,
                "retry_at": None,
                "parked": "400: no such service",
                "second_writer": None,
                "withheld": None,
                "why": [],
                "closed_at": None,
                "theirs_at": None,
                "observed": None,
                "public_at": None,
                "public_end_at": None,
                "publish_delay_seconds": None,
                "resolve_delay_seconds": None,
                "mails": 0,
                "ongoing": True,
            }
        ],
        "note": None,
        "name": "n",
        "page": "refused",
        "next": {
            "at": "2026-11-23T18:47:10.000Z",
            "what": "looks now whether the write arrived whose answer was lost: goes to MONITORING",
            "mails": "nobody",
            "text": "t",
        },
        "attention": ["parked: 400: no such service", "a write of unknown outcome"],
        "actions": [],
    }


@pytest.mark.parametrize("id_", ["0JH0JQZKSA", "0jh0jqzksa"])
async def test_one_incident_has_its_alerts_with_reasons(bridge, id_):
    answer = await bridge.get(f"/api/incidents/{id_}")
    assert answer.status_code == 200
    assert answer.json()["id"] == "0JH0JQZKSA"
    assert answer.json()["alerts"] == [
        {
            "name": None,
            "source": "alertmanager",
            "sender": None,
            "fingerprint": "f1",
            "status": "held",
            "starts_at": "2026-11-23T18:47:10.000Z",
            "ends_at": None,
            "seen_at": "2026-11-23T18:47:10.000Z",
            "severity": "MAJOR",
            "services": ["checkout"],
            "labels": None,
            "labels_dropped": 0,
            "link": None,
            "healing": None,
            "why": ["because"],
        }
    ]


async def test_while_checkly_refuses_the_key_nothing_is_said_to_be_written(bridge):
    bridge.store.paused = True
    (view,) = (await bridge.get("/api/incidents")).json()["incidents"]
    assert (view["next"]["at"], view["next"]["what"]) == (
        None,
        "waits: Checkly refuses the key; a person must renew it",
    )


async def test_of_an_ended_episode_nothing_comes_any_more(bridge):
    id_ = "0JH0JQZKSA.1"
    bridge.store.held = [(structs.replace(INCIDENT, id=id_), [])]
    view = (await bridge.get(f"/api/incidents/{id_}")).json()
    assert view["next"] == {"at": None, "what": "nothing: this episode is over", "mails": "nobody", "text": None}
    assert view["attention"] == []


@pytest.mark.parametrize("path", ["/api/incidents", "/api/incidents/0JH0JQZKSA"])
async def test_the_api_is_for_administrators(tmp_path, bridge, path):
    assert_refused(await bridge.get(path, token=TOKEN), 401, "unauthorized")
    bridge.store.error = StoreUnavailable("gone")
    assert_refused(await bridge.get(path), 503, "store_unavailable")
    bridge.store.error = KeyError("canary")
    assert_refused(await bridge.get(path), 500, "internal")
    closed = Bridge(tmp_path, admins=(), operators={})
    async with closed.client:
        assert_refused(await closed.get(path), 503, "no_credentials")


async def test_an_unknown_incident_is_answered_404(bridge):
    assert_refused(await bridge.get("/api/incidents/NOTHING"), 404, "not_found")


async def test_guesses_at_an_admin_token_are_counted_logged_by_address_and_slowed(bridge):
    def requests(code: str) -> float:
        return telemetry.REGISTRY.get_sample_value("bridge_api_requests_total", {"code": code}) or 0

    before = {code: requests(code) for code in ("200", "401", "429")}
    assert (await bridge.get("/api/incidents")).status_code == 200
    with capture_logs() as lines:
        answers = await asyncio.gather(*(bridge.get("/api/incidents", token="wrong") for _ in range(300)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > 250
    assert {answer.status_code for answer in answers} == {401, 429}
    assert_refused(refused[0], 429, "too_many_attempts")
    assert int(refused[0].headers["retry-after"]) >= 1
    found = {code: requests(code) - count for code, count in before.items()}
    assert found == {"200": 1, "401": 300 - len(refused), "429": len(refused)}
    assert {(line["event"], line["address"]) for line in lines} == {("admin_unauthorized", "127.0.0.1")}
    assert len(lines) == 2


async def test_the_webhooks_are_not_slowed_by_guesses_and_those_who_prove_nothing_are_logged_seldom(bridge):
    with capture_logs() as lines:
        for _ in range(50):
            assert_refused(await bridge.send(b"{}", token="wrong"), 401, "unauthorized")
            assert_refused(await bridge.page(b"{}", secret="wrong"), 401, "unauthorized")
            await bridge.send(b"", method="GET")
            await bridge.page(b"{}", headers={"Content-Encoding": "gzip"})
            await bridge.page(b" " * (5 << 10))
    assert {line["event"] for line in lines} == {"delivery_rejected"}
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    assert [line["code"] for line in lines] == [401, 401, 405, 415, 413]
    assert (await bridge.send(group(alert()))).status_code == 202
    with capture_logs() as lines:
        for _ in range(3):
            await bridge.send(b"no JSON")
    assert [line["code"] for line in lines] == [400] * 3  # a sender's own mistakes are told each


async def test_what_was_not_kept_is_answered_503_and_all_else_of_the_delivery_is_kept(bridge):
    bridge.store.refused = "over_alerts"
    with capture_logs() as lines:
        answer = await bridge.send(group(alert(1), alert(2)))
        await bridge.send(group(alert(1)))
    assert_refused(answer, 503, "over_limit")
    assert "2 of 2 alerts" in answer.json()["message"]
    assert "limits.alerts" in answer.json()["message"]
    assert [line["event"] for line in lines] == ["alerts_over_limit"]
    bridge.store.refused = ""
    assert (await bridge.send(group(alert(1)))).status_code == 202


async def test_the_alerts_of_an_incident_come_by_parts(bridge):
    incident, (one,) = bridge.store.held[0]
    bridge.store.held[0] = incident, [structs.replace(one, fingerprint=str(number)) for number in range(250)]
    found: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = (await bridge.get(f"/api/incidents/{incident.id}?alerts=200&after={after}")).json()
        found += [each["fingerprint"] for each in page["alerts"]]
        after = page["alerts_after"]
        assert page["alerts_total"] == 250
    assert found == [str(number) for number in range(250)]
    assert len((await bridge.get(f"/api/incidents/{incident.id}")).json()["alerts"]) == 100


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("alerts=0", "wrong_parameter"),
        ("alerts=1001", "wrong_parameter"),
        ("after=-1", "wrong_parameter"),
        ("after=99999999999999999999", "wrong_parameter"),
        ("limit=5", "unknown_parameter"),
    ],
)
async def test_a_parameter_that_the_api_does_not_know_is_told_with_those_that_it_does(bridge, query, error):
    answer = await bridge.get(f"/api/incidents/0JH0JQZKSA?{query}")
    assert_refused(answer, 400, error)
    assert "alerts" in answer.json()["message"] or "after" in answer.json()["message"]
