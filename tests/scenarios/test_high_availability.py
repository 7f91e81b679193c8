"""Two of everything: whoever delivers, to whichever bridge, readers see one outage."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import alert, metric, payload
from tests.servers import Alertmanager, Bridge, Exporter, Prometheus, alertmanager_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE = {"alert": "ErrorsHigh", "expr": "errors > 5", "labels": {"team": "shop", "severity": "critical"}}


def deliver_to(alertmanager: Alertmanager, receiver: str, bridges: Sequence[Bridge]) -> None:
    """Have an Alertmanager deliver to each of these bridges. Members of a cluster take turns per receiver's name."""
    token = {"authorization": {"credentials": Bridge.alertmanager_token}}
    route = {"receiver": receiver, "group_by": ["alertname"], "group_wait": "200ms", "group_interval": "1s"}
    webhooks = [{"url": bridge.webhook, "http_config": token} for bridge in bridges]
    alertmanager.configure({"route": route, "receivers": [{"name": receiver, "webhook_configs": webhooks}]})
    alertmanager.reload()


@pytest.mark.needs("prometheus")
@pytest.mark.needs("alertmanager")
@pytest.mark.parametrize("crossed", [True, False], ids=["each delivers to both", "each delivers to its own"])
def test_a_cluster_of_alertmanagers_and_two_bridges_post_each_transition_once(start_bridge, page, tmp_path, crossed):
    bridges = [start_bridge(), start_bridge()]
    # The members hardly wait for each other: gossip comes late, and of one receiver's turns both may be taken.
    cluster = alertmanager_cluster(tmp_path, webhook=bridges[0].webhook, token="t", peer_timeout="1ms")
    with Exporter() as exporter, cluster as members:
        for member, own in zip(members, bridges, strict=True):
            receiver, listed = ("bridges", bridges) if crossed else (f"bridge on {own.port}", [own])
            deliver_to(member, receiver, listed)
        prometheus = Prometheus(tmp_path / "p", rules=[RULE], alertmanagers=members, targets=[exporter.address])
        with prometheus:
            exporter.set("errors", 9, service="checkout")
            page.shows(status="INVESTIGATING", severity="CRITICAL", services=("Checkout",))
            exporter.set("errors", 0, service="checkout")
            over = page.shows(status="RESOLVED")
            delivered = [metric(bridge, "bridge_deliveries_total", code="202") for bridge in bridges]
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 1
    assert len(page.mails) == 2
    assert min(delivered) > 0
    assert sum(delivered) > 2


def test_two_bridges_race_with_fifty_equal_payloads(start_bridge, page):
    bridges = [start_bridge(), start_bridge()]
    started = alert()
    for status in ("firing", "resolved"):
        body = payload(started | {"status": status})
        with ThreadPoolExecutor(16) as senders:
            answers = list(senders.map(Bridge.deliver, bridges * 25, [body] * 50))
        assert [answer.status_code for answer in answers] == [202] * 50
        page.shows(status="INVESTIGATING" if status == "firing" else "RESOLVED")
    assert page.incidents[0].statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 1
    assert len(page.mails) == 2
    counts = {
        outcome: sum(metric(bridge, "bridge_alerts_total", outcome=outcome) for bridge in bridges)
        for outcome in ("opened", "resolved", "repeat")
    }
    assert counts == {"opened": 1, "resolved": 1, "repeat": 98}
