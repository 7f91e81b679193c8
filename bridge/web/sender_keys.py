"""The credentials that the configuration gives single senders, read from the environment at the start and on reload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.config.environment import SettingsError, secrets_of
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.web.endpoints import Sender


class SenderKeys:
    """Hands each of these senders its own. ``environment`` is where the variables stand; their files are read anew."""

    def __init__(self, senders: Sequence[Sender[Any]], environment: Mapping[str, str]) -> None:
        self._senders = senders
        self._environment = environment

    def apply(self, config: Config) -> None:
        """Those of this configuration. A sender without any is answered 503, and the log says so."""
        for sender in self._senders:
            listed = config.senders.of(sender.name)
            own = {name: each.credentials for name, each in listed.items() if each.credentials is not None}
            sender.set_own_keys(
                {name: (variable, self._read(sender.name, name, variable)) for name, variable in own.items()}
            )

    def _read(self, source: str, sender: str, variable: str) -> list[str]:
        message = f"set {variable} (or {variable}_FILE), which the configuration names: it is unset or empty"
        found = []
        try:
            found = [secret.reveal() for secret in secrets_of(self._environment, variable)]
        except SettingsError as error:
            message = str(error)
        if not found:
            log(Event.CREDENTIALS_MISSING, source=source, sender=sender, message=message)
        return found
