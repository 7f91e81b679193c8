"""The account's services, and which of them a configured service means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.checkly.cache import MAX_AGE_MS, Cached
from bridge.checkly.paging import entries
from bridge.messages import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.checkly.client import Client
    from bridge.config.schema import Service

PATH = "/v1/status-pages/services"


class RemoteService(Struct, frozen=True, kw_only=True):
    """A service of the account: the three fields that Checkly wants back in an incident."""

    id: str
    name: str
    account_id: str


class ServiceMissing(LookupError):
    """A configured service is not, or not clearly, one of the account's; the message says which and what is near."""


class Catalog:
    """The account's services, remembered for a while. ``clock`` gives milliseconds and never runs backwards."""

    def __init__(self, client: Client, *, clock: Callable[[], int]) -> None:
        self._client = client
        self._services = Cached(self._read, clock=clock)

    async def services(self, *, max_age_ms: int = MAX_AGE_MS) -> tuple[RemoteService, ...]:
        """All services, as of at most ``max_age_ms`` before this call. Raises ChecklyError."""
        return await self._services.get(max_age_ms=max_age_ms)

    async def _read(self) -> tuple[RemoteService, ...]:
        return _services(await entries(self._client, PATH))


def find(wanted: Service, services: Iterable[RemoteService]) -> RemoteService:
    """The account's service that ``wanted`` means.

    Raises:
        ServiceMissing: There is none, or its name is not unique.
    """
    services = tuple(services)
    if wanted.id is not None:
        found = [service for service in services if service.id == wanted.id]
        what = f"id {wanted.id}"
    else:
        found = [service for service in services if service.name == wanted.display]
        what = f"named {wanted.display!r}"
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(service.id for service in found)
        raise ServiceMissing(
            f"service {wanted.name!r}: the account has {len(found)} services {what}; give one's id ({ids})"
        )
    raise ServiceMissing(f"service {wanted.name!r}: the account has no service {what}{_near(wanted, services)}")


def _near(wanted: Service, services: tuple[RemoteService, ...]) -> str:
    if not services:
        return "; it has no services at all"
    return near((wanted.display, wanted.name), [service.name for service in services])


def near(wanted: Iterable[str], names: Iterable[str]) -> str:
    """The end of a message that something was not found: which names come close."""
    known = tuple(names)
    found = [each for name in wanted for each in nearest(name, known, count=3, cutoff=0.6)]
    if not found:
        return "; `bridge services` lists what it has"
    return "; did you mean " + " or ".join(map(repr, dict.fromkeys(found))) + "?"


def _services(found: Iterable[dict[str, object]]) -> tuple[RemoteService, ...]:
    services = []
    for entry in found:
        match entry:
            case {"id": str(id_), "name": str(name), "accountId": str(account_id)}:
                services.append(RemoteService(id=id_, name=name, account_id=account_id))
    return tuple(services)
