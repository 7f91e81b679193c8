"""HTTP/1.1 as Uvicorn speaks it, with bounds that it lacks: on the head of a request, and on the time it takes."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.answers import Refusal
from bridge.cli.joined import JoinedWrites

HEAD_BYTES = 64 << 10
HEAD_S = 30.0
BODY_S = 30.0  # a sender that stalls may not occupy a place for ever


class _Part(Enum):
    """What of a request is to come next."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()  # the next one, if any


class BoundedHttp(HttpToolsProtocol):
    """Answers 400 to a head that is larger than 64 KiB, hangs up on one that takes longer than 30 seconds.

    A body that takes longer than that is answered 503, and the application told that nothing more will come.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaited = _Part.HEAD
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None  # set for what does not come all at once

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as Uvicorn has it
        """A head must come."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """None comes any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to a head that has not ended."""
        super().data_received(data)
        if self._awaited is _Part.NOTHING or self.transport.is_closing():
            return
        if self._awaited is _Part.HEAD:
            self._head_bytes += len(data)  # what is read at once may be larger, if it ends the head
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response(f"Expected a request's head of at most {HEAD_BYTES} bytes.")
                return
        self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._expect(_Part.HEAD)
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """It is here; the body is for the application to bound, but for its time."""
        self._expect(_Part.BODY)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """So is the body."""
        self._expect(_Part.NOTHING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What waited for its turn is read now, if it is not here yet."""
        super().on_response_complete()
        if self._awaited is not _Part.NOTHING and not self.transport.is_closing():
            self._wait()

    def _expect(self, part: _Part) -> None:
        self._stop_waiting()
        self._awaited = part

    def _wait(self) -> None:
        if self._deadline is None and not self.pipeline:  # while an answer is awaited, what follows is not read
            seconds, give_up = (HEAD_S, self.transport.close) if self._awaited is _Part.HEAD else (BODY_S, self._refuse)
            self._deadline = self.loop.call_later(seconds, give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        if not self.cycle.response_started:
            message = f"the body did not arrive within {BODY_S:.0f} seconds; try again"
            body = bytes(Refusal(503, "too_slow", message).answer().body)
            head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
