"""What stands open on the pages under references of ours: for whoever has lost what it knew of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.core.ownership import references
from bridge.model import Priority
from bridge.reconciler.budget import acting
from bridge.reconciler.details import Reader

if TYPE_CHECKING:
    from bridge.checkly.port import StatusPage
    from bridge.config.live import LiveConfig
    from bridge.store import Store


class ShownReferences:
    """Reads all configured pages. ``monotonic`` is in seconds."""

    def __init__(
        self,
        *,
        store: Store,
        page: Callable[[str], StatusPage],
        config: LiveConfig,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._page = page
        self._config = config
        self._monotonic = monotonic
        self._readers: dict[str, Reader] = {}

    async def read(self) -> set[str]:
        """The references of the open incidents that the store does not know as anybody's.

        A list may leave out what tells that; then incidents are read one by one, a few in each call, and the next call
        goes on. Raises ChecklyError and StoreUnavailable.
        """
        found: set[str] = set()
        for name in sorted({page for pages in self._config.current.pages_of.values() for page in pages}):
            with acting(Priority.LOOK):  # where the budget has nothing for it soon, the next call tries again
                found |= await self._read(name)
        return found

    async def _read(self, name: str) -> set[str]:
        page = self._page(name)
        listed = await page.open_incidents()
        owners = await self._store.owners([each.id for each in listed])
        reader = self._readers.setdefault(name, Reader(page, self._store, monotonic=self._monotonic))
        whole = await reader.complete([each for each in listed if each.id not in owners])
        if unread := [each for each in whole if not each.is_whole]:
            whole += await reader.read(unread, is_enough=lambda _: False, guard=_always)
        return {reference for each in whole for reference in references(each)}


def _always() -> bool:
    return True
