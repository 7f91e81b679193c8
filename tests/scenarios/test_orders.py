"""What an operator was told 202 is carried out once, whatever dies, whoever is asked, and however often."""

from __future__ import annotations

from typing import Any

import httpx

from tests.scenarios.vocabulary import Outage, write_configuration
from tests.servers import eventually

ALICE, BOB = "let-me-act", "me-too"
TOKENS = {"OPERATOR_TOKENS": f"alice:{ALICE},bob:{BOB}"}
LATE = {"publish_after": "1h", "resolve_after": "2s", "reopen_after": "60s", "hold_refire": "4s"}


def act(bridge: Any, verb: str, *, who: str = ALICE, **more: Any) -> httpx.Response:
    (incident,) = bridge.incidents()["incidents"]
    asked = {"action": verb, "reason": "because", **more}
    headers = {"Authorization": f"Bearer {who}"}
    return httpx.post(f"{bridge.url}/api/incidents/{incident['id']}/actions", json=asked, headers=headers)


def test_killed_right_after_the_answer_it_carries_the_order_out_once(start_bridge, page, config):
    write_configuration(config, defaults=LATE)
    bridge = start_bridge(environment=TOKENS)
    outage = Outage(bridge)
    outage.fires()
    assert act(bridge, "publish", key="once").status_code == httpx.codes.ACCEPTED
    bridge.kill()
    bridge.start()
    page.shows(status="INVESTIGATING")
    assert act(bridge, "publish", key="once").status_code == httpx.codes.ACCEPTED
    assert act(bridge, "resolve").status_code == httpx.codes.ACCEPTED
    bridge.kill()
    bridge.start()
    page.shows(status="RESOLVED", statuses=["INVESTIGATING", "RESOLVED"])
    outage.ends()
    eventually(lambda: bridge.incidents()["incidents"][0]["phase"] == "RESOLVED", "the all clear")
    assert page.opened == 1
    assert len(page.mails) == 2


def test_any_replica_takes_an_order_and_of_two_operators_the_first_wins(start_bridge, page, config):
    write_configuration(config, defaults=LATE)
    one, other = start_bridge(environment=TOKENS), start_bridge(environment=TOKENS)
    Outage(one).fires()
    assert act(one, "dismiss").status_code == httpx.codes.ACCEPTED
    second = act(other, "dismiss", who=BOB)
    assert (second.status_code, second.json()["error"]) == (httpx.codes.CONFLICT, "conflict")
    assert "alice" in second.text
    assert act(other, "publish", who=BOB).status_code == httpx.codes.ACCEPTED
    page.shows(status="INVESTIGATING")
    assert act(one, "take-over").status_code == httpx.codes.ACCEPTED
    (incident,) = other.incidents()["incidents"]
    assert incident["posts"][0]["status"] == "INVESTIGATING"
    assert page.opened == 1
