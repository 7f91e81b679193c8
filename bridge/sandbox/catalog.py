"""What an account shows: its services, its pages of either generation, and the pages' subscribers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.sandbox.components import ComponentPage, component_page
from bridge.sandbox.subscribers import Subscriber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.sandbox import account as config


@dataclass(slots=True)
class Service:
    """Something readers know by name. Account-wide: any number of pages may show it."""

    id: str
    name: str
    created_at: int
    updated_at: int | None = None


@dataclass(slots=True)
class Card:
    """A titled group of services; ids of services that were deleted meanwhile are to be skipped."""

    id: str
    name: str
    service_ids: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """A status page of the generation that is made of cards."""

    id: str
    name: str
    url: str
    private: bool
    created_at: int
    cards: list[Card]
    subscribers: dict[str, Subscriber] = field(default_factory=dict)

    @property
    def service_ids(self) -> list[str]:
        """The services shown, each once, in the order of the page."""
        return list(dict.fromkeys(service for card in self.cards for service in card.service_ids))


AnyPage = Page | ComponentPage


class Catalog:
    """The live services and pages of one account, by id, oldest first; ``pages`` are those made of cards."""

    def __init__(self, account: config.Account, now: int) -> None:
        self.services = {
            service.id: service
            for service in (Service(account.derive("services", name), name, now) for name in account.services)
        }
        shown = [_page(account, page, now) for page in account.shown]
        self.pages = {page.id: page for page in shown if isinstance(page, Page)}
        self.component_pages = {page.id: page for page in shown if isinstance(page, ComponentPage)}

    def all_pages(self) -> list[AnyPage]:
        """The pages of both generations."""
        return [*self.pages.values(), *self.component_pages.values()]

    def page_at(self, url: str) -> AnyPage | None:
        """The page with this address, if there is one."""
        return next((page for page in self.all_pages() if page.url == url), None)

    def existing(self, ids: Iterable[str]) -> list[Service]:
        """The services among ``ids`` that still exist, in that order."""
        return [self.services[service] for service in ids if service in self.services]

    def named(self, names_or_ids: Iterable[str]) -> list[str]:
        """The ids of services given by name or by id; a name means the oldest service that bears it.

        Raises:
            LookupError: one of them is neither; the message says which.
        """
        by_name = {service.name: service.id for service in reversed(self.services.values())}
        found = []
        for name in names_or_ids:
            if name not in self.services and name not in by_name:
                raise LookupError(f"there is no service {name!r}")
            found.append(name if name in self.services else by_name[name])
        return found

    def pages_with(self, service_ids: Iterable[str]) -> list[Page]:
        """The pages that show one of these services."""
        wanted = set(service_ids)
        return [page for page in self.pages.values() if wanted.intersection(page.service_ids)]


def _page(account: config.Account, page: config.Page, now: int) -> AnyPage:
    subscribers = {
        subscriber.id: subscriber
        for subscriber in (
            Subscriber(
                account.derive("pages", page.url, "subscribers", address), address, verified=True, created_at=now
            )
            for address in page.subscribers
        )
    }
    if page.components:
        return component_page(account, page, subscribers, now)
    cards = [
        Card(
            account.derive("pages", page.url, "cards", card.name),
            card.name,
            tuple(account.derive("services", name) for name in card.services),
        )
        for card in page.cards
    ]
    return Page(
        account.derive("pages", page.url), page.name, page.url, page.private, now, cards=cards, subscribers=subscribers
    )
