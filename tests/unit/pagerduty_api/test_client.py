"""The two questions to PagerDuty, held to its API by a stand-in, and what each answer means."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bridge.pagerduty_api.client import BODY_LIMIT, HOSTS, Client, Subscription
from bridge.pagerduty_api.errors import Kind, PagerDutyError
from tests.scenarios.pager import PagedIncident
from tests.servers import PagerDuty
from tests.servers.pagerduty import KEY
from tests.unit.pagerduty_api.client_of import client_of


@pytest.fixture
def pagerduty():
    account = PagerDuty()
    yield account
    assert account.violations == []


@pytest.fixture
async def client(pagerduty):
    opened = client_of(pagerduty)
    yield opened
    await opened.close()


async def error_of(client: Client, id_: str = "Q1") -> PagerDutyError:
    with pytest.raises(PagerDutyError) as raised:
        await client.incident(id_)
    return raised.value


async def test_an_incident_is_shown_as_it_is(client, pagerduty):
    incident = PagedIncident("Q1")
    pagerduty.incidents["Q1"] = incident.shown
    assert (await client.incident("Q1"))["status"] == "triggered"
    incident.resolved()
    assert (await client.incident("Q1"))["status"] == "resolved"
    assert pagerduty.asked == ["/incidents/Q1"] * 2


async def test_a_subscription_is_on_or_off(client, pagerduty):
    pagerduty.subscribe("PSUB")
    assert (await client.subscription("PSUB")).delivers
    pagerduty.disable("PSUB")
    assert await client.subscription("PSUB") == Subscription(active=True, temporarily_disabled=True)
    assert not Subscription(active=False, temporarily_disabled=False).delivers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Kind.REFUSED),
        (403, Kind.FORBIDDEN),
        (404, Kind.NOT_FOUND),
        (429, Kind.RATE_LIMITED),
        (402, Kind.STATUS),
        (500, Kind.STATUS),
        (204, Kind.STATUS),
        (302, Kind.REDIRECT),
    ],
)
async def test_each_status_means_something(client, pagerduty, status, kind):
    pagerduty.status, pagerduty.extra = status, {"Location": "https://elsewhere.example.com/"}
    assert (await error_of(client)).kind is kind
    assert pagerduty.asked == ["/incidents/Q1"]


async def test_another_key_is_refused_and_never_said(pagerduty):
    client = client_of(pagerduty, "an0ther")
    error = await error_of(client)
    await client.close()
    assert error.kind is Kind.REFUSED
    assert "an0ther" not in f"{error} {error.detail}"


@pytest.mark.parametrize(
    ("headers", "ms"),
    [
        ({}, 60_000),
        ({"ratelimit-reset": "7"}, 7_000),
        ({"Retry-After": "9", "ratelimit-reset": "7"}, 9_000),
        ({"ratelimit-reset": "0"}, 1_000),
        ({"ratelimit-reset": "-5"}, 60_000),
        ({"ratelimit-reset": "soon"}, 60_000),
        ({"ratelimit-reset": "99999999999"}, 600_000),
    ],
)
async def test_it_says_how_long_to_leave_it_alone(client, pagerduty, headers, ms):
    pagerduty.status, pagerduty.extra = 429, headers
    assert (await error_of(client)).retry_ms == ms


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b"",
        b"[]",
        b'{"incident": []}',
        b'{"incident": {"id": "Q1"}}',
        b'{"incident": {"id": "Q2", "status": "resolved"}}',
        b'{"incident": {"id": "Q1", "status": "resolved"}',
        b'{"incident": {"id": "Q1", "status": {}}}',
        b"[" * 100_000,
    ],
)
async def test_what_shows_no_incident_of_this_id_is_not_understood(client, pagerduty, body):
    pagerduty.raw = body
    assert (await error_of(client)).kind is Kind.NOT_UNDERSTOOD


async def test_half_a_character_in_a_title_spoils_nothing_else(client, pagerduty):
    pagerduty.raw = rb'{"incident": {"id": "Q1", "status": "resolved", "title": "cut \ud83d"}}'
    assert (await client.incident("Q1"))["status"] == "resolved"


async def test_a_subscription_that_says_it_is_off_by_a_word_is_not_understood(client, pagerduty):
    pagerduty.raw = json.dumps({"webhook_subscription": {"active": "no"}}).encode()
    with pytest.raises(PagerDutyError) as raised:
        await client.subscription("PSUB")
    assert raised.value.kind is Kind.NOT_UNDERSTOOD


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(client, pagerduty):
    pagerduty.raw = b" " * (BODY_LIMIT + 1)
    assert (await error_of(client)).kind is Kind.TOO_LARGE


async def test_what_is_no_id_is_not_asked(client, pagerduty):
    for id_ in ("Q1-unknown-target", "../users", "Q1?include[]=x", ""):
        assert (await error_of(client, id_)).kind is Kind.NOT_UNDERSTOOD
    assert pagerduty.asked == []


async def test_a_404_of_somebody_on_the_way_is_not_pagerdutys():
    def proxy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, stream=httpx.ByteStream(b"<html>no such host</html>"))

    client = Client(HOSTS["eu"], KEY, transport=httpx.MockTransport(proxy))
    assert (await error_of(client)).kind is Kind.STATUS
    await client.close()


async def test_who_does_not_answer_is_not_waited_for():
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = Client(HOSTS["us"], KEY, transport=httpx.MockTransport(hang), timeout_s=0.01)
    assert (await error_of(client)).kind is Kind.TIMEOUT
    await client.close()


async def test_who_cannot_be_reached_is_unreachable():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = Client(HOSTS["us"], KEY, transport=httpx.MockTransport(refuse))
    assert (await error_of(client)).kind is Kind.UNREACHABLE
    await client.close()


def test_a_key_that_no_header_can_hold_is_said_without_it():
    with pytest.raises(ValueError, match="printable ASCII") as raised:
        Client(HOSTS["us"], "two words")
    assert "two words" not in str(raised.value)
