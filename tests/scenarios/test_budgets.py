"""Budgets of what becomes public: a careless route gets its part, and the outages of others go on as ever."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.scenarios.vocabulary import INCIDENTS, Outage, command, log_of, logged, metric, payload, write_configuration
from tests.scenarios.vocabulary import alert as an_alert
from tests.servers import eventually

ROUTES = [
    {"name": team, "match": f"team = {team}", "services": {"label": "service"}, "group_by": ["region"]}
    for team in ("careless", "shop")
]


def bounded(config: Any, **budgets: Any) -> None:
    write_configuration(config, routes=ROUTES, budgets={"reserve": {}, **budgets})


def regions(page: Any, status: str | None = None) -> set[str]:
    """What is, or was, on the page; with a status what has that now."""
    return {each.name.rpartition(" ")[2] for each in page.incidents if status in {None, each.status}}


@pytest.fixture
def flood(start_bridge, config):
    """A bridge that is told of twelve groups of a careless route, and may open two of them."""
    write_configuration(
        config,
        routes=ROUTES,
        public_labels=["region"],
        texts={"name": "Outage in {{ labels.region }}"},
        budgets={"open": 4, "reserve": {}},
    )
    bridge = start_bridge()
    alerts = [an_alert(team="careless", region=f"x{number}") for number in range(12)]
    assert bridge.deliver(payload(*alerts)).status_code == 202
    eventually(lambda: metric(bridge, "bridge_incidents_withheld", reason="budget") == 10, "ten to be withheld")
    return bridge


def test_a_flood_of_one_route_keeps_no_outage_of_another_from_the_page(flood, page):
    Outage(flood).fires(team="shop", region="real", severity="info")
    eventually(lambda: "real" in regions(page), "the real outage to be on the page")
    assert len(page.incidents) == 3
    (told,) = logged(flood, "budget_tripped")
    assert told["detail"] == "10 withheld differ only in `region`"


def test_ends_make_room_and_what_waited_is_published_with_its_true_start(flood, page):
    first = regions(page)
    ended = [
        {**an_alert("resolved", team="careless", region=region), "startsAt": "2026-01-01T00:00:00Z"} for region in first
    ]
    assert flood.deliver(payload(*ended)).status_code == 202
    eventually(lambda: regions(page, "RESOLVED") == first, "the ends of what is visible")
    eventually(lambda: len(page.incidents) == 4, "two more to be published")
    assert page.opened == 4


def test_killed_between_a_token_and_its_write_it_spends_the_token_once(start_bridge, page, config):
    """The token of the write that never arrived is the repeat's: where one may be opened an hour, it is opened."""
    bounded(config, opens_per_hour=1, mails_per_hour=2, share=1)
    bridge = start_bridge()
    page.fault("hold", method="POST", path=INCIDENTS)
    Outage(bridge).fires(team="shop", region="eu")
    eventually(
        lambda: [each for each in page.calls if each["method"] == "POST" and not each["ended"]], "the write to be sent"
    )
    bridge.kill()
    bridge.start()
    shown = page.shows(status="INVESTIGATING")
    assert shown.messages[0].notified
    assert not log_of(bridge, "incident_withheld")
    assert metric(bridge, "bridge_budget_remaining", budget="opens_per_hour") == 0


def test_beyond_a_quiet_budget_readers_see_all_and_are_mailed_of_none_neither_of_start_nor_of_end(
    start_bridge, page, config
):
    """The first has a mail of its start and one of its end; the five beyond the budget have none, as is said before."""
    bounded(config, open=1, share=1, over="quiet")
    bridge = start_bridge()
    alerts = [an_alert(team="careless", region=f"x{number}") for number in range(6)]
    assert bridge.deliver(payload(*alerts)).status_code == 202
    eventually(lambda: len(page.incidents) == 6, "all to be on the page")
    assert sum(each.messages[0].notified for each in page.incidents) == 1
    assert len(page.mails) == 1
    assert metric(bridge, "bridge_incidents_withheld") == 0
    assert bridge.deliver(payload(*({**each, "status": "resolved"} for each in alerts))).status_code == 202

    said: dict[str, str] = {}

    def is_over() -> bool:
        waiting = [each for each in bridge.incidents()["incidents"] if each["phase"] == "MONITORING"]
        said.update({each["posts"][0]["remote_id"]: each["next"]["mails"] for each in waiting})
        return {each.status for each in page.incidents} == {"RESOLVED"}

    eventually(is_over, "all to be over")
    told = {each.id: (each.messages[0].notified, each.messages[-1].notified) for each in page.incidents}
    assert sorted(told.values()) == [(False, False)] * 5 + [(True, True)]
    assert len(page.mails) == 2
    assert said == {id_: "the subscribers of v1" if told[id_][1] else "nobody" for id_ in said}


def test_two_replicas_race_for_the_last_token_and_one_outage_is_opened(start_bridge, page, config):
    """What each reads before it opens comes late, so that neither knows of the other's opening as it decides."""
    bounded(config, opens_per_hour=1, mails_per_hour=2, share=1)
    bridges = [start_bridge(), start_bridge()]
    page.fault("delay", ms=500, method="GET", path=INCIDENTS, count=8)
    with ThreadPoolExecutor(2) as pool:
        delivered = [
            pool.submit(bridge.deliver, payload(an_alert(team="shop", region=f"x{number}")))
            for number, bridge in enumerate(bridges)
        ]
        assert [each.result().status_code for each in delivered] == [202, 202]
    eventually(lambda: metric(bridges[0], "bridge_incidents_withheld", reason="budget") == 1, "one to be withheld")
    shown = page.shows(status="INVESTIGATING")
    assert (page.opened, shown.messages[0].notified) == (1, True)
    eventually(lambda: metric(bridges[1], "bridge_budget_remaining", budget="opens_per_hour") == 0, "none to be left")
    eventually(lambda: metric(bridges[1], "bridge_budget_remaining", budget="mails_per_hour") == 0, "no mail, too")


def test_an_opening_that_checkly_did_not_take_gives_its_tokens_back(start_bridge, page, config):
    """There are tokens for one opening an hour: one that was lost with the refused write would be missed."""
    bounded(config, opens_per_hour=1, mails_per_hour=2, share=1)
    bridge = start_bridge()
    page.fault("answer", status=429, method="POST", path=INCIDENTS, count=2)
    Outage(bridge).fires(team="shop", region="eu")
    shown = page.shows(status="INVESTIGATING")
    assert (page.opened, len(page.incidents), shown.messages[0].notified) == (3, 1, True)
    assert not log_of(bridge, "incident_withheld")
    eventually(lambda: metric(bridge, "bridge_budget_remaining", budget="opens_per_hour") == 0, "none to be left")


OPERATORS = {"OPERATOR_TOKENS": "alice:alice-secret,bob:bob-secret"}


def test_an_operator_lifts_the_budgets_on_any_replica_over_the_api_and_another_ends_it_by_command(
    start_bridge, page, config
):
    bounded(config, open=2, share=1)
    bridge, replica = start_bridge(environment=OPERATORS), start_bridge(environment=OPERATORS)
    alerts = [an_alert(team="careless", region=f"x{number}") for number in range(6)]
    assert bridge.deliver(payload(*alerts)).status_code == 202
    eventually(lambda: metric(bridge, "bridge_incidents_withheld", reason="budget") == 4, "four to be withheld")
    assert page.opened == 2

    asked = {"for": "1h", "reason": "a canary dies"}
    headers = {"Authorization": "Bearer alice-secret"}
    answer = httpx.post(f"{replica.url}/api/budgets/lift", json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    eventually(lambda: page.opened == 6, "all to be on the page")
    eventually(lambda: metric(bridge, "bridge_incidents_withheld", reason="budget") == 0, "none to be withheld")
    assert [each.messages[0].notified for each in page.incidents] == [True] * 6
    eventually(lambda: metric(bridge, "bridge_budgets_lifted", page="v1") == 1, "the other replica to count it")

    def budgets(*words: str) -> Any:
        environment = {"OPERATOR_TOKENS": "bob:bob-secret", "BRIDGE_URL": replica.url}
        done = command("budgets", *words, "--output", "json", environment=environment)
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)
        return found

    lifted = budgets("show")["lifted"]
    assert (lifted["by"], lifted["reason"]) == ("alice", "a canary dies")
    assert budgets("lift", "--end")["lifted"] is None
    assert budgets("lift", "--end")["lifted"] is None
    assert bridge.deliver(payload(an_alert(team="careless", region="late"))).status_code == 202
    eventually(lambda: metric(bridge, "bridge_incidents_withheld", reason="budget") == 1, "the next to be withheld")
    assert page.opened == 6
    told = [line for each in (bridge, replica) for line in log_of(each, "budgets_lifted")]
    assert [(each["operator"], each["ended"]) for each in told] == [("alice", False), ("bob", True)]
    assert "canary" not in json.dumps([log_of(bridge), log_of(replica)])
