"""PagerDuty's incidents on the page: level by level, whatever the order, and through merges."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.scenarios.pager import ENVIRONMENT, PagedIncident, deliver, delivered
from tests.scenarios.vocabulary import INCIDENTS, Outage, now_ms, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.scenarios.vocabulary import Page, Published
    from tests.servers import Bridge

SEVERITY = [
    {"match": "priority = P1", "is": "CRITICAL"},
    {"match": "priority = P3", "is": "MEDIUM"},
    {"is": "MINOR"},
]
SHOP = {"name": "shop", "match": 'service != ""', "services": {"label": "service"}}
EACH_BY_ITSELF = SHOP | {"group_by": ["service_id", "title"]}
ALL_SERVICES = ("Checkout", "Payments", "Search")
TWO_DAYS_MS = 172_800_000


@pytest.fixture
def config(tmp_path):
    """One route for both senders; acknowledging is published."""
    return write_configuration(
        tmp_path / "bridge.yaml", severity=SEVERITY, routes=[SHOP], pagerduty={"acknowledged": "identified"}
    )


@pytest.fixture
def each_by_itself(config):
    """One published incident for each of PagerDuty's."""
    return write_configuration(
        config,
        severity=SEVERITY,
        routes=[EACH_BY_ITSELF],
        public_labels=["title"],
        texts={"name": "{{ labels.title | default('Incident') }}"},
        pagerduty={"acknowledged": "identified"},
    )


@pytest.fixture
def bridge(start_bridge):
    return start_bridge(environment=ENVIRONMENT)


def open_incidents(page: Page) -> list[Published]:
    return [incident for incident in page.incidents if incident.status != "RESOLVED"]


def only_open(page: Page) -> Published:
    incidents = open_incidents(page)
    assert len(incidents) == 1, incidents
    return incidents[0]


def firing(bridge: Bridge) -> int:
    """How many alerts the bridge counts."""
    return sum(incident["firing"] for incident in bridge.incidents()["incidents"])


def test_an_incident_from_trigger_to_resolve_and_back(bridge, page):
    incident = PagedIncident("Q1")
    delivered(bridge, incident.triggered(priority="P3"))
    published = page.shows(status="INVESTIGATING", severity="MEDIUM", services=("Checkout",))
    delivered(bridge, incident.acknowledged())
    page.shows(id=published.id, status="IDENTIFIED", severity="MEDIUM")
    delivered(bridge, incident.prioritized("P1"))
    page.shows(id=published.id, severity="CRITICAL", statuses=["INVESTIGATING", "IDENTIFIED", "IDENTIFIED"])
    delivered(bridge, incident.resolved())
    over = page.shows(id=published.id, status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "IDENTIFIED", "IDENTIFIED", "MONITORING", "RESOLVED"]
    delivered(bridge, incident.reopened())
    page.shows(id=published.id, status="INVESTIGATING")
    assert page.opened == 1


def test_an_incident_that_was_assigned_to_oneself_is_acknowledged_at_once(bridge, page):
    incident = PagedIncident("Q1")
    delivered(bridge, incident.triggered(), incident.acknowledged())
    page.shows(status="IDENTIFIED", services=("Checkout",))


def test_another_service_takes_the_page_along(bridge, page):
    incident = PagedIncident("Q1")
    delivered(bridge, incident.triggered())
    page.shows(services=("Checkout",))
    delivered(bridge, incident.moved("payments"))
    published = page.shows(services=("Checkout", "Payments"))  # what was said to be affected stays said
    delivered(bridge, incident.moved("warehouse"))
    page.shows(id=published.id, status="RESOLVED")


def life(number: int) -> tuple[list[bytes], tuple[str, str] | None]:
    """Ten events of an incident, the first of two days ago; and severity and status at the end, if it is open."""
    early = PagedIncident(f"Q{number:02}", starts_at=now_ms() - TWO_DAYS_MS)
    events = [
        early.triggered(),
        early.acknowledged(),
        early.escalated(),
        early.prioritized("P3"),
        early.unacknowledged(),
        early.resolved(),
        early.reopened(),
        early.prioritized("P1" if number % 2 else "P3"),
        early.acknowledged(),
    ]
    severity = "CRITICAL" if number % 2 else "MEDIUM"
    match number % 4:
        case 0:
            return [*events, early.resolved()], None
        case 1:
            return [*events, early.unacknowledged()], (severity, "INVESTIGATING")
    return [*events, early.escalated()], (severity, "IDENTIFIED")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.usefixtures("each_by_itself")
def test_two_hundred_events_in_any_order_each_three_times_end_as_if_in_order(start_bridge, page, seed):
    lives = {f"Incident Q{number:02}": life(number) for number in range(20)}
    bodies = [body for events, _ in lives.values() for body in events] * 3
    random.Random(seed).shuffle(bodies)
    receiver = start_bridge(role="receiver", environment=ENVIRONMENT)
    with ThreadPoolExecutor(4) as senders:
        answers = list(senders.map(lambda body: deliver(receiver, body).status_code, bodies))
    assert answers == [202] * 600
    expected = {name: end for name, (_, end) in lives.items() if end}
    assert firing(receiver) == len(expected)

    start_bridge(role="reconciler")

    def shown() -> bool:
        return {each.name: (each.severity, each.status) for each in page.incidents} == expected

    eventually(shown, "the page to be as if in order")
    assert page.opened == len(expected)


@pytest.mark.usefixtures("each_by_itself")
class TestMerge:
    """Merged incidents go on as their target."""

    def test_the_last_target_stands_for_all_until_it_is_over(self, start_bridge, page):
        bridge = start_bridge(environment=ENVIRONMENT)
        a, b, c = (PagedIncident(f"Q{name}", name) for name in ("checkout", "payments", "search"))
        delivered(bridge, a.triggered(), b.triggered(), c.triggered())
        eventually(lambda: len(open_incidents(page)) == 3, "three incidents")
        delivered(bridge, a.merged_into(b), b.merged_into(c))

        eventually(lambda: only_open(page).services == ALL_SERVICES, "one open incident with all services")
        assert (only_open(page).name, only_open(page).status) == ("Incident Qsearch", "INVESTIGATING")
        assert firing(bridge) == 3
        delivered(bridge, c.resolved())
        eventually(lambda: not open_incidents(page), "all to be over")
        assert page.opened == 3
        assert firing(bridge) == 0

    @pytest.mark.parametrize("late", ["target", "merge of the target"])
    def test_the_order_of_the_merges_makes_no_difference(self, start_bridge, page, late):
        bridge = start_bridge(environment=ENVIRONMENT)
        a, b, c = (PagedIncident(f"Q{name}", name) for name in ("checkout", "payments", "search"))
        started = a.triggered(), b.triggered(), c.triggered()
        first, second = a.merged_into(b), b.merged_into(c)
        if late == "target":
            delivered(bridge, *started[:2], first, second, started[2])
        else:
            delivered(bridge, *started, second, first)
        assert firing(bridge) == 3
        eventually(lambda: only_open(page).services == ALL_SERVICES, "one open incident with all services")
        delivered(bridge, c.resolved())
        eventually(lambda: not open_incidents(page), "all to be over")

    def test_it_stays_open_while_its_target_is_unknown(self, start_bridge, page):
        bridge = start_bridge(environment=ENVIRONMENT)
        a, other = PagedIncident("Q1"), PagedIncident("Q2", "payments")
        delivered(bridge, a.triggered())
        page.shows(status="INVESTIGATING")
        delivered(bridge, a.merged_into(PagedIncident("Q9")))
        delivered(bridge, other.triggered())
        eventually(lambda: len(page.incidents) == 2, "what came after the merge")
        assert {incident.status for incident in page.incidents} == {"INVESTIGATING"}
        assert firing(bridge) == 2

    def test_or_it_is_over_if_so_configured(self, start_bridge, config, page):
        write_configuration(config, routes=[SHOP], pagerduty={"merge_unknown_target": "resolve"})
        bridge = start_bridge(environment=ENVIRONMENT)
        a = PagedIncident("Q1")
        delivered(bridge, a.triggered())
        page.shows(status="INVESTIGATING")
        delivered(bridge, a.merged_into(PagedIncident("Q9")))
        page.shows(status="RESOLVED")


def test_what_both_senders_tell_of_is_one_incident_until_both_are_clear(bridge, page):
    paged, outage = PagedIncident("Q1"), Outage(bridge)
    outage.fires()
    published = page.shows(status="INVESTIGATING")
    delivered(bridge, paged.triggered(priority="P1"))
    page.shows(id=published.id, severity="CRITICAL", services=("Checkout",))
    delivered(bridge, paged.resolved())
    assert firing(bridge) == 1
    outage.fires("payments")
    page.shows(id=published.id, status="INVESTIGATING", services=("Checkout", "Payments"))
    outage.ends()
    page.shows(id=published.id, status="RESOLVED")
    assert page.opened == 1


def test_opening_waits_for_an_acknowledgment_if_so_configured(start_bridge, config, page):
    write_configuration(config, routes=[SHOP], pagerduty={"open_on": "acknowledged"})
    bridge = start_bridge(environment=ENVIRONMENT)
    waiting, taken = PagedIncident("Q1"), PagedIncident("Q2", "payments")
    delivered(bridge, waiting.triggered(), taken.triggered(), taken.acknowledged())
    page.shows(status="INVESTIGATING", services=("Payments",))
    assert firing(bridge) == 1
    delivered(bridge, taken.unacknowledged())
    assert firing(bridge) == 1
    delivered(bridge, taken.resolved())
    page.shows(status="RESOLVED")
    delivered(bridge, taken.reopened())
    assert firing(bridge) == 0
    delivered(bridge, waiting.acknowledged(), taken.acknowledged())
    page.shows(status="INVESTIGATING", services=("Checkout", "Payments"))


def test_the_answer_does_not_wait_for_checkly(bridge, page):
    page.fault("hold", method="POST", path=INCIDENTS, commit=True)
    first, second = PagedIncident("Q1"), PagedIncident("Q2", "payments")
    delivered(bridge, first.triggered())
    page.holds()
    delivered(bridge, second.triggered(), first.acknowledged(), second.acknowledged())
    page.release()
    page.shows(status="IDENTIFIED", services=("Checkout", "Payments"))


@pytest.mark.needs("redis-server")
def test_while_redis_is_away_pagerduty_comes_again_and_nothing_is_lost(start_bridge, page, own_redis):
    bridge = start_bridge(redis_url=own_redis.url, environment=ENVIRONMENT)
    incident = PagedIncident("Q1")
    started = incident.triggered()
    own_redis.stop()
    assert deliver(bridge, started).status_code == 503
    own_redis.start()
    eventually(bridge.is_ready, "the bridge to be ready again")
    delivered(bridge, started)
    page.shows(status="INVESTIGATING")
    acknowledged = incident.acknowledged()
    own_redis.stop()
    assert deliver(bridge, acknowledged).status_code == 503
    own_redis.start()
    eventually(bridge.is_ready, "the bridge to be ready again")
    delivered(bridge, acknowledged, started)
    page.shows(status="IDENTIFIED")


def test_what_is_not_pagerdutys_changes_nothing(bridge, page):
    started = PagedIncident("Q1").triggered()
    assert deliver(bridge, started, secret="another").status_code == 401
    assert httpx.post(f"{bridge.url}/webhooks/pagerduty", content=b'{"messages": []}').status_code == 401
    assert deliver(bridge, started[:-3]).status_code == 400
    assert httpx.get(f"{bridge.url}/webhooks/pagerduty").status_code == 405
    assert firing(bridge) == 0
    assert [call for call in page.calls if call["method"] != "GET"] == []
