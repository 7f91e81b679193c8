"""``bridge incidents history``: what is told, and what is new as it comes."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from bridge.cli.client import NotThere
from bridge.cli.errors import CommandError
from tests.servers import eventually
from tests.unit.cli.test_incidents import PAYLOAD, bridge

__all__ = ["bridge"]  # a fixture

MODULE = import_module("bridge.cli.incidents.history")  # by name: the package calls the command so
BEGAN = {"at": "2026-11-23T21:05:30.250Z", "what": "alerts_began", "by": "sender", "detail": {"alerts": ["a"]}}
DONE = {
    "at": "2026-11-23T21:06:30.401Z",
    "what": "write_done",
    "by": "bridge",
    "detail": {"page": "v1", "write": "open", "code": 201, "ms": 35},
}
AGAIN = {**BEGAN, "at": "2026-11-23T23:05:30.250Z"}


def found(*told: dict[str, Any], episode: int = 1) -> dict[str, Any]:
    return {"episode": episode, "history": list(told)}


@pytest.fixture
def answers(monkeypatch):
    """What the bridge answers, one after the other; then Ctrl-C."""
    given: list[Any] = []

    def get(_url: str, path: str) -> Any:
        asked.append(path)
        if not given:
            raise KeyboardInterrupt
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asked: list[str] = []
    monkeypatch.setattr(MODULE, "get", get)
    monkeypatch.setattr(MODULE.time, "sleep", lambda _: None)
    return given


def test_what_a_running_bridge_tells_is_printed(bridge, run):
    bridge.deliver(PAYLOAD)
    (incident,) = json.loads(run("incidents", "list", "--output", "json").out)
    told = eventually(lambda: run("incidents", "history", incident["id"]), "the history")
    assert told.code == 0
    assert "  sender    alerts fire (alerts " in told.out
    entries = json.loads(run("incidents", "history", incident["id"], "--output", "json").out)
    assert [each["what"] for each in entries] == ["alerts_began"]
    assert "\nhistory\n  " in run("incidents", "show", incident["id"]).out
    none = run("incidents", "history", incident["id"], "--episode", "7")
    assert none.code == 1
    assert "404" in none.err


def test_following_prints_each_entry_once_and_ends_cleanly(answers, run):
    answers += [found(BEGAN), found(BEGAN), found(BEGAN, DONE), found(BEGAN, DONE)]
    told = run("incidents", "history", "ID", "--follow")
    assert told.code == 0
    assert told.out.splitlines() == [
        "2026-11-23 21:05:30  sender    alerts fire (alerts a)",
        "2026-11-23 21:06:30  bridge    the page has taken the write (page v1, write open, code 201, ms 35)",
    ]


def test_following_says_that_the_episode_ended_and_that_the_incident_is_gone(answers, run):
    answers += [found(BEGAN), found(AGAIN, episode=2), NotThere("404")]
    told = run("incidents", "history", "ID", "--follow")
    assert told.code == 0
    assert "Episode 1 has ended; it is kept: --episode 1. This is episode 2." in told.out
    assert told.out.splitlines()[-1] == "The incident ID is gone: it is over, and its retention, too."


def test_following_survives_a_restart_of_the_bridge(answers, run):
    answers += [found(BEGAN), CommandError("no bridge answers"), found(BEGAN, DONE)]
    assert len(run("incidents", "history", "ID", "--follow").out.splitlines()) == 2


def test_following_as_json_prints_an_object_a_line(answers, run):
    answers += [found(BEGAN), found(BEGAN, DONE)]
    lines = run("incidents", "history", "ID", "--follow", "--output", "json").out.splitlines()
    assert [json.loads(each) for each in lines] == [BEGAN, DONE]


def test_an_ended_episode_cannot_be_followed(run):
    assert run("incidents", "history", "ID", "--follow", "--episode", "1").code == 2


def test_what_a_name_contains_cannot_steer_the_terminal(answers, run):
    answers.append(found({**BEGAN, "detail": {"alerts": ["\x1b[2Jx\ny"]}}))
    out = run("incidents", "history", "ID").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 1
