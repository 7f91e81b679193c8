"""What a running bridge says comes next is what readers then see, and nobody is mailed of whom it did not say so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.vocabulary import INCIDENTS, Outage, Page, command, milliseconds, write_configuration
from tests.servers import Bridge, eventually

PATIENT = {"publish_after": "5s", "resolve_after": "5s", "reopen_after": "60s", "hold_refire": "4s"}
EARLY_MS = 300  # the clocks of Redis, the bridge and the simulator are this machine's; answers are cut to milliseconds


@pytest.fixture
def patient(config: Any, start_bridge: Any) -> Bridge:
    """A bridge that waits long enough to be asked before it acts."""
    write_configuration(config, defaults=PATIENT)
    bridge: Bridge = start_bridge()
    return bridge


def told(bridge: Bridge, **expected: Any) -> Any:
    """Wait until the only incident has these fields; the incident."""

    def only() -> Any:
        incidents = bridge.incidents()["incidents"]
        assert len(incidents) == 1, incidents
        found = {name: incidents[0][name] for name in expected}
        assert found == expected, incidents[0]
        return incidents[0]

    return eventually(only, f"an incident with {expected}")


def shown(bridge: Bridge, incident: Any) -> list[str]:
    """What ``bridge incidents show`` prints of it, by lines."""
    environment = {"BRIDGE_URL": bridge.url, "ADMIN_TOKENS": bridge.admin_token}
    done = command("incidents", "show", incident["id"], environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_at_each_stage_of_an_outage_what_is_said_to_come_comes(patient: Bridge, page: Page):
    outage = Outage(patient)
    outage.fires()
    waiting = told(patient, phase="PENDING", page="not yet")
    opening = waiting["next"]
    assert opening["what"].startswith("publishes in ")
    assert opening["what"].endswith(" s unless it clears")
    assert opening["mails"] == "the subscribers of v1"

    (first,) = page.shows(status="INVESTIGATING").messages
    assert (first.text, first.notified) == (opening["text"], True)
    assert first.posted_at >= milliseconds(opening["at"]) - EARLY_MS
    public = told(patient, phase="INVESTIGATING", page="open")
    assert public["next"] == {"at": None, "what": "nothing until its alerts change", "mails": "nobody", "text": None}

    outage.ends()
    page.shows(status="MONITORING")
    ending = told(patient, phase="MONITORING", page="open")["next"]
    assert ending["what"].startswith("resolves in ")
    assert ending["what"].endswith(" s unless something fires")
    assert ending["mails"] == "the subscribers of v1"

    last = page.shows(status="RESOLVED").messages[-1]
    assert (last.text, last.notified) == (ending["text"], True)
    assert last.posted_at >= milliseconds(ending["at"]) - EARLY_MS
    over = told(patient, phase="RESOLVED", page="resolved")["next"]
    assert over["what"].startswith("forgotten at ")
    assert over["mails"] == "nobody"


def test_a_write_that_checkly_refuses_is_named_with_its_reason(bridge: Bridge, page: Page):
    page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
    Outage(bridge).fires()
    refused = told(bridge, page="refused")
    (parked,) = refused["attention"]
    reason = parked.removeprefix("parked: ")
    assert "400" in reason
    assert refused["next"]["what"].startswith(f"refused by the page: {reason}; a person must act; tried again at ")
    assert refused["next"]["text"].startswith("We are investigating an issue affecting Checkout.")
    first, second, third, *_ = shown(bridge, refused)
    assert first == f"{refused['id']}  Issue affecting Checkout"
    assert second == f"INVESTIGATING  page: refused  MEDIUM  since {refused['phase_since']}"
    assert third == f"! {parked}"


def test_what_is_withheld_beside_the_incident_of_someone_else_names_it(bridge: Bridge, page: Page):
    theirs = page.sandbox.control("POST", "incidents", name="By hand", services=["Checkout"], severity="MINOR")["id"]
    Outage(bridge).fires()
    withheld = told(bridge, page="withheld: second writer")
    assert withheld["next"]["what"].startswith(f"withheld: {theirs} is open for the same service; looked at again ")
    (post,) = withheld["posts"]
    detail = f"{theirs} is open for the same service"
    assert post["withheld"] == {
        "reason": "second_writer",
        "since": None,
        "until": None,
        "detail": detail,
        "by": theirs,
        "also": [],
    }
    assert withheld["attention"] == [f"withheld: {detail}"]


def test_what_the_budget_keeps_back_waits_for_room(start_bridge: Any, config: Any, page: Page):
    route = {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]}
    write_configuration(config, routes=[route], budgets={"open": 1, "reserve": {}})
    outage = Outage(bridge := start_bridge())
    outage.fires(region="eu")
    page.shows(status="INVESTIGATING")
    outage.fires(region="us")

    def waits() -> Any:
        return next((each for each in bridge.incidents()["incidents"] if each["page"] == "withheld: budget"), None)

    withheld = eventually(waits, "the second to be withheld")
    what = "waits until there is room in the budget: budgets.open: 1 incidents are open, 1 may be"
    assert (withheld["next"]["at"], withheld["next"]["what"]) == (None, what)
    assert withheld["next"]["text"]
    assert withheld["posts"][0]["withheld"]["reason"] == "budget"


def test_what_a_person_closed_is_said_to_be_closed_by_hand(bridge: Bridge, page: Page):
    outage = Outage(bridge)
    outage.fires()
    public = page.shows(status="INVESTIGATING")
    page.sandbox.control("PATCH", f"incidents/{public.id}", status="RESOLVED", description="Not an outage.")
    outage.fires("payments")  # the next write notices
    closed = told(bridge, page="closed by hand")
    assert closed["next"] == {
        "at": None,
        "what": "nothing: closed by hand, until all of its alerts have cleared and one fires anew",
        "mails": "nobody",
        "text": None,
    }
    assert closed["attention"] == ["closed by hand"]
