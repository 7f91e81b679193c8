"""All that the account has for incidents to be about, of both generations, as of one moment."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from bridge.checkly.account import Page, pages
from bridge.checkly.errors import Gone
from bridge.checkly.v1.services import Catalog, RemoteService
from bridge.checkly.v3.components import Directory, RemoteComponent, RemotePage, TargetMissing, find_page

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.checkly.client import Client


class Inventory(Struct, frozen=True, kw_only=True):
    """``services`` and ``pages`` are the v1 API's, ``components`` those of each v3 page, by the page's id.

    ``v1_gone`` is what Checkly answers where it has retired the v1 API for this account, else empty.
    """

    services: tuple[RemoteService, ...] = ()
    pages: tuple[Page, ...] = ()
    v3_pages: tuple[RemotePage, ...] = ()
    components: dict[str, tuple[RemoteComponent, ...]] = {}
    v1_gone: str = ""


async def read_inventory(client: Client, *, with_v1: bool = True, named: Collection[str] | None = None) -> Inventory:
    """Read every list once; ``with_v1`` also the v1 API's. A generation that the account does not know counts as empty.

    With ``named``, of the v3 pages only those that are called so tell their components: an account may have very many.

    Raises:
        Gone: The account knows none of what was asked for: its id or the API's address is wrong.
        ChecklyError: As for any call.
    """
    v3_gone: Gone | None = None
    directory = Directory(client, clock=_same_moment)
    try:
        v3_pages = await directory.pages()
    except Gone as error:
        if not with_v1:
            raise
        v3_pages, v3_gone = (), error
    wanted = v3_pages if named is None else _named(named, v3_pages)
    components = {page.id: await directory.components(page.id) for page in wanted}
    found = Inventory(v3_pages=v3_pages, components=components)
    if not with_v1:
        return found
    try:
        services = await Catalog(client, clock=_same_moment).services()
        shown = await pages(client)
    except Gone as error:
        if v3_gone is not None:
            raise
        return replace(found, v1_gone=error.detail)
    return replace(found, services=services, pages=tuple(shown))


def _named(references: Collection[str], pages: tuple[RemotePage, ...]) -> list[RemotePage]:
    found = {}
    for reference in references:
        with suppress(TargetMissing):
            page = find_page(reference, pages)
            found[page.id] = page
    return list(found.values())


def _same_moment() -> int:
    return 0
