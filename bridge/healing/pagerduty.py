"""Asks PagerDuty about its incidents that nothing has been heard of: one account's chore.

What is asked is positive evidence: an incident counts as over only where PagerDuty shows it, resolved, by its id. No
answer, whatever its kind, closes anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from bridge.core.healing.pagerduty import MISSING_EVERY_MS, NEVER_ASKED, questions
from bridge.healing.paged_ends import cluster_of
from bridge.healing.paged_round import OK, Round
from bridge.senders.pagerduty.parser import SOURCE
from bridge.store import StoreUnavailable
from bridge.telemetry import HEALING_AGE, HEALING_ROUNDS, SENDER_DISABLED

if TYPE_CHECKING:
    from bridge.config.healing import PagerDutyHealing
    from bridge.core.healing.pagerduty import Question
    from bridge.healing.paged_ends import PagedEnds
    from bridge.pagerduty_api.client import Client
    from bridge.store.paged import AccountState, Memory, PagedAlerts

LEASE_MS: Final = 30_000
KEEP_EVERY_S: Final = 10.0
PACE_S: Final = 1.0  # at most 60 questions a minute, of the 960 that PagerDuty allows a key
USUAL_MS: Final = 300_000  # between two rounds; what a longer interval adds is no age
RETRY_MS: Final = 30_000  # after a round with an error


class Account:
    """One account's chore, this replica's part in it.

    ``connect`` gives a client with the key of now, and a word that is another for another key; None while there is no
    key. ``monotonic`` is in seconds, ``token`` makes what no other replica makes.
    """

    def __init__(
        self,
        entry: PagerDutyHealing,
        *,
        alerts: PagedAlerts,
        ends: PagedEnds,
        connect: Callable[[], tuple[Client, str] | None],
        monotonic: Callable[[], float],
        token: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._entry = entry
        self._cluster = cluster_of(entry.sender)
        self._alerts = alerts
        self._ends = ends
        self._connect = connect
        self._monotonic = monotonic
        self._token = token
        self._sleep = sleep
        self._asked_at = -PACE_S
        self._began: tuple[int, float] = (0, 0.0)  # the store's time, and ours

    async def ask_if_due(self) -> int:
        """Ask, if it is time and this replica's turn. In how many milliseconds to come again.

        Raises StoreUnavailable.
        """
        token = self._token()
        turn = await self._alerts.claim(token, lease_ms=LEASE_MS, every_ms=self._entry.interval_ms)
        self._began = turn.now, self._monotonic()
        memory = await self._alerts.recall()
        self._show(memory.state)
        if not turn.is_ours:
            return turn.wait_ms
        keeping = asyncio.create_task(self._keep(token))
        rest_ms = min(RETRY_MS, self._entry.interval_ms)
        try:
            due_at = await self._round(memory)
            rest_ms = max(0, min(due_at - self._now(), self._entry.interval_ms))  # by then the key may be another
        finally:
            keeping.cancel()
            await self._alerts.rest(token, for_ms=rest_ms)
        return rest_ms

    async def _keep(self, token: str) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            with suppress(StoreUnavailable):
                await self._alerts.keep(token, lease_ms=LEASE_MS)

    def _now(self) -> int:
        """The store's time, carried forward."""
        now, asked_at = self._began
        return now + int((self._monotonic() - asked_at) * 1000)

    async def _pace(self) -> int:
        wait_s = self._asked_at + PACE_S - self._monotonic()
        if wait_s > 0:
            await self._sleep(wait_s)
        self._asked_at = self._monotonic()
        return self._now()

    async def _round(self, memory: Memory) -> int:
        """Ask what is due; when to come again."""
        connected = self._connect()
        if connected is None:
            return self._now() + self._entry.interval_ms
        client, key = connected
        state = memory.state if memory.state.round_at else replace(memory.state, round_at=self._now())
        if self._now() < state.resume_at and state.refused in {"", key}:
            return state.resume_at
        state = replace(state, resume_at=0, refused="")
        asked = questions(await self._alerts.firing(), memory.asked, interval_ms=self._entry.interval_ms)
        await self._alerts.remember(state, {}, memory.asked.keys() - {each.id for each in asked})
        round_ = Round(
            self._entry, client, key, alerts=self._alerts, ends=self._ends, state=state, now=self._now, pace=self._pace
        )
        if self._entry.subscription:
            await round_.ask_subscription(self._entry.subscription)
        for question in asked:
            if round_.goes_on and question.due_at <= self._now():
                await round_.ask(question, memory.asked.get(question.id, NEVER_ASKED))
        return await self._end(round_, asked)

    async def _end(self, round_: Round, asked: list[Question]) -> int:
        now, state = self._now(), round_.state
        HEALING_ROUNDS.labels(self._cluster, round_.outcome).inc()
        if round_.outcome == OK:
            state = replace(state, round_at=now)
        await self._alerts.remember(state, {})
        self._show(state)
        if state.resume_at:
            return state.resume_at
        every_ms = min(self._entry.interval_ms, MISSING_EVERY_MS if round_.outcome == OK else RETRY_MS)
        return min([now + every_ms, *(each.due_at for each in asked if each.due_at > now)])

    def _show(self, state: AccountState) -> None:
        """Every replica shows what one of them has found. Who is to be asked seldom is not old because of that."""
        seldom_ms = max(0, self._entry.interval_ms - USUAL_MS)
        age_ms = self._now() - state.round_at - seldom_ms if state.round_at else 0
        HEALING_AGE.labels(self._cluster).set(max(0, age_ms) / 1000)
        if self._entry.subscription:
            SENDER_DISABLED.labels(SOURCE, self._entry.sender).set(state.disabled_since > 0)
