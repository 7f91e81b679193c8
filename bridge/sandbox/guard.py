"""Who may call the API, and how often."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bridge.sandbox.state import State

WINDOW_MS = 60_000


class Guard:
    """ASGI layer that refuses a call without the right key and account (401) or past the rate limit (429)."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; raises ``HTTPException`` 401 or 429."""
        self._authenticate(Headers(scope=scope))
        self._count()
        await self._app(scope, receive, send)

    def _authenticate(self, headers: Headers) -> None:
        """Both headers are needed: Checkly's docs say so, although its OpenAPI document calls one optional."""
        account = self._state.account
        given, wanted = headers.get("authorization", ""), f"Bearer {account.api_key}"
        if not given:
            raise HTTPException(401, "Missing authentication")
        if not secrets.compare_digest(given.encode(), wanted.encode()):
            raise HTTPException(401, "Bad Token")
        if headers.get("x-checkly-account") != account.uuid:
            raise HTTPException(401, "Bad Token")

    def _count(self) -> None:
        """Refused calls do not count against the limit."""
        limit, recent, now = self._state.settings.rate_limit, self._state.recent, self._state.wall_ms()
        while recent and recent[0] <= now - WINDOW_MS:
            recent.popleft()
        if limit is not None and len(recent) >= limit:
            after = self._state.settings.retry_after
            raise HTTPException(429, headers=None if after is None else {"Retry-After": str(after)})
        recent.append(now)
