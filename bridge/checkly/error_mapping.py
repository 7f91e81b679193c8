"""What an HTTP answer of Checkly's means: the error class for its status, and a detail that is safe to log.

Checkly documents the envelope ``{statusCode, error, message?}``; its own command line copes with ``{error}``,
``{message, errorCode}``, a plain string and bodies it cannot parse, and so does this module. A CDN in front of the
API may answer in HTML.
"""

from __future__ import annotations

import html
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from bridge.checkly.errors import ChecklyError, Gone, RateLimited, Rejected, Unauthorized, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RETRY_AFTER_CAP_MS = 600_000
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_SHORTEST_ECHO = 4


def error(status: int, detail: str, headers: Mapping[str, str], body: bytes) -> ChecklyError:
    """The error for a status that is not 2xx.

    408 and 409 count as unknown: both can follow a write that took effect. So does a 404 or 410 without Checkly's
    envelope: whoever said it, a proxy or CDN, knows nothing of the incident. A redirect is a final answer, since
    following it would hand the API key to another address.
    """
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(detail, retry_after_ms=retry_after_ms(headers))
    if status in (401, 402, 403):
        return Unauthorized(detail, status=status)
    if status in (404, 410) and _is_envelope(body, status):
        return Gone(detail, status=status)
    if status in (404, 408, 409, 410) or httpx.codes.is_server_error(status):
        return UnknownOutcome(detail, status=status)
    if httpx.codes.is_redirect(status):
        detail += " (redirects are not followed: check CHECKLY_API_URL)"
    return Rejected(detail, status=status)


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """``Retry-After`` (RFC 9110, 10.2.3) as a duration of at most ten minutes; None if absent or unreadable.

    A date is measured against the answer's own ``Date``, so that this machine's clock does not matter.
    """
    value = headers.get("retry-after", "").strip()
    try:
        if value.isascii() and value.isdecimal():
            return min(int(value[:9]) * 1000, RETRY_AFTER_CAP_MS)
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0, min(int(wait.total_seconds() * 1000), RETRY_AFTER_CAP_MS))


def reason(body: bytes) -> str:
    """What an error body says for itself, in one line; empty if it says nothing. Never raises."""
    match _decoded(body):
        case {"message": str(message), "errorCode": str() | int() as code} if message:
            said = f"{message} ({code})"
        case {"message": str(said)} if said:
            pass
        case {"error": str(said)}:
            pass
        case str(text) if text.lstrip().startswith("<"):
            title = _TITLE.search(text)
            said = html.unescape(title[1]) if title else "an HTML page"
        case str(said):
            pass
        case _:
            said = ""
    return one_line(said)


def _is_envelope(body: bytes, status: int) -> bool:
    match _decoded(body):
        case {"statusCode": int() as code, "error": str()}:
            return code == status
    return False


def _decoded(body: bytes) -> Any:
    """The body as JSON, else as text."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def one_line(text: str) -> str:
    """``text`` without line breaks and control characters, so that it cannot forge a log line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def redact(text: str, secrets: Iterable[str], request: object = None) -> str:
    """``text`` without ``secrets`` and without the texts of our own ``request`` body, which an answer may quote."""
    quoted = {one_line(value) for value in _strings(request)}
    hidden = {value for value in quoted if len(value) >= _SHORTEST_ECHO} | {value for value in secrets if value}
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, "[…]")
    return text


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
