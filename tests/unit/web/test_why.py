"""``GET /api/why``."""

from __future__ import annotations

import pytest

from bridge.core.told import short_name
from bridge.model import Incident, Phase, Progress, Severity, Summary
from bridge.store import CountedAlert, Example, Finding, FoundAlert, StoreUnavailable, Unpublished, UnpublishedGroup
from tests.unit.web.application import CONFIG, NOW, Bridge, assert_refused

ID = "0JH0JQZKSA"
ALERT = CountedAlert(
    source="alertmanager",
    fingerprint="f1",
    status="firing",
    starts_at=NOW,
    ends_at=None,
    seen_at=NOW,
    severity=Severity.MAJOR,
    services=("checkout",),
    why=("route", "service"),
    name="Errors",
)
FOUND = Finding(alerts=[FoundAlert(incident_id=ID, alert=ALERT)])
INCIDENT = Incident(
    id=ID,
    key="checkout",
    route="checkout",
    summary=Summary(firing=1, services={"checkout": Severity.MAJOR}, firing_since=NOW),
    progress=Progress(phase=Phase.PENDING, phase_since=NOW),
)


def add_group(bridge: Bridge, about: Unpublished, fingerprint: str) -> None:
    bridge.store.unpublished.groups[about] = UnpublishedGroup(
        about=about, count=3, first_at=NOW - 1_000, last_at=NOW, example=Example("alertmanager", "eu", fingerprint)
    )


@pytest.fixture
def bridge(tmp_path):
    found = Bridge(tmp_path)
    found.store.held.append((INCIDENT, [ALERT]))
    add_group(found, Unpublished("unknown_service", "labelled", "Disk full", "status_page", "chekout"), "g1")
    return found


@pytest.mark.parametrize("subject", [ID, ID.lower(), "f1", "Errors"])
async def test_an_alert_that_counts_is_found_by_id_fingerprint_and_name(bridge, subject):
    bridge.store.finder.found = {"f1": FOUND, "Errors": FOUND}
    answer = (await bridge.get(f"/api/why?subject={subject}")).json()
    (way,) = answer["ways"]
    assert (way["incident"], way["phase"], way["stopped_at"]) == (ID, "PENDING", "old enough")
    assert way["stations"][0]["station"] == "delivered"
    assert way["remedy"].startswith("Wait.")
    assert (answer["subject"], answer["unsearched"]) == (subject, [])


@pytest.mark.parametrize("subject", ["g1", "Disk%20full"])
async def test_an_alert_that_was_not_published_is_found_by_fingerprint_and_name(bridge, subject):
    (way,) = (await bridge.get(f"/api/why?subject={subject}")).json()["ways"]
    assert (way["name"], way["sender"], way["reason"]) == ("Disk full", "eu", "unknown_service")
    assert way["stopped_at"] == "routed"
    assert 'Did you mean "checkout"?' in way["stations"][2]["why"]


async def test_a_name_that_is_kept_shortened_is_found_by_the_whole_of_it(bridge):
    name = "Disk full " * 20
    add_group(bridge, Unpublished("unmatched", "", short_name(name), "service", "x"), "long")
    for asked in (f"subject={name}", f"label=alertname={name}&label=service=x"):
        answer = (await bridge.get(f"/api/why?{asked.replace(' ', '%20')}")).json()
        assert [way["fingerprint"] for way in answer["ways"]] == ["long"], asked
    assert ("name", short_name(name)) in bridge.store.finder.asked


async def test_what_nobody_knows_gets_a_hint(bridge):
    answer = (await bridge.get("/api/why?subject=Disc%20full")).json()
    assert answer["did_you_mean"] == "Disk full"
    assert answer["ways"][0]["stopped_at"] == "delivered"


async def test_what_was_not_searched_is_said(bridge):
    bridge.store.finder.found = {"Errors": Finding(alerts=[], unsearched="half of it")}
    assert (await bridge.get("/api/why?subject=Errors")).json()["unsearched"] == ["half of it"]


async def test_labels_are_routed_and_found_where_they_lead(bridge):
    asked = "label=alertname%3DErrors&label=service%3Dcheckout"
    answer = (await bridge.get(f"/api/why?{asked}")).json()
    assert answer["routing"]["ignored"] is None
    assert answer["routing"]["why"][0].startswith('route "checkout" (')
    assert answer["ways"][0]["stopped_at"] == "delivered"
    assert bridge.store.finder.asked[-1] == ("name", "Errors", answer["routing"]["incident"])
    bridge.store.finder.found = {"Errors": FOUND}
    assert (await bridge.get(f"/api/why?{asked}")).json()["ways"][0]["incident"] == ID


async def test_labels_that_are_not_published_lead_to_their_group_and_to_no_other(bridge):
    add_group(bridge, Unpublished("unmatched", "", "Disk full", "service", "x"), "g2")
    asked = "/api/why?label=alertname%3DDisk%20full&label=status_page%3Dchekout"
    answer = (await bridge.get(asked)).json()
    assert answer["routing"]["ignored"] == "service"
    assert [way["fingerprint"] for way in answer["ways"]] == ["g1"]


async def test_many_groups_are_cut(bridge):
    for number in range(9):
        add_group(bridge, Unpublished("unmatched", "", "Many", "service", f"s{number}"), f"m{number}")
    answer = (await bridge.get("/api/why?subject=Many")).json()
    assert len(answer["ways"]) == 5
    assert answer["unsearched"] == ["more was left unpublished: bridge alerts list --not-published"]


async def test_without_names_none_is_shown_or_searched(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG + "operator_labels: none\n")
    add_group(bridge, Unpublished("unknown_service", "labelled", "Disk full", "status_page", "chekout"), "g1")
    answer = await bridge.get("/api/why?subject=g1")
    assert answer.json()["ways"][0]["stopped_at"] == "routed"
    assert "Disk full" not in answer.text
    assert "chekout" not in answer.text
    assert answer.json()["unsearched"][0].startswith("names are not kept")
    assert "Disk full" not in (await bridge.get("/api/why?subject=Disc%20full")).text


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "wrong_parameter"),
        ("?subject=", "wrong_parameter"),
        ("?subject=a&label=b%3Dc", "wrong_parameter"),
        ("?label=alertname", "wrong_parameter"),
        ("?label=%3Dx", "wrong_parameter"),
        (f"?subject={'x' * 5_000}", "wrong_parameter"),
        ("?" + "&".join(["label=a%3Db"] * 65), "wrong_parameter"),
        ("?name=Errors", "unknown_parameter"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(bridge, query, error):
    assert_refused(await bridge.get(f"/api/why{query}"), 400, error)


async def test_it_needs_a_token_and_the_store(bridge):
    assert_refused(await bridge.get("/api/why?subject=f1", token="guess"), 401, "unauthorized")
    bridge.store.unpublished.error = StoreUnavailable("gone")
    assert_refused(await bridge.get("/api/why?subject=f1"), 503, "store_unavailable")
