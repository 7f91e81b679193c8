"""The account that a simulator starts from: read from a file, made from a list of services, or the sample."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import msgspec
import yaml
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Address = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """A titled group of services on a page, by their names."""

    name: Name
    services: tuple[Name, ...] = ()


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """A titled group of components on a page, by their names."""

    name: Name
    components: tuple[Name, ...]

    def __post_init__(self) -> None:
        for twice in _duplicates(self.components):
            raise ValueError(f"component {twice!r} is in group {self.name!r} twice")


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """A status page. ``url`` is the last part of its address; ``subscribers`` are verified mail addresses.

    With ``components`` it is of the newer generation (v3), without of the older.
    """

    name: Name
    url: Slug
    cards: tuple[Card, ...] = ()
    subscribers: tuple[Address, ...] = ()
    private: bool = False
    components: tuple[Name | Group, ...] = ()

    def __post_init__(self) -> None:
        if self.components and (self.cards or self.private):
            raise ValueError(f"page {self.url!r} has components, and so neither cards nor privacy")
        for twice in _duplicates(entry if isinstance(entry, str) else entry.name for entry in self.components):
            raise ValueError(f"page {self.url!r} has {twice!r} twice")


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """A Checkly account. Every id in it is a UUID version 5 of names, so equal files give equal ids.

    Without ``pages`` there is one, ``status``, that shows every service.
    """

    name: Name = "Sandbox"
    services: tuple[Name, ...] = ()
    pages: tuple[Page, ...] = ()
    id: UUID | None = None
    api_key: Annotated[str, Meta(min_length=1)] = "sandbox"
    plan: str = "team"

    def __post_init__(self) -> None:
        for twice in _duplicates(self.services):
            raise ValueError(f"service {twice!r} is listed twice")
        for twice in _duplicates(page.url for page in self.pages):
            raise ValueError(f"two pages have the url {twice!r}")
        for page in self.pages:
            for card in page.cards:
                for name in sorted(set(card.services) - set(self.services)):
                    raise ValueError(
                        f"card {card.name!r} of page {page.url!r} shows {name!r}, which is not in `services`"
                    )

    @property
    def uuid(self) -> str:
        """The account's id."""
        return str(self.id or uuid5(NAMESPACE_DNS, f"{_slug(self.name)}.checkly-sandbox.invalid"))

    @property
    def shown(self) -> tuple[Page, ...]:
        """The account's pages, or the one that stands in when none is configured."""
        return self.pages or (
            Page(name=self.name, url="status", cards=(Card(name="Services", services=self.services),)),
        )

    def derive(self, *path: str) -> str:
        """The id of the thing that ``path`` names within this account."""
        return str(uuid5(UUID(self.uuid), "/".join(path)))

    @classmethod
    def of(cls, services: Iterable[str]) -> Account:
        """An account with these services on one page."""
        return cls(services=tuple(services))

    @classmethod
    def sample(cls) -> Account:
        """A small shop with two cards of services, a page of components for its developers, and one subscriber each."""
        return cls(
            name="Acme",
            services=("Website", "Checkout", "Payments", "Search", "Public API", "Webhooks"),
            pages=(
                Page(
                    name="Acme",
                    url="acme",
                    cards=(
                        Card("Shop", ("Website", "Checkout", "Payments", "Search")),
                        Card("Developers", ("Public API", "Webhooks")),
                    ),
                    subscribers=("reader@example.com",),
                ),
                Page(
                    name="Acme Platform",
                    url="platform",
                    components=("Dashboard", Group("API", ("Orders", "Catalog"))),
                    subscribers=("developer@example.com",),
                ),
            ),
        )

    @classmethod
    def load(cls, path: Path) -> Account:
        """Read an account from a YAML or JSON file.

        Raises:
            OSError: the file cannot be read.
            ValueError: its content is not an account; the message names the file and the place in it.
        """
        try:
            content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
            return msgspec.convert(content, cls)
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise ValueError(f"{path}: {error}") from error


def _duplicates(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
