"""Checkly refuses the key: every write waits, nothing is lost, and all goes on by itself once the key is accepted."""

from __future__ import annotations

import httpx

from tests.scenarios.vocabulary import logged, metric
from tests.servers import eventually


def test_writes_pause_and_resume_by_themselves(bridge, outage, page):
    page.fault("answer", status=401, count=2)
    outage.fires()
    (paused,) = logged(bridge, "writes_paused")
    assert (paused["level"], paused["status"]) == ("error", 401)
    eventually(lambda: metric(bridge, "bridge_writes_paused") == 1, "the pause to be metered")

    outage.fires("payments")
    assert httpx.get(f"{bridge.url}/readyz").status_code == 200
    assert page.incidents == []

    logged(bridge, "writes_resumed")
    page.shows(status="INVESTIGATING", services=("Checkout", "Payments"), statuses=["INVESTIGATING"])
    assert metric(bridge, "bridge_writes_paused") == 0
    assert [call["status"] for call in page.calls].count(401) == 2, "only what found the key refused asked in vain"
    assert [call["method"] for call in page.calls].count("POST") == 1
    assert len(page.calls) <= 16, "two audits of the account and one incident, no loop"
    assert len(page.mails) == 1
