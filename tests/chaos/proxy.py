"""A network under a test's control: a TCP proxy that can be slow, silent or cut off, with or without TLS."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Self

from msgspec import Struct

if TYPE_CHECKING:
    import ssl

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing discards what is under way and says so


class Beyond(Enum):
    """What becomes of the bytes behind a flow's limit."""

    CUT = "cut"
    LOST = "lost"
    TRICKLE = "trickle"


class Flow(Struct, frozen=True, kw_only=True):
    """How bytes travel one way: each piece ``delay_s`` later, freely up to ``limit`` bytes of each connection.

    Behind the limit the connection is reset, or the rest is lost without a word, or it goes on with a byte each
    ``pace_s``.
    """

    delay_s: float = 0.0
    limit: int | None = None
    beyond: Beyond = Beyond.CUT
    pace_s: float = 0.02


class Greeting(Enum):
    """What becomes of a new connection."""

    SERVED = "served"
    CUT = "cut"  # after its first bytes: amid the TLS handshake
    IGNORED = "ignored"


class Proxy:
    """Forwards to ``port`` of this machine from a port of its own. Set its attributes and ``cut`` at any time.

    ``requests`` is the flow to that port, ``answers`` the one back. With ``tls`` clients must speak TLS.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.tls = tls
        self.heal()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def heal(self) -> None:
        """Let everything through again."""
        self.requests = self.answers = Flow()
        self.greeting = Greeting.SERVED

    def cut(self) -> None:
        """Reset every connection now, whatever is under way."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)

    async def _run(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            accepting = asyncio.create_task(self._accept(listener))
            self._listening.set()
            await self._closing.wait()
            self._reset_all()
            accepting.cancel()
            with suppress(asyncio.CancelledError):
                await accepting

    async def _accept(self, listener: socket.socket) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                connection, _ = await self._loop.sock_accept(listener)
                group.create_task(self._greet(connection))

    async def _greet(self, connection: socket.socket) -> None:
        greeting = self.greeting
        if greeting is Greeting.SERVED:
            with suppress(OSError):  # among them: the client likes our certificate as little as it should
                await self._serve(connection)
            return
        with connection, suppress(OSError):
            while await self._loop.sock_recv(connection, 512) and greeting is Greeting.IGNORED:
                pass
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    async def _serve(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self.tls)
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            raise
        finally:
            self._writers.remove(writer)
        ends = {writer, back}
        self._writers |= ends
        try:
            await asyncio.gather(
                _pump(reader, back, lambda: self.requests, ends), _pump(there, writer, lambda: self.answers, ends)
            )
        finally:
            self._writers -= ends


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    current: Callable[[], Flow],
    ends: set[asyncio.StreamWriter],
) -> None:
    flow, passed = current(), 0
    try:
        while data := await reader.read(65_536):
            if current() is not flow:
                flow, passed = current(), 0
            await asyncio.sleep(flow.delay_s)
            free = len(data) if flow.limit is None else max(0, flow.limit - passed)
            passed += len(data)
            writer.write(data[:free])
            await writer.drain()
            if rest := data[free:]:
                await _go_beyond(flow, rest, reader, writer, current, ends)
    except OSError:
        pass
    finally:
        writer.close()


async def _go_beyond(
    flow: Flow,
    rest: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    current: Callable[[], Flow],
    ends: set[asyncio.StreamWriter],
) -> None:
    if flow.beyond is Beyond.TRICKLE:
        while rest and current() is flow and not reader.at_eof():
            writer.write(rest[:1])
            rest = rest[1:]
            await asyncio.sleep(flow.pace_s)
        if not reader.at_eof():  # else the sender has given up, and nobody brings what it did not send
            writer.write(rest)
    elif flow.beyond is Beyond.CUT:
        for end in ends:
            _reset(end)


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
