"""The bodies of requests by people: JSON objects of a few fields, each of which an error names by its path."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from bridge.config.units import duration_ms
from bridge.messages import did_you_mean, one_of
from bridge.web.admission import Disconnected, TooLarge, read_body
from bridge.web.responses import HTTPError, header

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_BYTES: Final = 32 << 10
REASON_CHARS: Final = 500
_JSON: Final = b"application/json"
_KEY: Final = re.compile(r"[!-~]{1,100}")
_SHORTEST_MS: Final = 1_000
_DAY_MS: Final = 86_400_000
T = TypeVar("T", bound=Struct)


async def json_body(request: Request) -> bytes:
    """The body of a request that no form of a browser can send."""
    scope = request.scope
    kind = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != _JSON:
        raise HTTPError(415, "unsupported_media_type", "expected the header Content-Type: application/json")
    if (header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise HTTPError(415, "unsupported_encoding", "expected a body without Content-Encoding")
    size = header(scope, b"content-length") or b""
    try:
        return await read_body(request.receive, declared=int(size) if size.isdigit() else None, limit=MOST_BYTES)
    except TooLarge:
        raise HTTPError(413, "too_large", f"the body is larger than the limit of {MOST_BYTES} bytes") from None
    except Disconnected:
        raise HTTPError(503, "disconnected", "the connection ended before the body did") from None


def decode(body: bytes, kind: type[T]) -> T:
    """A body as this kind of struct. Raises HTTPError, whose message names the wrong field and none of its values."""
    fields = kind.__struct_encode_fields__
    try:
        found: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise HTTPError(400, "not_understood", "expected a JSON object") from None
    if not isinstance(found, dict):
        raise HTTPError(400, "not_understood", "$: expected a JSON object")
    for name in found:
        if name not in fields:
            raise HTTPError(400, "wrong_field", expected("$: a field is unknown here", name, fields))
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = path.strip("`") or "$"
        raise HTTPError(400, "wrong_field", f"{where}: {what[:1].lower()}{what[1:]}") from None


def expected(what: str, given: str, valid: Collection[str]) -> str:
    """What is wrong, what is valid instead, and the nearest of that."""
    hint = did_you_mean(given, valid)
    return f"{what}: expected {one_of(valid)}{f'; {hint}' if hint else ''}"


def wrong(name: str, what: str) -> HTTPError:
    """The error for a field that is not what it may be."""
    return HTTPError(400, "wrong_field", f"$.{name}: {what}")


def key_of(text: str | None) -> str:
    """What a sender calls the request, so that it is carried out once; empty if nothing. Raises HTTPError."""
    if text is not None and not _KEY.fullmatch(text):
        raise wrong("key", "expected 1 to 100 printable ASCII characters without spaces")
    return text or ""


def duration_of(text: str | None, longest_ms: int) -> int | None:
    """The field ``for``, in milliseconds, at most so many whole days; None if there is none. Raises HTTPError."""
    if text is None:
        return None
    found = duration_ms(text)
    if found is None or not _SHORTEST_MS <= found <= longest_ms:
        raise wrong("for", f"expected a duration such as 30m or 2h, from 1s to {longest_ms // _DAY_MS}d")
    return found
