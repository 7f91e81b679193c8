"""PagerDuty's ends that no webhook told of: the bridge asks, and closes what PagerDuty shows to be over."""

from __future__ import annotations

import json
import re
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.pager import ENVIRONMENT, PagedIncident, delivered
from tests.scenarios.vocabulary import (
    Outage,
    command,
    log_of,
    logged,
    metric,
    milliseconds,
    now_ms,
    write_configuration,
)
from tests.servers import PagerDutyServer, eventually
from tests.servers.pagerduty import KEY

if TYPE_CHECKING:
    from tests.scenarios.vocabulary import Page

INTERVAL_MS = 2_000
SHOP = {"name": "shop", "match": 'service != ""', "services": {"label": "service"}}
EACH_BY_ITSELF = SHOP | {"group_by": ["service_id"]}


@pytest.fixture
def pagerduty():
    with PagerDutyServer() as account:
        yield account
        assert account.violations == []


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY)
    return file


@pytest.fixture
def start(start_bridge, config, pagerduty, key_file):
    """Start a bridge that asks PagerDuty; ``healing`` adds to that section, ``account`` to the account's."""

    def started(*, healing: Any = None, account: Any = None, **changes: Any) -> Any:
        asked = {"credentials": "PAGERDUTY_READER", "interval": f"{INTERVAL_MS}ms", **(account or {})}
        section = {"pagerduty": [asked], **(healing or {})}
        write_configuration(config, **{"routes": [EACH_BY_ITSELF], "healing": section, **changes})
        keys = {"PAGERDUTY_READER_FILE": str(key_file), "PAGERDUTY_API_URL": pagerduty.url}
        return start_bridge(environment=ENVIRONMENT | keys)

    return started


def triggered(pagerduty: PagerDutyServer, bridge: Any, id_: str = "Q1", service: str = "checkout") -> PagedIncident:
    """An incident begins, and the bridge hears of it."""
    incident = PagedIncident(id_, service)
    delivered(bridge, incident.triggered())
    pagerduty.incidents[id_] = incident.shown
    return incident


def is_asked(pagerduty: PagerDutyServer, times: int = 1) -> None:
    """Wait until so many more questions have been asked."""
    before = len(pagerduty.asked)
    eventually(lambda: len(pagerduty.asked) >= before + times, f"{times} questions")


def open_services(page: Page) -> list[tuple[str, ...]]:
    return sorted(each.services for each in page.incidents if each.status != "RESOLVED")


def test_an_end_whose_webhook_was_lost_is_closed_within_twice_the_interval(start, pagerduty, page):
    bridge = start()
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    is_asked(pagerduty, 2)
    page.shows(status="INVESTIGATING")
    incident.clock_is_right()
    lost = incident.resolved()
    lost_at = now_ms()
    eventually(lambda: metric(bridge, "bridge_healed_total", source="pagerduty") == 1, "it to be taken")
    assert now_ms() - lost_at < 2 * INTERVAL_MS + 1_500
    over = page.shows(status="RESOLVED")
    assert abs(over.messages[-1].public_at - lost_at) < 2_500  # PagerDuty tells the second of the end
    (id_,) = (each["id"] for each in bridge.incidents()["incidents"])
    told = [line for line in bridge.incident(id_)["history"] if line["what"] == "alerts_healed"]
    assert [line["detail"]["evidence"].partition(" at ")[0] for line in told] == ["PagerDuty showed"]
    delivered(bridge, lost)
    assert bridge.incidents()["incidents"][0]["firing"] == 0
    assert metric(bridge, "bridge_healed_total", source="pagerduty") == 1


def test_a_merge_is_followed_and_all_end_with_its_target(start, pagerduty, page):
    bridge = start()
    one, two = (triggered(pagerduty, bridge, f"Q{name}", name) for name in ("checkout", "payments"))
    eventually(lambda: open_services(page) == [("Checkout",), ("Payments",)], "two incidents")
    one.clock_is_right()
    one.merged_into(two)
    eventually(lambda: open_services(page) == [("Checkout", "Payments")], "one incident for both")
    two.clock_is_right()
    two.resolved()
    eventually(lambda: open_services(page) == [], "both to be over")
    assert page.opened == 2


def test_one_that_was_merged_into_what_the_bridge_never_saw_ends_with_that(start, pagerduty, page):
    bridge = start()
    incident, unseen = triggered(pagerduty, bridge), PagedIncident("Q9", "elsewhere")
    unseen.triggered()
    pagerduty.incidents["Q9"] = unseen.shown
    page.shows(status="INVESTIGATING")
    delivered(bridge, incident.merged_into(unseen))
    eventually(lambda: pagerduty.asked.count("/incidents/Q9") >= 2, "its target to be asked about")
    page.shows(status="INVESTIGATING")
    unseen.clock_is_right()
    unseen.resolved()
    page.shows(status="RESOLVED")


def test_three_times_unknown_is_told_and_closes_nothing(start, pagerduty, page):
    bridge = start()
    triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    del pagerduty.incidents["Q1"]
    (line,) = logged(bridge, "paged_incident_missing")
    assert line["fingerprint"] == "Q1"
    is_asked(pagerduty, 2)
    page.shows(status="INVESTIGATING")
    assert len(log_of(bridge, "paged_incident_missing")) == 1


def test_a_refused_key_stops_the_questions_and_nothing_else_until_there_is_another(start, pagerduty, page, key_file):
    pagerduty.key = "an0ther"
    bridge = start()
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    (line,) = logged(bridge, "pagerduty_refused")
    assert (line["status"], line["set"]) == ("401", "PAGERDUTY_READER")
    incident.clock_is_right()
    incident.resolved()
    Outage(bridge).fires("payments")
    eventually(lambda: open_services(page) == [("Checkout",), ("Payments",)], "what was delivered to be published")
    assert len(pagerduty.asked) == 1
    assert KEY not in bridge.output
    key_file.write_text("an0ther")
    eventually(lambda: open_services(page) == [("Payments",)], "the end to be found")


def test_a_429_is_honored(start, pagerduty, page):
    bridge = start()
    triggered(pagerduty, bridge).resolved()
    pagerduty.status, pagerduty.extra = 429, {"ratelimit-reset": "5", "ratelimit-remaining": "0"}
    is_asked(pagerduty)
    pagerduty.status = None
    page.shows(status="RESOLVED")
    first, second = pagerduty.asked_at
    assert second - first >= 5


def test_a_subscription_that_is_off_is_told_and_shown_until_it_is_on(start, pagerduty):
    pagerduty.subscribe("PSUB")
    bridge = start(account={"subscription": "PSUB"})
    eventually(lambda: "/webhook_subscriptions/PSUB" in pagerduty.asked, "the subscription to be asked about")
    assert metric(bridge, "bridge_sender_disabled") == 0
    pagerduty.disable("PSUB")
    (line,) = logged(bridge, "sender_disabled")
    assert (line["subscription"], line["reason"]) == ("PSUB", "temporarily_disabled")
    eventually(lambda: metric(bridge, "bridge_sender_disabled", source="pagerduty") == 1, "the metric")
    pagerduty.enable("PSUB")
    eventually(lambda: metric(bridge, "bridge_sender_disabled") == 0, "the metric to be 0")


def test_while_pagerduty_hangs_everything_else_keeps_its_pace(start, pagerduty, page):
    asked, released = threading.Event(), threading.Event()

    def hang() -> Any:
        asked.set()
        released.wait(30)
        return incident.shown()

    bridge = start()
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    pagerduty.incidents["Q1"] = hang
    try:
        assert asked.wait(10)
        began = now_ms()
        Outage(bridge).fires("payments")
        eventually(lambda: open_services(page) == [("Checkout",), ("Payments",)], "both to be public")
        assert now_ms() - began < 5_000
        assert not released.is_set()
    finally:
        released.set()


def test_of_two_replicas_one_asks_and_the_other_goes_on_after_it(start, start_bridge, pagerduty, page, key_file):
    first = start()
    keys = {"PAGERDUTY_READER_FILE": str(key_file), "PAGERDUTY_API_URL": pagerduty.url}
    second = start_bridge(environment=ENVIRONMENT | keys)
    incident = triggered(pagerduty, second)
    page.shows(status="INVESTIGATING")
    is_asked(pagerduty, 3)
    times = pagerduty.asked_at
    assert min(b - a for a, b in pairwise(times)) >= INTERVAL_MS / 1000 - 0.5
    first.kill()
    incident.clock_is_right()
    incident.resolved()
    eventually(lambda: open_services(page) == [], "the other to find the end")


@pytest.mark.parametrize("by", ["integration", "person"])
def test_where_only_a_persons_resolve_counts_so_it_is_here(start, pagerduty, page, by):
    bridge = start(pagerduty={"resolve_by": "person"})
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    if by == "integration":
        incident.agent = {"id": "PINT", "type": "inbound_integration_reference", "summary": "Prometheus"}
    incident.clock_is_right()
    incident.resolved()
    if by == "person":
        page.shows(status="RESOLVED")
    else:
        is_asked(pagerduty, 3)
        page.shows(status="INVESTIGATING")


def test_heal_says_of_each_what_pagerduty_showed(start, pagerduty, page):
    bridge = start(healing={"mode": "observe"})
    triggered(pagerduty, bridge, "Q1")
    over = triggered(pagerduty, bridge, "Q2", "payments")
    over.resolved()

    def said() -> dict[str, str]:
        shown = command("heal", "--dry-run", "--url", bridge.url, "--output", "json", environment=bridge.environment())
        found = json.loads(shown.stdout)
        assert [(each["name"], each["round"]) for each in found["clusters"]] == [("pagerduty", "ok")]
        return {each["fingerprint"]: each["healing"][:30] for each in found["alerts"]}

    wanted = {"Q1": "wait: PagerDuty showed it open", "Q2": "close: PagerDuty showed it reso"[:30]}
    eventually(lambda: said() == wanted, "both to be told of")
    assert open_services(page) == [("Checkout",), ("Payments",)]


def test_with_mode_observe_it_is_told_and_nothing_is_closed(start, pagerduty, page):
    bridge = start(healing={"mode": "observe"})
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    incident.clock_is_right()
    incident.resolved()
    (line,) = logged(bridge, "healing_would_close")
    assert line["fingerprint"] == "Q1"
    is_asked(pagerduty, 2)
    page.shows(status="INVESTIGATING")
    assert len(log_of(bridge, "healing_would_close")) == 1


def test_without_the_section_nothing_is_asked_and_the_incident_stays_open(start_bridge, config, pagerduty, page):
    write_configuration(config, routes=[EACH_BY_ITSELF])
    bridge = start_bridge(environment=ENVIRONMENT | {"PAGERDUTY_API_URL": pagerduty.url, "PAGERDUTY_READER": KEY})
    incident = triggered(pagerduty, bridge)
    page.shows(status="INVESTIGATING")
    incident.resolved()
    other = triggered(pagerduty, bridge, "Q2", "payments")
    delivered(bridge, other.resolved())
    eventually(lambda: open_services(page) == [("Checkout",)], "what was delivered to be closed")
    assert pagerduty.asked == []
    assert milliseconds(incident.shown()["resolved_at"]) > 0


def test_check_online_says_what_the_account_shows_of_our_open_incidents(start, config, pagerduty):
    pagerduty.subscribe("PSUB")
    bridge = start(account={"interval": "1h", "subscription": "PSUB"})
    triggered(pagerduty, bridge, "Q1")
    triggered(pagerduty, bridge, "Q2", "payments").resolved()

    def check(**environment: str) -> Any:
        shown = command("check", config, "--online", environment={**bridge.environment(), **environment})
        return shown.returncode, shown.stdout

    code, shown = check()
    assert code == 0, shown
    row = r"  pagerduty  http://\S+  shows of our 2 open incidents: 1 open, 1 over, its subscription delivers\n"
    assert re.search(row, shown), shown
    assert "accepts the key, its subscription delivers" in check(REDIS_URL="")[1]
    pagerduty.disable("PSUB")
    code, shown = check()
    assert (code, shown.partition(";")[0]) == (1, f"{config} names senders that show too little: 1 problem")
    assert re.search(r"Problem: pagerduty at http://\S+: the subscription PSUB is off\n", shown)
    pagerduty.key = "an0ther"
    code, shown = check()
    assert code == 1
    assert re.search(r"Problem: pagerduty at http://\S+: refused: 401\n", shown)
    assert KEY not in shown
    unset = {"PAGERDUTY_READER_FILE": ""}
    assert "set PAGERDUTY_READER (or PAGERDUTY_READER_FILE)" in check(**unset)[1]
