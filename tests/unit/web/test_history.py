"""``GET /api/history``: one row for each outage."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import NEVER_KNOWN
from bridge.model import Incident, Observed, Phase, Post, Progress, Severity, Summary
from bridge.publication import Publication
from bridge.store import Episodes, StoreUnavailable
from tests.unit.web.application import NOW, Bridge

DAY = 86_400_000
STARTED = NOW - DAY
PUBLICATION = Publication(
    started_at=STARTED,
    opened_at=STARTED + 90_500,
    ended_at=STARTED + 600_000,
    resolved_at=STARTED + 721_000,
    worst=Severity.CRITICAL,
    mails=2,
)
POST = Post(
    remote_id="abc",
    status=Phase.RESOLVED,
    name="Checkout is down",
    services=("checkout",),
    announced_severity=Severity.MAJOR,
    publication=PUBLICATION,
)
INCIDENT = Incident(
    id="0JH0JQZKSA",
    key="checkout",
    route="checkout",
    episode=3,
    summary=Summary(firing_since=NOW, outage_started_at=NOW - 5),  # of the next episode, if this one is put away
    progress=Progress(phase=Phase.RESOLVED, phase_since=STARTED + 720_000, posts={"v1": POST}),
)


@pytest.fixture
async def bridge(tmp_path):
    bridge = Bridge(tmp_path)
    async with bridge.client:
        yield bridge


@pytest.fixture
def archive(bridge):
    return bridge.store.episode_archive


async def rows(bridge, query: str = ""):
    answer = await bridge.get(f"/api/history{query}")
    assert answer.status_code == 200
    return answer.json()["episodes"]


async def test_an_outage_that_was_put_away_is_told_by_what_was_published(bridge, archive):
    archive.parts = [Episodes([], [INCIDENT])]
    assert await rows(bridge) == [
        {
            "id": "0JH0JQZKSA.3",
            "key": "checkout",
            "route": "checkout",
            "name": "Checkout is down",
            "phase": "RESOLVED",
            "severity_max": "CRITICAL",
            "services": ["checkout"],
            "starts_at": "2026-11-22T18:47:10.000Z",
            "public_at": "2026-11-22T18:48:40.500Z",
            "ends_at": "2026-11-22T18:57:10.000Z",
            "public_end_at": "2026-11-22T18:59:11.000Z",
            "over_at": "2026-11-22T18:59:10.000Z",
            "publish_delay_seconds": 90.5,
            "resolve_delay_seconds": 121.0,
            "mails": 2,
            "interventions": [],
            "note": None,
            "remote_ids": {"v1": "abc"},
        }
    ]


async def test_one_that_goes_on_is_told_by_its_alerts_too(bridge, archive):
    summary = Summary(firing=1, services={"search": Severity.MAJOR}, firing_since=NOW - 9, outage_started_at=NOW - 10)
    pending = replace(INCIDENT, summary=summary, progress=Progress(phase=Phase.PENDING, phase_since=NOW - 9))
    archive.parts = [Episodes([pending], [])]
    (row,) = await rows(bridge)
    assert (row["starts_at"], row["services"], row["severity_max"]) == (
        "2026-11-23T18:47:09.990Z",
        ["search"],
        "MAJOR",
    )
    assert (row["public_at"], row["over_at"], row["remote_ids"]) == (None, None, {})


async def test_what_people_did_on_the_page_is_told(bridge, archive):
    observed = Observed(at=STARTED + 500, status=Phase.MONITORING, drift=("status", "severity"))
    by_hand = replace(POST, observed=observed, closed_at=STARTED + 1_000, theirs_at=STARTED + 2_000)
    archive.parts = [Episodes([], [replace(INCIDENT, progress=replace(INCIDENT.progress, posts={"v1": by_hand}))])]
    (row,) = await rows(bridge)
    assert row["interventions"] == [
        "v1: changed by someone else (status, severity), found at 2026-11-22T18:47:10.500Z",
        "v1: closed by hand, found at 2026-11-22T18:47:11.000Z",
        "v1: opened again by someone else, found at 2026-11-22T18:47:12.000Z",
    ]


async def test_what_ended_before_or_never_was_is_left_out(bridge, archive):
    never = replace(INCIDENT, summary=Summary(), progress=Progress(phase=Phase.DISCARDED, note=NEVER_KNOWN))
    archive.parts = [Episodes([INCIDENT, replace(never, progress=replace(never.progress, phase_since=NOW))], [])]
    assert len(await rows(bridge, "?since=2d")) == 1
    archive.asked.clear()
    assert await rows(bridge, "?since=12h") == []
    assert archive.asked == [(NOW - DAY // 2, "", 100)]


async def test_it_comes_by_parts(bridge, archive):
    archive.parts = [Episodes([INCIDENT], [], "current-7"), Episodes([], [INCIDENT])]
    answer = (await bridge.get("/api/history?limit=7")).json()
    assert (len(answer["episodes"]), answer["after"]) == (1, "current-7")
    answer = (await bridge.get("/api/history?limit=7&after=current-7")).json()
    assert (len(answer["episodes"]), answer["after"]) == (1, None)
    assert [asked[1:] for asked in archive.asked] == [("", 7), ("current-7", 7)]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?page=1", "unknown_parameter"),
        ("?since=yesterday", "wrong_parameter"),
        ("?since=0", "wrong_parameter"),
        ("?limit=0", "wrong_parameter"),
        ("?limit=501", "wrong_parameter"),
    ],
)
async def test_what_cannot_be_asked_is_refused(bridge, query, error):
    answer = await bridge.get(f"/api/history{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_place_that_no_answer_gave_is_refused(bridge, archive):
    archive.error = ValueError("no place")
    answer = await bridge.get("/api/history?after=x")
    assert (answer.status_code, answer.json()["error"]) == (400, "wrong_parameter")


async def test_it_needs_a_token_and_a_store(bridge, archive):
    assert (await bridge.client.get("/api/history")).status_code == 401
    archive.error = StoreUnavailable("gone")
    assert (await bridge.get("/api/history")).status_code == 503
