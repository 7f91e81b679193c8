"""``GET /api/healing``, and what an incident says of it: the evidence of the last rounds, alert by alert."""

from __future__ import annotations

import json

import pytest
import redis
from starlette.requests import Request

from bridge.web.healing import HealingApi
from bridge.web.responses import HTTPError
from tests.unit.core.healing.cluster_harness import PEERS, VOID
from tests.unit.healing.rounds_harness import RoundsHarness


@pytest.fixture
async def harness(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        opened = RoundsHarness(redis_url, client)
        yield opened
        await opened.close()


async def asked(harness, query=""):
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": []}
    answer = await HealingApi(harness.store, harness.config).healing(Request(scope))
    return json.loads(bytes(answer.body))


async def test_without_the_section_there_is_nothing_to_tell(harness):
    harness.config.healing = None
    assert await asked(harness) == {"mode": None, "clusters": [], "alerts": [], "left_out": 0}


async def test_it_takes_no_parameters(harness):
    with pytest.raises(HTTPError):
        await asked(harness, "a=b")


async def test_the_missing_come_first_each_with_the_evidence(harness):
    await harness.deliver("a1", "b2")
    harness.list_all("a1", "b2")
    await harness.round(3)
    harness.list_all("a1")
    await harness.round(2)
    found = await asked(harness)
    (cluster,) = found["clusters"]
    assert (cluster["name"], cluster["round"], found["mode"]) == ("eu", "ok", "close")
    assert [each["peer"] for each in cluster["peers"]] == ["am-0:9093", "am-1:9093"]
    assert {(each["old_enough"], each["settled"], each["signs_of_life"]) for each in cluster["peers"]} == {
        (True, True, 1)
    }
    missing, listed = found["alerts"]
    assert (missing["fingerprint"], missing["incident"], missing["status"]) == ("b2", "shop", "firing")
    assert missing["healing"].startswith("wait: not listed by am-0:9093, am-1:9093 since ")
    assert (listed["fingerprint"], listed["healing"]) == ("a1", "not: listed (am-0:9093, am-1:9093)")
    detail = await harness.store.incident("shop")
    said = await HealingApi(harness.store, harness.config).of_alerts(detail.alerts)
    by_name = dict(zip([each.fingerprint for each in detail.alerts], said, strict=True))
    assert by_name == {"a1": listed["healing"], "b2": missing["healing"]}


async def test_a_void_round_says_why(harness):
    await harness.deliver()
    await harness.round()
    harness.peers.errors = {PEERS[1]: VOID}
    await harness.round()
    (cluster,) = (await asked(harness))["clusters"]
    assert cluster["round"] == "void: am-1:9093: timeout"


async def test_an_alert_that_was_closed_keeps_its_evidence(harness):
    await harness.deliver()
    await harness.round(3)
    harness.peers.forget()
    await harness.round(11)
    detail = await harness.store.incident("shop")
    (said,) = await HealingApi(harness.store, harness.config).of_alerts(detail.alerts)
    assert said is not None
    assert said.startswith("closed: not listed by am-0:9093")
    assert (await asked(harness))["alerts"] == []
