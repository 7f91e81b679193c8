"""``python -m tests.bench.pace PORT PAYLOADS RATE SECONDS``: deliveries at a constant rate, whatever the answers do.

A request's time counts from when it was due, so that a server that stalls cannot hide it by delaying what follows.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

from tests.bench.measured_servers import AUTHORIZATION, PATH

CONNECTIONS = 64
_LAST_S = 30
_POINTS = (50, 75, 90, 95, 99, 99.9)


class Pacer:
    """Sends each request over a connection that is idle; one that is due while there is none waits, and that counts."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.due: deque[tuple[float, bytes]] = deque()
        self.times: list[float] = []
        self.errors = 0
        self._rests = asyncio.Event()

    def send(self) -> None:
        """Send what is due, as far as there are connections."""
        while self.idle and self.due:
            self.idle.pop().send(*self.due.popleft())
        if len(self.idle) == CONNECTIONS:
            self._rests.set()
        else:
            self._rests.clear()

    async def all_answered(self) -> None:
        """Wait for the answers that are still to come."""
        await self._rests.wait()


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._due = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._pacer.idle.append(self)

    def send(self, due: float, request: bytes) -> None:
        """Send a request that was due then."""
        self._due, self._answer = due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length:")[2].split()[0]):
            return
        self._pacer.times.append(time.monotonic() - self._due)
        self._pacer.errors += not head.startswith(b"HTTP/1.1 202")
        self._pacer.idle.append(self)
        self._pacer.send()


async def run(port: int, bodies: list[bytes], rate: float, seconds: float) -> Pacer:
    """Send for so long, then wait for the last answers."""
    pacer = Pacer()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(pacer), "127.0.0.1", port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: "
    requests = cycle([f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies])
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        pacer.due.append((due, next(requests)))
        pacer.send()
    async with asyncio.timeout(_LAST_S):
        await pacer.all_answered()
    return pacer


def main() -> None:
    """Run, and print a Pace as JSON."""
    port, file, rate, seconds = sys.argv[1:]
    bodies = Path(file).read_bytes().splitlines()
    gc.disable()  # looking through all of these takes as long as many answers
    pacer = uvloop.run(run(int(port), bodies, float(rate), float(seconds)))
    times = sorted(pacer.times)
    percentiles = {str(point): times[int(len(times) * point / 100)] * 1000 for point in _POINTS}
    print(json.dumps({"answered": len(times), "errors": pacer.errors, "percentiles": percentiles}))


if __name__ == "__main__":
    main()
