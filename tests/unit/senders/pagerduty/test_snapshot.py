"""What PagerDuty shows of an end when it is asked, against what the lost webhook would have said."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.config.senders import PagerDuty
from bridge.model import AlertStatus
from bridge.senders.pagerduty.parser import parse
from bridge.senders.pagerduty.snapshot import is_over, read_end
from tests.scenarios.pager import PERSON, PagedIncident

START = 1_790_000_000_000
LABELS = frozenset({"service", "priority"})
MEANING = PagerDuty()


def ended(**changes: Any) -> dict[str, Any]:
    incident = PagedIncident("Q1", starts_at=START)
    incident.triggered(priority="P1")
    incident.resolved()
    return {**incident.shown(), **changes}


@pytest.mark.parametrize("sender", ["", "eu"])
@pytest.mark.parametrize("is_merge", [False, True])
def test_it_says_what_the_webhook_says_but_for_the_time(sender, is_merge):
    incident, target = PagedIncident("Q1", starts_at=START), PagedIncident("Q2")
    incident.triggered(priority="P1")
    body = incident.merged_into(target) if is_merge else incident.resolved()
    (told,) = parse(body, MEANING, LABELS, sender).alerts
    (shown,) = read_end(incident.shown(), 0, MEANING, LABELS, sender).alerts
    beside = {"observed_at": 0, "ends_at": 0, "starts_at": 0, "event_id": None, "link": None}
    assert replace(shown, **beside) == replace(told, **beside)
    assert shown.merged_into == ("Q2" if is_merge else None)
    assert told.observed_at is not None
    assert shown.observed_at == told.observed_at // 1000 * 1000
    assert shown.event_id is None


@pytest.mark.parametrize(
    ("known_at", "observed_at"),
    [
        (0, START),
        (START - 1, START),
        (START + 414, START + 414),  # in the second in which it ended: right after
        (START + 999, START + 999),
        (START + 5_000, START + 999),  # later: this is of the time before
    ],
)
def test_the_end_of_a_second_comes_after_what_is_known_of_that_second_and_of_no_other(known_at, observed_at):
    end = ended(resolved_at="2026-09-21T14:13:20Z")
    (alert,) = read_end(end, known_at, MEANING, LABELS).alerts
    assert (alert.status, alert.observed_at) == (AlertStatus.RESOLVED, observed_at)


def test_an_end_with_milliseconds_is_taken_as_it_is():
    (alert,) = read_end(ended(resolved_at="2026-09-21T14:13:20.250Z"), START + 700, MEANING, LABELS).alerts
    assert alert.observed_at == START + 250


def test_without_the_time_of_the_end_the_last_change_is_it_and_without_both_nothing_is():
    (alert,) = read_end(ended(resolved_at=None), 0, MEANING, LABELS).alerts
    assert alert.observed_at == START // 1000 * 1000
    unread = read_end(ended(resolved_at=None, last_status_change_at="yesterday"), 0, MEANING, LABELS)
    assert (unread.alerts, len(unread.unusable)) == ([], 1)


@pytest.mark.parametrize(
    ("agent", "counts"),
    [
        (PERSON, True),
        ({"id": "PUSER01", "type": "user", "name": "Robin Doe"}, True),
        ({"id": "PSERV", "type": "service_reference"}, False),
        (None, False),
        ("Robin", False),
    ],
)
def test_only_a_persons_resolve_counts_where_only_that_is_to(agent, counts):
    meaning = PagerDuty(resolve_by="person")
    delivery = read_end(ended(last_status_change_by=agent), 0, meaning, LABELS)
    assert len(delivery.alerts) == counts
    assert (delivery.dismissal is None) == counts


def test_a_title_that_was_cut_in_half_is_no_reason_not_to_end():
    (alert,) = read_end(ended(title="cut \ud83d"), 0, MEANING, LABELS).alerts
    assert alert.status is AlertStatus.RESOLVED


@pytest.mark.parametrize(
    ("status", "over"), [("triggered", False), ("acknowledged", False), ("resolved", True), ("new", False)]
)
def test_only_resolved_is_over(status, over):
    assert is_over(ended(status=status)) == over
