"""Why a question to PagerDuty has no answer that counts."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What went wrong, as metrics and log lines call it."""

    REFUSED = "refused"  # 401: the key is no good
    FORBIDDEN = "forbidden"  # 403: the key may not read this
    NOT_FOUND = "not_found"  # 404 in PagerDuty's own words
    RATE_LIMITED = "rate_limited"  # 429
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    STATUS = "status"  # any other status
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    NOT_UNDERSTOOD = "not_understood"


class PagerDutyError(Exception):
    """No answer that counts. ``detail`` is safe to log; ``retry_ms`` is how long PagerDuty wants to be left alone."""

    def __init__(self, kind: Kind, detail: str, *, retry_ms: int = 0) -> None:
        self.kind = kind
        self.detail = detail
        self.retry_ms = retry_ms
        super().__init__(f"{kind}: {detail}")
