"""Who may read the API: the administrators' credentials, and how fast others may guess at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from bridge.store import StoreUnavailable
from bridge.telemetry import API_REQUESTS, Event
from bridge.web.auth_throttle import AuthThrottle, TooManyAttempts
from bridge.web.responses import HTTPError, check_credentials, header
from bridge.web.unauthenticated import address_of, unauthenticated_log

if TYPE_CHECKING:
    from starlette.types import Scope

    from bridge.senders.credentials import Credentials

ADMIN_TOKENS: Final = "ADMIN_TOKENS"

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Admins:
    """Checks, counts and logs the requests of administrators, and of those who would like to be.

    ``monotonic_ms`` never runs backwards.
    """

    def __init__(self, credentials: Credentials, *, monotonic_ms: Callable[[], int]) -> None:
        self._credentials = credentials
        self._throttle: AuthThrottle[HTTPError] = AuthThrottle(monotonic_ms=monotonic_ms)

    def only(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint for those with right credentials; raises HTTPError for others."""

        async def guarded(request: Request) -> Response:
            code = 500
            try:
                await self._admit(request.scope)
                response = await endpoint(request)
                code = response.status_code
            except HTTPError as error:
                code = error.status
                raise
            except StoreUnavailable:
                code = 503
                raise
            finally:
                API_REQUESTS.labels(str(code)).inc()
            return response

        return guarded

    async def _admit(self, scope: Scope) -> None:
        address = address_of(scope)
        error = await self._check(scope, address)
        if error is not None:
            unauthenticated_log.log(Event.ADMIN_UNAUTHORIZED, address, code=error.status, error=error.code)
            raise error

    async def _check(self, scope: Scope, address: str) -> HTTPError | None:
        def attempt() -> HTTPError | None:
            return check_credentials(scope, self._credentials, ADMIN_TOKENS)

        if header(scope, b"authorization") is None:
            return attempt()  # which guesses at nothing
        try:
            return await self._throttle.check(address, attempt)
        except TooManyAttempts as error:
            message = "too many wrong credentials from this address: this one was not checked; try again later"
            return HTTPError(429, "too_many_attempts", message, {"Retry-After": str(error.retry_s)})
