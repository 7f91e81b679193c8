"""``bridge heal --dry-run``: what it asks of a bridge, and how it shows the answer."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.cli import heal
from bridge.cli.errors import CommandError

PEER = {"peer": "am-0", "up_since": "T", "old_enough": True, "settled": True, "signs_of_life": 1}
ALERT = {
    "incident": "6MDQJYNPGN",
    "source": "alertmanager",
    "sender": "eu",
    "fingerprint": "91cb",
    "status": "firing",
    "seen_at": "T",
    "healing": "wait: not listed by am-0 since 10:41 (3 rounds); closed after 10m",
}
CLUSTER = {"name": "eu", "at": "T", "round": "ok", "sighted_at": "T", "peers": [PEER]}
FOUND: dict[str, Any] = {"mode": "close", "clusters": [CLUSTER], "alerts": [ALERT], "left_out": 0}


@pytest.fixture
def answers(monkeypatch):
    asked: list[str] = []

    def answer(found: Any) -> list[str]:
        def get(_url: str, path: str) -> Any:
            asked.append(path)
            return found

        monkeypatch.setattr(heal, "get", get)
        return asked

    return answer


def shown(capsys) -> str:
    heal.heal(dry_run=True)
    text: str = capsys.readouterr().out
    return text


def test_it_shows_each_cluster_and_the_evidence_of_each_alert(answers, capsys):
    asked = answers(FOUND)
    text = shown(capsys)
    assert asked == ["/api/healing"]
    assert "am-0 (alive)" in text
    assert "6MDQJYNPGN" in text
    assert ALERT["healing"] in text


def test_it_says_what_a_peer_lacks_and_what_is_left_out(answers, capsys):
    young = {**PEER, "old_enough": False, "settled": False, "signs_of_life": 0}
    answers({**FOUND, "clusters": [{**CLUSTER, "peers": [young], "sighted_at": None}], "left_out": 3})
    text = shown(capsys)
    assert "am-0 (young, settling, no sign of life)" in text
    assert text.endswith("3 more are not shown.\n")


def test_it_says_that_there_is_nothing(answers, capsys):
    answers({**FOUND, "alerts": []})
    assert shown(capsys).endswith("No alert is open of a sender that is asked.\n")
    answers({**FOUND, "mode": None})
    assert "Healing is off" in shown(capsys)


def test_without_dry_run_it_does_nothing(answers):
    asked = answers(FOUND)
    with pytest.raises(CommandError):
        heal.heal()
    assert asked == []
