"""The account's status pages, each behind the port, whichever generation it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.checkly.v1.page import V1StatusPage
from bridge.checkly.v1.services import Catalog
from bridge.checkly.v3.components import Directory
from bridge.checkly.v3.page import V3StatusPage
from bridge.model import shows_impacts, v3_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.checkly.client import Client
    from bridge.checkly.port import StatusPage
    from bridge.config.schema import Service


class StatusPages:
    """Gives the page of a name. Pages may come into the configuration, and out of it, at any time."""

    def __init__(
        self, client: Client, configured: Callable[[], Mapping[str, Service]], *, clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._configured = configured
        self._catalog = Catalog(client, clock=clock)
        self._directory = Directory(client, clock=clock)
        self._pages: dict[str, StatusPage] = {}

    def __call__(self, name: str) -> StatusPage:
        """The page of this name (see `model.V1_PAGE` and `model.v3_page`)."""
        if name not in self._pages:
            self._pages[name] = self._make(name)
        return self._pages[name]

    def _make(self, name: str) -> StatusPage:
        if shows_impacts(name):
            return V3StatusPage(self._client, self._directory, v3_reference(name), self._configured)
        return V1StatusPage(self._client, self._catalog, self._configured)
