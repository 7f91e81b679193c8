from __future__ import annotations

import codecs
import copy
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.json_values import to_ms
from bridge.model import Alert, AlertStatus, Link
from bridge.senders import alertmanager
from bridge.senders.alertmanager import parse, unquote_meta
from bridge.senders.delivery import Delivery, NotUnderstood
from tests.chaos.malformed_payloads import Corpus

FIXTURES = Path(__file__).parents[2] / "fixtures" / "alertmanager"
NOW = to_ms("2026-11-24T00:00:00Z")
STARTED = to_ms("2026-11-23T18:47:07.099Z")
ONE: dict[str, Any] = json.loads((FIXTURES / "firing-single.json").read_text())


def payload(*, drop: tuple[str, ...] = (), alert: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The captured single alert, with fields of the envelope and of the alert replaced or dropped."""
    body = copy.deepcopy(ONE) | fields
    body["alerts"][0] |= alert or {}
    for name in drop:
        (body if name in body else body["alerts"][0]).pop(name)
    return body


NO_TIMES: list[Any] = [
    1795459627,
    1795459627.5,
    "1795459627",
    "2026-11-23T19:00:00",
    "2026-11-23",
    "2026-11-23 19:00:00 +0000 UTC m=+12.3",
    "canary",
    ["2026-11-23T19:00:00Z"],
    10**400,
    "\ud83d",
]
UNCOUNTABLE: list[Any] = [-1, "0", "7", 1.0, True, [1], 1 << 54, 10**400]


def read(body: Any) -> Delivery:
    return parse(json.dumps(body).encode(), NOW)


def linkless(delivery: Delivery) -> list[Alert]:
    return [replace(alert, link=None) for alert in delivery.alerts]


def bodies(path: Path) -> list[dict[str, Any]]:
    data = json.loads(path.read_text())
    return [delivery["body"] for delivery in data["deliveries"]] if "deliveries" in data else [data]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body, id=f"{path.stem}-{n}")
        for path in FIXTURES.glob("*.json")
        for n, body in enumerate(bodies(path))
    ],
)
def test_reads_what_was_captured_from_a_real_alertmanager(body):
    delivery = read(body)
    assert delivery.unusable == []
    assert delivery.truncated == body["truncatedAlerts"]
    assert [alert.fingerprint for alert in delivery.alerts] == [alert["fingerprint"] for alert in body["alerts"]]
    for alert, sent in zip(delivery.alerts, body["alerts"], strict=True):
        assert alert.source == "alertmanager"
        assert alert.status == sent["status"]
        assert alert.starts_at == to_ms(sent["startsAt"])
        assert alert.ends_at == (to_ms(sent["endsAt"]) if sent["status"] == "resolved" else None)
        assert alert.observed_at is None
        receiver = body["receiver"].replace("\\", "")
        assert alert.labels == sent["labels"] | {"__source__": "alertmanager", "__receiver__": receiver}
        recomputed = {name: value for name, value in sent.items() if name != "fingerprint"}
        assert read(body | {"alerts": [recomputed]}).alerts == [alert]


def test_an_alert_has_its_name_and_a_link_to_where_it_came_from():
    (alert,) = read(payload(externalURL="https://alerts.example/am/?x=y#/alerts")).alerts
    assert alert.name == alert.labels["alertname"]
    assert alert.link == Link("https://alerts.example/am")


@pytest.mark.parametrize(
    "url", [None, 7, "", "ftp://alerts.example", "https://user:secret@alerts.example", "x" * 5_000]
)
def test_an_address_that_is_not_to_be_followed_is_no_link(url):
    (alert,) = read(payload(externalURL=url)).alerts
    assert alert.link is None


def test_a_sender_of_another_kind_has_no_page_that_could_be_asked_for_alerts():
    (alert,) = read(grafana()).alerts
    assert alert.link is None


def test_an_alert_without_a_name_has_none():
    (alert,) = read(payload(alert={"labels": {"job": "x"}})).alerts
    assert alert.name == ""


def grafana() -> dict[str, Any]:
    body = payload(version="1", orgId=1, title="[FIRING:1]", state="alerting", message="m", appVersion="12.1.0")
    body["alerts"][0] |= {"values": None, "valueString": "", "silenceURL": "", "orgId": 1, "generatorURL": "?orgId=1"}
    return body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(grafana(), id="grafana"),
        pytest.param(payload(version=4), id="integer version"),
        pytest.param(payload(drop=("version",)), id="no version"),
        pytest.param(payload(groupKey=4711), id="integer groupKey"),
        pytest.param(payload(drop=("truncatedAlerts",)), id="no truncatedAlerts"),
        pytest.param(payload(truncatedAlerts=None), id="null truncatedAlerts"),
        pytest.param(payload(drop=("fingerprint",)), id="no fingerprint"),
        pytest.param(payload(alert={"fingerprint": ""}), id="empty fingerprint"),
        pytest.param(payload(alert={"status": None}), id="the group's status"),
        pytest.param(payload(notification_reason="first notification", routeLabels={"team": "web"}), id="newer fields"),
        pytest.param(payload(version="1.0"), id="version 1.0"),
        pytest.param(payload(version=4.0), id="fractional version"),
        pytest.param(payload(version=""), id="empty version"),
        pytest.param(payload(version=["4"]), id="a version that is no text or number"),
        *(pytest.param(payload(truncatedAlerts=n), id=f"truncatedAlerts {n!r:.9}") for n in UNCOUNTABLE),
        pytest.param(payload(status={"group": "firing"}), id="a group's status that is no text"),
        pytest.param(payload(commonLabels=None, groupLabels=None, externalURL=3), id="fields of no use"),
        pytest.param(payload(alert={"annotations": None, "generatorURL": 1}), id="fields of no use in the alert"),
        pytest.param(payload(alert={"endsAt": "nonsense"}), id="a firing alert's end"),
        pytest.param(payload(alert={"status": 1}), id="a status that is no text: the group's"),
        pytest.param(payload(alert={"fingerprint": 12}), id="a fingerprint that is no text"),
        pytest.param(payload(alert={"fingerprint": "canary" * 100}), id="an endless fingerprint"),
        pytest.param(payload(alert={"endsAt": 0, "annotations": 7}), id="a firing alert's end that is no text"),
        pytest.param(payload(alert={"labels": ONE["alerts"][0]["labels"] | {"b": None}}), id="a label that is null"),
        pytest.param(payload(alert={"labels": ONE["alerts"][0]["labels"] | {"b": 1}}), id="a label that is no text"),
        pytest.param(
            payload(alert={"labels": ONE["alerts"][0]["labels"] | {"empty": ""}}, drop=("fingerprint",)),
            id="empty label",
        ),
    ],
)
def test_look_alikes_mean_the_same(body):
    delivery = read(body)
    assert (linkless(delivery), delivery.unusable, delivery.truncated) == (linkless(read(ONE)), [], 0)


@pytest.mark.parametrize(
    ("alert", "starts_at", "ends_at"),
    [
        ({"status": "firing"}, STARTED, None),
        ({"status": "firing", "endsAt": "2099-01-01T00:00:00Z"}, STARTED, None),
        ({"status": "firing", "startsAt": None}, NOW, None),
        ({"status": "firing", "startsAt": ""}, NOW, None),
        ({"status": "firing", "startsAt": "0001-01-01T00:00:00Z"}, NOW, None),
        ({"status": "firing", "startsAt": "1970-01-01T00:00:00Z"}, NOW, None),
        ({"status": "firing", "startsAt": "2026-01-02T03:04:05+08:00"}, to_ms("2026-01-01T19:04:05Z"), None),
        ({"status": "resolved", "endsAt": "2026-11-23T19:00:00.5Z"}, STARTED, to_ms("2026-11-23T19:00:00.5Z")),
        ({"status": "resolved", "endsAt": "0001-01-01T00:00:00Z"}, STARTED, NOW),
        ({"status": "resolved", "endsAt": None}, STARTED, NOW),
        *(({"status": "firing", "startsAt": bad}, NOW, None) for bad in NO_TIMES),
        *(({"status": "resolved", "endsAt": bad}, STARTED, NOW) for bad in NO_TIMES),
    ],
)
def test_each_form_of_a_start_and_an_end_is_read(alert, starts_at, ends_at):
    (read_alert,) = read(payload(alert=alert)).alerts
    assert (read_alert.starts_at, read_alert.ends_at) == (starts_at, ends_at)


@pytest.mark.parametrize(
    ("bad", "path", "problem"),
    [
        (3, "", "object"),
        (None, "", "object"),
        ({}, ".labels", "object"),
        ({"status": "firing", "labels": None}, ".labels", "object"),
        ({"status": "firing", "labels": {}}, ".labels", "at least one"),
        ({"status": "firing", "labels": {"a": ""}}, ".labels", "at least one"),
        ({"status": "firing", "labels": {"a": "canary", "b": 1}}, ".labels[...]", "str"),
        ({"status": "firing", "labels": {"a": None}}, ".labels", "at least one"),
        ({"status": "firing", "labels": None, "fingerprint": "ab"}, ".labels", "at least one"),
        ({"status": "resolved", "labels": {}}, ".labels", "at least one"),
        ({"status": "resolved", "labels": {"a": "canary", "b": 1}}, ".labels[...]", "str"),
        ({"status": "resolved", "labels": {"a": "canary", "b": 1}, "fingerprint": 1}, ".labels[...]", "str"),
        ({"status": "canary", "labels": {"a": "b"}}, ".status", "firing"),
    ],
)
def test_one_unusable_alert_does_not_sink_its_group(bad, path, problem):
    good = read(ONE).alerts[0]
    delivery = read(payload(alerts=[ONE["alerts"][0], bad, ONE["alerts"][0]]))
    assert delivery.alerts == [good, good]
    (unusable,) = delivery.unusable
    assert unusable.index == 1
    assert unusable.path == f"$.alerts[1]{path}"
    assert problem in unusable.problem
    assert "canary" not in repr(unusable)


def test_an_alert_without_any_status_is_unusable():
    delivery = read(payload(drop=("status",), alert={"status": None}))
    assert [unusable.path for unusable in delivery.unusable] == ["$.alerts[0].status"]


@pytest.mark.parametrize("value", [None, 1, {"x": "y"}, "caf@"])
def test_a_label_that_the_configuration_reads_is_needed_to_fire_but_not_to_end(value):
    def parsed(status: str, read: frozenset[str]) -> Delivery:
        labels = ONE["alerts"][0]["labels"] | {"team": value}
        body = json.dumps(payload(alert={"status": status, "labels": labels}))
        return parse(body.encode().replace(b"caf@", b"caf\xe9"), NOW, lambda: read)

    for delivery in (parsed("resolved", frozenset({"team"})), parsed("firing", frozenset({"service"}))):
        assert [alert.fingerprint for alert in delivery.alerts] == [ONE["alerts"][0]["fingerprint"]]
        assert delivery.unread == {"labels": 1}
    (unusable,) = parsed("firing", frozenset({"team"})).unusable
    assert unusable.path == "$.alerts[0].labels[...]"


def test_an_end_needs_no_more_than_a_fingerprint():
    delivery = read({"alerts": [{"status": "resolved", "fingerprint": "ab", "labels": 7, "endsAt": 1795459627}]})
    (alert,) = delivery.alerts
    assert (alert.fingerprint, alert.status, alert.ends_at) == ("ab", AlertStatus.RESOLVED, NOW)
    assert delivery.unread == {"labels": 1, "endsAt": 1}


def test_bytes_that_are_not_utf8_spoil_their_own_alert_alone():
    body = json.dumps(payload(alerts=[{"status": "firing", "labels": {"a": "latin"}}, ONE["alerts"][0]]))
    delivery = parse(body.encode().replace(b"latin", b"caf\xe9"), NOW)
    assert delivery.alerts == read(ONE).alerts
    (unusable,) = delivery.unusable
    assert unusable.path == "$.alerts[0].labels[...]"
    assert "UTF-8" in unusable.problem


HALVES = [rb"\ud83d", rb"\ude00", rb"\uDE00\uD83D", rb"a \ud83d b"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("field", ["version", "receiver", "truncatedAlerts", "nobody reads it", "externalURL"])
def test_half_a_character_in_the_envelope_spoils_no_more_than_its_own_text(half, field):
    delivery = parse(json.dumps(payload() | {field: "@half@"}).encode().replace(b"@half@", half), NOW)
    (alert,) = delivery.alerts
    assert alert.fingerprint == ONE["alerts"][0]["fingerprint"]
    assert delivery.unread["body"] == 1


@pytest.mark.parametrize("half", [*HALVES, b"\xff"])
@pytest.mark.parametrize("field", ["startsAt", "endsAt", "fingerprint", "generatorURL", "annotations"])
def test_half_a_character_in_an_alert_spoils_no_more_than_its_own_text(half, field):
    def parsed(value: Any) -> Delivery:
        body = json.dumps(payload(alert={"status": "resolved", field: value}))
        return parse(body.encode().replace(b"@half@", half), NOW)

    assert parsed({"x": "@half@"} if field == "annotations" else "@half@").alerts == parsed(None).alerts


def test_an_escaped_backslash_before_a_u_is_no_half_character():
    labels = ONE["alerts"][0]["labels"] | {"path": r"C:\ud83d"}
    (alert,) = read(payload(alert={"labels": labels}, externalURL="\ud83d")).alerts
    assert alert.labels["path"] == r"C:\ud83d"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b"canary", "malformed"),
        (b'{"alerts":[', "truncated"),
        (b'{"alerts":[]} canary', "malformed"),
        (b'{"alerts":[]', "truncated"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeply"),
        (b'{"alerts":[{"labels":{"a":"\\ud80 canary"}}]}', "malformed"),
        (b"[]", "$: Expected `object`"),
        (b"null", "$: Expected `object`"),
        (b'"canary"', "$: Expected `object`"),
        (b"{}", "required field `alerts`"),
        (b'{"alerts":null}', "$.alerts: Expected `array`"),
        (b'{"alerts":{"canary":1}}', "$.alerts: Expected `array`"),
        (b'{"alerts":[],"version":"canary"}', "$.version: expected"),
        (b'{"alerts":[],"version":"3"}', "$.version: expected"),
        (b'{"alerts":[],"version":4.1}', "$.version: expected"),
        (b'{"alerts":[],"version":2}', "$.version: expected"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "malformed"),
    ],
)
def test_what_is_no_payload_is_refused_saying_where_and_never_quoting(body, message):
    with pytest.raises(NotUnderstood, match=re.escape(message)) as refusal:
        parse(body, NOW)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("filling", [b"1", b"{}", b'{"labels":{"a":"b"}}'])
def test_more_alerts_than_anybody_has_are_refused(filling, monkeypatch):
    monkeypatch.setattr("bridge.senders.alertmanager._MOST_ALERTS", 3)
    assert len(parse(b'{"alerts":[%s]}' % b",".join([filling] * 3), NOW).unusable) == 3
    with pytest.raises(NotUnderstood, match=r"\$\.alerts: expected at most 3 alerts"):
        parse(b'{"alerts":[%s]}' % b",".join([filling] * 4), NOW)


def test_more_values_than_can_be_held_are_refused_unread():
    with pytest.raises(NotUnderstood, match=r"\$: expected at most 2000000 values"):
        parse(b'{"alerts":[' + b"1," * 2_000_001, NOW)


@pytest.mark.parametrize("receiver", [5, ["web"], None, True])
def test_a_receiver_that_is_no_text_is_as_if_absent(receiver):
    (alert,) = read(payload(receiver=receiver)).alerts
    assert alert.labels["__receiver__"] == ""
    assert alert.fingerprint == ONE["alerts"][0]["fingerprint"]


def test_how_many_were_cut_off_is_read():
    assert read(payload(truncatedAlerts=7)).truncated == 7


def test_a_byte_order_mark_is_skipped():
    assert parse(codecs.BOM_UTF8 + json.dumps(ONE).encode(), NOW) == read(ONE)


def test_equal_fingerprints_keep_their_order():
    alerts = [
        ONE["alerts"][0] | {"status": status, "endsAt": "2026-11-23T19:00:00Z"}
        for status in ("firing", "resolved", "firing")
    ]
    statuses = [alert.status for alert in read(payload(alerts=alerts)).alerts]
    assert statuses == [AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.FIRING]


def test_a_label_cannot_pose_as_source_or_receiver():
    labels = {"__source__": "pagerduty", "__receiver__": "other", "a": "b"}
    (alert,) = read(payload(alert={"labels": labels}, receiver="web")).alerts
    assert alert.labels == {"__source__": "alertmanager", "__receiver__": "web", "a": "b"}


def test_the_receiver_is_what_the_configuration_calls_it():
    assert unquote_meta(r"team\.web\+checkly \(prod\)") == "team.web+checkly (prod)"


@given(st.text(r"\.+*?()|[]{}^$aé -/"))
def test_unquoting_reverses_go_quote_meta(name):
    quoted = re.sub(r"[\\.+*?()|\[\]{}^$]", lambda match: "\\" + match[0], name)
    assert unquote_meta(quoted) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELD = st.sampled_from(["status", "labels", "startsAt", "endsAt", "fingerprint"])
ALMOST_ALERT = st.builds(lambda fields: ONE["alerts"][0] | fields, st.dictionaries(FIELD, JSON, max_size=3))
ALMOST_PAYLOAD = st.builds(
    lambda alerts, fields: ONE | {"alerts": alerts} | fields,
    st.lists(ALMOST_ALERT | JSON, max_size=3),
    st.dictionaries(st.sampled_from(["version", "receiver", "status", "truncatedAlerts", "alerts"]), JSON, max_size=2),
)


@given(st.builds(lambda value: json.dumps(value).encode(), JSON | ALMOST_PAYLOAD) | st.binary())
def test_any_body_is_read_or_refused_and_every_alert_is_accounted_for(body):
    try:
        delivery = parse(body, NOW)
    except NotUnderstood:
        return
    assert len(delivery.alerts) + len(delivery.unusable) == len(json.loads(body)["alerts"])
    for alert in delivery.alerts:
        assert alert.fingerprint
        assert (alert.ends_at is None) == (alert.status is not AlertStatus.RESOLVED)


def test_a_sender_with_a_name_says_so_and_one_without_cannot():
    body = json.dumps(payload(alert={"labels": ONE["alerts"][0]["labels"] | {"__sender__": "forged"}})).encode()
    (plain,), (named,) = parse(body, NOW).alerts, parse(body, NOW, sender="eu").alerts
    assert (plain.sender, plain.labels.get("__sender__")) == ("", None)
    assert (named.sender, named.labels["__sender__"]) == ("eu", "eu")
    assert plain.fingerprint == named.fingerprint


def test_a_body_is_read_the_same_in_one_go_and_alert_by_alert(monkeypatch):
    def outcomes(bodies: list[bytes]) -> list[object]:
        return [_outcome(body) for body in bodies]

    corpus = Corpus("alertmanager")
    bodies = [body for seed in range(20) for body in corpus.mutants(Random(seed), 100)]
    bodies += [path.read_bytes() for path in sorted(FIXTURES.glob("*.json"))]
    at_once = outcomes(bodies)
    monkeypatch.setattr(alertmanager, "_STRICT_BYTES", -1)
    one_by_one = outcomes(bodies)
    differing = [body for body, a, b in zip(bodies, at_once, one_by_one, strict=True) if a != b]
    assert not differing


def _outcome(body: bytes) -> object:
    try:
        return parse(body, NOW)
    except NotUnderstood as error:
        return str(error)
