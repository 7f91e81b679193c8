"""Nothing is sent whose intent could die with the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from bridge.store import NotReplicated
from tests.unit.reconciler.redis_harness import MINUTE, SECOND, Rig

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def rig(redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(redis_url, tmp_path)
    yield rig
    await rig.close()


async def test_while_intents_reach_no_replica_nothing_is_sent_and_then_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    record = rig.store.record

    async def record_on_the_primary_alone(*arguments: Any, replicated: bool = False, **options: Any) -> Any:
        recorded = await record(*arguments, **options)
        if replicated:
            raise NotReplicated("0 replicas had the write")
        return recorded

    await rig.fire()
    with monkeypatch.context() as away:
        away.setattr(rig.store, "record", record_on_the_primary_alone)
        await rig.after(MINUTE, SECOND, SECOND)
    assert rig.writes == []
    assert (await rig.post()).intent is None, "it was withdrawn: there is nothing to look for"
    said = [line["reason"] for line in logged if line["event"] == "store_unavailable"]
    assert said == ["0 replicas had the write"], "once a minute"
    await rig.after(SECOND)
    assert rig.writes == ["POST incidents"]
    assert (await rig.post()).remote_id == rig.only.id
