from __future__ import annotations

from structlog.testing import capture_logs

from bridge import telemetry
from bridge.senders.delivery import Delivery
from bridge.web.delivery_report import Origin, report


def test_fields_that_were_not_read_are_counted_each_time_and_logged_once_a_minute():
    def count() -> float:
        labels = {"source": "somebody", "sender": "", "field": "endsAt"}
        return telemetry.REGISTRY.get_sample_value("bridge_fields_unreadable_total", labels) or 0

    before = count()
    with capture_logs() as lines:
        for _ in range(3):
            report(Origin(source="somebody"), Delivery(alerts=[], unusable=[], unread={"endsAt": 2}), {}, [])
    assert count() == before + 6
    assert lines == [
        {
            "event": "field_unreadable",
            "log_level": "warning",
            "source": "somebody",
            "sender": "",
            "field": "endsAt",
            "count": 2,
        }
    ]
