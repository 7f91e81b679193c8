"""Receivers that know nothing of Checkly, and reconcilers that nobody can deliver to, do the job of whole bridges."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.scenarios import pager
from tests.scenarios.test_main_job import outage
from tests.scenarios.vocabulary import alert, metric, payload

__all__ = ["outage"]

# What deploy/kubernetes/overlays/split leaves out of each role's pods; an empty variable counts as not set.
NO_CHECKLY = dict.fromkeys(("CHECKLY_API_KEY", "CHECKLY_ACCOUNT_ID", "CHECKLY_API_URL"), "")
NO_SENDERS = dict.fromkeys(("ALERTMANAGER_TOKENS", "PAGERDUTY_SIGNING_SECRETS", "ADMIN_TOKENS"), "")

LISTENING = "0A"  # a socket's state in /proc/net/tcp


@pytest.fixture
def bridge(start_bridge):
    """The receiver that Alertmanager delivers to; reconcilers do the rest."""
    for _ in range(2):
        start_bridge(role="reconciler", environment=NO_SENDERS)
    return start_bridge(role="receiver", environment=NO_CHECKLY)


def listening_ports(pid: int) -> set[int]:
    """The TCP ports on which a process takes connections."""
    files = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed by now: what listens stays
            files.add(str(file.readlink()))
    tables = (Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in files}


@pytest.mark.needs("prometheus")
@pytest.mark.needs("alertmanager")
def test_an_outage_from_its_first_alert_to_the_all_clear(outage, page, bridge):
    outage.fires("checkout", severity="warning")
    page.shows(status="INVESTIGATING", severity="MEDIUM", services=("Checkout",))
    outage.fires("payments", severity="critical")
    page.shows(status="INVESTIGATING", severity="CRITICAL", services=("Checkout", "Payments"))
    outage.ends()
    over = page.shows(status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 1
    assert len(page.mails) == 2
    assert metric(bridge, "bridge_page_requests_total") == 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="a process' sockets are read from Linux' /proc")
def test_a_reconciler_opens_one_port_and_takes_no_delivery_there(start_bridge, redis_look):
    reconciler = start_bridge(role="reconciler", environment=pager.ENVIRONMENT)
    assert listening_ports(reconciler.pid) == {reconciler.port}
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(reconciler.url + path).is_success

    refused = reconciler.deliver(payload(alert())), pager.deliver(reconciler, pager.PagedIncident("P1").triggered())
    assert [answer.status_code for answer in refused] == [503, 503]  # which senders repeat elsewhere; a 404 they drop
    assert not redis_look.exists("bridge:{0}:index", "bridge:{0}:due")
