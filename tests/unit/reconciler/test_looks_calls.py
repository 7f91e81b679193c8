"""What looks ask of Checkly, through the real store, client and adapter, against the simulator."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.checkly.errors import Gone
from bridge.model import V1_PAGE, Post
from bridge.reconciler.looks import Standing
from bridge.sandbox.faults import Answer
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import CONFIG, INCIDENTS, MINUTE, RedisHarness

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.core.remote import RemoteIncident
    from bridge.reconciler import Reconciler
    from bridge.sandbox.incidents import Incident as Shown

SERVICES = ("checkout", "payments")
BY_REGION = CONFIG.replace("label: service}", "label: service}, group_by: [service]")
MANY = BY_REGION.replace("payments: Payments", "payments: Payments, search: Search")


@pytest.fixture
async def harness(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path, MANY)
    harness.publish_at_once()
    yield harness
    await harness.close()


async def look(harness: RedisHarness, *reconcilers: Reconciler) -> list[str]:
    """A look is due, and these bridges look if it is their turn; the paths that were asked for."""
    await harness.redis.hset(f"{PREFIX}chore:look", "due", 1)
    before = len(harness.state.calls)
    await asyncio.gather(*(each.looks.look_if_due() for each in reconcilers or (harness.reconciler,)))
    return [call.path for call in list(harness.state.calls)[before:]]


async def drifts(harness: RedisHarness) -> list[tuple[str, ...] | None]:
    found = [each async for part in harness.store.incidents() for each in part]
    observed = [each.progress.posts[V1_PAGE].observed for each in found]
    return [None if each is None else each.drift for each in observed]


async def test_two_are_read_one_by_one_and_three_with_one_list(harness: RedisHarness) -> None:
    await harness.fire("checkout")
    assert await look(harness) == [f"{INCIDENTS}/{harness.only.id}"]
    await harness.fire("payments")
    assert len(await look(harness)) == 2
    await harness.fire("search")
    assert await look(harness) == [INCIDENTS]
    assert await drifts(harness) == [(), (), ()]


async def test_two_bridges_look_once(harness: RedisHarness) -> None:
    await harness.fire()
    assert len(await look(harness, harness.reconciler, harness.start())) == 1


async def test_of_what_is_far_down_the_list_each_is_read_by_itself(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("checkout", "payments", "search"):
        await harness.fire(service)
    oldest, latest_first = harness.shown[0], harness.state.incidents.latest_first

    def shortened(*arguments: Any) -> list[Shown]:
        return [each for each in latest_first(*arguments) if each.id != oldest.id]

    monkeypatch.setattr(harness.state.incidents, "latest_first", shortened)
    assert await look(harness) == [INCIDENTS, f"{INCIDENTS}/{oldest.id}"]
    assert await drifts(harness) == [(), (), ()]


async def test_where_the_list_cannot_be_read_nothing_is_concluded_and_the_next_look_is_on_time(
    harness: RedisHarness,
) -> None:
    await harness.fire()
    harness.state.faults.queue.append(Answer(method="GET", path=f"{INCIDENTS}/*", status=503))
    assert len(await look(harness)) == 1
    assert await drifts(harness) == [None]
    assert (await harness.post()).is_open
    await look(harness)
    assert await drifts(harness) == [()]


async def test_one_that_cannot_be_read_keeps_nobody_from_looking_at_the_others(harness: RedisHarness) -> None:
    await harness.fire("checkout")
    await harness.fire("payments")
    first, second = await look(harness)
    harness.state.faults.queue.append(Answer(method="GET", path=first, status=500))
    assert await look(harness) == [first, second]
    assert await look(harness) == [second, first], "what could not be read comes last"


class Long:
    """A page whose list is long, and has none of what is looked for; everything is missing."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def listed(self, cursor: str = "") -> tuple[list[RemoteIncident], str]:
        self.calls.append("list")
        return [], str(int(cursor or 0) + 1)

    async def read(self, remote_id: str) -> RemoteIncident:
        self.calls.append(remote_id)
        raise Gone("404", status=404)

    async def open_incidents(self) -> list[RemoteIncident]:
        self.calls.append("whole list")
        return []


async def test_a_long_list_in_which_nothing_is_found_is_not_read_to_its_end(harness: RedisHarness) -> None:
    page, posts = Long(), {each: Standing("X", V1_PAGE, Post(remote_id=each)) for each in ("a", "b", "c", "d")}
    await harness.reconciler.looks._look_at(page, posts, Counter())  # type: ignore[arg-type] # noqa: SLF001 - what is asked of a page
    assert page.calls == ["list"] * 4 + ["a", "b", "c", "d"]


async def test_that_many_are_missing_is_confirmed_by_one_list(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("checkout", "payments", "search"):
        await harness.fire(service)
    page = Long()
    looks = harness.reconciler.looks
    monkeypatch.setattr(looks, "_page", lambda _: page)
    monkeypatch.setattr(looks, "_is_doubted", lambda *_, **__: True)
    await look(harness)
    assert page.calls.count("whole list") == 1
    found = [each async for part in harness.store.incidents() for each in part]
    assert all(each.progress.posts[V1_PAGE].closed_at for each in found)


async def test_what_a_person_resolved_is_seen_beside_many_others(harness: RedisHarness) -> None:
    for service in ("checkout", "payments", "search"):
        await harness.fire(service)
    await look(harness)
    by_hand = harness.shown[1]
    by_hand.updates.append(replace(by_hand.updates[-1], id="by-hand", description="By hand.", status="RESOLVED"))
    await look(harness)
    closed = [
        each.progress.posts[V1_PAGE].remote_id
        async for part in harness.store.incidents()
        for each in part
        if each.progress.posts[V1_PAGE].closed_at is not None
    ]
    assert closed == [by_hand.id]
    await harness.after(5 * MINUTE)
    assert [each.status for each in harness.shown].count("RESOLVED") == 1
