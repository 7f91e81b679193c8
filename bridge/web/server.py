"""Uvicorn, run so that a stop loses nothing: refuse what is new, finish what is in hand, then leave."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

import uvicorn

from bridge.telemetry import Event, log
from bridge.web.connections import Connections, connection_limit
from bridge.web.protocol import BoundedHttp
from bridge.web.responses import ALWAYS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

    from starlette.applications import Starlette

WORK_S = 7.0  # for the work in hand; a supervisor that kills after 10 s must not have to
ANSWERS_S = 2  # for deliveries still being answered
KEEP_ALIVE_S = 75
INSIST_S = 0.5

_GARBAGE_OBJECTS = 20_000  # a delivery of 20,000 alerts makes many objects and no cycles: look for those less often


def set_at_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set from now on: also one that comes while the process still starts."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


class Server:
    """Serves ``app`` on a listening socket until ``stopping`` is set, beside other tasks of the process."""

    def __init__(self, app: Starlette, listening: socket.socket, stopping: asyncio.Event) -> None:
        self._app = app
        self._listening = listening
        self._stopping = stopping
        config = uvicorn.Config(
            app,
            http=cast("type[asyncio.Protocol]", partial(BoundedHttp, connections=Connections(connection_limit()))),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            headers=list(ALWAYS.items()),
            workers=1,  # given, so that uvicorn reads neither WEB_CONCURRENCY
            proxy_headers=False,  # nor FORWARDED_ALLOW_IPS
            forwarded_allow_ips="",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=ANSWERS_S,
        )
        self._uvicorn = _Uvicorn(config)

    def stop(self) -> None:
        """End as at a signal."""
        self._stopping.set()

    async def run(
        self,
        *,
        background: Sequence[Coroutine[None, None, None]],
        work: Callable[[asyncio.Event], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """Serve until ``stopping`` is set. ``background`` is then canceled; ``work`` is told, and given time to end."""
        gc.collect()
        gc.freeze()  # what is here now stays: no collection has to look through it again
        gc.set_threshold(_GARBAGE_OBJECTS)
        async with asyncio.TaskGroup() as group:
            accompanying = [group.create_task(each) for each in background]
            working = None if work is None else group.create_task(work(self._stopping))
            group.create_task(self._uvicorn.serve(sockets=[self._listening]))
            await self._stopping.wait()
            log(Event.STOPPING)
            self._app.state.stopping = True
            if working is not None:
                await asyncio.wait([working], timeout=WORK_S)
                accompanying.append(working)
            self._uvicorn.should_exit = True
            await end(accompanying)


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: before Python 3.12 ``wait_for``, which the Redis client uses, may lose a cancel."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=INSIST_S)


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us: its own handlers would close the listening socket before the work in hand is done."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
