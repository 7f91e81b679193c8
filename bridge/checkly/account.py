"""The account and its status pages, for commands that check or explain a setup; nothing here is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.checkly.errors import UnknownOutcome
from bridge.checkly.paging import entries
from bridge.json_values import dicts, text

if TYPE_CHECKING:
    from bridge.checkly.client import Client


class Account(Struct, frozen=True, kw_only=True):
    """The account that the key belongs to. ``communicate`` is its tier of the status-page add-on."""

    id: str
    name: str = ""
    plan: str = ""
    communicate: str = ""


class Page(Struct, frozen=True, kw_only=True):
    """A status page of the v1 API. ``url`` is its name in Checkly's own domain, ``domain`` its own domain or empty.

    ``services`` are the ids of those on its cards. ``version`` is Checkly's number for its generation (None: not told).
    """

    id: str
    name: str
    url: str
    domain: str = ""
    private: bool
    services: frozenset[str]
    version: float | None = None


async def account(client: Client) -> Account:
    """The account, and by that a check of key and account id.

    Raises:
        Unauthorized: The key or the account id is wrong.
        ChecklyError: As for any call.
    """
    data = await client.request("GET", "/v1/accounts/me")
    match data:
        case {"id": str(id_)}:
            return Account(
                id=id_,
                name=text(data, "name"),
                plan=text(data, "planDisplayName") or text(data, "plan"),
                communicate=text(data, "addons", "communicate", "tier"),
            )
    raise UnknownOutcome("GET /v1/accounts/me: the answer is not an account with an id")


async def pages(client: Client) -> list[Page]:
    """The status pages that the v1 API knows. Raises ChecklyError."""
    return [
        Page(
            id=entry["id"],
            name=text(entry, "name"),
            url=text(entry, "url"),
            domain=text(entry, "customDomain"),
            private=entry.get("isPrivate") is True,
            services=frozenset(_shown(entry)),
            version=_number(entry, "version"),
        )
        for entry in await entries(client, "/v1/status-pages")
    ]


def _shown(page: dict[str, Any]) -> list[str]:
    """The ids of the services on a page's cards."""
    return [
        service["id"]
        for card in dicts(page.get("cards"))
        for service in dicts(card.get("services"))
        if isinstance(service.get("id"), str)
    ]


def _number(data: dict[str, Any], key: str) -> float | None:
    value = data.get(key)
    return value if isinstance(value, int | float) else None
