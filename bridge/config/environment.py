"""The environment: secrets, and what differs between installations. ``NAME_FILE`` names a file that holds ``NAME``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from bridge.config.network import Network, is_http_url, is_loopback
from bridge.config.redis_url import RedisURL, RedisURLError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

CHECKLY_API_URL = "https://api.checklyhq.com"
NAMESPACE = re.compile("[A-Za-z0-9-]{1,64}")
OPERATOR_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
OPERATOR_NAME_WORDS = (
    "1 to 64 letters (A to Z), digits, dots, hyphens, _ and @, of which a letter or digit is the first"
)
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("auto", "json", "text")


class Secret:
    """A value that no log line, traceback or repr shows; ``reveal`` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class OperatorToken(Struct, frozen=True):
    """By its ``secret`` an operator is known to the API; the ``name`` is the author of what is done with it."""

    name: str
    secret: Secret


class SettingsError(Exception):
    """The environment cannot be used: ``problems`` has a sentence for each wrong variable, without its value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(Struct, frozen=True, kw_only=True):
    """What the environment says. None or an empty tuple: not set; ``redis_url`` unset means the embedded Valkey."""

    checkly_api_key: Secret | None = None
    checkly_account_id: str | None = None
    checkly_api_url: str = CHECKLY_API_URL
    redis_url: Secret | None = None
    redis_namespace: str = "0"
    alertmanager_tokens: tuple[Secret, ...] = ()
    pagerduty_signing_secrets: tuple[Secret, ...] = ()
    pagerduty_api_url: str = ""
    admin_tokens: tuple[Secret, ...] = ()
    operator_tokens: tuple[OperatorToken, ...] = ()
    log_level: str = "info"
    log_format: str = "auto"
    network: Network = Network()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read every variable; an empty one counts as unset.

        Raises:
            SettingsError: With every problem, not the first alone.
        """
        read = _Reader(environment)
        settings = cls(
            checkly_api_key=read.header("CHECKLY_API_KEY"),
            checkly_account_id=read.account("CHECKLY_ACCOUNT_ID"),
            checkly_api_url=read.api_url("CHECKLY_API_URL", default=CHECKLY_API_URL),
            redis_url=read.redis_url("REDIS_URL"),
            redis_namespace=read.namespace("REDIS_NAMESPACE"),
            alertmanager_tokens=(senders := read.secrets("ALERTMANAGER_TOKENS")),
            pagerduty_signing_secrets=read.secrets("PAGERDUTY_SIGNING_SECRETS"),
            pagerduty_api_url=read.api_url("PAGERDUTY_API_URL", default=""),
            admin_tokens=(admins := read.secrets("ADMIN_TOKENS")),
            operator_tokens=read.operators("OPERATOR_TOKENS", admins=admins, senders=senders),
            log_level=read.choice("LOG_LEVEL", LOG_LEVELS, default="info"),
            log_format=read.choice("LOG_FORMAT", LOG_FORMATS, default="auto"),
            network=Network.from_environment(environment),
        )
        if read.problems:
            raise SettingsError(tuple(read.problems))
        return settings


def secrets_of(environment: Mapping[str, str], name: str) -> tuple[Secret, ...]:
    """The secrets of a variable that is not one of ``Settings``; empty when unset. Raises SettingsError."""
    read = _Reader(environment)
    found = read.secrets(name)
    if read.problems:
        raise SettingsError(tuple(read.problems))
    return found


def secret_of(environment: Mapping[str, str], name: str) -> Secret | None:
    """The one secret of such a variable, as it is; None when unset. Raises SettingsError."""
    read = _Reader(environment)
    found = read.text(name)
    if read.problems:
        raise SettingsError(tuple(read.problems))
    return Secret(found) if found else None


class _Reader:
    """Reads variables by kind and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        """The variable's value, or its file's; empty when unset."""
        value, file = self._environment.get(name, ""), self._environment.get(f"{name}_FILE", "")
        if value and file:
            self.problems.append(f"{name} and {name}_FILE are both set: keep one of them.")
            return ""
        if not file:
            return value.strip()
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self.problems.append(f"{name}_FILE: cannot read {file}: {reason}.")
            return ""

    def header(self, name: str) -> Secret | None:
        """A secret that is sent in an HTTP header: visible ASCII."""
        value = self.text(name)
        if value and not re.fullmatch(r"[!-~]+", value):
            self.problems.append(
                f"{name} must be printable ASCII without spaces; check for quotes or a line break too many."
            )
            return None
        return Secret(value) if value else None

    def account(self, name: str) -> str | None:
        """An id that is sent in an HTTP header but is no secret."""
        value = self.header(name)
        return value.reveal() if value else None

    def secrets(self, name: str) -> tuple[Secret, ...]:
        """Several secrets, separated by commas or, as suits a file, by line breaks."""
        return tuple(Secret(part.strip()) for part in re.split(r"[,\n]", self.text(name)) if part.strip())

    def operators(
        self, name: str, *, admins: Collection[Secret], senders: Collection[Secret]
    ) -> tuple[OperatorToken, ...]:
        """Several ``name:secret``, separated as secrets are; no secret is of two operators, or of anyone else."""
        reading, sending = ({each.reveal().rpartition(":")[2] for each in others} for others in (admins, senders))
        owners: dict[str, str] = {}
        found = []
        for nth, entry in enumerate(self.secrets(name), 1):
            owner, _, secret = (part.strip() for part in entry.reveal().partition(":"))
            problem = None
            if not OPERATOR_NAME.fullmatch(owner):
                problem = f"must be name:secret, the name {OPERATOR_NAME_WORDS}"
            elif not re.fullmatch(r"[!-9;-~]+", secret):
                problem = "must be name:secret, the secret printable ASCII without spaces, colons and commas"
            elif owners.setdefault(secret, owner) != owner:
                problem = "has the secret of another operator: nobody could tell who acted"
            elif secret in reading:
                problem = "has a secret of ADMIN_TOKENS: who may read could act"
            elif secret in sending:
                problem = "has a secret of ALERTMANAGER_TOKENS: a sender could act"
            if problem:
                self.problems.append(f"{name}: entry {nth} {problem}.")
            else:
                found.append(OperatorToken(owner, Secret(secret)))
        return tuple(found)

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of a few words, in any case."""
        value = self.text(name).lower() or default
        if value not in choices:
            self.problems.append(f"{name} must be one of {', '.join(choices)}.")
        return value

    def api_url(self, name: str, *, default: str) -> str:
        """The base address of an API that is sent a key: HTTPS, unless it is on this machine or the simulator."""
        value = self.text(name) or default
        if not value:
            return ""
        url = urlsplit(value) if is_http_url(value) else None
        if url is None or url.username or url.query or url.fragment:
            self.problems.append(f"{name} must look like {default or CHECKLY_API_URL}.")
        elif url.scheme == "http" and not (is_loopback(url.hostname or "") or url.hostname == "sandbox"):
            self.problems.append(
                f"{name} must begin with https://: the API key would travel in clear. "
                'Plain http:// is for this machine and for a host named "sandbox".'
            )
        return value.rstrip("/")

    def namespace(self, name: str) -> str:
        """What tells the keys of bridges apart that share a Redis; default ``0``."""
        value = self.text(name) or "0"
        if not NAMESPACE.fullmatch(value):
            self.problems.append(f"{name} must be 1 to 64 letters (A to Z), digits and hyphens, such as eu-1.")
        return value

    def redis_url(self, name: str) -> Secret | None:
        """The address of a Redis or Valkey, which may hold a password."""
        value = self.text(name)
        if not value:
            return None
        try:
            RedisURL.parse(value)
        except RedisURLError as error:
            self.problems.extend(f"{name} {problem}" for problem in error.problems)
        return Secret(value)
