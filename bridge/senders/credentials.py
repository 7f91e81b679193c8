"""Bearer and basic credentials against several accepted ones, so that a rotation is an overlap."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from enum import Enum, auto


class Verdict(Enum):
    """What a look at a request's credentials found."""

    OK = auto()
    MISSING_OR_WRONG = auto()
    NONE_CONFIGURED = auto()


class Credentials:
    """The accepted credentials of one sender, or of administrators.

    An entry ``user:password`` is a basic pair. An entry without a colon is a bearer token, and accepted as the
    password of any basic user, for senders that can only do basic. Blank entries and blank passwords are skipped:
    a variable left unset opens nothing.
    """

    __slots__ = ("_pairs", "_tokens")

    def __init__(self, entries: Iterable[str]) -> None:
        # Only digests are kept: nothing to leak, and every comparison is of equal length.
        stripped = [entry.strip().encode() for entry in entries]
        self._pairs = [_digest(entry) for entry in stripped if entry.partition(b":")[2]]
        self._tokens = [_digest(entry) for entry in stripped if entry and b":" not in entry]

    def __repr__(self) -> str:
        return f"Credentials({len(self._pairs)} pairs, {len(self._tokens)} tokens)"

    def __bool__(self) -> bool:
        return bool(self._pairs or self._tokens)

    def check(self, authorization: bytes | None) -> Verdict:
        """Judge the raw value of an ``Authorization`` header (RFC 6750, RFC 7617), whatever matches in equal time."""
        if not self:
            return Verdict.NONE_CONFIGURED
        scheme, _, value = (authorization or b"").strip().partition(b" ")
        accepted = False
        if scheme.lower() == b"bearer":
            accepted = _is_among(value.strip(), self._tokens)
        elif scheme.lower() == b"basic":
            pair = _decode(value.strip())
            is_pair = _is_among(pair, self._pairs)
            accepted = _is_among(pair.partition(b":")[2], self._tokens) or is_pair
        return Verdict.OK if accepted else Verdict.MISSING_OR_WRONG


def _decode(value: bytes) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return b""


def _is_among(presented: bytes, digests: list[bytes]) -> bool:
    digest = _digest(presented)
    return sum(hmac.compare_digest(digest, known) for known in digests) > 0


def _digest(secret: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=32).digest()
