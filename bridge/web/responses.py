"""The shape of every HTTP answer: JSON, and for errors always ``{"error": code, "message": text}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response

from bridge.senders.credentials import Credentials, Verdict
from bridge.store import NotDurable, NotReplicated, StoreUnavailable

if TYPE_CHECKING:
    from starlette.types import Scope

ALWAYS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""What the server puts into every answer: it is what its type says, and as of now."""

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="checkly-bridge", Bearer realm="checkly-bridge"'}


class HTTPError(Exception):
    """A request is answered with an error. Neither code nor message holds a secret or a value of the request."""

    def __init__(
        self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.more = more
        self.status = status
        self.code = error
        self.message = message
        self.headers = headers

    def response(self) -> Response:
        """The response that says so."""
        return json_response({"error": self.code, "message": self.message, **self.more}, self.status, self.headers)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this name, which is in lower case; None if there is none."""
    for each, value in scope["headers"]:
        if each == name:
            return bytes(value)
    return None


def authorize(scope: Scope, credentials: Credentials, variable: str) -> None:
    """Let the request pass, or raise HTTPError; ``variable`` is the environment variable of the right credentials."""
    verdict = credentials.check(header(scope, b"authorization"))
    if verdict is Verdict.NONE_CONFIGURED:
        raise no_credentials(variable)
    if verdict is not Verdict.OK:
        raise wrong_credentials(variable)


def no_credentials(variable: str) -> HTTPError:
    """Nobody can prove anything here; ``variable`` is to be set."""
    return HTTPError(503, "no_credentials", f"the bridge has no credentials to check this request: set {variable}")


def wrong_credentials(variable: str) -> HTTPError:
    """The request does not prove whose it is."""
    message = f"missing or wrong credentials: expected a bearer or basic credential of {variable}"
    return HTTPError(401, "unauthorized", message, _CHALLENGE)


def store_unavailable(error: StoreUnavailable) -> HTTPError:
    """Nothing can be promised or read."""
    match error:
        case NotDurable():
            return HTTPError(503, "store_not_durable", str(error))
        case NotReplicated():
            return HTTPError(503, "store_not_replicated", str(error))
    return HTTPError(503, "store_unavailable", "Redis is unavailable or cannot write; try again")


def json_response(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
