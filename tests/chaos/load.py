"""A load generator that costs little: prepared bodies over a few bare connections, on time whatever the answers do."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_ANSWER_S = 120.0


class Load(Struct, kw_only=True):
    """What came of deliveries: ``answers`` by status, 0 for none.

    ``slowest_s`` is counted from when a body should have been sent. ``slowest_look_s`` is how long the bridge took at
    most to say that it is alive, which it was asked ten times a second.
    """

    answers: Counter[int]
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest_look_s: float = 0.0

    @property
    def refused(self) -> int:
        """How many deliveries were not accepted."""
        return self.answers.total() - self.answers[202]


class Connection:
    """One connection to a bridge, kept alive; opened anew when it has been closed."""

    def __init__(self, bridge: Bridge) -> None:
        self._port = bridge.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        """Deliver as Alertmanager does; the status of the answer, 0 when there is none."""
        head = (
            f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: bridge\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {Bridge.alertmanager_token}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def page(self, body: bytes, signature: str) -> int:
        """Deliver as PagerDuty does, with that signature; the status of the answer, 0 when there is none."""
        head = (
            f"POST /webhooks/pagerduty HTTP/1.1\r\nHost: bridge\r\nContent-Length: {len(body)}\r\n"
            f"X-PagerDuty-Signature: v1={signature}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def get(self, path: str) -> int:
        """Ask for something; the status of the answer."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n".encode())

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, request: bytes) -> int:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(request)
            async with asyncio.timeout(_ANSWER_S):
                await writer.drain()
                return await read_status(reader)
        except (OSError, EOFError, TimeoutError):
            self.close()
            return 0


async def read_status(reader: asyncio.StreamReader) -> int:
    """The status of one answer, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, length = head.partition(b"content-length:")
    await reader.readexactly(int(length.split()[0]) if found else 0)
    return int(head.split()[1])


async def deliver(bridge: Bridge, bodies: Iterable[bytes], *, every_s: float = 0.0, connections: int = 8) -> Load:
    """Deliver one body ``every_s`` seconds, over so many connections."""
    loop = asyncio.get_running_loop()
    load = Load(answers=Counter())
    times = enumerate(bodies)
    began = loop.time()

    async def send(connection: Connection) -> None:
        for number, body in times:
            due = began + number * every_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            load.answers[await connection.post(body)] += 1
            load.slowest_s = max(load.slowest_s, loop.time() - due)

    async def look(connection: Connection) -> None:
        while True:
            asked_at = loop.time()
            status = await connection.get("/healthz")
            load.slowest_look_s = max(load.slowest_look_s, loop.time() - asked_at if status == 200 else _ANSWER_S)
            await asyncio.sleep(0.1)

    async with _opened(bridge, connections + 1) as (watch, *others):
        looking = asyncio.create_task(look(watch))
        await asyncio.gather(*map(send, others))
        looking.cancel()
        await asyncio.wait([looking])
    load.seconds = loop.time() - began
    return load


@asynccontextmanager
async def _opened(bridge: Bridge, count: int) -> AsyncIterator[list[Connection]]:
    connections = [Connection(bridge) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()
