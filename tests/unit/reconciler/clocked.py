"""The store and its very scripts on a real Redis, but for the time: that is what the test says it is."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.store import Store
from bridge.store.runner import ScriptRunner
from bridge.store.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = "now"  # the key that holds the time in milliseconds; not one of the bridge's
_TIME = "redis.call('TIME')"
_GIVEN_TIME = f"{{0, tonumber(redis.call('GET', '{NOW}')) * 1000}}"  # seconds and microseconds, as TIME


class ClockedStore(Store):
    """A store to whose scripts it is as late as the key ``NOW`` says. Expiries still run by the server's own clock."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, runner=_ClockedRunner)


class _ClockedRunner(ScriptRunner):
    async def run_all(self, script: Script, calls: Sequence[Sequence[Any]], *, replicated: bool = False) -> list[Any]:
        return await super().run_all(_clocked(script), calls, replicated=replicated)


@lru_cache
def _clocked(script: Script) -> Script:
    assert script.text.count(_TIME) == 1
    text = script.text.replace(_TIME, _GIVEN_TIME)
    return Script(script.name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
