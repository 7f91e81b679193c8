"""An outage of ten thousand alerts is one incident, and a handful of calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

from tests.scenarios.vocabulary import alert, iso, now_ms, payload
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers import Bridge

PAYLOADS, ALERTS = 100, 100
MOST_CALLS = 10


def deliver(bridge: Bridge, groups: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Deliver the groups, several at a time."""
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda group: bridge.deliver(payload(*group)), groups))
    assert [answer.status_code for answer in answers] == [202] * len(groups)


def test_a_storm_costs_at_most_ten_calls_from_open_to_resolved(bridge, page):
    storm = [
        [alert(instance=f"{group}-{number}", severity="critical") for number in range(ALERTS)]
        for group in range(PAYLOADS)
    ]
    eventually(lambda: "bridge_audit_findings{" in httpx.get(f"{bridge.url}/metrics").text, "the audit at the start")
    before = len(page.calls)
    deliver(bridge, storm)
    page.shows(status="INVESTIGATING", severity="CRITICAL", services=("Checkout",))
    (incident,) = bridge.incidents()["incidents"]
    assert incident["firing"] == PAYLOADS * ALERTS

    over = {"status": "resolved", "endsAt": iso(now_ms())}
    deliver(bridge, [[each | over for each in group] for group in storm])
    resolved = page.shows(status="RESOLVED")
    assert resolved.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert len(page.calls) - before <= MOST_CALLS
