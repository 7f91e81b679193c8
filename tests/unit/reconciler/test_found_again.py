"""What stands on a page unknown to the store: a real Redis that was emptied, a page that was migrated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from bridge.model import V1_PAGE, Phase, v3_page
from bridge.sandbox.migration import Choice, Migration
from bridge.store.namespace import PREFIX
from tests.unit.reconciler.redis_harness import CONFIG, MINUTE, RedisHarness
from tests.unit.store.builders import all_of

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.sandbox.impacts import AnyIncident

OTHER = CONFIG.replace("Checkout", "{page: platform, component: Orders}").replace(
    "Payments", "{page: platform, component: Catalog}"
)
BOTH = CONFIG.replace("Checkout", "[Checkout, {page: platform, component: Orders}]")
MIGRATED = CONFIG.replace("Checkout", "{page: acme, component: Checkout}").replace(
    "Payments", "{page: acme, component: Payments}"
)


@pytest.fixture(params=[CONFIG, OTHER, BOTH], ids=["v1", "v3", "both"])
async def harness(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path, request.param)
    yield harness
    await harness.close()


@pytest.fixture
async def v1(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path)
    yield harness
    await harness.close()


async def publish(harness: RedisHarness) -> None:
    await harness.fire()
    await harness.after(MINUTE)


async def lose_the_store(harness: RedisHarness) -> None:
    await harness.redis.flushall()
    harness.behind += 3600
    harness.reconciler = harness.start()


def told(incident: AnyIncident) -> list[str]:
    return [update.status for update in incident.updates]


async def test_what_fires_is_taken_over_on_each_page(harness: RedisHarness) -> None:
    await publish(harness)
    count = len(harness.state.everything())
    await lose_the_store(harness)
    await publish(harness)
    assert len(harness.state.everything()) == count
    posts = (await harness.incident()).progress.posts
    assert {post.remote_id for post in posts.values()} == {each.id for each in harness.state.everything()}


async def test_an_end_of_which_the_beginning_was_lost_is_told_once(harness: RedisHarness) -> None:
    await publish(harness)
    await lose_the_store(harness)
    for _ in range(3):
        await harness.clear()
        await harness.after(3 * MINUTE, 3 * MINUTE)
    for incident in harness.state.everything():
        assert told(incident)[0] == "INVESTIGATING"
        assert told(incident).count("RESOLVED") == 1
        assert not incident.open
    assert (await harness.incident()).progress.phase is Phase.RESOLVED


async def test_an_end_of_which_nothing_is_public_leaves_nothing_and_is_soon_forgotten(harness: RedisHarness) -> None:
    await harness.clear()
    assert (await harness.incident()).progress.phase is Phase.DISCARDED
    await harness.after(14 * MINUTE)
    assert await all_of(harness.store) != []
    await harness.after(2 * MINUTE)
    assert (await all_of(harness.store), harness.state.everything()) == ([], [])
    left: list[Any] = await harness.redis.keys(f"{PREFIX}incident:*")
    assert left == []


async def test_ends_of_which_nothing_is_known_share_one_reading_of_each_page(harness: RedisHarness) -> None:
    for service in ("checkout", "payments", "checkout"):
        await harness.clear(service)
        harness.behind -= 16 * MINUTE / 1000  # for the bridge, all of this is within a minute
        await harness.after(16 * MINUTE)
    lists = [call.path for call in harness.state.calls if call.path.endswith("/incidents")]
    assert len(lists) == len({page for each in harness.live.current.services.values() for page in each.pages})


class TestMigration:
    @pytest.mark.parametrize("ids", ["kept", "new"])
    @pytest.mark.parametrize("incidents", ["copied", "moved"])
    @pytest.mark.parametrize("fires", [True, False], ids=["fires", "cleared"])
    async def test_an_incident_is_followed_to_its_end_on_the_migrated_page(
        self, v1: RedisHarness, ids: Any, incidents: Any, fires: bool
    ) -> None:
        await publish(v1)
        (page,) = v1.state.catalog.pages.values()
        moved = Migration(v1.state, Choice(ids=ids, incidents=incidents)).run(page)
        if not fires:
            await v1.clear()
        v1.reload(MIGRATED)
        await v1.after(0)
        (carried,) = v1.state.on(moved)
        assert (await v1.incident()).progress.posts[v3_page("acme")].remote_id == carried.id
        if fires:
            names = {moved.components[id_].name: impact for id_, impact in carried.impacts.items()}
            assert names == {"Checkout": "DEGRADED_PERFORMANCE"}
            await v1.clear()
        await v1.after(3 * MINUTE, MINUTE)
        assert (len(v1.state.on(moved)), told(carried)[-1], told(carried).count("RESOLVED")) == (1, "RESOLVED", 1)
        await v1.after(5 * MINUTE)
        assert all(not incident.open for incident in v1.state.everything())

    async def test_what_was_not_carried_over_is_posted_anew_and_ends_in_both_places(self, v1: RedisHarness) -> None:
        await publish(v1)
        (page,) = v1.state.catalog.pages.values()
        moved = Migration(v1.state, Choice(incidents="left")).run(page)
        v1.reload(MIGRATED)
        await v1.after(0)
        assert [told(incident) for incident in v1.state.on(moved)] == [["INVESTIGATING"]]
        await v1.clear()
        await v1.after(3 * MINUTE, MINUTE)
        assert [incident.status for incident in v1.state.everything()] == ["RESOLVED", "RESOLVED"]

    async def test_a_configuration_that_runs_ahead_of_the_migration_posts_when_the_page_is_there(
        self, v1: RedisHarness
    ) -> None:
        await publish(v1)
        v1.reload(MIGRATED)
        await v1.after(0)
        post = (await v1.incident()).progress.posts[v3_page("acme")]
        assert "no v3 status page 'acme'" in (post.retry.parked or "")
        (page,) = v1.state.catalog.pages.values()
        moved = Migration(v1.state, Choice()).run(page)
        v1.behind += 600
        await v1.after(10 * MINUTE)
        (carried,) = v1.state.on(moved)
        post = (await v1.incident()).progress.posts[v3_page("acme")]
        assert (post.remote_id, post.retry.parked) == (carried.id, None)
        assert V1_PAGE in (await v1.incident()).progress.posts
