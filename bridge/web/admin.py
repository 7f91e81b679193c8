"""Who may use the API: administrators only read, operators also act; and how fast others may guess at their secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from bridge.senders.credentials import Credentials, Verdict
from bridge.store import StoreUnavailable
from bridge.telemetry import API_REQUESTS, Event
from bridge.web.auth_throttle import AuthThrottle, TooManyAttempts
from bridge.web.responses import HTTPError, header, no_credentials, wrong_credentials
from bridge.web.unauthenticated import address_of, unauthenticated_log

if TYPE_CHECKING:
    from starlette.types import Scope

ADMIN_TOKENS: Final = "ADMIN_TOKENS"
OPERATOR_TOKENS: Final = "OPERATOR_TOKENS"

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
ActingEndpoint: TypeAlias = Callable[[Request, str], Awaitable[Response]]
"""With the name of the operator who asks."""


class People(Struct, frozen=True, kw_only=True):
    """Whose credentials the API takes: the administrators' together, those of each operator by name."""

    admins: Credentials
    operators: Mapping[str, Credentials]

    def operator(self, authorization: bytes | None) -> str | None:
        """Whose credential it is, None if no operator's; each is compared, whichever matches."""
        verdicts = {name: each.check(authorization) for name, each in self.operators.items()}
        return next((name for name, verdict in verdicts.items() if verdict is Verdict.OK), None)

    def is_admin(self, authorization: bytes | None) -> bool:
        """Whether it may only read."""
        return self.admins.check(authorization) is Verdict.OK


class Admins:
    """Checks, counts and logs the requests of administrators and operators, and of those who would like to be.

    ``monotonic_ms`` never runs backwards.
    """

    def __init__(self, people: People, *, monotonic_ms: Callable[[], int]) -> None:
        self._people = people
        self._throttle: AuthThrottle[HTTPError] = AuthThrottle(monotonic_ms=monotonic_ms)

    def only(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint for those with right credentials; raises HTTPError for others."""

        async def read(request: Request) -> Response:
            await self._admit(request.scope, self._may_read)
            return await endpoint(request)

        return _counted(read)

    def only_operators(self, endpoint: ActingEndpoint) -> Endpoint:
        """The endpoint for operators, which is told whose request it is; raises HTTPError for others."""

        async def act(request: Request) -> Response:
            await self._admit(request.scope, self._may_act)
            operator = self._people.operator(header(request.scope, b"authorization"))
            if operator is None:
                message = f"who may only read cannot act: send a secret of {OPERATOR_TOKENS}, not one of {ADMIN_TOKENS}"
                raise _refused(request.scope, HTTPError(403, "read_only", message))
            return await endpoint(request, operator)

        return _counted(act)

    def _may_read(self, authorization: bytes | None) -> HTTPError | None:
        people = self._people
        if not people.admins and not people.operators:
            return no_credentials(ADMIN_TOKENS)
        is_known = people.operator(authorization) is not None or people.is_admin(authorization)
        accepted = [ADMIN_TOKENS] * bool(people.admins) + [OPERATOR_TOKENS] * bool(people.operators)
        return None if is_known else wrong_credentials(" or ".join(accepted))

    def _may_act(self, authorization: bytes | None) -> HTTPError | None:
        """An administrator's credential is no guess, so it is not wrong, though it does not suffice."""
        people = self._people
        if people.operator(authorization) is not None or people.is_admin(authorization):
            return None
        return wrong_credentials(OPERATOR_TOKENS) if people.operators else no_credentials(OPERATOR_TOKENS)

    async def _admit(self, scope: Scope, check: Callable[[bytes | None], HTTPError | None]) -> None:
        authorization = header(scope, b"authorization")
        if authorization is None:
            error = check(None)  # which guesses at nothing
        else:
            try:
                error = await self._throttle.check(address_of(scope), lambda: check(authorization))
            except TooManyAttempts as too_many:
                message = "too many wrong credentials from this address: this one was not checked; try again later"
                error = HTTPError(429, "too_many_attempts", message, {"Retry-After": str(too_many.retry_s)})
        if error is not None:
            raise _refused(scope, error)


def _refused(scope: Scope, error: HTTPError) -> HTTPError:
    unauthenticated_log.log(Event.ADMIN_UNAUTHORIZED, address_of(scope), code=error.status, error=error.code)
    return error


def _counted(endpoint: Endpoint) -> Endpoint:
    async def counted(request: Request) -> Response:
        code = 500
        try:
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

    return counted
