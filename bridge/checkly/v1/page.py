"""Status pages of Checkly's v1 API: services of the account, and a severity.

An incident belongs to services, not to a page: it shows on every page that shows one of them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from bridge.checkly.cache import MAX_AGE_MS, RECHECK_AFTER_MS
from bridge.checkly.errors import Gone, NotSent, RateLimited, Rejected
from bridge.checkly.paging import entries, entries_after, only_reading
from bridge.checkly.v1 import wire
from bridge.checkly.v1.services import Catalog, RemoteService, ServiceMissing, find
from bridge.model import Intent, Phase
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from bridge.checkly.client import Client
    from bridge.checkly.port import Guard
    from bridge.config.schema import Service
    from bridge.core.remote import RemoteIncident, RemoteUpdate

INCIDENTS = "/v1/status-pages/incidents"
NAMES_MAX_AGE_MS = 24 * 3_600_000  # an id keeps its service

_T = TypeVar("_T")


class V1StatusPage:
    """The port's adapter. ``configured`` is asked on each use, so that a changed configuration counts at once."""

    def __init__(self, client: Client, catalog: Catalog, configured: Callable[[], Mapping[str, Service]]) -> None:
        self._client = client
        self._catalog = catalog
        self._configured = configured

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        """Create the incident. Configured services that the account lacks are left out and reported.

        Raises:
            Rejected: Also when the account has none of them.
        """

        async def post(services: tuple[RemoteService, ...]) -> RemoteIncident:
            body = wire.incident_body(intent.name, intent.severity, services)
            body["incidentUpdates"] = [wire.update_body(intent)]
            return wire.incident(await self._client.request("POST", INCIDENTS, json=body, guard=guard))

        return await self._with_services(intent.services, (), post)

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        """The incident with its updates, and, if the account's services can be read, what it concerns.

        Raises Gone when it does not exist.
        """
        found = wire.incident(await self._client.request("GET", _path(remote_id), guard=guard))
        with suppress(NotSent, RateLimited), only_reading():
            return self._translate(found, self._names(await self._catalog.services(max_age_ms=NAMES_MAX_AGE_MS)))
        return found

    async def change(
        self, current: RemoteIncident, intent: Intent, *, without: Collection[str] = (), guard: Guard | None = None
    ) -> RemoteIncident:
        """Replace the incident: v1 knows no partial change and no version, so ``current`` should be fresh."""

        async def put(services: tuple[RemoteService, ...]) -> RemoteIncident:
            services = tuple(each for each in services if each.id in current.services or each.id not in without)
            body = wire.incident_body(current.name or intent.name, intent.severity, services)
            return wire.incident(await self._client.request("PUT", _path(current.id), json=body, guard=guard))

        return await self._with_services(intent.services, current.services, put)

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        """Append an incident update."""
        path = f"{_path(remote_id)}/incident-updates"
        return wire.update(await self._client.request("POST", path, json=wire.update_body(intent), guard=guard))

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        """The account's incidents that are not resolved, among the 5,000 that its list gives first.

        Never raises Gone: a missing list says nothing about an incident.
        """
        with only_reading():
            found = [wire.incident(entry) for entry in await entries(self._client, INCIDENTS, guard=guard)]
            known = await self._catalog.services()
        names = self._names(known)
        return [self._translate(incident, names) for incident in found if incident.status is not Phase.RESOLVED]

    async def listed(self, cursor: str = "", *, guard: Guard | None = None) -> tuple[list[RemoteIncident], str]:
        """A hundred incidents of the account, resolved ones too; services are not translated. Never raises Gone."""
        with only_reading():
            found, following = await entries_after(self._client, INCIDENTS, cursor, guard=guard)
        return [wire.incident(entry) for entry in found], following

    @staticmethod
    def _translate(found: RemoteIncident, names: Mapping[str, str]) -> RemoteIncident:
        """An incident in terms of the configured services."""
        return replace(found, concerns=frozenset(names[id_] for id_ in found.services if id_ in names))

    def _names(self, known: tuple[RemoteService, ...]) -> dict[str, str]:
        """Which configured service each of the account's is, by id."""
        names = {}
        for name in self._configured():
            with suppress(ServiceMissing):
                names[self._find(name, known).id] = name
        return names

    async def _with_services(
        self, names: Iterable[str], ids: Iterable[str], write: Callable[[tuple[RemoteService, ...]], Awaitable[_T]]
    ) -> _T:
        """Write with the services of these configured names and Checkly ids.

        If the write is refused for certain and the account's services have changed since they were read (one was
        renamed or deleted), write once more, with what they are now.
        """
        names, ids = tuple(names), tuple(ids)
        services = await self._services(names, ids, max_age_ms=MAX_AGE_MS)
        try:
            return await write(services)
        except (Gone, Rejected):
            now = await self._services(names, ids, max_age_ms=0)
            if now == services:
                raise
        return await write(now)

    async def _services(
        self, names: tuple[str, ...], ids: tuple[str, ...], *, max_age_ms: int
    ) -> tuple[RemoteService, ...]:
        with only_reading():
            known = await self._catalog.services(max_age_ms=max_age_ms)
            found, missing = self._choose(names, ids, known)
            if missing:
                recent = await self._catalog.services(max_age_ms=min(max_age_ms, RECHECK_AFTER_MS))
                found, missing = self._choose(names, ids, recent)
        for reason in missing:
            log(Event.SERVICE_MISSING, reason=reason)
        if not found:
            raise Rejected("nothing to publish on: " + "; ".join(missing or ["no services given"]))
        return found

    def _choose(
        self, names: tuple[str, ...], ids: tuple[str, ...], known: tuple[RemoteService, ...]
    ) -> tuple[tuple[RemoteService, ...], list[str]]:
        """The services to send, each once, and why others are missing."""
        by_id = {service.id: service for service in known}
        found = {id_: by_id[id_] for id_ in ids if id_ in by_id}
        missing = [f"the incident's service {id_} is not on the account any more" for id_ in ids if id_ not in by_id]
        for name in names:
            try:
                service = self._find(name, known)
            except ServiceMissing as error:
                missing.append(str(error))
            else:
                found[service.id] = service
        return tuple(found.values()), missing

    def _find(self, name: str, known: tuple[RemoteService, ...]) -> RemoteService:
        wanted = self._configured().get(name)
        if wanted is None or not wanted.in_v1:
            raise ServiceMissing(f"service {name!r} is not in the configuration any more")
        return find(wanted, known)


def _path(remote_id: str) -> str:
    return f"{INCIDENTS}/{quote(remote_id, safe='')}"
