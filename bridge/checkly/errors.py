"""What a failed call to a status page means for the next one: the class of the error is the protocol.

Checkly has no idempotency key, so the one question that matters is whether the write may have happened.
"""

from __future__ import annotations

DETAIL_LIMIT = 300


class ChecklyError(Exception):
    """Any failure of a call to Checkly: of all writes (`Unauthorized`), or of this one (`PageError`).

    ``detail`` is safe to log: no secret, at most 300 characters. ``status`` is the HTTP status, where there was one.
    """

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        self.detail = detail if len(detail) <= DETAIL_LIMIT else detail[: DETAIL_LIMIT - 1] + "…"
        self.status = status
        super().__init__(self.detail)


class Unauthorized(ChecklyError):
    """401, 402 or 403: the key, the plan or the role is wrong. Every write will fail until a person acts."""


class PageError(ChecklyError):
    """This call failed; others may succeed."""


class NotSent(PageError):
    """The write provably never reached the page (DNS, refused, TLS, a lost lease): simply send it again later."""


class RateLimited(PageError):
    """429: refused before it took effect. ``retry_after_ms`` is the page's own wish, where it stated one."""

    def __init__(self, detail: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(detail, status=429)
        self.retry_after_ms = retry_after_ms


class OverBudget(RateLimited):
    """Refused by ourselves: the shared budget has nothing for it now, but will have in ``retry_after_ms``."""

    retry_after_ms: int

    def __init__(self, detail: str, *, retry_after_ms: int) -> None:
        super().__init__(detail, retry_after_ms=retry_after_ms)


class Rejected(PageError):
    """400, 413, 422, a redirect and other final answers: this very write will never succeed."""


class Nowhere(Rejected):
    """Rejected by ourselves: nothing of what the configuration names is on the account, or it is not clear which."""


class Gone(PageError):
    """404 or 410 in Checkly's own words: the incident, or the whole collection, is not there (any more)."""


class UnknownOutcome(PageError):
    """Timeout after sending, reset, 408, 409, 5xx, a proxy's 404, unreadable 2xx: it may have happened."""
