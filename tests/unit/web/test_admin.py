"""Who may read the API, and who may also act."""

from __future__ import annotations

import asyncio
import base64

import pytest
from structlog.testing import capture_logs

from bridge import telemetry
from tests.unit.web.application import ADMIN_TOKEN, OPERATOR_TOKEN, TOKEN, Bridge, assert_refused

HOLD = {"action": "hold"}
ID = "6MDQJYNPGN"


@pytest.fixture
async def bridge(tmp_path):
    running = Bridge(tmp_path)
    async with running.client:
        yield running


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "reads", "acts", "author"),
    [
        (f"Bearer {OPERATOR_TOKEN}", 200, 202, "alice"),
        ("Bearer alice-old", 200, 202, "alice"),  # a rotation overlaps
        ("Bearer bob", 200, 202, "bob"),
        (basic(f"anybody:{OPERATOR_TOKEN}"), 200, 202, "alice"),
        (basic("alice:bob"), 200, 202, "bob"),  # the secret says who it is
        (basic(":bob"), 200, 202, "bob"),
        (f"Bearer {ADMIN_TOKEN}", 200, 403, None),
        (basic(f"admin:{ADMIN_TOKEN}"), 200, 403, None),
        (f"Bearer {TOKEN}", 401, 401, None),  # a sender's
        ("Bearer alice", 401, 401, None),
        (f"Bearer alice:{OPERATOR_TOKEN}", 401, 401, None),
        (f"Bearer {OPERATOR_TOKEN}x", 401, 401, None),
        (basic(OPERATOR_TOKEN), 401, 401, None),
        (basic(f"{OPERATOR_TOKEN}:"), 401, 401, None),
        ("Bearer", 401, 401, None),
        ("Basic !", 401, 401, None),
        (f"Digest {OPERATOR_TOKEN}", 401, 401, None),
        (None, 401, 401, None),
    ],
)
async def test_who_may_read_and_who_may_act(bridge, authorization, reads, acts, author):
    headers = {"Authorization": authorization} if authorization else {}
    assert (await bridge.client.get("/api/incidents", headers=headers)).status_code == reads
    answer = await bridge.act(ID, HOLD, token=None, headers=headers)
    assert answer.status_code == acts, answer.text
    assert [action.by for _, action in bridge.store.actions] == [author] * (author is not None)
    if acts == 401:
        assert "OPERATOR_TOKENS" in answer.json()["message"]
        assert "www-authenticate" in answer.headers


async def test_an_administrator_is_told_what_acting_needs(bridge):
    with capture_logs() as lines:
        answer = await bridge.act(ID, HOLD, token=ADMIN_TOKEN)
    assert_refused(answer, 403, "read_only")
    assert "OPERATOR_TOKENS" in answer.json()["message"]
    assert [(line["event"], line["code"]) for line in lines] == [("admin_unauthorized", 403)]


@pytest.mark.parametrize(
    ("admins", "operators", "token", "reads", "acts"),
    [
        ((), {}, "x", (503, "ADMIN_TOKENS"), (503, "OPERATOR_TOKENS")),
        ((ADMIN_TOKEN,), {}, "x", (401, "ADMIN_TOKENS"), (503, "OPERATOR_TOKENS")),
        ((ADMIN_TOKEN,), {}, ADMIN_TOKEN, (200, ""), (403, "OPERATOR_TOKENS")),
        ((), None, "x", (401, "OPERATOR_TOKENS"), (401, "OPERATOR_TOKENS")),
        ((), None, OPERATOR_TOKEN, (200, ""), (202, "")),
    ],
)
async def test_what_is_not_configured_lets_nobody_in_and_is_said(tmp_path, admins, operators, token, reads, acts):
    options = {} if operators is None else {"operators": operators}
    bridge = Bridge(tmp_path, admins=admins, **options)
    async with bridge.client:
        for answer, expected in (
            (await bridge.get("/api/incidents", token=token), reads),
            (await bridge.act(ID, HOLD, token=token), acts),
        ):
            assert (answer.status_code, answer.json().get("message", "").count(expected[1]) > 0) == (expected[0], True)
    assert len(bridge.store.actions) == (acts[0] == 202)


async def test_guesses_at_an_operators_secret_are_counted_logged_by_address_and_slowed(bridge):
    def requests(code: str) -> float:
        return telemetry.REGISTRY.get_sample_value("bridge_api_requests_total", {"code": code}) or 0

    before = {code: requests(code) for code in ("202", "401", "403", "429")}
    assert (await bridge.act(ID, HOLD)).status_code == 202
    assert (await bridge.act(ID, HOLD, token=ADMIN_TOKEN)).status_code == 403
    with capture_logs() as lines:
        answers = await asyncio.gather(*(bridge.act(ID, HOLD, token=f"guess{nth}") for nth in range(200)))
    refused = sum(answer.status_code == 429 for answer in answers)
    assert refused > 150
    found = {code: requests(code) - count for code, count in before.items()}
    assert found == {"202": 1, "403": 1, "401": 200 - refused, "429": refused}
    assert {(line["event"], line["address"]) for line in lines} == {("admin_unauthorized", "127.0.0.1")}
    assert "guess" not in repr(lines)
    assert len(bridge.store.actions) == 1


async def test_an_administrators_credential_is_no_guess(bridge):
    for _ in range(30):
        assert (await bridge.act(ID, HOLD, token=ADMIN_TOKEN)).status_code == 403
    assert (await bridge.act(ID, HOLD)).status_code == 202
