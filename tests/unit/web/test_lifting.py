"""``POST /api/budgets/lift`` and what ``GET /api/budgets`` says of it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.store import StoreUnavailable
from bridge.web import budgets
from tests.unit.web.application import ADMIN_TOKEN, CONFIG, Bridge, assert_refused

LIFT = "/api/budgets/lift"
HOUR_MS = 3_600_000
PAGES = CONFIG.replace(
    "services: {checkout: Checkout}",
    "checkly: {api: v3}\nservices: {checkout: [{page: shop, component: Pay}, {page: bank, component: Pay}]}",
)


@pytest.fixture
async def bridge(tmp_path):
    running = Bridge(tmp_path)
    async with running.client:
        yield running


async def test_budgets_are_lifted_by_name_with_a_reason_and_what_waits_is_due(bridge):
    with capture_logs() as logged:
        answer = await bridge.post(LIFT, {"for": "1h", "reason": " a big day "})
    assert answer.status_code == 200
    assert bridge.store.asked == [(["v1"], "alice", "a big day", HOUR_MS, "")]
    assert bridge.changes == 1
    (page,) = answer.json()["pages"]
    assert page["lifted"]["by"] == "alice"
    assert page["lifted"]["reason"] == "a big day"
    assert page["lifted"]["until"] > page["lifted"]["at"]
    assert [(each["pages"], each["ended"]) for each in answer.json()["lifts"]] == [(["v1"], False)]
    assert answer.json() == (await bridge.get("/api/budgets")).json()
    (line,) = [each for each in logged if each["event"] == "budgets_lifted"]
    assert (line["operator"], line["pages"], line["ended"], line["due"]) == ("alice", "v1", False, 7)
    assert "big day" not in str(logged)


async def test_a_lift_is_ended_and_ending_it_again_changes_nothing(bridge):
    await bridge.post(LIFT, {"for": "1h", "reason": "x", "key": "k"})
    with capture_logs() as logged:
        for _ in range(2):
            answer = await bridge.post(LIFT, {"end": True})
            assert answer.status_code == 200
            assert answer.json()["pages"][0]["lifted"] is None
    assert [each["ended"] for each in logged if each["event"] == "budgets_lifted"] == [True]
    assert bridge.store.asked[-1] == (["v1"], "alice", "", 0, "")
    assert bridge.changes == 1


async def test_one_page_is_lifted_by_the_name_that_the_configuration_gives_it(tmp_path):
    bridge = Bridge(tmp_path, config=PAGES)
    async with bridge.client:
        answer = await bridge.post(LIFT, {"for": "1h", "reason": "x", "page": "bank"})
        assert [(each["page"], each["lifted"] is not None) for each in answer.json()["pages"]] == [
            ("shop", False),
            ("bank", True),
        ]
        answer = await bridge.post(LIFT, {"for": "1h", "reason": "x", "page": "bnk"})
        assert_refused(answer, 400, "wrong_field")
        assert answer.json()["message"].startswith("$.page: ")
        assert 'mean "bank"' in answer.json()["message"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"reason": "x"}, "$.for"),
        ({"for": "24h1s", "reason": "x"}, "$.for"),
        ({"for": "0s", "reason": "x"}, "$.for"),
        ({"for": "soon", "reason": "x"}, "$.for"),
        ({"for": "1h"}, "$.reason"),
        ({"for": "1h", "reason": " "}, "$.reason"),
        ({"for": "1h", "reason": "x" * 501}, "$.reason"),
        ({"for": "1h", "end": True}, "$.for"),
        ({"end": "yes"}, "$.end"),
        ({"for": "1h", "reason": "x", "key": "two words"}, "$.key"),
        ({"for": "1h", "reason": "x", "page": 1}, "$.page"),
        ({"fro": "1h"}, "$: a field is unknown"),
    ],
)
async def test_the_wrong_field_is_named(bridge, asked, field):
    answer = await bridge.post(LIFT, asked)
    assert_refused(answer, 400, "wrong_field")
    assert answer.json()["message"].startswith(field)
    assert bridge.store.asked == []


async def test_only_an_operator_lifts(bridge):
    assert_refused(await bridge.post(LIFT, {"end": True}, token=ADMIN_TOKEN), 403, "read_only")
    assert_refused(await bridge.post(LIFT, {"end": True}, token="guess"), 401, "unauthorized")
    assert (await bridge.client.get(LIFT)).status_code == 405
    bridge.store.error = StoreUnavailable("away")
    assert (await bridge.post(LIFT, {"end": True})).status_code == 503
    bridge.app.state.stopping = True
    assert_refused(await bridge.post(LIFT, {"end": True}), 503, "stopping")


async def test_where_budgets_are_off_there_is_nothing_to_lift(tmp_path):
    bridge = Bridge(tmp_path, config=CONFIG + "budgets: off\n")
    async with bridge.client:
        assert_refused(await bridge.post(LIFT, {"for": "1h", "reason": "x"}), 409, "budgets_off")


async def test_who_reads_the_budgets_is_told_what_the_withheld_differ_in(bridge):
    (page,) = (await bridge.get("/api/budgets")).json()["pages"]
    assert page["withheld_differ"] == "7 withheld differ only in `pod`"
    assert page["lifted"] is None
    assert_refused(await bridge.get("/api/budgets?page=v1"), 400, "unknown_parameter")


async def test_a_gauge_says_which_pages_are_lifted(bridge):
    def lifted():
        return telemetry.REGISTRY.get_sample_value("bridge_budgets_lifted", {"page": "v1"})

    await budgets.sample(bridge.store, bridge.current)
    assert lifted() == 0
    await bridge.post(LIFT, {"for": "1h", "reason": "x"})
    await budgets.sample(bridge.store, bridge.current)
    assert lifted() == 1
