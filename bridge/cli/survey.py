"""What a configuration meets on the account: which service is which, and on which pages it shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.checkly.account import Account, Page, account, pages
from bridge.checkly.services import Catalog, RemoteService, ServiceMissing, find

if TYPE_CHECKING:
    from bridge.checkly.client import Client
    from bridge.config.schema import Config


class Reach(Struct, frozen=True, kw_only=True):
    """A configured service, the account's service it means, and the pages that show that; else the ``problem``."""

    name: str
    service: RemoteService | None
    pages: tuple[Page, ...]
    problem: str | None = None


class Survey(Struct, frozen=True, kw_only=True):
    """The account, and the reach of each configured service."""

    account: Account
    services: tuple[Reach, ...]

    @property
    def problems(self) -> list[str]:
        """What keeps incidents from readers."""
        return [reach.problem for reach in self.services if reach.problem is not None]


async def take_survey(client: Client, config: Config) -> Survey:
    """Read the account, its services and its pages. Raises PageError."""
    found = await account(client)
    known = await Catalog(client, clock=lambda: time.monotonic_ns() // 1_000_000).services()
    shown = await pages(client)
    reaches = []
    for name, wanted in config.services.items():
        try:
            service = find(wanted, known)
        except ServiceMissing as error:
            reaches.append(Reach(name=name, service=None, pages=(), problem=str(error)))
            continue
        on = tuple(page for page in shown if service.id in page.services)
        problem = None if on else f"service {name!r}: no status page shows {service.name!r}, so nobody would see it"
        reaches.append(Reach(name=name, service=service, pages=on, problem=problem))
    return Survey(account=found, services=tuple(reaches))
