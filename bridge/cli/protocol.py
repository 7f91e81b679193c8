"""HTTP/1.1 as Uvicorn speaks it, with bounds on a request's head, for which its parser has none."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.cli.joined import JoinedWrites

HEAD_BYTES = 64 << 10
HEAD_S = 30.0


class BoundedHttp(HttpToolsProtocol):
    """Answers 400 to a head that is larger than 64 KiB, and hangs up on one that takes longer than 30 seconds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._awaited: asyncio.TimerHandle | None = None  # set for a head that does not come all at once

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as Uvicorn has it
        """A head must come."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)
        self._awaited = self.loop.call_later(HEAD_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """None comes any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to a head that has not ended."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)  # what is read at once may be larger, if it ends the head
        if self._head_bytes > HEAD_BYTES:
            self.send_400_response(f"Expected a request's head of at most {HEAD_BYTES} bytes.")
        elif self._awaited is None:
            self._awaited = self.loop.call_later(HEAD_S, self.transport.close)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._stop_waiting()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """It is here; what follows is for the application to bound."""
        self._stop_waiting()
        self._in_head = False
        super().on_headers_complete()

    def _stop_waiting(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None
