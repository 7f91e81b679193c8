"""``bridge incidents hold`` and the other verbs, on the command line."""

from __future__ import annotations

import json
import sys
from io import StringIO

import httpx
import pytest

from bridge.cli import client
from tests.servers import Bridge
from tests.unit.cli.test_incidents import PAYLOAD

OPERATORS = "alice:hunter2,bob:other"
VIEW = {
    "id": "A",
    "name": "Issue",
    "phase": "PENDING",
    "page": "not yet",
    "severity": "MAJOR",
    "phase_since": "then",
    "actions": [
        {"verb": "hold", "by": "alice", "at": "now", "until": "later", "reason": "why\x1b", "alert": None},
        {"verb": "mute", "by": "bob", "at": "now", "until": None, "reason": None, "alert": "alertmanager/f"},
    ],
}


class Network:
    """What the command line sends, and gets for it: one answer or error after the other, the last for ever."""

    def __init__(self, monkeypatch) -> None:
        self.sent: list[tuple[str, str, str, object]] = []
        self.answers: list[httpx.Response | httpx.TransportError] = [httpx.Response(202, json=VIEW)]
        self.pauses: list[float] = []
        monkeypatch.setattr(httpx, "request", self._request)
        monkeypatch.setattr(client.post, "__kwdefaults__", {"sleep": self.pauses.append})

    def _request(self, method, url, *, headers, content, **_):
        assert headers.get("Content-Type") == (None if content is None else "application/json")
        self.sent.append((method, url, headers["Authorization"], content and json.loads(content)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    @property
    def bodies(self):
        return [body for *_, body in self.sent]


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setenv("OPERATOR_TOKENS", OPERATORS)
    monkeypatch.delenv("BRIDGE_URL", raising=False)
    return Network(monkeypatch)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hold A --for 30m --reason wrong", {"action": "hold", "for": "30m", "reason": "wrong"}),
        ("hold A", {"action": "hold"}),
        ("release A --revision 7", {"action": "release", "revision": 7}),
        ("publish A --quiet", {"action": "publish", "quiet": True}),
        ("publish A", {"action": "publish"}),
        ("dismiss A --reason test", {"action": "dismiss", "reason": "test"}),
        (
            "say A Words --status MONITORING --notify --yes",
            {"action": "say", "text": "Words", "status": "MONITORING", "notify": True},
        ),
        ("resolve A", {"action": "resolve"}),
        ("mute A alertmanager/f --for 1d", {"action": "mute", "alert": "alertmanager/f", "for": "1d"}),
        ("unmute A alertmanager/f", {"action": "unmute", "alert": "alertmanager/f"}),
        ("take-over A", {"action": "take-over"}),
        ("hand-back A", {"action": "hand-back"}),
        ("retry A", {"action": "retry"}),
    ],
)
def test_each_verb_sends_what_it_was_given_as_the_first_operator(network, run, words, expected):
    done = run("incidents", *words.split())
    assert done.code == 0, done.err
    ((method, url, authorization, body),) = network.sent
    assert (method, url) == ("POST", "http://127.0.0.1:8080/api/incidents/A/actions")
    assert authorization == "Bearer hunter2"
    assert len(body.pop("key")) == 32
    assert body == expected
    assert done.out.splitlines()[-5:] == [
        f"{expected['action']}: stored",
        "A  Issue",
        "PENDING  page: not yet  MAJOR  since then",
        "* hold by alice at now, until later: why\\u001b",
        "* mute alertmanager/f by bob at now",
    ]
    assert json.loads(run("incidents", *words.split(), "-o", "json").out.partition("{")[2].join(["{", ""])) == VIEW


def test_where_nobody_answers_the_same_action_is_sent_again(network, run):
    network.answers = [httpx.ReadTimeout("slow"), httpx.Response(503, json={"message": "later"}), *network.answers]
    assert run("incidents", "hold", "A").code == 0
    assert network.pauses == [0.5, 1.0]
    first, *others = network.bodies
    assert [first] * 2 == others
    run("incidents", "hold", "A")
    assert network.bodies[-1]["key"] != first["key"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            httpx.ConnectError("refused"),
            "No bridge answers at http://127.0.0.1:8080: refused. Set BRIDGE_URL or --url.",
        ),
        (httpx.Response(503, json={"message": "m"}), "The bridge at http://127.0.0.1:8080 answers 503: m"),
    ],
)
def test_an_action_of_which_nothing_is_known_says_how_to_try_again(network, run, answer, said):
    network.answers = [answer]
    failed = run("incidents", "hold", "A")
    key = network.bodies[0]["key"]
    assert len(network.sent) == 4
    assert (failed.code, failed.err) == (1, f"{said}\nNobody knows whether it was stored. To try again: --key {key}\n")
    network.answers = [httpx.Response(202, json=VIEW)]
    assert run("incidents", "hold", "A", "--key", key).code == 0
    assert network.bodies[-1] == network.bodies[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_was_answered_is_not_sent_again(network, run, status):
    network.answers = [httpx.Response(status, json={"error": "e", "message": "no\x1b", "changed": {"by": "bob"}})]
    failed = run("incidents", "dismiss", "A")
    assert (failed.code, failed.err) == (1, f"The bridge at http://127.0.0.1:8080 answers {status}: no\\u001b\n")
    assert len(network.sent) == 1


def test_an_id_cannot_lead_elsewhere(network, run):
    run("incidents", "hold", "../x?y#z")
    assert network.sent[0][1] == "http://127.0.0.1:8080/api/incidents/..%2Fx%3Fy%23z/actions"


def test_what_a_terminal_sent_that_is_no_text_is_sent_as_a_question_mark(network, run):
    assert run("incidents", "hold", "A", "--reason", "caf\udce9").code == 0
    assert network.bodies[0]["reason"] == "caf?"


def test_acting_needs_an_operators_secret_and_reading_takes_it_too(network, run, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKENS", "reader")
    run("incidents", "show", "A", "-o", "json")
    assert network.sent.pop()[2] == "Bearer hunter2"
    monkeypatch.delenv("OPERATOR_TOKENS")
    run("incidents", "show", "A", "-o", "json")
    assert network.sent.pop()[2] == "Bearer reader"
    needed = "Set OPERATOR_TOKENS (or OPERATOR_TOKENS_FILE) to name:secret, one of the running bridge's"
    refused = run("incidents", "hold", "A")
    assert (refused.code, refused.err) == (2, f"{needed}; ADMIN_TOKENS may only read.\n")
    monkeypatch.delenv("ADMIN_TOKENS")
    assert run("incidents", "hold", "A").err == f"{needed}.\n"
    assert run("incidents", "show", "A").code == 2
    assert network.sent == []


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "is_sent"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_what_readers_will_see_is_shown_and_asked_for(network, run, monkeypatch, answer, is_sent):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = run("incidents", "say", "A", "See [this](https://evil.example/).", "--status", "identified")
    assert "Readers will see:\n  See this ( )." in done.out
    assert "status: identified, mail: no\nPublish it? [y/N] " in done.out
    assert (done.code, len(network.sent)) == (0, 1) if is_sent else (1, 0)


def test_where_nobody_can_be_asked_nothing_is_said(network, run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))
    done = run("incidents", "say", "A", "Words")
    assert (done.code, done.err) == (2, "There is nobody to ask whether to publish it: give --yes.\n")
    assert run("incidents", "say", "A", "https://evil.example/", "--yes").code == 2
    assert network.sent == []


def test_a_running_bridge_takes_it(tmp_path, run, config, sandbox, redis_url, monkeypatch):
    environment = {"OPERATOR_TOKENS": OPERATORS}
    with Bridge(
        tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url, environment=environment
    ) as bridge:
        monkeypatch.setenv("BRIDGE_URL", bridge.url)
        monkeypatch.setenv("OPERATOR_TOKENS", "bob:other")
        bridge.deliver(PAYLOAD)
        (found,) = json.loads(run("incidents", "list", "-o", "json").out)
        done = run("incidents", "hold", found["id"], "--for", "30m", "--reason", "wrong route")
        assert done.out.startswith(f"hold: stored\n{found['id']}  Issue affecting Checkout\nPENDING  page: not yet")
        shown = run("incidents", "show", found["id"])
        (line,) = [line for line in shown.out.splitlines() if line.startswith("* hold by bob at ")]
        assert line.endswith("wrong route")
        again = run("incidents", "hold", found["id"], "--for", "soon")
        assert (again.code, again.err.partition("answers ")[2]) == (
            1,
            "400: $.for: expected a duration such as 30m or 2h, from 1s to 30d\n",
        )
        assert run("incidents", "hold", "NOTHING").err.endswith("404: there is no such incident\n")
        monkeypatch.setenv("OPERATOR_TOKENS", "bob:wrong")
        wrong = run("incidents", "hold", found["id"])
        assert "answers 401" in wrong.err
        assert "wrong" not in wrong.err.replace("missing or wrong", "")
