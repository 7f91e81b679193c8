"""What a bridge lacks as it starts: said in its log, and with ``--strict`` a reason not to start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.checkly.account import account
from bridge.checkly.errors import ChecklyError, Unauthorized
from bridge.cli.errors import CommandError
from bridge.cli.inputs import checkly_client, refused_key
from bridge.config.senders import PagerDuty
from bridge.model import SOURCE_LABEL
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.config.environment import Settings
    from bridge.config.schema import Config
    from bridge.web.endpoints import Sender

_PROBE_MS = 5_000


class Lack(Struct, frozen=True, kw_only=True):
    """A sender without credentials: its ``source``, its ``name`` if it has one, and the ``variable`` to set.

    ``is_needed``: the configuration names it. ``is_own``: the variable is its own, which the configuration names, too.
    """

    source: str
    name: str
    variable: str
    is_needed: bool
    is_own: bool

    @property
    def message(self) -> str:
        """What to do, for people."""
        sender = f"{self.source} {self.name}".strip()
        return f"The sender {sender} has no credentials: set {self.variable} (or {self.variable}_FILE)."


def lacking(senders: Iterable[Sender[Any]], config: Config) -> list[Lack]:
    """The senders without credentials: of each kind those that are listed, else all together."""
    named = named_sources([sender.name for sender in senders], config)
    return [
        Lack(
            source=sender.name,
            name=name,
            variable=sender.variable_of(name),
            is_needed=sender.name in named,
            is_own=sender.variable_of(name) != sender.variable,
        )
        for sender in senders
        for name in config.senders.of(sender.name) or ("",)
        if not sender.has_credentials(name)
    ]


def named_sources(sources: Sequence[str], config: Config) -> set[str]:
    """The kinds of senders that the configuration is about: listed, told apart by a route, or with settings."""
    found = {source for source in sources if config.senders.of(source)}
    if config.pagerduty != PagerDuty():
        found.add("pagerduty")
    told_apart = (
        matcher
        for route in config.routes
        if not route.ignore
        for matcher in route.matchers
        if matcher.name == SOURCE_LABEL
    )
    for matcher in told_apart:
        accepted = {source for source in sources if matcher.matches({SOURCE_LABEL: source})}
        found |= accepted if len(accepted) < len(sources) else set()
    return found & set(sources)


def report(lacks: Iterable[Lack]) -> None:
    """Log one line for each. Whoever reads the credentials has said it of those with a variable of their own."""
    for lack in lacks:
        if not lack.is_own:
            log(
                Event.SENDER_WITHOUT_CREDENTIALS,
                source=lack.source,
                sender=lack.name,
                set=lack.variable,
                needed=lack.is_needed,
            )


async def demand(lacks: Sequence[Lack], senders: Sequence[Sender[Any]], *, settings: Settings | None) -> None:
    """Raise CommandError for what keeps a strict bridge from starting; ``settings`` are those of one that writes."""
    _demand_credentials(lacks, senders)
    if settings is not None:
        await _demand_key(settings)


def _demand_credentials(lacks: Sequence[Lack], senders: Sequence[Sender[Any]]) -> None:
    """Raise CommandError for each sender that the configuration names and that lacks them, or if every sender does."""
    messages = [lack.message for lack in lacks if lack.is_needed]
    if not messages and {lack.source for lack in lacks} == {sender.name for sender in senders}:
        variables = " or ".join(sender.variable for sender in senders)
        messages = [f"No sender has credentials: set {variables}."]
    if messages:
        raise CommandError("\n".join(messages))


async def _demand_key(settings: Settings) -> None:
    """Raise CommandError if Checkly refuses the key or the account. One that cannot be reached refuses nothing."""
    client = checkly_client(settings, timeout_ms=_PROBE_MS)
    try:
        await account(client)
    except Unauthorized as error:
        raise refused_key(settings, error) from error
    except ChecklyError as error:
        log(Event.KEY_NOT_PROBED, reason=error.detail)
    finally:
        await client.close()
