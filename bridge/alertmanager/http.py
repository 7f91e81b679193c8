"""HTTP to a peer's API: one bounded GET that follows nothing, or an error that says why it gave no answer."""

from __future__ import annotations

import asyncio
import base64
import ssl
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from msgspec import Struct

from bridge import __version__
from bridge.config.environment import Secret
from bridge.config.network import Network, NetworkError
from bridge.core.healing.seen import PeerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_LIMIT = 64 * 1024 * 1024
TIMEOUT_MS = 10_000
_DIRECT = Network()
_REFUSALS = (401, 403, 407)
_OK = 200
_REDIRECTS = 3  # hundred and something
_NO_ANSWER = (httpx.NetworkError, httpx.ProxyError, httpx.UnsupportedProtocol)


class Access(Struct, frozen=True, kw_only=True):
    """How a peer is reached. ``url`` ends before ``/api/v2``; the files of TLS are empty where there is none.

    ``credentials`` are ``user:password``, or else a bearer token.
    """

    url: str
    credentials: Secret | None = None
    headers: dict[str, str] = {}
    ca: str = ""
    cert: str = ""
    key: str = ""


class Answer(Struct, frozen=True):
    """A whole answer with status 200. ``date_ms`` is what the peer's clock said, in whole seconds."""

    body: bytes
    date_ms: int


class Http:
    """Asks one peer, for the life of a configuration; ``close`` it at the end.

    ``timeout_ms`` bounds a call from its first to its last byte. ``network`` is the way out, and ``transport`` replaces
    it. The files of TLS are read again when they change, as certificates do that are renewed.
    """

    def __init__(
        self,
        access: Access,
        *,
        network: Network = _DIRECT,
        timeout_ms: int = TIMEOUT_MS,
        limit: int = BODY_LIMIT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._access = access
        self._network = network
        self._timeout_ms = timeout_ms
        self._limit = limit
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._files: Sequence[float] = ()

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """One GET of a path below the peer's address. Raises PeerError."""
        client = await self._ready()
        request = client.build_request("GET", self._access.url.rstrip("/") + path, params=params)
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                response = await client.send(request, stream=True)
                try:
                    return await self._answer(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise PeerError("timeout", f"no whole answer within {self._timeout_ms / 1000:g} s") from None
        except httpx.TimeoutException:
            raise PeerError("timeout", "no connection in time") from None
        except _NO_ANSWER as error:
            raise PeerError("unreachable", _why(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PeerError("not_understood", "the answer broke off, or is not HTTP") from error

    async def _answer(self, response: httpx.Response) -> Answer:
        code = response.status_code
        if code // 100 == _REDIRECTS:
            raise PeerError("redirect", f"status {code} leads elsewhere, which is not followed")
        if code in _REFUSALS:
            raise PeerError("refused", f"status {code}: the credentials are missing, wrong, or not allowed to read")
        if code != _OK:
            raise PeerError("status", f"status {code}")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise PeerError("not_understood", "the answer is compressed, though it was asked not to be")
        if response.headers.get("age", "0").strip() != "0":
            raise PeerError("not_understood", "the answer comes from a cache, so it does not say what is so now")
        date_ms = _date(response)
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._limit:
                raise PeerError("too_large", f"the answer is larger than {self._limit} bytes")
        return Answer(bytes(body), date_ms)

    async def _ready(self) -> httpx.AsyncClient:
        """The client, made anew where the files of TLS have changed. Raises PeerError when they cannot be used."""
        try:
            changed = _times_of_change(self._access)
            if self._client is None or changed != self._files:
                await self.close()
                self._client = self._new()
                self._files = changed
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise PeerError("unreachable", f"the files of `tls` cannot be used: {_why(error)}") from error
        except NetworkError as error:
            raise PeerError("unreachable", str(error)) from error
        return self._client

    def _new(self) -> httpx.AsyncClient:
        access = self._access
        options: dict[str, Any] = {"trust_env": False}
        if self._transport is None:
            options = self._network.options(access.url)
            if access.url.lower().startswith("https"):
                options["verify"] = self._trust()
        headers = {
            "User-Agent": f"checkly-bridge/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Cache-Control": "no-cache",
            **_authorization(access.credentials),
            **access.headers,
        }
        phases = httpx.Timeout(None, connect=self._timeout_ms / 1000)  # the deadline of the whole call is get's
        return httpx.AsyncClient(
            headers=headers, follow_redirects=False, timeout=phases, transport=self._transport, **options
        )

    def _trust(self) -> ssl.SSLContext:
        access = self._access
        trust = ssl.create_default_context(cafile=access.ca) if access.ca else self._network.trust()
        if access.cert:
            trust.load_cert_chain(access.cert, access.key or None)
        return trust


def _times_of_change(access: Access) -> Sequence[float]:
    """When each of the files was last changed. Raises OSError."""
    return [Path(each).stat().st_mtime for each in (access.ca, access.cert, access.key) if each]


def _authorization(credentials: Secret | None) -> dict[str, str]:
    if credentials is None:
        return {}
    value = credentials.reveal()
    if ":" in value:
        return {"Authorization": f"Basic {base64.b64encode(value.encode()).decode()}"}
    return {"Authorization": f"Bearer {value}"}


def _date(response: httpx.Response) -> int:
    """What the peer's clock says. Raises PeerError: without it nobody knows how long the peer has been up."""
    try:
        return int(parsedate_to_datetime(response.headers["date"]).timestamp()) * 1000
    except (KeyError, ValueError, OverflowError):
        raise PeerError("not_understood", "the answer has no readable Date header") from None


def _why(error: Exception) -> str:
    """The system's words for a failed connection; what came over one is never among them."""
    cause = error.__cause__ or error.__context__
    text = getattr(error, "strerror", None) or getattr(cause, "strerror", None) or str(error)
    return " ".join(str(text).split())[:200] or type(error).__name__
