"""The checker finds what it is there to find: each breach alone, in a history that is otherwise sound."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.chaos.checker import History, Verdict, Wanted, judge
from tests.chaos.told import untrue
from tests.scenarios.vocabulary import iso

OPENED = (1_000, "INVESTIGATING", "Started: MEDIUM Checkout")
WORSE = (2_000, "INVESTIGATING", "Update: CRITICAL Checkout")
OVER = (3_000, "RESOLVED", "Resolved: Checkout")
CLEAR = {"Outage eu": Wanted()}
FIRING = {"Outage eu": Wanted(severity="MEDIUM", services=frozenset({"Checkout"}))}
ILL = {"Checkout": "DEGRADED_PERFORMANCE"}
V3: dict[str, Any] = {"api": "v3", "pages": ["store"], "severity": None, "impacts": ILL}
FIRING_V3 = {"Outage eu on store": Wanted(severity="MEDIUM", services=frozenset({"Checkout"}), impacts=ILL)}


def incident(id_: str, *updates: tuple[int, str, str], origin: str = "api", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "name": "Outage eu",
        "origin": origin,
        "api": "v1",
        "pages": ["shop"],
        "severity": "MEDIUM",
        "services": [{"name": "Checkout"}],
        "impacts": {},
        "incidentUpdates": [
            {
                "id": f"{id_}-{number}",
                "status": status,
                "description": f"{text}\n\nReference: ABCDEFGH12",
                "created_at": iso(at),
                "publicIncidentUpdateDate": iso(at),
            }
            for number, (at, status, text) in reversed(list(enumerate(updates)))
        ],
        **changes,
    }


def verdict(
    wanted: dict[str, Wanted], *incidents: dict[str, Any], mails: Any = (), calls: Any = (), **rest: Any
) -> Verdict:
    sent = [{"update": each} for each in mails]
    return judge(History.of({"incidents": incidents}, sent, calls), wanted, **rest)


def test_a_sound_history_has_no_breach():
    over = incident("a", OPENED, WORSE, OVER)
    found = verdict(CLEAR, over, mails=["a-0", "a-1", "a-2"], mailed={"Outage eu": [OPENED[1], WORSE[1], OVER[1]]})
    assert found == Verdict()
    assert verdict(FIRING, incident("a", OPENED)) == Verdict()
    recovered = {"Payments": "OPERATIONAL", **V3["impacts"]}
    assert verdict(FIRING_V3, incident("a", OPENED, **V3 | {"impacts": recovered})) == Verdict()


@pytest.mark.parametrize(
    ("wanted", "incidents", "message"),
    [
        (CLEAR, [], "never published"),
        (CLEAR, [incident("a", OPENED)], "is open though everything has cleared"),
        (FIRING, [incident("a", OPENED, OVER)], "is not open"),
        (FIRING, [incident("a", OPENED, severity="MINOR")], "shows MINOR"),
        (FIRING, [incident("a", WORSE)], "tells 'Update: CRITICAL"),
        (FIRING, [incident("a", OPENED, services=[])], r"shows \[\]"),
        (FIRING, [incident("a", OPENED, services=[{"name": "Checkout"}, {"name": "Search"}])], "Search"),
        (FIRING, [incident("a", OPENED, origin="others")], "never published"),
        (FIRING, [incident("a", OPENED, pages=[])], "never published"),
        (FIRING_V3, [incident("a", OPENED, **V3 | {"impacts": {}})], "suffer {}"),
        (FIRING_V3, [incident("a", OPENED, **V3 | {"impacts": {"Checkout": "MAJOR_OUTAGE"}})], "MAJOR_OUTAGE"),
        (FIRING_V3, [incident("a", OPENED, **V3 | {"pages": ["web"]})], "never published"),
    ],
)
def test_the_checker_reports_each_kind_of_loss(wanted, incidents, message):
    found = verdict(wanted, *incidents)
    assert [bool(re.search(message, each)) for each in found.lost] == [True]
    assert not found.doubled


def test_two_open_at_once_are_doubled_even_if_both_are_over():
    first, second = incident("a", OPENED, OVER), incident("b", WORSE, (4_000, *OVER[1:]))
    assert "two incidents were open at once" in verdict(CLEAR, first, second).doubled[0]
    assert verdict(CLEAR, first, second, late_duplicates=1) == Verdict()


def test_incidents_of_two_pages_are_no_duplicates():
    first, second = (incident(page, OPENED, OVER, **V3 | {"pages": [page], "impacts": {}}) for page in ("store", "web"))
    assert verdict({}, first, second) == Verdict()
    assert verdict({}, first, incident("again", OPENED, OVER, **V3 | {"impacts": {}})).doubled


def test_one_after_the_other_is_not_doubled():
    assert (
        verdict(CLEAR, incident("a", OPENED, OVER), incident("b", (3_000, *OPENED[1:]), (4_000, *OVER[1:])))
        == Verdict()
    )


@pytest.mark.parametrize("mails", [["a-0", "a-0"], ["a-0", "b-0"]])
def test_a_mail_too_many_is_doubled(mails):
    first, second = incident("a", OPENED, OVER), incident("b", (5_000, *OPENED[1:]), (6_000, *OVER[1:]))
    assert "mailed" in verdict(CLEAR, first, second, mails=mails).doubled[0]


def test_mails_are_counted_where_they_are_known():
    over = incident("a", OPENED, OVER)
    expected = {"Outage eu": ["INVESTIGATING", "RESOLVED"]}
    assert verdict(CLEAR, over, mails=["a-0"], mailed=expected).lost
    assert verdict(CLEAR, over, mails=["a-0", "a-1", "a-1"], mailed=expected).doubled


def test_the_same_update_twice_is_doubled():
    assert "posted twice" in verdict(FIRING, incident("a", OPENED, (2_000, *OPENED[1:]))).doubled[0]


def test_what_others_made_may_not_be_touched():
    others = incident("x", OPENED, origin="others")
    path = "/v1/status-pages/incidents/x"
    calls = [{"number": number, "method": method, "path": path} for number, method in enumerate(("GET", "PUT"))]
    assert [each.startswith("call 1") for each in verdict({}, others, calls=calls).wrong] == [True]
    deleted = [{"number": 1, "method": "DELETE", "path": "/v1/status-pages/incidents/a"}]
    assert verdict({}, calls=deleted).wrong


def test_dates_in_the_future_or_backwards_are_wrong():
    ahead = incident("a", OPENED, OVER)
    ahead["incidentUpdates"][1]["publicIncidentUpdateDate"] = iso(3_500)
    found = verdict(CLEAR, ahead).wrong
    assert [("future" in each, "backwards" in each) for each in found] == [(False, True), (True, False)]


def entry(what: str, **detail: Any) -> dict[str, Any]:
    return {"what": what, "detail": detail}


OPENS = entry("write_done", remote_id="one", write="open")
WORSENS = entry("write_found", remote_id="one", write="update")
CHANGES = entry("write_done", remote_id="one", write="change")
INVESTIGATES = entry("phase", phase="INVESTIGATING")


@pytest.mark.parametrize(
    ("told", "breach"),
    [
        ((INVESTIGATES, OPENS, CHANGES, WORSENS), None),
        ((INVESTIGATES, entry("adopted", remote_id="one"), WORSENS), None),
        ((entry("left_out", entries=7), WORSENS), None),
        ((INVESTIGATES, OPENS, CHANGES), "one: 2 updates were posted, its history tells of 1"),
        ((OPENS, WORSENS, WORSENS), "one: 2 updates were posted, its history tells of 3"),
        ((OPENS, WORSENS, entry("write_done", remote_id="x", write="open")), "tells of a write on x, which never was"),
        ((OPENS, WORSENS, entry("phase", phase="RESOLVED")), "is INVESTIGATING, its history says RESOLVED"),
    ],
)
def test_a_history_that_is_not_true_to_the_page_is_found(told: tuple[dict[str, Any], ...], breach: str | None):
    seen = History.of({"incidents": [incident("one", OPENED, WORSE)]}, [], [])
    found = list(untrue(seen, {"ABCDEFGH12": told}, {"ABCDEFGH12": "INVESTIGATING"}))
    assert len(found) == (breach is not None)
    assert breach is None or breach in found[0]
