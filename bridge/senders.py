"""The senders as the webhook endpoints see them: how each proves who it is, and how its bodies are read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from starlette.types import Scope

from bridge.answers import Refusal, authorize, header
from bridge.config.schema import Config
from bridge.routing import labels_read
from bridge.sources import alertmanager, pagerduty, signature
from bridge.sources.credentials import Credentials, Verdict
from bridge.sources.delivery import Delivery
from bridge.sources.signature import SigningSecrets

TOKENS: Final = "ALERTMANAGER_TOKENS"
SIGNING_SECRETS: Final = "PAGERDUTY_SIGNING_SECRETS"

_CHALLENGE = {"WWW-Authenticate": 'PagerDuty-Signature realm="checkly-bridge"'}
_SIGNATURE = signature.HEADER.lower().encode()
_LEGACY_AGENTS = (b"PagerDuty-Webhook/V1", b"PagerDuty-Webhook/V2")
_LEGACY_BODY = re.compile(rb'"messages"\s*:\s*\[')
_LEGACY_HINT = "; it looks like a V1 or V2 webhook, which PagerDuty does not sign: create a V3 subscription"


class Sender(ABC):
    """One sender, and its endpoint ``/webhooks/<name>``."""

    name: ClassVar[str]  # the source of its alerts
    payload: ClassVar[str]  # what its bodies are, in the words of an error
    methods: ClassVar[Sequence[str]] = ("POST",)
    max_body_bytes: ClassVar[int] = 1 << 62  # the configuration may set a lower limit
    body_s: ClassVar[float | None] = None  # how long a body may take that proves only at its end whose it is
    relabels: ClassVar[bool] = False  # an alert that fires may change its labels, and with them its route

    @abstractmethod
    def admit(self, scope: Scope, /) -> None:
        """Refuse what can be refused before the body is read. Raises Refusal."""

    @abstractmethod
    def authenticate(self, scope: Scope, body: bytes, /) -> None:
        """Refuse a body that is not the sender's, before anything reads it. Raises Refusal."""

    @abstractmethod
    def parse(self, body: bytes, received_at: int, config: Config, /) -> Delivery:
        """Read an authentic body. Raises NotUnderstood."""


class Alertmanager(Sender):
    """Alertmanager, by a bearer token or a basic pair."""

    name = alertmanager.SOURCE
    methods = ("POST", "PUT")  # Grafana can be told to PUT
    payload = "an Alertmanager webhook payload of version 4"

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def admit(self, scope: Scope, /) -> None:
        """Check the ``Authorization`` header, which needs no body."""
        authorize(scope, self._credentials, TOKENS)

    def authenticate(self, _scope: Scope, _body: bytes, /) -> None:
        """Nothing: the header has been checked."""

    def parse(self, body: bytes, received_at: int, config: Config, /) -> Delivery:
        """Read a group of alerts."""
        return alertmanager.parse(body, received_at, lambda: labels_read(config))


class PagerDuty(Sender):
    """PagerDuty, by the signature of the body."""

    name = pagerduty.SOURCE
    payload = "a PagerDuty V3 webhook"
    relabels = True
    max_body_bytes = 256 << 10  # PagerDuty sends none above that; anyone can make us read that much unsigned
    body_s = 5.0  # PagerDuty gives up then

    def __init__(self, secrets: SigningSecrets) -> None:
        self._secrets = secrets

    def admit(self, _scope: Scope, /) -> None:
        """Nothing: what is signed is the body."""

    def authenticate(self, scope: Scope, body: bytes, /) -> None:
        """Check the signature over the bytes as they came. While there is no secret, PagerDuty may come again."""
        headers = [value for name, value in scope["headers"] if name == _SIGNATURE]
        verdict = self._secrets.check(body, headers)
        if verdict is Verdict.OK:
            return
        hint = _LEGACY_HINT if _looks_legacy(scope, body) else ""
        if verdict is Verdict.NONE_CONFIGURED:
            message = f"the bridge has no secret to check this delivery: set {SIGNING_SECRETS}"
            raise Refusal(503, "no_credentials", message + hint)
        message = f"missing or wrong {signature.HEADER}: expected the body signed with a secret of {SIGNING_SECRETS}"
        raise Refusal(401, "unauthorized", message + hint, _CHALLENGE)

    def parse(self, body: bytes, _received_at: int, config: Config, /) -> Delivery:
        """Read one event."""
        return pagerduty.parse(body, config.pagerduty, labels_read(config))


def _looks_legacy(scope: Scope, body: bytes) -> bool:
    """A guess for a message, from what anybody may have sent: the body is searched, not read."""
    agent = header(scope, b"user-agent") or b""
    return agent.startswith(_LEGACY_AGENTS) or _LEGACY_BODY.search(body) is not None
