"""Stands before the API: records every call and lets the queued faults apply.

It is the outermost layer of the application, because a dropped connection must not be turned into a 500.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from bridge.sandbox.errors import envelope
from bridge.sandbox.faults import Answer, AnyFault, Delay, Drop, Hold, Reorder
from bridge.sandbox.records import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from bridge.sandbox.impacts import AnyIncident
    from bridge.sandbox.state import State

API = ("/v1/", "/v3/", "/next/")
PROXY_PAGE = """<!DOCTYPE html>
<html><head><title>api.checklyhq.com | {status}</title></head>
<body><h1>Error {status}</h1><p>The web server reported an error.</p><p>Ray ID: 0000000000000000</p></body></html>
"""


class ConnectionDropped(ConnectionResetError):
    """The call gets no answer. Raised through ``httpx.ASGITransport``, where there is no connection to close."""


class Gateway:
    """ASGI layer around ``app``: what goes to the API is recorded and may misbehave, the rest passes."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; raises ConnectionDropped where it cannot close one."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        call = self._record(scope, body)
        fault = self._state.faults.take(call.method, call.path)
        call.fault = msgspec.to_builtins(fault)["kind"] if fault else None
        try:
            response = await self._answer(call, fault, scope, body, receive)
            call.status, call.response = response.status_code, _readable(bytes(response.body))
        except ConnectionDropped:
            await _close(receive, send)
        else:
            await response(scope, receive, send)
        finally:
            call.ended = True

    async def _answer(
        self, call: Call, fault: AnyFault | None, scope: Scope, body: bytes, receive: Receive
    ) -> Response:
        """What the client is told; by then the call took effect, unless ``fault`` kept it from doing so."""
        if fault and not fault.commit:
            await self._apply(fault, call, receive)
            if isinstance(fault, Answer):
                return _instead(fault, Response(status_code=200))
        genuine = await self._perform(scope, body, receive)
        call.committed = call.method != "GET" and genuine.status_code in range(200, 300)
        if fault and fault.commit:
            await self._apply(fault, call, receive)
            if isinstance(fault, Answer):
                return _instead(fault, genuine)
        return genuine

    async def _apply(self, fault: AnyFault, call: Call, receive: Receive) -> None:
        match fault:
            case Drop():
                raise ConnectionDropped("the simulator was told to drop this call")
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case Hold():
                await self._hold(receive)
            case Reorder():
                for incident in self._list_of(call)[-1:]:
                    self._state.touch(incident)
            case Answer():
                pass

    def _list_of(self, call: Call) -> Sequence[AnyIncident]:
        """The list that the call belongs to: of one page in v3, of the account in v1."""
        match call.path.split("/"):
            case ["", "v3", "status-pages", page_id, *_]:
                page = self._state.catalog.component_pages.get(page_id)
                return self._state.on(page) if page else []
        return self._state.incidents.latest_first()

    async def _hold(self, receive: Receive) -> None:
        """Wait for the release, or for the client to give up, which ends the call."""
        released = asyncio.ensure_future(self._state.hold())
        gone = asyncio.ensure_future(receive())
        try:
            done, _ = await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
            gone.cancel()
        if released not in done:
            raise ConnectionDropped("the client went away while its call was held")

    async def _perform(self, scope: Scope, body: bytes, receive: Receive) -> Response:
        """Let the API do the call and keep its answer back."""
        request = iter([{"type": "http.request", "body": body, "more_body": False}])
        answer = Response()

        async def take_request() -> Message:
            return next(request, None) or await receive()

        async def take_answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status_code, answer.raw_headers = message["status"], list(message["headers"])
            else:
                answer.body = bytes(answer.body) + message.get("body", b"")

        await self._app(scope, take_request, take_answer)
        return answer

    def _record(self, scope: Scope, body: bytes) -> Call:
        call = Call(
            number=self._state.calls[-1].number + 1 if self._state.calls else 1,
            at=self._state.wall_ms(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("ascii", "replace"),
            request=_readable(body),
        )
        self._state.calls.append(call)
        return call


def _instead(fault: Answer, genuine: Response) -> Response:
    """The answer that ``fault`` gives in the place of the genuine one."""
    status = fault.status or genuine.status_code
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    match fault.body:
        case "envelope":
            return JSONResponse(envelope(status), status, headers)
        case "string":
            return PlainTextResponse("upstream connect error or disconnect/reset before headers", status, headers)
        case "html":
            return HTMLResponse(PROXY_PAGE.format(status=status), status, headers)
        case "unreadable":
            half = bytes(genuine.body)[: len(genuine.body) // 2]
            return Response(half or b"{", status, headers, "application/json")
        case "empty":
            return Response(b"", status, headers)


async def _close(receive: Receive, send: Send) -> None:
    """End the connection without an answer.

    ASGI has no word for that, so this reaches for the transport of Uvicorn's request cycle, whose method ``send`` is.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionDropped("the simulator was told to drop this call")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass  # Uvicorn would answer 500 for a call that returns before it noticed


def _readable(body: bytes) -> Any:
    """A body as JSON, else as text; None when empty."""
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace")
