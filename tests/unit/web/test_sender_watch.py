"""A sender's silence is noticed, and said once a day."""

from __future__ import annotations

import pytest
import structlog

from bridge.telemetry import REGISTRY
from bridge.web.sender_watch import SILENT_MS, SenderWatch

START = 1_700_000_000_000


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    """Check the silence; who was reported silent, for how many seconds."""

    def check(sender_watch: SenderWatch) -> list[tuple[str, int]]:
        with structlog.testing.capture_logs() as lines:
            sender_watch.check()
        return [(line["source"], line["seconds"]) for line in lines if line["event"] == "sender_silent"]

    return check


def test_a_day_without_a_delivery_is_said_once_and_again_a_day_later(clock, said):
    sender_watch = SenderWatch([("pagerduty", "")], wall_ms=clock)
    clock.now += SILENT_MS - 1
    assert said(sender_watch) == []
    clock.now += 1
    assert said(sender_watch) == [("pagerduty", 86_400)]
    assert said(sender_watch) == []
    clock.now += SILENT_MS
    assert said(sender_watch) == [("pagerduty", 2 * 86_400)]


def test_whoever_delivers_is_not_silent(clock, said):
    sender_watch = SenderWatch([("alertmanager", ""), ("pagerduty", "")], wall_ms=clock)
    clock.now += SILENT_MS - 1
    sender_watch.record_delivery("alertmanager")
    labels = {"source": "alertmanager", "sender": ""}
    assert REGISTRY.get_sample_value("bridge_last_delivery_timestamp_seconds", labels) == clock.now / 1000
    clock.now += 1
    assert said(sender_watch) == [("pagerduty", 86_400)]


def test_a_sender_that_cannot_deliver_is_not_missed(clock, said):
    sender_watch = SenderWatch([], wall_ms=clock)
    clock.now += 10 * SILENT_MS
    assert said(sender_watch) == []


def test_senders_that_are_watched_by_name_speak_for_themselves_alone(clock, said):
    sender_watch = SenderWatch([("alertmanager", "eu"), ("alertmanager", "us"), ("pagerduty", "")], wall_ms=clock)
    clock.now += SILENT_MS - 1
    sender_watch.record_delivery("alertmanager", "us")
    sender_watch.record_delivery("alertmanager", "other")
    sender_watch.record_delivery("pagerduty", "other")
    clock.now += 1
    assert said(sender_watch) == [("alertmanager", 86_400)]


def test_what_is_watched_may_change_and_who_stays_is_not_taken_for_new(clock, said):
    sender_watch = SenderWatch([("alertmanager", "eu"), ("alertmanager", "us")], wall_ms=clock)
    clock.now += SILENT_MS - 1
    sender_watch.watch_only([("alertmanager", "us"), ("alertmanager", "new")])
    clock.now += 1
    assert said(sender_watch) == [("alertmanager", 86_400)]
