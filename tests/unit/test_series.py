"""Series that are found again without the library's lock are the library's all the same."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from bridge.telemetry.series import BusyCounter, BusyGauge


def test_a_counter_counts_by_its_labels():
    registry = CollectorRegistry()
    counter = BusyCounter("seen", "Seen.", ["who"], registry=registry)
    for who in ("a", "b", "a"):
        counter.labels(who).inc()
    text = generate_latest(registry).decode()
    assert 'seen_total{who="a"} 2.0' in text
    assert 'seen_total{who="b"} 1.0' in text


def test_a_series_that_ended_begins_anew():
    registry = CollectorRegistry()
    gauge = BusyGauge("at", "When.", ["who"], registry=registry)
    gauge.labels("a").set(1)
    gauge.remove("a")
    assert b"who=" not in generate_latest(registry)
    gauge.labels("a").set(2)
    assert b'at{who="a"} 2.0' in generate_latest(registry)
