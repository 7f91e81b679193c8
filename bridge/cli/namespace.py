"""Ending a bridge whose keys belong to another one: at the start, or once Redis tells."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.cli.errors import USAGE, Failure
from bridge.store import NamespaceTaken, StoreUnavailable
from bridge.store.namespace import taken
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.schema import Config
    from bridge.store.namespace import Ownership

_LOOK_S = 5.0
_LOOK_AGAIN_S = 0.5  # while Redis has not told yet


class NamespaceWatch:
    """Looks now and then whether the namespace is ours. ``failure``: what the process is to end with, if anything."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self.failure: Failure | None = None

    async def look(self) -> None:
        """Raises Failure if it is another's. Redis may be away: the store takes nothing in until it has told."""
        with suppress(StoreUnavailable):
            try:
                await self._ownership.look()
            except NamespaceTaken as error:
                log(Event.NAMESPACE_TAKEN, reason=str(error))
                raise Failure(str(error), USAGE) from error

    async def watch(self, stop: Callable[[], None]) -> None:
        """Look until canceled, or until it is another's: then ``stop`` the process."""
        while True:
            try:
                await self.look()
            except Failure as failure:
                self.failure = failure
                stop()
                return
            await asyncio.sleep(_LOOK_S if self._ownership.is_ours else _LOOK_AGAIN_S)


def objection(namespace: str, current: Config, changed: Config) -> str:
    """What speaks against a reload: the namespace belongs to the instance that the process began with."""
    before, after = current.checkly.instance, changed.checkly.instance
    return "" if before == after else taken(namespace, before, after)
