"""Senders that are never silent and never give up: each tells of its outages at a steady rate, in order."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from contextlib import closing
from itertools import cycle
from typing import TYPE_CHECKING

from msgspec import Struct, field

from tests.chaos.load import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.soak.traffic import Source
    from tests.servers import Bridge

SECRET = "soak-secret"
_AGAIN_S = 0.5
_LOOK_S = 0.1


class Window(Struct):
    """What came of deliveries since the last sample: ``answers`` by status, and how long the accepted ones took.

    A time counts from when the delivery was due, to its acceptance. ``look_s`` is the slowest answer of ``/healthz``.
    """

    answers: Counter[int] = field(default_factory=Counter)
    took_s: list[float] = []
    look_s: float = 0.0

    @property
    def refused(self) -> int:
        """How many were not accepted, and came again."""
        return self.answers.total() - self.answers[202]

    def percentile(self, share: float) -> float:
        """Of the seconds they took."""
        return sorted(self.took_s)[int(share * (len(self.took_s) - 1))] if self.took_s else 0.0


class Senders:
    """One connection for each group of sources; ``rate`` deliveries a second by all of them."""

    def __init__(self, bridge: Bridge, groups: Sequence[Sequence[Source]], *, rate: float) -> None:
        self._bridge = bridge
        self._groups = groups
        self._every_s = len(groups) / rate
        self._window = Window()
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()

    def cut(self) -> Window:
        """What came since the last cut."""
        window, self._window = self._window, Window()
        return window

    async def run(self, seconds: float) -> None:
        """Tell for so long, and in the end that everything is over."""
        looking = asyncio.create_task(self._look())
        await asyncio.gather(*(self._send(number, seconds) for number in range(len(self._groups))))
        looking.cancel()
        await asyncio.wait([looking])

    async def _send(self, number: int, seconds: float) -> None:
        group = self._groups[number]
        due = self.began + self._every_s * number / len(self._groups)
        with closing(Connection(self._bridge)) as connection:
            for source in cycle(group):
                if due - self.began >= seconds:
                    break
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                await self._deliver(connection, source.sender, source.body(due - self.began), due)
                due += self._every_s
            for source in group:
                await self._deliver(connection, source.sender, source.ends(), self._loop.time())

    async def _deliver(self, connection: Connection, sender: str, body: bytes, due: float) -> None:
        """Deliver until it is accepted, as both senders do."""
        while True:
            if sender == "pagerduty":
                status = await connection.page(body, hmac.digest(SECRET.encode(), body, "sha256").hex())
            else:
                status = await connection.post(body)
            self._window.answers[status] += 1
            if status == 202:
                break
            await asyncio.sleep(_AGAIN_S)
        self._window.took_s.append(self._loop.time() - due)

    async def _look(self) -> None:
        with closing(Connection(self._bridge)) as connection:
            while True:
                asked_at = self._loop.time()
                await connection.get("/healthz")
                self._window.look_s = max(self._window.look_s, self._loop.time() - asked_at)
                await asyncio.sleep(_LOOK_S)
