from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.sandbox.helpers import Clock, update
from tests.unit.sandbox.test_page import text_of
from tests.unit.sandbox.v3.helpers import COMPONENTS, DASHBOARD, create, impacts

if TYPE_CHECKING:
    import httpx

HOUR_MS = 3_600_000


async def test_a_page_of_components(api: httpx.AsyncClient) -> None:
    text = await text_of(api, "/pages/platform")
    assert text.startswith("A Acme Platform status All systems operational Services Dashboard Operational")
    assert "Today API Orders Operational" in text
    await create(api, componentImpacts=impacts(orders="PARTIAL_OUTAGE", dashboard="UNDER_MAINTENANCE"))
    text = await text_of(api, "/pages/platform")
    assert "status Partial outage Ongoing incidents Orders are late Partial outage" in text
    assert "Orders: Partial outage, Dashboard: Under maintenance Investigating" in text
    assert "Services Dashboard Under maintenance" in text
    assert "API Orders Partial outage" in text
    assert "Catalog Operational" in text
    assert "Acme Platform Partial outage" in await text_of(api, "/")


async def test_uptime_counts_by_impact(api: httpx.AsyncClient, clock: Clock) -> None:
    incident = await create(api, componentImpacts=impacts(orders="PARTIAL_OUTAGE", dashboard="MAJOR_OUTAGE"))
    clock.advance(9 * HOUR_MS)
    await api.post(f"{incident}/incident-updates", json=update("RESOLVED"))
    text = await text_of(api, "/pages/platform")
    assert "Orders, Dashboard · resolved after 9 h 0 min" in text
    assert [text.count(f"{uptime}% uptime") for uptime in ("99.583", "99.875", "100")] == [1, 1, 1]


async def test_hidden_components_are_not_shown(api: httpx.AsyncClient) -> None:
    await api.put(f"{COMPONENTS}/{DASHBOARD}", json={"name": "Dashboard", "displayOrder": 0, "hidden": True})
    assert "Dashboard" not in await text_of(api, "/pages/platform")
