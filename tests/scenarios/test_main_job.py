"""The main job: a real Prometheus and a real Alertmanager, and an incident that follows what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import RESOLVE_AFTER_MS, metric
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.scenarios.vocabulary import MeasuredOutage, Page
    from tests.servers import Bridge, Cluster, SentinelSet

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("alertmanager")]


@pytest.fixture
def outage(measured_outage: MeasuredOutage) -> MeasuredOutage:
    """Told by those who really tell."""
    return measured_outage


def test_an_outage_from_its_first_alert_to_the_all_clear_and_back(outage: MeasuredOutage, page: Page, bridge: Bridge):
    outage.fires("checkout", severity="warning")
    incident = page.shows(status="INVESTIGATING", severity="MEDIUM", services=("Checkout",))
    assert incident.name == "Issue affecting Checkout"
    assert incident.messages[0].public_at == outage.started_at
    assert page.mails == ["[Shop] Investigating: Issue affecting Checkout"]

    outage.fires("payments", severity="warning")
    page.shows(id=incident.id, severity="MEDIUM", services=("Checkout", "Payments"), statuses=["INVESTIGATING"] * 2)

    outage.fires("checkout", severity="critical")
    page.shows(id=incident.id, severity="CRITICAL", statuses=["INVESTIGATING"] * 3)

    calls, delivered = len(page.calls), metric(bridge, "bridge_deliveries_total", code="202")
    eventually(lambda: metric(bridge, "bridge_deliveries_total", code="202") >= delivered + 3, "three repeats")
    assert len(page.calls) == calls

    outage.ends()
    over = page.shows(id=incident.id, status="RESOLVED", statuses=["INVESTIGATING"] * 3 + ["MONITORING", "RESOLVED"])
    monitoring, resolved = over.messages[-2:]
    assert resolved.posted_at >= monitoring.public_at + RESOLVE_AFTER_MS
    assert page.mails[1:] == ["[Shop] Resolved: Issue affecting Checkout"]

    outage.fires("checkout", severity="warning")
    again = page.shows(id=incident.id, status="INVESTIGATING")
    assert [message.notified for message in again.messages] == [True, False, False, False, True, True]
    assert page.opened == 1


@pytest.mark.needs("redis-server")
@pytest.mark.parametrize("redis_kind", ["sentinel", "cluster"])
def test_redis_dies_in_the_middle_of_an_outage(
    outage: MeasuredOutage, page: Page, bridge: Bridge, redis_server: SentinelSet | Cluster
):
    """Sentinels put a replica in the place of the primary; the node of the cluster comes back by itself."""
    outage.fires("checkout", severity="warning")
    incident = page.shows(status="INVESTIGATING", services=("Checkout",))
    redis_server.crash()
    outage.fires("payments", severity="critical")
    page.shows(id=incident.id, severity="CRITICAL", services=("Checkout", "Payments"))
    outage.ends()
    page.shows(id=incident.id, status="RESOLVED")
    assert page.opened == 1
    assert len(page.mails) == 2
    assert metric(bridge, "bridge_deliveries_total", code="503") > 0
