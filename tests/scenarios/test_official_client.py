"""A person works with Checkly's own command line while the bridge runs: neither undoes what the other did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.impatient import Impatient
from tests.scenarios.person import Person
from tests.scenarios.vocabulary import (
    Outage,
    command,
    log_of,
    logged,
    metric,
    milliseconds,
    now_ms,
    observed,
    write_configuration,
)
from tests.servers import Bridge, ChecklyCli, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.vocabulary import Page, Published

pytestmark = pytest.mark.needs("checkly")

OURS, THEIRS = "Issue affecting Checkout", "Checkout is slow"


LOOK_EVERY_MS = 1_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_configuration(tmp_path / "bridge.yaml", people={"look_every": f"{LOOK_EVERY_MS}ms"})


@pytest.fixture
def bridge(tmp_path: Path, page: Page, config: Path, redis_url: str) -> Iterator[Bridge]:
    with Impatient(tmp_path / "impatient", config=config, sandbox=page.sandbox, redis_url=redis_url) as bridge:
        yield bridge


@pytest.fixture
def person(tmp_path: Path, page: Page) -> Person:
    return Person(ChecklyCli(tmp_path / "person", page.sandbox))


def named(page: Page, name: str, status: str) -> Published:
    """Wait until the incident with this name has this status."""

    def found() -> Published | None:
        return next((each for each in page.incidents if (each.name, each.status) == (name, status)), None)

    incident = eventually(found, f"{name}: {status}")
    assert incident
    return incident


def listed(bridge: Bridge) -> str:
    """What `bridge incidents list` prints."""
    return command("incidents", "list", "--url", bridge.url, environment=bridge.environment()).stdout


def test_the_bridge_waits_beside_a_person_s_incident_and_publishes_when_that_is_over(
    bridge: Bridge, outage: Outage, page: Page, person: Person
):
    by_hand = person.opens(THEIRS, "Checkout")
    outage.fires("checkout")
    eventually(lambda: metric(bridge, "bridge_incidents_withheld", reason="second_writer") == 1, "it to be withheld")
    assert f"withheld: {by_hand} is open for the same service" in listed(bridge)
    assert person.sees == {THEIRS: "INVESTIGATING"}

    person.resolves(by_hand)
    named(page, OURS, "INVESTIGATING")
    assert person.sees == {OURS: "INVESTIGATING"}
    outage.ends()
    named(page, OURS, "RESOLVED")
    theirs = named(page, THEIRS, "RESOLVED")
    assert (theirs.id, theirs.severity, theirs.statuses) == (by_hand, "MAJOR", ["INVESTIGATING", "RESOLVED"])
    assert page.opened == 2


def test_an_incident_about_something_else_holds_nothing_back(
    bridge: Bridge, outage: Outage, page: Page, person: Person
):
    person.opens("Search is slow", "Search")
    outage.fires("checkout")
    named(page, OURS, "INVESTIGATING")
    assert person.sees == {"Search is slow": "INVESTIGATING", OURS: "INVESTIGATING"}
    assert log_of(bridge, "incident_withheld") == []


def test_a_person_s_update_and_severity_stay_under_what_the_bridge_says_later(
    outage: Outage, page: Page, person: Person
):
    outage.fires("checkout")
    incident = page.shows(status="INVESTIGATING", severity="MEDIUM")
    person.posts(incident.id, "A cable was cut.", status="identified", severity="critical")
    outage.fires("payments")
    joined = page.shows(id=incident.id, services=("Checkout", "Payments"))
    assert (joined.status, joined.severity, joined.name) == ("IDENTIFIED", "CRITICAL", incident.name)

    outage.ends()
    over = page.shows(id=incident.id, status="RESOLVED")
    assert [each.text for each in over.messages].count("A cable was cut.") == 1
    assert over.statuses[:2] == ["INVESTIGATING", "IDENTIFIED"]
    assert over.statuses.count("RESOLVED") == 1
    assert page.opened == 1


def test_what_a_person_resolved_stays_so_until_the_outage_is_over_and_a_new_one_begins(
    bridge: Bridge, outage: Outage, page: Page, person: Person
):
    outage.fires("checkout")
    incident = page.shows(status="INVESTIGATING")
    person.resolves(incident.id, "It was a false alarm.")
    outage.fires("payments", severity="critical")
    (noticed,) = logged(bridge, "closed_by_others")
    assert noticed["remote_id"] == incident.id
    eventually(lambda: "closed by hand" in listed(bridge), "the list to tell")

    outage.ends()
    eventually(lambda: [line for line in log_of(bridge, "phase_changed") if line["phase"] == "RESOLVED"], "its end")
    left = page.shows(id=incident.id, severity=incident.severity, services=incident.services)
    assert left.statuses == ["INVESTIGATING", "RESOLVED"]
    assert left.messages[-1].text == "It was a false alarm."
    assert person.sees == {}

    outage.fires("checkout")
    page.shows(id=incident.id, status="INVESTIGATING")
    assert page.opened == 1


def test_a_look_shows_what_a_person_set_and_resolved_before_the_bridge_has_anything_to_write(
    bridge: Bridge, outage: Outage, page: Page, person: Person
):
    outage.fires("checkout")
    incident = page.shows(status="INVESTIGATING", severity="MEDIUM")
    eventually(lambda: observed(bridge)["drift"] == [], "the first look")
    person.posts(incident.id, "A cable was cut.", status="identified", severity="critical")
    set_at = now_ms()
    eventually(lambda: observed(bridge)["drift"] == ["status", "severity"], "a look that sees both")
    seen = observed(bridge)
    assert (seen["status"], seen["severity"]) == ("IDENTIFIED", "CRITICAL")
    assert milliseconds(seen["at"]) <= max(now_ms(), set_at + 2 * LOOK_EVERY_MS)
    edited = page.shows(id=incident.id, status="IDENTIFIED", severity="CRITICAL")

    person.resolves(incident.id, "It was a false alarm.")
    resolved_at = now_ms()
    (noticed,) = logged(bridge, "closed_by_others")
    assert milliseconds(noticed["timestamp"]) - resolved_at < 10 * LOOK_EVERY_MS  # with the patience of a slow machine
    assert observed(bridge)["drift"] == ["status", "severity"]
    over = page.shows(id=incident.id, status="RESOLVED")
    assert [each.text for each in over.messages] == [
        *(each.text for each in edited.messages),
        "It was a false alarm.",
    ]
    assert len(log_of(bridge, "page_written")) == 1
    assert len(log_of(bridge, "edited_by_others")) == 1
    outage.ends()
    eventually(lambda: [line for line in log_of(bridge, "phase_changed") if line["phase"] == "RESOLVED"], "its end")
    assert page.shows(id=incident.id).messages == over.messages
