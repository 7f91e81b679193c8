"""PagerDuty's webhook signature: HMAC-SHA256 of the raw body, in hexadecimal, once for each secret of a subscription.

See PagerDuty's "Verifying Signatures". Neither time nor headers are signed, so a delivery that someone repeats is
authentic too: what makes repeats harmless is the event's own id and time.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Iterable
from typing import Final

from bridge.senders.credentials import Verdict

HEADER: Final = "X-PagerDuty-Signature"

_VERSION = b"v1="


class SigningSecrets:
    """The secrets that may have signed a delivery, several while one replaces another. Blank ones are skipped."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str]) -> None:
        # A secret looks like base64 but its text is the key.
        self._secrets = [secret.encode() for entry in secrets if (secret := entry.strip())]

    def __repr__(self) -> str:
        return f"SigningSecrets({len(self._secrets)})"

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def check(self, body: bytes, headers: Iterable[bytes]) -> Verdict:
        """Judge the raw values of the signature header, one or several, each a list ``v1=…,v1=…``.

        One signature by one secret is enough; versions other than 1 are skipped. The time taken depends on how many
        signatures and secrets there are, not on their values.
        """
        if not self._secrets:
            return Verdict.NONE_CONFIGURED
        presented = [signature for header in headers for signature in _signatures(header)]
        expected = [hmac.digest(secret, body, "sha256") for secret in self._secrets]
        matches = sum(hmac.compare_digest(ours, theirs) for ours in expected for theirs in presented)
        return Verdict.OK if matches else Verdict.MISSING_OR_WRONG


def _signatures(header: bytes) -> Iterable[bytes]:
    for entry in map(bytes.strip, header.split(b",")):
        if entry.startswith(_VERSION):
            try:
                yield binascii.unhexlify(entry.removeprefix(_VERSION))
            except binascii.Error:
                continue  # not hexadecimal: it can match nothing
