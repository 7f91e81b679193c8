"""What was not published is remembered, whatever comes: floods, and the end of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.scenarios.vocabulary import alert, log_of, metric, payload
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.servers import Bridge

FLOOD, A_DELIVERY, MOST = 10_000, 500, 1_000


def remembered(bridge: Bridge) -> dict[str, Any]:
    """What the bridge answers to a person with a token."""
    headers = {"Authorization": f"Bearer {bridge.admin_token}"}
    found = httpx.get(f"{bridge.url}/api/alerts?published=false&limit=1000", headers=headers).raise_for_status()
    answer: dict[str, Any] = found.json()
    return answer


def test_a_flood_of_names_that_nobody_routes_stays_bounded_everywhere(bridge, redis_look, page):
    for start in range(0, FLOOD, A_DELIVERY):
        flood = [alert(alertname=f"Flood{nth}", team="nobody") for nth in range(start, start + A_DELIVERY)]
        assert bridge.deliver(payload(*flood)).status_code == 202
    bridge.deliver(payload(alert(alertname="TheOneThatMatters", service="chekout")))

    def found() -> bool:
        answer = remembered(bridge)
        names = {group["name"] for group in answer["groups"]}
        return answer["groups_total"] == MOST and answer["cut_at"] is not None and "TheOneThatMatters" in names

    eventually(found, "as much as is kept, and what is no part of the flood")
    assert redis_look.hlen("bridge:{0}:unpublished") == redis_look.zcard("bridge:{0}:unpublished:latest") == MOST
    assert metric(bridge, "bridge_alerts_total", outcome="unmatched") == FLOOD
    logged = [line["reason"] for line in log_of(bridge, "alert_not_published")]
    assert logged.count("unmatched") <= 125
    assert logged.count("unknown_service") == 1
    bridge.deliver(payload(alert()))
    page.shows(status="INVESTIGATING")


def test_a_bridge_that_stops_writes_what_it_remembers(start_bridge):
    stopping, staying = start_bridge(), start_bridge()
    assert stopping.deliver(payload(alert(team="nobody"))).status_code == 202
    stopping.stop()
    assert [group["name"] for group in remembered(staying)["groups"]] == ["ErrorsHigh"]


def test_what_two_bridges_receive_is_one_group(start_bridge):
    bridges = [start_bridge(), start_bridge()]
    for each in bridges:
        for _ in range(3):
            each.deliver(payload(alert(team="nobody")))

    def count() -> bool:
        return [group["count"] for group in remembered(bridges[0])["groups"]] == [6]

    eventually(count, "all six in one group")
