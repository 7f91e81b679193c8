"""Two releases on one Redis, one after the other or both at once: nothing is lost, and nothing is posted twice."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from itertools import cycle

import httpx
import pytest

from tests.chaos.campaign_servers import Alerts, name
from tests.chaos.checker import Verdict, Wanted
from tests.deploy.fleet import Fleet
from tests.scenarios import pager
from tests.scenarios.vocabulary import INCIDENTS, logged
from tests.servers import Bridge, eventually
from tests.upgrade.previous import ENVIRONMENT, WHEEL, PreviousBridge

CHECKOUT = frozenset({"Checkout"})
FIRES = Wanted(severity="MEDIUM", services=CHECKOUT, ever=CHECKOUT)
CLEAR = Wanted(ever=CHECKOUT)
_PATIENCE_S = 120.0  # longer than a lease, what settles after it, and a machine that halts now and then


@pytest.fixture
def fleet(tmp_path):
    with ExitStack() as running:
        yield Fleet(tmp_path, running)


def delivered(bridge: Bridge, *bodies: bytes) -> None:
    """Deliver what Alertmanager says; each must be taken."""
    for body in bodies:
        answer = bridge.deliver(body)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def shows(fleet: Fleet, *names: str, status: str = "INVESTIGATING") -> None:
    """Wait until readers see all of these incidents with a status."""

    def all_shown() -> bool:
        shown = [(each.title, each.status) for each in fleet.history().incidents if each.title in names]
        assert {(name, status) for name in names} <= set(shown), shown
        return True

    eventually(all_shown, f"the page to show {names} as {status}", within=_PATIENCE_S)


def test_the_previous_release_is_the_one_of_the_wheel():
    command = [sys.executable, "-P", "-c", "import bridge; print(bridge.__file__)"]
    assert subprocess.check_output(command, env=ENVIRONMENT, text=True).startswith(str(WHEEL))


@pytest.mark.parametrize(
    ("first", "second"), [(PreviousBridge, Bridge), (Bridge, PreviousBridge)], ids=["upgrade", "rollback"]
)
def test_one_release_goes_on_with_what_another_has_stored(fleet, first, second):
    alerts = Alerts()
    source, target = pager.PagedIncident("SOURCE"), pager.PagedIncident("TARGET")
    paged = ["Paged Incident SOURCE", "Paged Incident TARGET"]
    one = fleet.bridge(first)
    one.wait_ready()
    late_copy = alerts.fires("held")
    delivered(one, late_copy, alerts.fires("open"), alerts.fires("returning"))
    pager.delivered(one, source.triggered(), target.triggered())
    shows(fleet, name("held"), name("open"), name("returning"), *paged)
    delivered(one, alerts.ends("returning"))
    pager.delivered(one, source.merged_into(target))
    shows(fleet, name("returning"), paged[0], status="RESOLVED")
    fleet.fault("hold", method="POST", path=INCIDENTS, commit=True)
    delivered(one, alerts.fires("unanswered"))
    shows(fleet, name("unanswered"))
    delivered(one, alerts.ends("held"), late_copy)
    fleet.crash(one)

    other = fleet.bridge(second)
    fleet.control("POST", "release")
    other.wait_ready()
    logged(other, "write_adopted")
    with httpx.Client(base_url=other.url, headers={"Authorization": f"Bearer {Bridge.admin_token}"}) as client:
        ids = [each["id"] for each in client.get("/api/incidents").raise_for_status().json()["incidents"]]
        told = [client.get(f"/api/incidents/{id_}").raise_for_status().json()["alerts"] for id_ in ids]
    assert len(told) == 6
    delivered(other, alerts.fires("returning"), alerts.ends("open"), alerts.ends("unanswered"))
    pager.delivered(other, target.resolved())

    wanted = {**alerts.wanted(), name("held"): FIRES, **dict.fromkeys(paged, CLEAR)}
    twice = {name("returning"): ["INVESTIGATING", "RESOLVED", "INVESTIGATING"]}
    assert fleet.verdict(wanted, mailed=twice) == Verdict()


def test_both_releases_run_at_once_while_one_replaces_the_other_and_back(fleet):
    alerts = Alerts()
    bridges: list[Bridge] = [fleet.bridge(PreviousBridge), fleet.bridge(PreviousBridge)]
    rollouts: list[tuple[int, type[Bridge]]] = [(0, Bridge), (1, Bridge), (0, PreviousBridge), (1, PreviousBridge)]
    for number, (place, release) in enumerate(rollouts):
        regions = [f"r{number}-{each}" for each in range(6)]
        for bridge in bridges:
            bridge.wait_ready()
        for bridge, region in zip(cycle(bridges), regions, strict=False):
            delivered(bridge, alerts.fires(region))
        if place == 0:
            fleet.crash(bridges[place])
        else:
            bridges[place].stop()
        bridges[place] = fleet.bridge(release)
        for region in regions:
            delivered(bridges[1 - place], alerts.repeats(region), alerts.fires(region, instance="2"))
        bridges[place].wait_ready()
        shows(fleet, *map(name, regions))
        for bridge, region in zip(cycle(bridges), regions[number:], strict=False):
            delivered(bridge, alerts.ends(region))
    assert fleet.verdict(alerts.wanted()) == Verdict()


def test_what_a_sender_with_a_name_has_stored_waits_for_it_while_the_previous_release_runs(fleet):
    alerts = Alerts()

    def named(bridge: Bridge, *bodies: bytes) -> None:
        headers = {"Authorization": f"Bearer {bridge.alertmanager_token}"}
        for body in bodies:
            assert httpx.post(f"{bridge.webhook}/eu", content=body, headers=headers).status_code == httpx.codes.ACCEPTED

    one = fleet.bridge(PreviousBridge)
    one.wait_ready()
    delivered(one, alerts.fires("before"))
    fleet.crash(one)
    two = fleet.bridge(Bridge)
    two.wait_ready()
    named(two, alerts.repeats("before"), alerts.fires("named"))
    shows(fleet, name("before"), name("named"))
    fleet.crash(two)
    three = fleet.bridge(PreviousBridge)
    three.wait_ready()
    delivered(three, alerts.fires("meanwhile"))
    shows(fleet, name("before"), name("named"), name("meanwhile"))
    fleet.crash(three)
    four = fleet.bridge(Bridge)
    four.wait_ready()
    named(four, alerts.ends("before"), alerts.ends("named"), alerts.ends("meanwhile"))
    assert fleet.verdict(alerts.wanted()) == Verdict()


def test_the_names_of_alerts_outlive_the_previous_release_which_knows_none(fleet):
    alerts = Alerts()

    def told(bridge: Bridge) -> dict[str, str | None]:
        with httpx.Client(base_url=bridge.url, headers={"Authorization": f"Bearer {Bridge.admin_token}"}) as client:
            ids = [each["id"] for each in client.get("/api/incidents").raise_for_status().json()["incidents"]]
            answers = [client.get(f"/api/incidents/{id_}").raise_for_status().json() for id_ in ids]
        return {each["group"]["region"]: alert.get("name") for each in answers for alert in each["alerts"]}

    releases: list[tuple[type[Bridge], dict[str, str | None], tuple[bytes, ...]]] = [
        (PreviousBridge, {"old": None}, (alerts.fires("old"),)),
        (Bridge, {"old": None, "new": "ErrorsHigh"}, (alerts.fires("new"),)),
        (PreviousBridge, {"old": None, "new": None}, (alerts.repeats("old"), alerts.repeats("new"))),
        (Bridge, {"old": None, "new": "ErrorsHigh"}, ()),
        (Bridge, {"old": "ErrorsHigh", "new": "ErrorsHigh"}, (alerts.repeats("old"),)),
    ]
    for release, names, bodies in releases:
        bridge = fleet.bridge(release)
        bridge.wait_ready()
        delivered(bridge, *bodies)
        assert told(bridge) == names
        fleet.crash(bridge)


def open_ones(bridge: Bridge, **filters: str) -> set[str]:
    """The regions of the open incidents that it lists."""
    with httpx.Client(base_url=bridge.url, headers={"Authorization": f"Bearer {Bridge.admin_token}"}) as client:
        answer = client.get("/api/incidents", params={"active": "true", "limit": 1000, **filters}).raise_for_status()
    return {each["group"]["region"] for each in answer.json()["incidents"]}


def test_what_the_previous_release_begins_and_ends_is_listed_right_before_and_beside_it(fleet):
    alerts = Alerts()
    previous = fleet.bridge(PreviousBridge)
    previous.wait_ready()
    delivered(previous, alerts.fires("a"), alerts.fires("b"))
    shows(fleet, name("a"), name("b"))
    bridge = fleet.bridge(Bridge)
    bridge.wait_ready()
    assert open_ones(bridge) == {"a", "b"}
    delivered(bridge, alerts.fires("c"))
    delivered(previous, alerts.ends("a"), alerts.fires("d"))
    shows(fleet, name("a"), status="RESOLVED")
    shows(fleet, name("b"), name("c"), name("d"))
    fleet.crash(previous)
    eventually(lambda: open_ones(bridge) == {"b", "c", "d"}, "what the other release changed to be listed")
    assert open_ones(bridge, phase="INVESTIGATING") == {"b", "c", "d"}
    delivered(bridge, alerts.ends("b"))
    shows(fleet, name("b"), status="RESOLVED")
    eventually(lambda: open_ones(bridge) == {"c", "d"}, "its end")
