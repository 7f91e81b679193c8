"""Whether the bridge can keep a promise made now, and the gauges that tell how it is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.silence import Silence
from bridge.store import Durability, Store, StoreUnavailable
from bridge.telemetry import (
    INCIDENTS,
    INCIDENTS_PARKED,
    OLDEST_DUE,
    STORE_DURABLE,
    STORE_OK,
    WRITES_PAUSED,
    Event,
    log,
)

SAMPLE_S = 5.0
INSPECT_EVERY = 12  # samples between two looks at the server's settings
ANSWER_AGE_MS = 1_000


class Health:
    """Answers ``/readyz`` and samples the store. ``clock`` is in milliseconds and never runs backwards."""

    def __init__(self, store: Store, silence: Silence, *, clock: Callable[[], int]) -> None:
        self._store = store
        self._silence = silence
        self._clock = clock
        self._checked_at: int | None = None
        self._verdict = (False, "not checked yet")

    async def ready(self) -> tuple[bool, str]:
        """Whether Redis takes writes, as of at most a second ago. Checkly may be down: alerts are kept."""
        now = self._clock()
        if self._checked_at is None or now - self._checked_at >= ANSWER_AGE_MS:
            self._verdict = await self._check()
            self._checked_at = now
        return self._verdict

    async def inspect(self) -> Durability | None:
        """Look at the server's settings; say what stands against durability. None when it does not answer."""
        try:
            durability = await self._store.inspect()
        except StoreUnavailable as error:
            log(Event.STORE_UNAVAILABLE, reason=str(error))
            return None
        STORE_DURABLE.set(not durability.problems)
        for problem in durability.problems:
            log(Event.STORE_NOT_DURABLE, server=durability.server, problem=problem)
        return durability

    async def watch(self) -> None:
        """Sample until canceled."""
        samples = 0
        while True:
            samples += 1
            await self._sample()
            self._silence.check()
            if samples % INSPECT_EVERY == 0:
                await self.inspect()
            await asyncio.sleep(SAMPLE_S)

    async def _check(self) -> tuple[bool, str]:
        try:
            await self._store.check()
        except StoreUnavailable:
            STORE_OK.set(0)
            return False, "Redis does not answer or cannot write"
        STORE_OK.set(1)
        return True, "ready"

    async def _sample(self) -> None:
        try:
            overview = await self._store.overview()
        except StoreUnavailable:
            STORE_OK.set(0)
            return
        STORE_OK.set(1)
        INCIDENTS.clear()
        for phase, count in overview.phases.items():
            INCIDENTS.labels(phase).set(count)
        INCIDENTS_PARKED.set(overview.parked)
        OLDEST_DUE.set(overview.oldest_due_ms / 1000)
        WRITES_PAUSED.set(overview.paused is not None)
