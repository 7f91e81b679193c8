"""The main job: a real Prometheus and a real Alertmanager, and an incident that follows what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.scenarios.vocabulary import RESOLVE_AFTER_MS, metric, milliseconds
from tests.servers import Alertmanager, Exporter, Prometheus, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.vocabulary import Page
    from tests.servers import Bridge

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("alertmanager")]

RULE = {"alert": "ErrorsHigh", "expr": "errors > 5", "labels": {"team": "shop"}}


class MeasuredOutage:
    """An outage that Prometheus measures."""

    def __init__(self, exporter: Exporter, alertmanager: Alertmanager) -> None:
        self._exporter = exporter
        self._alertmanager = alertmanager
        self._series: list[dict[str, str]] = []

    def fires(self, service: str, severity: str) -> None:
        """The errors of a service rise."""
        self._series.append({"service": service, "severity": severity})
        self._exporter.set("errors", 9, **self._series[-1])

    def ends(self) -> None:
        """No service has errors any more."""
        for labels in self._series:
            self._exporter.set("errors", 0, **labels)

    @property
    def started_at(self) -> int:
        """When the first of the alerts that fire now started, as Alertmanager knows it."""
        alerts = httpx.get(f"{self._alertmanager.url}/api/v2/alerts").raise_for_status().json()
        return min(milliseconds(alert["startsAt"]) for alert in alerts)


@pytest.fixture
def outage(bridge: Bridge, tmp_path: Path) -> Iterator[MeasuredOutage]:
    """Prometheus measures, Alertmanager repeats what fires every second, the bridge listens."""
    with (
        Exporter() as exporter,
        Alertmanager(
            tmp_path / "alertmanager",
            webhook=bridge.webhook,
            token=bridge.alertmanager_token,
            route={"repeat_interval": "1s"},
        ) as alertmanager,
        Prometheus(tmp_path / "prometheus", rules=[RULE], alertmanagers=[alertmanager], targets=[exporter.address]),
    ):
        yield MeasuredOutage(exporter, alertmanager)


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
