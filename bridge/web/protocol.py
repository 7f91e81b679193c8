"""HTTP/1.1 as Uvicorn speaks it, with bounds that it lacks: on heads, pipelined requests, and the time they take."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bridge.web.coalesced_writes import CoalescedWrites
from bridge.web.responses import ALWAYS, HTTPError

if TYPE_CHECKING:
    import asyncio

    from bridge.web.connections import Connections

HEAD_BYTES = 64 << 10
HEAD_S = 30.0
BODY_S = 30.0  # a sender that stalls may not occupy a place for ever
ANSWER_S = 30.0  # nor one that does not read its answer
PIPELINED_BYTES = 64 << 10  # no sender of ours pipelines; who sends more than that ahead of an answer is cut off

_BLANK_LINE = re.compile(rb"\n\r?\n")  # ends a head, and a chunked body


class _Part(Enum):
    """What of a request is to come next."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()  # the next one, if any


class BoundedHttp(HttpToolsProtocol):
    """Answers 400 to a head that is larger than 64 KiB, hangs up on one that takes longer than 30 seconds.

    A body that takes longer than that is answered 503, and the application told that nothing more will come.
    One request is worked on and at most two wait, parsed; what was sent beyond these waits as bytes, at most 64 KiB. So
    connections get fair turns, however many requests one of them has sent. ``connections`` bounds their number.
    """

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open = connections
        self._awaited = _Part.HEAD
        self._head_bytes = 0
        self._body_left: int | None = 0  # of the body that is coming; None: it is chunked
        self._ahead = b""  # what came before its turn
        self._deadline: asyncio.TimerHandle | None = None  # set for what does not come all at once
        self._unread: asyncio.TimerHandle | None = None  # set while the peer does not read

    @property
    def is_answering(self) -> bool:
        """Whether a request is being worked on, all of which has come, and whose answer is being read."""
        if self.flow.write_paused:
            return False
        cycle: RequestResponseCycle | None = self.cycle
        return bool(self.pipeline) or not (cycle is None or cycle.response_complete or cycle.more_body)

    def close_now(self) -> None:
        """Close at once; others need the place."""
        self._stop_waiting()
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as Uvicorn has it
        """A head must come."""
        super().connection_made(transport)
        self.transport = CoalescedWrites(transport, self.loop)
        self._wait()
        self._open.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """None comes any more."""
        self._open.closed(self)
        self._stop_waiting()
        if self._unread is not None:
            self._unread.cancel()
        self._ahead = b""
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read, for a while or for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(ANSWER_S, self.close_now)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        """Parse it now, or when its turn has come."""
        self._open.received(self)
        if self._ahead:
            data = self._ahead + data
            self._ahead = b""
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Parse as long as no request waits for its turn."""
        start = 0
        while start < len(data) and not self.transport.is_closing():
            if self.pipeline:
                self._keep(data[start:])
                return
            end = self._end_of_part(data, start)
            self._parse_part(data[start:end] if start or end < len(data) else data)
            start = end
        if self._awaited is not _Part.NOTHING and not self.transport.is_closing():
            self._wait()

    def _keep(self, ahead: bytes) -> None:
        if len(ahead) > PIPELINED_BYTES:
            self.transport.close()
            return
        self._ahead = ahead
        self.flow.pause_reading()

    def _end_of_part(self, data: bytes, start: int) -> int:
        """How far to parse, so that at most one head ends within."""
        if self._awaited is _Part.BODY and self._body_left is not None:
            return min(len(data), start + self._body_left)
        blank = _BLANK_LINE.search(data, start)
        return blank.end() if blank else len(data)

    def _parse_part(self, data: bytes) -> None:
        if self._awaited is not _Part.BODY:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response(f"Expected a request's head of at most {HEAD_BYTES} bytes.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._expect(_Part.HEAD)

    def on_headers_complete(self) -> None:
        """It is here; the body is for the application to bound, but for its time."""
        self._expect(_Part.BODY)
        self._head_bytes = 0
        self._body_left = _declared(self.headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        if self._body_left is not None:
            self._body_left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """So is the body."""
        self._expect(_Part.NOTHING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What waited for its turn is read now, if it is not here yet."""
        super().on_response_complete()
        if self._ahead:
            self.loop.call_soon(self._go_on)  # not within the answer: others get their turn
        if self._awaited is not _Part.NOTHING and not self.transport.is_closing():
            self._wait()

    def _go_on(self) -> None:
        ahead, self._ahead = self._ahead, b""
        if self.parser is not None:  # the connection stands
            self._parse(ahead)

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
            body = bytes(HTTPError(503, "too_slow", message).response().body)
            headers = {
                "content-type": "application/json",
                "connection": "close",
                "content-length": str(len(body)),
                **ALWAYS,
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.transport.write(f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode() + body)
        self.transport.close()


def _declared(headers: list[tuple[bytes, bytes]]) -> int | None:
    """How long the body is that follows these headers, None if they do not say. The parser refuses wrong numbers."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length
