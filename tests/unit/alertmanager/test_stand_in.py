"""The stand-in answers as Alertmanager's own description allows, and the description is the program's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.contracts.alertmanager import DESCRIBED, NEW, OLD, contract
from tests.servers import programs
from tests.servers.alertmanager_stand_in import StandIn, fingerprint

FIXTURES = Path(__file__).parents[2] / "fixtures" / "alertmanager"
NOW = 1_790_000_000_000
CALLS = ("/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups")


def peer(*, is_new: bool) -> StandIn:
    found = StandIn(lambda: NOW, is_new=is_new)
    found.receive({"alertname": "Down", "job": "shop"}, annotations={"summary": "It is down"})
    silenced, inhibited, muted = (found.receive({"alertname": name}) for name in ("Silenced", "Inhibited", "Muted"))
    found.silences.add(silenced)
    found.inhibited.add(inhibited)
    found.muted.add(muted)
    return found


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("version", [OLD, NEW])
def test_what_the_stand_in_answers_is_what_alertmanager_may_answer(version: str, path: str):
    stand_in = peer(is_new=version == NEW)
    answer = stand_in.answer(httpx.Request("GET", f"http://peer{path}"))
    assert answer.json()
    contract(version).validate_response("GET", path, answer.status_code, answer.json())


def test_the_description_refuses_what_it_does_not_name():
    (alert, *_) = peer(is_new=False).answer(httpx.Request("GET", "http://peer/api/v2/alerts")).json()
    for wrong in ({**alert, "more": 1}, {**alert, "status": {"state": "sleeping"}}, {**alert, "startsAt": 5}):
        with pytest.raises(AssertionError):
            contract(OLD).validate_response("GET", "/api/v2/alerts", 200, [wrong])


def test_a_fingerprint_is_the_one_of_a_real_alertmanager():
    delivery = json.loads((FIXTURES / "firing-single.json").read_text())
    assert [fingerprint(each["labels"]) for each in delivery["alerts"]] == [
        each["fingerprint"] for each in delivery["alerts"]
    ]


@pytest.mark.needs("alertmanager")
def test_the_description_is_the_one_that_the_installed_alertmanager_carries():
    program = Path(programs.require("alertmanager"))
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if "version 0.25.0" not in said.stdout + said.stderr:
        pytest.skip("another version is installed")
    carried = program.read_bytes()
    start = carried.index(b'{\n  "consumes"')
    text = carried[start : start + 1_000_000].decode(errors="replace")
    described, _ = json.JSONDecoder().raw_decode(text)
    assert described == json.loads(DESCRIBED.read_text())
