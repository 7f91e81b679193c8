"""``GET /api/alerts``."""

from __future__ import annotations

import pytest

from bridge.store import Example, StoreUnavailable, Unpublished, UnpublishedGroup
from tests.unit.web.application import NOW, Bridge, assert_refused


@pytest.fixture
def bridge(tmp_path):
    found = Bridge(tmp_path)
    for number, about in enumerate(
        (
            Unpublished("unknown_service", "labelled", "Errors", "status_page", "chekout"),
            Unpublished("unmatched", "", "Errors", "service", "check-out"),
            Unpublished("unusable", detail="$.alerts[].labels: expected an object"),
        )
    ):
        example = Example("alertmanager", "eu", f"f{number}")
        found.store.unpublished.groups[about] = UnpublishedGroup(
            about=about, count=3, first_at=NOW - 1_000, last_at=NOW, example=example
        )
    return found


async def test_the_groups_are_listed_with_the_nearest_name(bridge):
    answer = (await bridge.get("/api/alerts?published=false&limit=2")).json()
    assert answer["groups"][0] == {
        "reason": "unknown_service",
        "route": "labelled",
        "name": "Errors",
        "label": "status_page",
        "value": "chekout",
        "detail": None,
        "did_you_mean": "checkout",
        "count": 3,
        "first_at": "2026-11-23T18:47:09.000Z",
        "last_at": "2026-11-23T18:47:10.000Z",
        "source": "alertmanager",
        "sender": "eu",
        "fingerprint": "f0",
    }
    assert answer["groups"][1]["did_you_mean"] == "checkout"
    assert (len(answer["groups"]), answer["groups_total"], answer["cut_at"]) == (2, 3, None)


async def test_those_of_one_reason_are_listed(bridge):
    answer = (await bridge.get("/api/alerts?published=false&reason=unusable")).json()
    assert [(each["value"], each["detail"]) for each in answer["groups"]] == [
        (None, "$.alerts[].labels: expected an object")
    ]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "wrong_parameter"),
        ("?published=true", "wrong_parameter"),
        ("?published=false&reason=odd", "wrong_parameter"),
        ("?published=false&limit=1001", "wrong_parameter"),
        ("?published=false&limit=-1", "wrong_parameter"),
        ("?published=false&service=x", "unknown_parameter"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(bridge, query, error):
    assert_refused(await bridge.get(f"/api/alerts{query}"), 400, error)


async def test_it_needs_a_token_and_the_store(bridge):
    assert_refused(await bridge.get("/api/alerts?published=false", token="guess"), 401, "unauthorized")
    bridge.store.unpublished.error = StoreUnavailable("gone")
    assert_refused(await bridge.get("/api/alerts?published=false"), 503, "store_unavailable")
