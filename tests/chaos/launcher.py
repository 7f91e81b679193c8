"""``bridge serve`` with things that no user can ask for: short leases, and a death at a chosen boundary.

A boundary is a moment between two effects on the world: before and after each script and command on Redis, around each
part of each HTTP exchange with Checkly, around the answer to a delivery. The wrappers below see them all, whatever code
makes the calls. At the boundary ``CHAOS_FATAL`` (counted from 1; 0: never) the process sends itself the signal
``CHAOS_SIGNAL``. Passed boundaries are written to the file ``boundaries`` of the working directory, one line each.

Not counted is what the clock repeats and what changes nothing: a claim that finds no work, a look for leases that
nobody works under, the health's samples, the set-up of connections.

The account is not audited unless the environment has ``CHAOS_AUDIT``. And one more: names under ``.test`` resolve to
the address in the file ``CHAOS_ADDRESS``, and do not resolve while there is none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import uvloop
from redis.asyncio.connection import AbstractConnection

from bridge.cli import main
from bridge.reconciler import AccountAudit, Reconciler
from bridge.store import scripts
from bridge.store.scripts import Script
from bridge.web.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPTS = {each.sha.encode(): each.name for each in vars(scripts).values() if isinstance(each, Script)}
_REPEATED = ("open_without_alerts", "release")
_CLOCKWORK = (b"HELLO", b"CLIENT", b"INFO", b"CONFIG", b"PING", b":check", b"}:tallies")
_IDLE_CLAIM_PARTS = 3  # what a claim answers that found no work
_EXCHANGE = {
    "http11.send_request_headers.started": "before",
    "http11.send_request_headers.complete": "headers sent",
    "http11.send_request_body.complete": "sent",
    "http11.receive_response_headers.complete": "status received",
    "http11.receive_response_body.complete": "received",
}


class Boundaries:
    """Counts the boundaries that this process passes, and signals itself ``number`` at the one that is ``fatal``."""

    def __init__(self, fatal: int, number: signal.Signals) -> None:
        self._fatal = fatal
        self._signal = number
        self._passed = 0
        self._file = os.open("boundaries", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def cross(self, name: str) -> None:
        """Pass one boundary, or not."""
        self._passed += 1
        os.write(self._file, f"{name}\n".encode())
        if self._passed == self._fatal:
            os.kill(os.getpid(), self._signal)


def leave_out_the_survey() -> None:
    """No look at where services lead: it changes nothing, and would take boundaries and faults meant for what does."""

    async def watch(_: AccountAudit) -> None:
        await asyncio.Event().wait()

    _replace(AccountAudit, watch=watch)


def watch_redis(boundaries: Boundaries) -> None:
    """Boundaries before each command leaves, and after each answer."""
    send, read = AbstractConnection.send_packed_command, AbstractConnection.read_response

    async def sending(self: Any, command: bytes | Iterable[bytes], *args: Any, **kwargs: Any) -> None:
        packed = command if isinstance(command, bytes) else b"".join(command)
        self.asked = _asked(packed)
        if self.asked not in {None, "claim"}:
            boundaries.cross(f"redis {self.asked}: before")
        await send(self, packed, *args, **kwargs)

    async def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await read(self, *args, **kwargs)
        idle = self.asked == "claim" and isinstance(answer, list) and len(answer) == _IDLE_CLAIM_PARTS
        if self.asked is not None and not idle:
            boundaries.cross(f"redis {self.asked}: after")
        return answer

    _replace(AbstractConnection, send_packed_command=sending, read_response=reading)


def _asked(packed: bytes) -> str | None:
    """The script or command in these bytes; None for what the clock repeats."""
    for sha, name in _SCRIPTS.items():
        if sha in packed:
            return None if name in _REPEATED else name
    return None if any(word in packed for word in _CLOCKWORK) else packed.split(b"\r\n")[2].decode()


def watch_checkly(boundaries: Boundaries) -> None:
    """Boundaries around the parts of each exchange, as httpcore's trace tells them."""
    exchange = httpx.AsyncHTTPTransport.handle_async_request

    async def exchanging(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        inner = request.extensions["trace"]

        async def trace(event: str, info: dict[str, Any]) -> None:
            if event in _EXCHANGE:  # before the bridge's own last look at its lease
                boundaries.cross(f"{request.method} {_kind(request.url.path)}: {_EXCHANGE[event]}")
            await inner(event, info)

        request.extensions = {**request.extensions, "trace": trace}
        return await exchange(self, request)

    _replace(httpx.AsyncHTTPTransport, handle_async_request=exchanging)


def _kind(path: str) -> str:
    """The path with ids left out, so that equal calls have equal names."""
    return "/".join("…" if part.count("-") > 3 else part for part in path.split("/")[3:])  # UUIDs


def watch_deliveries(boundaries: Boundaries) -> None:
    """Boundaries around a delivery's answer."""
    receive = Receiver.__call__

    async def receiving(self: Receiver, scope: Any, receive_: Any, send: Any, *sender: Any) -> None:
        async def answering(message: Any) -> None:
            if message["type"] == "http.response.start":
                boundaries.cross("delivery: before the answer")
            await send(message)
            if message["type"] == "http.response.body":
                boundaries.cross("delivery: after the answer")

        await receive(self, scope, receive_, answering, *sender)

    _replace(Receiver, __call__=receiving)


def resolve_names(file: Path) -> None:
    """Resolve names under ``.test``, which no other resolver knows (RFC 2606)."""
    resolve = uvloop.Loop.getaddrinfo

    def address() -> str:
        return file.read_text() if file.exists() else ""

    async def resolving(self: uvloop.Loop, host: Any, port: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host or ""
        if name.endswith(".test"):
            host = address()
            if not host:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return await resolve(self, host, port, **options)

    _replace(uvloop.Loop, getaddrinfo=resolving)


def _replace(owner: type, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(owner, name, method)


def launch() -> int:
    """The command line, as instrumented by the environment."""
    boundaries = Boundaries(int(os.environ["CHAOS_FATAL"]), signal.Signals[os.environ["CHAOS_SIGNAL"]])
    if "CHAOS_AUDIT" not in os.environ:
        leave_out_the_survey()
    watch_redis(boundaries)
    watch_checkly(boundaries)
    watch_deliveries(boundaries)
    resolve_names(Path(os.environ["CHAOS_ADDRESS"]))
    lease_ms = int(os.environ["CHAOS_LEASE_MS"])
    vars(import_module("bridge.cli.serve"))["Reconciler"] = partial(Reconciler, lease_ms=lease_ms)
    return main()


if __name__ == "__main__":
    sys.exit(launch())
