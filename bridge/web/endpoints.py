"""The senders as the webhook endpoints see them: how each proves who it is, and how its bodies are read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from bridge.core.routing import labels_read
from bridge.senders import alertmanager
from bridge.senders.credentials import Credentials, Verdict
from bridge.senders.pagerduty import parser as pagerduty
from bridge.senders.pagerduty import signature
from bridge.senders.pagerduty.signature import SigningSecrets
from bridge.web.responses import HTTPError, authorize, header

if TYPE_CHECKING:
    from starlette.types import Scope

    from bridge.config.schema import Config
    from bridge.senders.delivery import Delivery

TOKENS: Final = "ALERTMANAGER_TOKENS"
SIGNING_SECRETS: Final = "PAGERDUTY_SIGNING_SECRETS"

_CHALLENGE = {"WWW-Authenticate": 'PagerDuty-Signature realm="checkly-bridge"'}
_SIGNATURE = signature.HEADER.lower().encode()
_LEGACY_AGENTS = (b"PagerDuty-Webhook/V1", b"PagerDuty-Webhook/V2")
_LEGACY_BODY = re.compile(rb'"messages"\s*:\s*\[')
_LEGACY_HINT = "; it looks like a V1 or V2 webhook, which PagerDuty does not sign: create a V3 subscription"


Keys = TypeVar("Keys", Credentials, SigningSecrets)


class Sender(ABC, Generic[Keys]):
    """The senders of one kind, and their endpoints ``/webhooks/<kind>`` and ``/webhooks/<kind>/<sender's name>``."""

    name: ClassVar[str]  # the source of its alerts
    payload: ClassVar[str]  # what its bodies are, in the words of an error
    variable: ClassVar[str]  # where the credentials are of senders that have none of their own
    methods: ClassVar[Sequence[str]] = ("POST",)
    max_body_bytes: ClassVar[int] = 1 << 62  # the configuration may set a lower limit
    body_s: ClassVar[float | None] = None  # how long a body may take that proves only at its end whose it is
    relabels: ClassVar[bool] = False  # an alert that fires may change its labels, and with them its route

    def __init__(self, keys: Keys) -> None:
        self._plain: tuple[str, Keys] = (self.variable, keys)
        self._own: dict[str, tuple[str, Keys]] = {}

    def set_own_keys(self, own: Mapping[str, tuple[str, Iterable[str]]]) -> None:
        """From now on these senders, and no others, have keys of their own: by name, their variable and its values."""
        kind = type(self._plain[1])
        self._own = {name: (variable, kind(values)) for name, (variable, values) in own.items()}

    def has_credentials(self, sender: str) -> bool:
        """Whether there are credentials by which this sender could be known."""
        return bool(self._keys_of(sender)[1])

    def variable_of(self, sender: str) -> str:
        """The environment variable that holds this sender's."""
        return self._keys_of(sender)[0]

    def _keys_of(self, sender: str) -> tuple[str, Keys]:
        """The environment variable, and what it holds, for this sender; never another's."""
        return self._own.get(sender, self._plain)

    @abstractmethod
    def admit(self, scope: Scope, sender: str, /) -> None:
        """Check what can be checked before the body is read. Raises HTTPError."""

    @abstractmethod
    def authenticate(self, scope: Scope, sender: str, body: bytes, /) -> None:
        """Check that the body is the sender's, before anything reads it. Raises HTTPError."""

    @abstractmethod
    def parse(self, body: bytes, sender: str, received_at: int, config: Config, /) -> Generator[None, None, Delivery]:
        """Read an authentic body, in steps. Raises NotUnderstood."""


class Alertmanager(Sender[Credentials]):
    """Alertmanager, by a bearer token or a basic pair."""

    name = alertmanager.SOURCE
    methods = ("POST", "PUT")  # Grafana can be told to PUT
    payload = "an Alertmanager webhook payload of version 4"
    variable = TOKENS

    def admit(self, scope: Scope, sender: str, /) -> None:
        """Check the ``Authorization`` header, which needs no body."""
        variable, credentials = self._keys_of(sender)
        authorize(scope, credentials, variable)

    def authenticate(self, _scope: Scope, _sender: str, _body: bytes, /) -> None:
        """Nothing: the header has been checked."""

    def parse(self, body: bytes, sender: str, received_at: int, config: Config, /) -> Generator[None, None, Delivery]:
        """Read a group of alerts."""
        return alertmanager.read(body, received_at, lambda: labels_read(config), sender)


class PagerDuty(Sender[SigningSecrets]):
    """PagerDuty, by the signature of the body."""

    name = pagerduty.SOURCE
    payload = "a PagerDuty V3 webhook"
    variable = SIGNING_SECRETS
    relabels = True
    max_body_bytes = 256 << 10  # PagerDuty sends none above that; anyone can make us read that much unsigned
    body_s = 5.0  # PagerDuty gives up then

    def admit(self, _scope: Scope, _sender: str, /) -> None:
        """Nothing: what is signed is the body."""

    def authenticate(self, scope: Scope, sender: str, body: bytes, /) -> None:
        """Check the signature over the bytes as they came. While there is no secret, PagerDuty may come again."""
        variable, secrets = self._keys_of(sender)
        headers = [value for name, value in scope["headers"] if name == _SIGNATURE]
        verdict = secrets.check(body, headers)
        if verdict is Verdict.OK:
            return
        hint = _LEGACY_HINT if _looks_legacy(scope, body) else ""
        if verdict is Verdict.NONE_CONFIGURED:
            message = f"the bridge has no secret to check this delivery: set {variable}"
            raise HTTPError(503, "no_credentials", message + hint)
        message = f"missing or wrong {signature.HEADER}: expected the body signed with a secret of {variable}"
        raise HTTPError(401, "unauthorized", message + hint, _CHALLENGE)

    def parse(self, body: bytes, sender: str, _received_at: int, config: Config, /) -> Generator[None, None, Delivery]:
        """Read one event."""
        yield from ()  # one event is no work to speak of
        return pagerduty.parse(body, config.pagerduty, labels_read(config), sender)


def _looks_legacy(scope: Scope, body: bytes) -> bool:
    """A guess for a message, from what anybody may have sent: the body is searched, not read."""
    agent = header(scope, b"user-agent") or b""
    return agent.startswith(_LEGACY_AGENTS) or _LEGACY_BODY.search(body) is not None
