"""HTTP to Checkly's API: a request goes out, decoded JSON comes back, or an error that says what may have happened."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from bridge import __version__
from bridge.checkly import calls, error_mapping
from bridge.checkly.errors import NotSent, UnknownOutcome
from bridge.config.network import Network
from bridge.telemetry import PAGE_REQUESTS, PAGE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from bridge.checkly.port import Guard

BODY_LIMIT = 8 * 1024 * 1024
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=5, keepalive_expiry=30)
_ABOUT_TO_SEND = ("http11.send_request_headers.started", "http11.send_request_body.started")
_DIRECT = Network()
_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip's or zlib's
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Client:
    """One account's access to the API, for the life of the process; ``close`` it at the end.

    ``base_url`` is the API's root. ``timeout_ms`` bounds a call from its first to its last byte and may be set
    anew at any time (a changed configuration). ``budget`` is awaited before each request and may raise a PageError
    instead of letting it go. ``observe`` is told the status of each answer, 0 for one that did not come or was cut
    short. ``network`` is the way out, and ``transport`` replaces it, for example by an ASGI app. Raises NetworkError.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        account_id: str,
        *,
        timeout_ms: int,
        budget: Callable[[], Awaitable[None]] | None = None,
        observe: Callable[[int], None] = lambda _: None,
        network: Network = _DIRECT,
        transport: httpx.AsyncBaseTransport | None = None,
        user_agent: str = f"checkly-bridge/{__version__}",
    ) -> None:
        self.timeout_ms = timeout_ms
        self._budget = budget
        self._observe = observe
        self._secrets = (api_key, account_id)
        self._sent_unless_known = transport is not None
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={
                "Authorization": f"Bearer {api_key}",
                "X-Checkly-Account": account_id,
                "User-Agent": user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a few bytes could decompress to any number
            },
            follow_redirects=False,
            limits=_LIMITS,
            transport=transport,
            **(network.options(base_url) if transport is None else {"trust_env": False}),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        guard: Guard | None = None,
        timeout_ms: int | None = None,
    ) -> Any:
        """Send one request, once; the decoded body of a 2xx answer, None if it is empty.

        ``guard`` is asked before anything happens and again when the connection stands and the request would go out.
        ``timeout_ms`` can only shorten the client's.

        Raises:
            NotSent: No complete request left: there was no connection, or ``guard`` said no.
            RateLimited: The answer was 429, or the budget is used up.
            ChecklyError: See ``error_mapping.error`` for statuses. After the first byte, all that is not a readable
                answer (a timeout, a reset, a body over 8 MiB or not JSON) is UnknownOutcome.
        """
        flight = _Flight(
            guard, sent=self._sent_unless_known, timeout_ms=min(timeout_ms or self.timeout_ms, self.timeout_ms)
        )
        flight.check()
        if self._budget is not None:
            await self._budget()
        request = self._http.build_request(
            method, path, json=json, params=params, timeout=flight.timeout, extensions={"trace": flight.trace}
        )
        began = time.perf_counter()
        try:
            response, body = await self._exchange(request, flight)
        except (httpx.HTTPError, OSError) as error:
            if flight.response is None or flight.response.is_success:
                flight.response = None  # its beginning is no answer
                self._observe(0)
                raise self._lost(error, flight, request, json) from error
            response, body = flight.response, b""  # the status alone is an answer
        finally:
            code = flight.response.status_code if flight.response else 0
            PAGE_REQUESTS.labels(method, str(code)).inc()
            took = time.perf_counter() - began
            PAGE_SECONDS.labels(method).observe(took)
            calls.note(method, code, took)
        self._observe(response.status_code)
        return self._answer(response, body, json)

    async def _exchange(self, request: httpx.Request, flight: _Flight) -> tuple[httpx.Response, bytes]:
        async with asyncio.timeout(flight.timeout_ms / 1000):
            response = flight.response = await self._http.send(request, stream=True)
            try:
                return response, await _read(response)
            finally:
                await response.aclose()

    def _lost(
        self, error: Exception, flight: _Flight, request: httpx.Request, sent: object
    ) -> NotSent | UnknownOutcome:
        """The error for a call without a complete answer."""
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        if isinstance(error, TimeoutError):
            what = f"no complete answer within {flight.timeout_ms} ms"
        kind = UnknownOutcome if flight.sent and not isinstance(error, _NEVER_SENT) else NotSent
        return kind(self._detail(request, what, sent))

    def _answer(self, response: httpx.Response, body: bytes, sent: object) -> Any:
        """The decoded answer, or the error that its status stands for."""
        if response.is_success:
            try:
                return msgspec.json.decode(body) if body.strip() else None
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                what = f"{response.status_code}, but the body is not JSON"
                raise UnknownOutcome(self._detail(response.request, what, sent), status=response.status_code) from error
        what = f"{response.status_code} {response.reason_phrase}: {error_mapping.reason(body)}".removesuffix(": ")
        if ray := response.headers.get("cf-ray"):
            what += f" (cf-ray {ray})"
        detail = self._detail(response.request, what, sent)
        raise error_mapping.error(response.status_code, detail, response.headers, body)

    def _detail(self, request: httpx.Request, what: str, sent: object) -> str:
        said = error_mapping.redact(error_mapping.one_line(what), self._secrets, sent)
        return f"{request.method} {request.url.path}: {said}"


class _Flight:
    """One request under way: may it leave (still), has it left, what came back.

    ``sent`` starts True on transports that do not trace, where only the kind of the error can tell.
    """

    def __init__(self, guard: Guard | None, *, sent: bool, timeout_ms: int) -> None:
        self._guard = guard
        self.sent = sent
        self.timeout_ms = timeout_ms
        self.response: httpx.Response | None = None

    @property
    def timeout(self) -> httpx.Timeout:
        """Time for the phases of connecting only; the deadline of the whole call is _exchange's.

        It bounds TCP and TLS a second time because httpcore leaks a socket that is cancelled in its TLS handshake.
        """
        return httpx.Timeout(None, connect=self.timeout_ms / 3000)

    def check(self) -> None:
        if self._guard is not None and not self._guard():
            raise NotSent("the right to write was lost before the request left")

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """The ``trace`` extension of httpcore: called when the connection stands, before the head and the body go out.

        A head without its body has no effect, so the body is the last moment. A proxy's CONNECT passes here, too; it
        is not the request.
        """
        if event in _ABOUT_TO_SEND and info["request"].method != b"CONNECT":
            self.check()
            self.sent = True


async def _read(response: httpx.Response) -> bytes:
    """The body. Raises ReadError where it is too large, DecodingError where it is compressed and cannot be read."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    body = bytearray()
    async for chunk in response.aiter_bytes() if encoding == "identity" else _decompressed(response, encoding):
        body += chunk
        if len(body) > BODY_LIMIT:
            raise httpx.ReadError(f"the answer is larger than {BODY_LIMIT} bytes")
    return bytes(body)


async def _decompressed(response: httpx.Response, encoding: str) -> AsyncIterator[bytes]:
    """The chunks of a body of somebody on the way who compresses unasked; none becomes larger than a body may be."""
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError("the answer is compressed, though it was asked not to be")
    stream = zlib.decompressobj(_ANY_HEADER)
    async for chunk in response.aiter_raw():
        try:
            yield stream.decompress(chunk, BODY_LIMIT + 1)
        except zlib.error as error:
            raise httpx.DecodingError(f"the answer cannot be decompressed: {error}") from error
