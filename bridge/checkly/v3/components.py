"""The account's v3 pages and their components, and which of them the configuration means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from bridge.checkly.cache import MAX_AGE_MS, Cached
from bridge.checkly.paging import entries
from bridge.checkly.v1.services import near
from bridge.json_values import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.checkly.client import Client
    from bridge.config.schema import Component

PAGES = "/v3/status-pages"


class RemotePage(Struct, frozen=True, kw_only=True):
    """A v3 page. ``url`` is its name in Checkly's own domain, ``domain`` its own domain or empty."""

    id: str
    name: str
    url: str
    domain: str = ""


class RemoteComponent(Struct, frozen=True, kw_only=True):
    """A component of a v3 page. A group holds others and has no impact of its own; ``hidden``: readers don't see it."""

    id: str
    name: str
    is_group: bool = False
    hidden: bool = False


class TargetMissing(LookupError):
    """A configured page or component is not, or not clearly, on the account; the message says which, what is near."""


class Directory:
    """The account's v3 pages and their components, remembered for a while."""

    def __init__(self, client: Client, *, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock
        self._pages = Cached(self._read_pages, clock=clock)
        self._components: dict[str, Cached[tuple[RemoteComponent, ...]]] = {}

    async def pages(self, *, max_age_ms: int = MAX_AGE_MS) -> tuple[RemotePage, ...]:
        """All v3 pages. Raises ChecklyError."""
        return await self._pages.get(max_age_ms=max_age_ms)

    async def components(self, page_id: str, *, max_age_ms: int = MAX_AGE_MS) -> tuple[RemoteComponent, ...]:
        """All components of a page, groups too. Raises ChecklyError."""
        if page_id not in self._components:
            self._components[page_id] = Cached(lambda: self._read_components(page_id), clock=self._clock)
        return await self._components[page_id].get(max_age_ms=max_age_ms)

    async def _read_pages(self) -> tuple[RemotePage, ...]:
        return tuple(
            RemotePage(
                id=entry["id"],
                name=text(entry, "name"),
                url=text(entry, "url"),
                domain=text(entry, "customDomain"),
            )
            for entry in await entries(self._client, PAGES)
        )

    async def _read_components(self, page_id: str) -> tuple[RemoteComponent, ...]:
        return tuple(
            RemoteComponent(
                id=entry["id"],
                name=text(entry, "name"),
                is_group=entry.get("type") == "GROUP",
                hidden=entry.get("hidden") is True,
            )
            for entry in await entries(self._client, f"{PAGES}/{quote(page_id, safe='')}/components")
        )


def find_page(reference: str, pages: Iterable[RemotePage]) -> RemotePage:
    """The page of this id, or else of this URL's name or domain, or else of this name.

    Raises:
        TargetMissing: There is none, or its name is not unique.
    """
    pages = tuple(pages)
    wanted = reference.casefold()
    for named in (
        [page for page in pages if page.id.casefold() == wanted],
        [page for page in pages if wanted in {page.url.casefold(), page.domain.casefold()}],
        [page for page in pages if page.name == reference],
    ):
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(page.id for page in named)
            raise TargetMissing(f"the account has {len(named)} v3 status pages {reference!r}; give one's id ({ids})")
    known = [name for page in pages for name in (page.url, page.name) if name]
    what = near((reference,), known) if known else "; it has no v3 page at all"
    raise TargetMissing(f"the account has no v3 status page {reference!r}{what}")


def find_component(wanted: Component, components: Iterable[RemoteComponent]) -> RemoteComponent:
    """The component of this id, or else of this exact name.

    Raises:
        TargetMissing: There is none, its name is not unique, or it is a group.
    """
    components = tuple(components)
    named = [each for each in components if wanted.component.casefold() == each.id.casefold()]
    named = named or [each for each in components if wanted.component == each.name and not each.is_group]
    if len(named) == 1 and not named[0].is_group:
        return named[0]
    where = f"page {wanted.page!r}"
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise TargetMissing(f"{where} has {len(named)} components {wanted.component!r}; give one's id ({ids})")
    if named or any(each.name == wanted.component for each in components):
        raise TargetMissing(f"{wanted.component!r} is a group on {where}; name one of its components")
    known = [each.name for each in components if not each.is_group]
    what = near((wanted.component,), known) if known else "; it has none at all"
    raise TargetMissing(f"{where} has no component {wanted.component!r}{what}")
