"""Ending a bridge whose keys belong to another one: at the start, or once Redis answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.cli.errors import USAGE, CommandError
from bridge.store import NamespaceTaken, StoreUnavailable
from bridge.store.namespace import taken
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.schema import Config
    from bridge.store.namespace import Ownership

_POLL_S = 5.0
_POLL_AGAIN_S = 0.5  # while Redis has not answered yet


class NamespaceWatch:
    """Checks now and then that the namespace is ours. ``failure``: what the process is to end with, if anything."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self.failure: CommandError | None = None

    async def poll(self) -> None:
        """Raises CommandError if it is another's. While Redis is unavailable, the store accepts nothing."""
        with suppress(StoreUnavailable):
            try:
                await self._ownership.look()
            except NamespaceTaken as error:
                log(Event.NAMESPACE_TAKEN, reason=str(error))
                raise CommandError(str(error), USAGE) from error

    async def watch(self, stop: Callable[[], None]) -> None:
        """Poll until canceled, or until it belongs to another's: then ``stop`` the process."""
        while True:
            try:
                await self.poll()
            except CommandError as failure:
                self.failure = failure
                stop()
                return
            await asyncio.sleep(_POLL_S if self._ownership.is_ours else _POLL_AGAIN_S)


def objection(namespace: str, current: Config, changed: Config) -> str:
    """What speaks against a reload: the namespace belongs to the instance that the process began with."""
    before, after = current.checkly.instance, changed.checkly.instance
    return "" if before == after else taken(namespace, before, after)
