"""What an account shows: its services, its pages with their cards, and the pages' subscribers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
class Subscriber:
    """Someone who gets a page's mails once the address is verified."""

    id: str
    address: str
    verified: bool
    created_at: int


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


class Catalog:
    """The live services and pages of one account, by id, oldest first."""

    def __init__(self, account: config.Account, now: int) -> None:
        self.services = {
            service.id: service
            for service in (Service(account.derive("services", name), name, now) for name in account.services)
        }
        self.pages = {page.id: page for page in (_page(account, page, now) for page in account.shown)}

    def page_at(self, url: str) -> Page | None:
        """The page with this address, if there is one."""
        return next((page for page in self.pages.values() if page.url == url), None)

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

    def subscribers_of(self, service_ids: Iterable[str]) -> list[tuple[Page, Subscriber]]:
        """Who is mailed about these services: the verified subscribers of every page that shows one of them."""
        wanted = set(service_ids)
        return [
            (page, subscriber)
            for page in self.pages.values()
            if wanted.intersection(page.service_ids)
            for subscriber in page.subscribers.values()
            if subscriber.verified
        ]


def _page(account: config.Account, page: config.Page, now: int) -> Page:
    def derive(*path: str) -> str:
        return account.derive("pages", page.url, *path)

    return Page(
        id=derive(),
        name=page.name,
        url=page.url,
        private=page.private,
        created_at=now,
        cards=[
            Card(
                derive("cards", card.name), card.name, tuple(account.derive("services", name) for name in card.services)
            )
            for card in page.cards
        ],
        subscribers={
            subscriber.id: subscriber
            for subscriber in (
                Subscriber(derive("subscribers", address), address, verified=True, created_at=now)
                for address in page.subscribers
            )
        },
    )
