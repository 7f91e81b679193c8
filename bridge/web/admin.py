"""Who may read the API: the administrators' credentials, and how fast others may guess at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from bridge.store import StoreUnavailable
from bridge.telemetry import API_REQUESTS, Event
from bridge.web.auth_throttle import Attempts, TooManyAttempts
from bridge.web.responses import Refusal, header, judge
from bridge.web.unauthenticated import address_of, strangers

if TYPE_CHECKING:
    from starlette.types import Scope

    from bridge.senders.credentials import Credentials

ADMIN_TOKENS: Final = "ADMIN_TOKENS"

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Admins:
    """Checks, counts and logs the requests of administrators, and of those who would like to be.

    ``clock`` is in milliseconds and never runs backwards.
    """

    def __init__(self, credentials: Credentials, *, clock: Callable[[], int]) -> None:
        self._credentials = credentials
        self._attempts: Attempts[Refusal] = Attempts(clock=clock)

    def only(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint for those with right credentials; raises Refusal for others."""

        async def guarded(request: Request) -> Response:
            code = 500
            try:
                await self._admit(request.scope)
                response = await endpoint(request)
                code = response.status_code
            except Refusal as refusal:
                code = refusal.status
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
        refusal = await self._judge(scope, address)
        if refusal is not None:
            strangers.log(Event.ADMIN_UNAUTHORIZED, address, code=refusal.status, error=refusal.error)
            raise refusal

    async def _judge(self, scope: Scope, address: str) -> Refusal | None:
        def look() -> Refusal | None:
            return judge(scope, self._credentials, ADMIN_TOKENS)

        if header(scope, b"authorization") is None:
            return look()  # which guesses at nothing
        try:
            return await self._attempts.judge(address, look)
        except TooManyAttempts as error:
            message = "too many wrong credentials from this address: this one was not checked; try again later"
            return Refusal(429, "too_many_attempts", message, {"Retry-After": str(error.retry_s)})
