"""``POST /api/incidents/{id}/actions``: what it takes, what it answers, and what is told of it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.core.actions import Action
from bridge.model import Phase
from bridge.orders import Verb
from bridge.store import ActionResult, Outcome, StoreUnavailable
from tests.unit.web.application import Bridge, assert_refused
from tests.unit.web.test_app import INCIDENT

ID = INCIDENT.id
JSON = "application/json"


@pytest.fixture
async def bridge(tmp_path):
    running = Bridge(tmp_path)
    running.store.held = [(INCIDENT, [])]
    async with running.client:
        yield running


def actions(verb: str, outcome: str) -> float:
    labels = {"verb": verb, "outcome": outcome}
    return telemetry.REGISTRY.get_sample_value("bridge_actions_total", labels) or 0


async def test_an_action_is_answered_with_the_incident_and_makes_it_due(bridge):
    answer = await bridge.act(ID.lower(), {"action": "hold", "reason": "wrong route"})
    assert answer.status_code == 202
    assert answer.json() == (await bridge.get(f"/api/incidents/{ID}")).json()
    assert bridge.store.actions == [(ID, Action(verb=Verb.HOLD, by="alice", reason="wrong route"))]
    assert bridge.changes == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"action": "hold", "for": "1h30m"}, {"for_ms": 5_400_000}),
        ({"action": "hold", "for": None, "reason": None}, {}),
        ({"action": "release"}, {}),
        ({"action": "publish", "quiet": True, "revision": 7}, {"quiet": True, "revision": 7}),
        ({"action": "publish", "quiet": False}, {}),
        ({"action": "dismiss", "reason": " a test "}, {"reason": "a test"}),
        ({"action": "say", "text": "We **know**."}, {"text": "We know ."}),
        (
            {"action": "say", "text": "Soon.", "status": "monitoring", "notify": True},
            {"text": "Soon.", "status": Phase.MONITORING, "notify": True},
        ),
        ({"action": "resolve", "key": "k-1"}, {"key": "k-1"}),
        (
            {"action": "mute", "alert": "alertmanager/f", "for": "30d"},
            {"alert": "alertmanager/f", "for_ms": 2592000000},
        ),
        ({"action": "unmute", "alert": "alertmanager@eu/f"}, {"alert": "alertmanager@eu/f"}),
        ({"action": "take-over"}, {}),
        ({"action": "hand-back"}, {}),
        ({"action": "retry"}, {}),
    ],
)
async def test_each_verb_has_fields_of_its_own(bridge, asked, expected):
    answer = await bridge.act(ID, asked)
    assert answer.status_code == 202, answer.text
    assert bridge.store.actions == [(ID, Action(verb=Verb(asked["action"]), by="alice", **expected))]


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", "not_understood", "a JSON object"),
        (b"hold", "not_understood", "a JSON object"),
        (b"\xff", "not_understood", "a JSON object"),
        (b"[" * 10_000, "not_understood", "a JSON object"),
        (b'["hold"]', "not_understood", "a JSON object"),
        ({}, "wrong_field", "`action`"),
        ({"action": 7}, "wrong_field", "$.action: expected `str`, got `int`"),
        (
            {"action": "holt"},
            "wrong_field",
            '$.action: expected one of hold, release, publish, .*; did you mean "hold"?',
        ),
        ({"action": "takeover"}, "wrong_field", 'did you mean "take-over"?'),
        ({"action": "Hold"}, "wrong_field", 'did you mean "hold"?'),
        ({"action": "canary"}, "wrong_field", "$.action: expected one of"),
        ({"action": "hold", "reson": "canary"}, "wrong_field", '$: a field is unknown here.*did you mean "reason"?'),
        ({"action": "hold", "reason": ["canary"]}, "wrong_field", "$.reason: expected `str | null`, got `array`"),
        ({"action": "hold", "reason": "r" * 501}, "wrong_field", "$.reason: expected `str` of length <= 500"),
        ({"action": "hold", "for": 30}, "wrong_field", "$.for: expected"),
        ({"action": "hold", "for": "soon"}, "wrong_field", "$.for: expected a duration such as 30m"),
        ({"action": "hold", "for": "0"}, "wrong_field", "$.for: expected a duration"),
        ({"action": "hold", "for": "31d"}, "wrong_field", "$.for: .* from 1s to 30d"),
        ({"action": "hold", "revision": -1}, "wrong_field", "$.revision: expected"),
        ({"action": "hold", "revision": "1"}, "wrong_field", "$.revision: expected"),
        ({"action": "hold", "revision": 1.5}, "wrong_field", "$.revision: expected"),
        ({"action": "hold", "revision": 2**70}, "wrong_field", "$.revision: expected"),
        ({"action": "hold", "key": ""}, "wrong_field", "$.key: expected 1 to 100"),
        ({"action": "hold", "key": "a b"}, "wrong_field", "$.key: expected 1 to 100"),
        ({"action": "hold", "key": "k" * 101}, "wrong_field", "$.key: expected 1 to 100"),
        ({"action": "release", "for": "1h"}, "wrong_field", "$.for: hold and mute has"),
        ({"action": "hold", "alert": "a/b"}, "wrong_field", "$.alert: "),
        ({"action": "hold", "text": "canary"}, "wrong_field", "$.text: "),
        ({"action": "resolve", "status": "MONITORING"}, "wrong_field", "$.status: "),
        ({"action": "say", "text": "x", "quiet": True}, "wrong_field", "$.quiet: "),
        ({"action": "publish", "notify": True}, "wrong_field", "$.notify: "),
        ({"action": "publish", "quiet": "yes"}, "wrong_field", "$.quiet: expected `bool | null`, got `str`"),
        ({"action": "dismiss"}, "wrong_field", "$.reason: dismiss needs it"),
        ({"action": "dismiss", "reason": "  "}, "wrong_field", "$.reason: dismiss needs it"),
        ({"action": "mute"}, "wrong_field", "$.alert: mute needs it"),
        ({"action": "unmute", "alert": ""}, "wrong_field", "$.alert: expected `str` of length >= 1"),
        ({"action": "say"}, "wrong_field", "$.text: say needs it"),
        ({"action": "say", "text": "http://canary.example/"}, "wrong_field", "$.text: nothing of it may be published"),
        ({"action": "say", "text": "…"}, "wrong_field", "$.text: nothing of it may be published"),
        (
            {"action": "say", "text": "x", "status": "RESOLVED"},
            "wrong_field",
            "$.status: expected one of IDENTIFIED, M",
        ),
    ],
)
async def test_what_cannot_be_meant_is_answered_by_the_wrong_fields_place_and_never_stored(bridge, body, error, words):
    with capture_logs() as lines:
        answer = await bridge.act(ID, body)
    assert_refused(answer, 400, error)
    message = answer.json()["message"]
    place = 0
    for part in words.split(".*"):
        place = message.find(part, place)
        assert place >= 0, message
    assert "canary" not in message
    assert (bridge.store.actions, bridge.changes, lines) == ([], 0, [])


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"),
        ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ({"Content-Type": ""}, 415, "unsupported_media_type"),
        ({"Content-Type": "text/plain; application/json"}, 415, "unsupported_media_type"),
        ({"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
        ({"Content-Type": "Application/JSON; charset=utf-8", "Content-Encoding": "identity"}, 202, None),
    ],
)
async def test_only_json_is_taken_which_no_form_of_a_browser_sends(bridge, headers, status, error):
    answer = await bridge.act(ID, {"action": "hold"}, headers=headers)
    assert (answer.status_code, answer.json().get("error")) == (status, error)
    assert len(bridge.store.actions) == (status == 202)


async def test_a_body_has_a_limit_whether_it_announces_its_size_or_not(bridge):
    large = b'{"action": "hold", "reason": "%s"}' % (b"r" * (32 << 10))
    assert_refused(await bridge.act(ID, large), 413, "too_large")

    async def parts():
        for start in range(0, len(large), 1_000):
            yield large[start : start + 1_000]

    headers = {"Authorization": "Bearer bob", "Content-Type": JSON}
    answer = await bridge.client.post(f"/api/incidents/{ID}/actions", content=parts(), headers=headers)
    assert_refused(answer, 413, "too_large")
    assert bridge.store.actions == []


async def test_who_proves_nothing_is_not_read(bridge):
    taken: list[bytes] = []

    async def parts():
        taken.append(b"{")
        yield b"{"

    headers = {"Authorization": "Bearer wrong", "Content-Type": JSON}
    answer = await bridge.client.post(f"/api/incidents/{ID}/actions", content=parts(), headers=headers)
    assert_refused(answer, 401, "unauthorized")
    assert taken == []


@pytest.mark.parametrize(
    ("result", "status", "error", "changed"),
    [
        (ActionResult(outcome=Outcome.DONE, revision=3, phase="PENDING"), 202, None, None),
        (ActionResult(outcome=Outcome.REPEAT, revision=3, phase="PENDING"), 202, None, None),
        (ActionResult(outcome=Outcome.NOT_FOUND, why="there is no such incident"), 404, "not_found", None),
        (
            ActionResult(outcome=Outcome.CONFLICT, why="bob was first: hold", by="bob", revision=9, phase="PENDING"),
            409,
            "conflict",
            {"revision": 9, "phase": "PENDING", "by": "bob"},
        ),
        (
            ActionResult(outcome=Outcome.TOO_LATE, why="it is on the page", revision=9, phase="INVESTIGATING"),
            409,
            "too_late",
            {"revision": 9, "phase": "INVESTIGATING", "by": None},
        ),
        (
            ActionResult(outcome=Outcome.NOT_POSSIBLE, why="it is not on hold", revision=9),
            409,
            "not_possible",
            {"revision": 9, "phase": None, "by": None},
        ),
    ],
    ids=lambda value: str(value.outcome) if isinstance(value, ActionResult) else None,
)
async def test_what_became_of_it_is_answered_counted_and_logged_without_the_words(
    bridge, result, status, error, changed
):
    bridge.store.acted = result
    before = actions("hold", result.outcome)
    with capture_logs() as lines:
        answer = await bridge.act(ID, {"action": "hold", "reason": "canary"})
    assert answer.status_code == status
    body = answer.json()
    if error is not None:
        assert (body["error"], body["message"], body.get("changed")) == (
            error,
            result.why,
            {"revision": 0, "phase": None, "by": None} if changed is None and status == 409 else changed,
        )
    assert bridge.changes == (status == 202)
    assert actions("hold", result.outcome) == before + 1
    (line,) = lines
    told = {"operator": "alice", "verb": "hold", "incident": ID, "outcome": result.outcome}
    assert {"event": "operator_acted", "log_level": "info", **told} == line
    assert "canary" not in repr(lines)


async def test_what_no_incident_can_be_called_does_not_reach_the_store(bridge):
    for id_ in ("6MDQJYNPGN.1", "a:b", "%20", "x" * 65):
        assert_refused(await bridge.act(id_, {"action": "hold"}), 404, "not_found")
    assert bridge.store.actions == []


async def test_without_a_store_or_at_the_end_nothing_is_promised(bridge):
    bridge.store.error = StoreUnavailable("gone")
    assert_refused(await bridge.act(ID, {"action": "hold"}), 503, "store_unavailable")
    bridge.store.error = None
    bridge.app.state.stopping = True
    assert_refused(await bridge.act(ID, {"action": "hold"}), 503, "stopping")


async def test_an_incident_that_is_forgotten_at_once_is_named(bridge):
    bridge.store.held = []
    answer = await bridge.act(ID, {"action": "retry"})
    assert (answer.status_code, answer.json()) == (202, {"id": ID})


async def test_actions_are_posted(bridge):
    answer = await bridge.get(f"/api/incidents/{ID}/actions")
    assert_refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
