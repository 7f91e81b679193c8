from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from bridge.sandbox.instants import iso
from bridge.sandbox.uptime import DAY_MS
from bridge.sandbox.views import view
from tests.unit.sandbox.helpers import INCIDENTS, START, Clock, new_incident, update

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account
    from bridge.sandbox.state import State


async def text_of(api: httpx.AsyncClient, path: str = "/pages/acme") -> str:
    """The words a reader sees within ``main``, single-spaced."""
    answer = await api.get(path, headers={"Authorization": "", "X-Checkly-Account": ""})
    assert answer.status_code == 200, answer.text
    main = answer.text.partition("<main>")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


async def test_a_page_without_incidents_shows_all_operational(api: httpx.AsyncClient) -> None:
    text = await text_of(api)
    assert "All systems operational" in text
    assert text.count("100% uptime") == 6
    assert "Ongoing incidents" not in text
    assert "No incidents reported." in text


@pytest.mark.parametrize(
    ("severity", "headline"),
    [
        ("CRITICAL", "Major outage"),
        ("MAJOR", "Partial outage"),
        ("MEDIUM", "Degraded performance"),
        ("MINOR", "Minor issues"),
    ],
)
async def test_the_headline_is_the_worst_open_incident(
    api: httpx.AsyncClient, account: Account, severity: str, headline: str
) -> None:
    await api.post(INCIDENTS, json=new_incident(account, severity="MINOR"))
    await api.post(INCIDENTS, json=new_incident(account, severity=severity))
    text = await text_of(api)
    assert text.startswith(f"A Acme status {headline} Ongoing incidents")
    assert f"Checkout {headline}" in text
    assert "Payments Operational" in text


async def test_an_incident_with_its_updates_newest_first(
    api: httpx.AsyncClient, account: Account, clock: Clock
) -> None:
    made = (await api.post(INCIDENTS, json=new_incident(account))).json()
    late = update("IDENTIFIED", description="Found it.", publicIncidentUpdateDate=iso(START - 60_000))
    await api.post(f"{INCIDENTS}/{made['id']}/incident-updates", json=late)
    text = await text_of(api)
    newest, oldest = "Investigating · Sep 21, 2026, 14:13:20 UTC", "Identified · Sep 21, 2026, 14:12:20 UTC"
    assert text.index(newest) < text.index(oldest)
    clock.advance(3_600_000)
    await api.post(f"{INCIDENTS}/{made['id']}/incident-updates", json=update("RESOLVED"))
    text = await text_of(api)
    assert "All systems operational" in text
    assert "Checkout · resolved after 1 h 1 min" in text
    assert "99.953% uptime" in text


async def test_the_history_is_by_day_and_ends(api: httpx.AsyncClient, account: Account, state: State) -> None:
    for days in (0, 3, 30):
        first = update("RESOLVED", publicIncidentUpdateDate=iso(START - days * DAY_MS))
        await api.post(INCIDENTS, json=new_incident(account, incidentUpdates=[first]))
    history = view(state, next(iter(state.catalog.pages.values()))).history
    assert [len(incidents) for _, incidents in history] == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]


async def test_published_words_are_escaped(api: httpx.AsyncClient, account: Account) -> None:
    evil = "<script>alert(1)</script>"
    await api.post(INCIDENTS, json=new_incident(account, name=evil, incidentUpdates=[update(description=evil)]))
    page = (await api.get("/pages/acme")).text
    assert evil not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3


async def test_an_incident_shows_only_on_pages_with_its_services(api: httpx.AsyncClient, state: State) -> None:
    page = next(iter(state.catalog.pages.values()))
    page.cards = [card for card in page.cards if card.name == "Developers"]
    await api.post("/sandbox/incidents", json={"name": "Shop trouble", "services": ["Checkout"]})
    assert "Shop trouble" not in await text_of(api)


async def test_the_index_lists_pages(api: httpx.AsyncClient) -> None:
    assert "Status pages of Acme Acme Operational" in await text_of(api, "/")
    assert 'href="/pages/acme"' in (await api.get("/")).text
    assert (await api.get("/pages/nowhere")).status_code == 404
