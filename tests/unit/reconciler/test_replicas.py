"""Nothing is sent whose intent could die with the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from bridge.store import NotReplicated
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, RedisHarness

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def harness(redis_url: str, tmp_path: Path) -> AsyncIterator[RedisHarness]:
    harness = RedisHarness(redis_url, tmp_path)
    yield harness
    await harness.close()


async def test_while_intents_reach_no_replica_nothing_is_sent_and_then_once(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    record = harness.store.record

    async def record_on_the_primary_alone(*arguments: Any, replicated: bool = False, **options: Any) -> Any:
        recorded = await record(*arguments, **options)
        if replicated:
            raise NotReplicated("0 replicas had the write")
        return recorded

    await harness.fire()
    with monkeypatch.context() as away:
        away.setattr(harness.store, "record", record_on_the_primary_alone)
        await harness.after(MINUTE, SECOND, SECOND)
    assert harness.writes == []
    assert (await harness.post()).intent is None, "it was withdrawn: there is nothing to look for"
    said = [line["reason"] for line in logged if line["event"] == "store_unavailable"]
    assert said == ["0 replicas had the write"], "once a minute"
    await harness.after(SECOND)
    assert harness.writes == ["POST incidents"]
    assert (await harness.post()).remote_id == harness.only.id
