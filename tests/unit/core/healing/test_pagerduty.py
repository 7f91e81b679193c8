"""Which incidents are asked about, and when."""

from __future__ import annotations

import pytest

from bridge.core.healing.pagerduty import Asked, OpenAlert, questions, standing

MINUTE = 60_000
HOUR = 60 * MINUTE
INTERVAL = 5 * MINUTE


def alert(fingerprint: str, *, seen_at: int = 0, observed_at: int = 0, part_of: str = "") -> OpenAlert:
    return OpenAlert(fingerprint=fingerprint, seen_at=seen_at, observed_at=observed_at, part_of=part_of)


def due(*alerts: OpenAlert, **asked: Asked) -> list[tuple[str, int]]:
    return [(each.id, each.due_at) for each in questions(alerts, asked, interval_ms=INTERVAL)]


def test_an_incident_is_due_an_interval_after_the_last_that_was_heard_of_it():
    assert due(alert("Q1", seen_at=7)) == [("Q1", 7 + INTERVAL)]
    assert due(alert("Q1", seen_at=7), Q1=Asked(answered_at=9, tried_at=9)) == [("Q1", 9 + INTERVAL)]
    assert due(alert("Q1", seen_at=11), Q1=Asked(answered_at=9, tried_at=9)) == [("Q1", 11 + INTERVAL)]


def test_who_was_tried_last_comes_last():
    tried = Asked(tried_at=9)
    assert due(alert("Q1"), alert("Q2"), Q1=tried) == [("Q2", INTERVAL), ("Q1", INTERVAL)]


def test_a_merged_one_is_asked_about_by_its_target_once_for_all():
    (question,) = questions(
        [
            alert("Q1", observed_at=5, part_of="Q9"),
            alert("Q2", observed_at=8, part_of="Q9"),
            alert("Q9", observed_at=3),
        ],
        {},
        interval_ms=INTERVAL,
    )
    assert (question.id, question.known_at, len(question.alerts)) == ("Q9", 8, 3)


def test_one_that_was_merged_into_nobody_knows_what_is_asked_about_itself():
    assert due(alert("Q1", part_of="Q1-unknown-target")) == [("Q1", INTERVAL)]


def test_three_times_missing_within_an_hour_is_told_and_twice_is_not():
    asked = Asked()
    for at in (HOUR, 2 * HOUR + 1, 2 * HOUR + 2):
        asked = asked.missed(at)
        assert not asked.is_missing
    assert asked.missed(2 * HOUR + 3).is_missing


def test_an_answer_makes_good_what_was_missing():
    asked = Asked().missed(1).missed(2).missed(3)
    assert asked.is_missing
    assert not asked.answered(4).missing


def test_what_is_missing_is_asked_again_often_enough_for_three_times_in_an_hour():
    (question,) = questions([alert("Q1")], {"Q1": Asked().missed(0)}, interval_ms=HOUR)
    assert question.due_at == 20 * MINUTE
    (question,) = questions([alert("Q1")], {"Q1": Asked().missed(0)}, interval_ms=MINUTE)
    assert question.due_at == MINUTE


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(), "wait: heard of at 00:01:00Z; PagerDuty is asked about it from 00:06:00Z on"),
        (Asked(answered_at=2 * MINUTE), "wait: PagerDuty showed it open at 00:02:00Z"),
        (Asked(answered_at=2 * MINUTE, is_told=True), "close: PagerDuty showed it resolved at 00:02:00Z"),
        (Asked().missed(MINUTE + 1), "wait: heard of at 00:01:00Z; PagerDuty is asked about it from 00:06:00Z on"),
        (Asked().missed(1).missed(2).missed(3), "not: PagerDuty does not know it, which proves no end"),
    ],
)
def test_how_it_stands_with_an_alert_is_said_with_the_reason(asked, said):
    assert standing(alert("Q1", seen_at=MINUTE), asked, interval_ms=INTERVAL) == said


def test_of_a_merged_one_the_incident_is_meant_that_it_was_merged_into():
    said = standing(alert("Q1", part_of="Q9"), Asked(answered_at=1), interval_ms=INTERVAL)
    assert said == "wait: PagerDuty showed the incident that it was merged into open at 00:00:00Z"
