"""HTTP to PagerDuty's REST API: one question at a time, read only. Nothing here waits or tries again."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
from msgspec import Struct

from bridge import __version__
from bridge.config.network import Network
from bridge.json_values import at, text
from bridge.pagerduty_api.errors import Kind, PagerDutyError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS: Final = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
"""Where the API is, by service region."""
TIMEOUT_S: Final = 10.0
BODY_LIMIT: Final = 1 << 20
UNSAID_RETRY_MS: Final = 60_000  # after a 429 that does not say how long: PagerDuty counts by minutes
LONGEST_RETRY_MS: Final = 600_000

_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)
_DIRECT = Network()
_ID = re.compile(r"[A-Za-z0-9]{1,128}")  # what may stand in a path as it is
_KEY = re.compile(r"[!-~]+")
_STATUSES: Final = {401: Kind.REFUSED, 403: Kind.FORBIDDEN, 429: Kind.RATE_LIMITED}
_SECONDS = ("retry-after", "ratelimit-reset")


class Subscription(Struct, frozen=True):
    """A webhook subscription: whether it is ``active``, and whether PagerDuty has turned it off for a while."""

    active: bool
    temporarily_disabled: bool

    @property
    def delivers(self) -> bool:
        """Whether events come by it."""
        return self.active and not self.temporarily_disabled


class Client:
    """One account's read-only access; ``close`` it at the end.

    ``base_url`` is the API's root, ``key`` an API key. ``network`` is the way out, and ``transport`` replaces it, for
    example by an ASGI app. Raises NetworkError, and ValueError for a key that no header can hold.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        network: Network = _DIRECT,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        if not _KEY.fullmatch(key):
            raise ValueError("the key must be printable ASCII without spaces")
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={
                "Authorization": f"Token token={key}",
                "Accept": "application/vnd.pagerduty+json;version=2",
                "Content-Type": "application/json",
                "User-Agent": f"checkly-bridge/{__version__}",
                "Accept-Encoding": "identity",  # a few bytes could decompress to any number
            },
            follow_redirects=False,  # the key is for this address alone
            limits=_LIMITS,
            timeout=timeout_s,
            transport=transport,
            **(network.options(base_url) if transport is None else {"trust_env": False}),
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def incident(self, id_: str) -> dict[str, Any]:
        """An incident as PagerDuty shows it now: an object with this ``id`` and a ``status``. Raises PagerDutyError."""
        found = await self._get("incidents", id_, "incident")
        if found.get("id") != id_ or not text(found, "status"):  # a number is understood, too: of another incident
            raise PagerDutyError(Kind.NOT_UNDERSTOOD, "expected the incident that was asked for, with its status")
        return found

    async def subscription(self, id_: str) -> Subscription:
        """A webhook subscription as it is now. Raises PagerDutyError."""
        found = await self._get("webhook_subscriptions", id_, "webhook_subscription")
        active, disabled = found.get("active", True), at(found, "delivery_method", "temporarily_disabled")
        if not isinstance(active, bool) or not isinstance(disabled, bool | None):
            raise PagerDutyError(Kind.NOT_UNDERSTOOD, "expected a subscription, with true or false for what is off")
        return Subscription(active, bool(disabled))

    async def _get(self, collection: str, id_: str, name: str) -> dict[str, Any]:
        if not _ID.fullmatch(id_):
            raise PagerDutyError(Kind.NOT_UNDERSTOOD, "not an id of PagerDuty's: nothing was asked")
        response, body = await self._exchange(f"/{collection}/{id_}")
        found = at(_decoded(body), name)
        if response.status_code != httpx.codes.OK:
            raise _error(response, body)
        if not isinstance(found, dict):
            raise PagerDutyError(Kind.NOT_UNDERSTOOD, f'200, but no JSON object "{name}"')
        return found

    async def _exchange(self, path: str) -> tuple[httpx.Response, bytes]:
        """The answer, within the time and size there is for it."""
        try:
            async with asyncio.timeout(self._timeout_s), self._http.stream("GET", path) as response:
                return response, await _read(response)
        except (TimeoutError, httpx.TimeoutException):
            raise PagerDutyError(Kind.TIMEOUT, f"no complete answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise PagerDutyError(Kind.UNREACHABLE, type(error).__name__) from error


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise PagerDutyError(Kind.NOT_UNDERSTOOD, "the answer is compressed, though it was asked not to be")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise PagerDutyError(Kind.TOO_LARGE, f"the answer is larger than {BODY_LIMIT} bytes")
    return bytes(body)


def _decoded(body: bytes) -> Any:
    """The body as JSON; None if it is none. Half a character in a title is no reason to refuse the rest."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _error(response: httpx.Response, body: bytes) -> PagerDutyError:
    """What a status other than 200 means. A 404 counts only in PagerDuty's own words: a proxy knows no incident."""
    status = response.status_code
    if response.is_redirect:
        return PagerDutyError(Kind.REDIRECT, f"{status}: redirects are not followed")
    if status == httpx.codes.NOT_FOUND and isinstance(at(_decoded(body), "error"), dict):
        return PagerDutyError(Kind.NOT_FOUND, f"{status}")
    kind = _STATUSES.get(status, Kind.STATUS)
    return PagerDutyError(kind, f"{status}", retry_ms=_retry_ms(response.headers) if kind is Kind.RATE_LIMITED else 0)


def _retry_ms(headers: Mapping[str, str]) -> int:
    """How long to leave the API alone: the longest that a header asks for, in seconds, within bounds."""
    asked = [value for name in _SECONDS if (value := headers.get(name, "").strip()).isdecimal() and value.isascii()]
    longest = max((int(value[:9]) * 1000 for value in asked), default=UNSAID_RETRY_MS)
    return max(1_000, min(longest, LONGEST_RETRY_MS))
