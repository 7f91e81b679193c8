"""A status page of Checkly's v3 API: components of its own, each with an impact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec.structs import replace

from bridge.checkly.cache import MAX_AGE_MS, RECHECK_AFTER_MS
from bridge.checkly.errors import Gone, Nowhere, Rejected
from bridge.checkly.paging import entries, entries_after, only_reading
from bridge.checkly.v1 import wire
from bridge.checkly.v3 import wire as wire_v3
from bridge.checkly.v3.components import PAGES, RemoteComponent, TargetMissing, find_component, find_page
from bridge.model import Impact, Intent, Phase
from bridge.telemetry import Event, log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from bridge.checkly.client import Client
    from bridge.checkly.port import Guard
    from bridge.checkly.v3.components import Directory
    from bridge.config.schema import Service
    from bridge.core.remote import RemoteIncident, RemoteUpdate


class V3StatusPage:
    """The port's adapter for the page that the configuration calls ``reference``.

    ``configured`` is asked on each use, so that a changed configuration counts at once. Every method raises Nowhere
    when the account has no such page.
    """

    def __init__(
        self, client: Client, directory: Directory, reference: str, configured: Callable[[], Mapping[str, Service]]
    ) -> None:
        self._client = client
        self._directory = directory
        self._reference = reference
        self._configured = configured

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        """Create the incident. Configured components that the page lacks are left out and reported.

        Raises:
            Nowhere: The page has none of them.
        """
        path = await self._incidents()

        async def post(impacts: Mapping[str, Impact]) -> Any:
            body = {
                "name": intent.name,
                "componentImpacts": wire_v3.impacts_body(impacts),
                "incidentUpdates": [wire.update_body(intent)],
            }
            return await self._client.request("POST", path, json=body, guard=guard)

        return wire_v3.incident(await self._with_components(intent.impacts, {}, post))

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        """The incident with its updates; raises Gone when it does not exist."""
        answer = await self._client.request("GET", await self._path(remote_id), guard=guard)
        return self._translate(answer, await self._components())

    async def change(
        self,
        current: RemoteIncident,
        intent: Intent,
        *,
        without: Collection[str] = (),  # noqa: ARG002 - the signature is the port's: impacts tell of services
        guard: Guard | None = None,
    ) -> RemoteIncident:
        """Set the impacts of the intent's services, and leave other components as they are in ``current``.

        What a change leaves out becomes OPERATIONAL: so these are sent along, and ``current`` should be fresh.
        """
        path = await self._path(current.id)

        async def put(impacts: Mapping[str, Impact]) -> Any:
            body = {"name": current.name or intent.name, "componentImpacts": wire_v3.impacts_body(impacts)}
            return await self._client.request("PUT", path, json=body, guard=guard)

        return wire_v3.incident(await self._with_components(intent.impacts, current.components, put))

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        """Append an incident update."""
        path = f"{await self._path(remote_id)}/incident-updates"
        return wire.update(await self._client.request("POST", path, json=wire.update_body(intent), guard=guard))

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        """The page's incidents that are not resolved, among the 5,000 that its list gives first; without updates.

        Never raises Gone: a missing list says nothing about an incident.
        """
        path = await self._incidents()
        with only_reading():
            listed = await entries(self._client, path, guard=guard)
        components = await self._components()
        found = [self._translate(entry, components) for entry in listed]
        return [incident for incident in found if incident.status is not Phase.RESOLVED]

    async def listed(self, cursor: str = "", *, guard: Guard | None = None) -> tuple[list[RemoteIncident], str]:
        """A hundred incidents of the page, resolved ones too, without updates. Never raises Gone."""
        path = await self._incidents()
        with only_reading():
            found, following = await entries_after(self._client, path, cursor, guard=guard)
        components = await self._components()
        return [self._translate(entry, components) for entry in found], following

    async def _incidents(self) -> str:
        return f"{PAGES}/{quote(await self._page_id(), safe='')}/incidents"

    async def _path(self, remote_id: str) -> str:
        return f"{await self._incidents()}/{quote(remote_id, safe='')}"

    async def _page_id(self) -> str:
        with only_reading():
            pages = await self._directory.pages()
        try:
            return find_page(self._reference, pages).id
        except TargetMissing:
            with only_reading():
                pages = await self._directory.pages(max_age_ms=RECHECK_AFTER_MS)
        try:
            return find_page(self._reference, pages).id
        except TargetMissing as error:
            raise Nowhere(f"nothing to publish on: {error}") from error

    async def _components(self, *, max_age_ms: int = MAX_AGE_MS) -> tuple[RemoteComponent, ...]:
        page_id = await self._page_id()
        with only_reading():
            return await self._directory.components(page_id, max_age_ms=max_age_ms)

    async def _with_components(
        self,
        impacts: Mapping[str, Impact],
        standing: Mapping[str, Impact],
        write: Callable[[Mapping[str, Impact]], Awaitable[Any]],
    ) -> Any:
        """Write the impacts of these services, and of other components as they stand, by id.

        If the write is refused for certain and the page's components have changed since they were read, write once
        more, with what they are now.
        """
        wanted = {**standing, **await self._impacts(impacts, max_age_ms=MAX_AGE_MS)}
        try:
            return await write(wanted)
        except (Gone, Rejected):
            ids = {each.id for each in await self._components(max_age_ms=0)}
            now = {id_: impact for id_, impact in standing.items() if id_ in ids}
            now.update(await self._impacts(impacts, max_age_ms=MAX_AGE_MS))
            if now == wanted:
                raise
        return await write(now)

    async def _impacts(self, wanted: Mapping[str, Impact], *, max_age_ms: int) -> dict[str, Impact]:
        """What each component is to show, by id: the worst of its services'."""
        components = await self._components(max_age_ms=max_age_ms)
        found, missing = self._choose(wanted, components)
        if missing:
            recent = await self._components(max_age_ms=min(max_age_ms, RECHECK_AFTER_MS))
            found, missing = self._choose(wanted, recent)
        for reason in missing:
            log(Event.SERVICE_MISSING, reason=reason)
        if not found:
            raise Nowhere("nothing to publish on: " + "; ".join(missing or ["no services given"]))
        return found

    def _choose(
        self, wanted: Mapping[str, Impact], components: tuple[RemoteComponent, ...]
    ) -> tuple[dict[str, Impact], list[str]]:
        found: dict[str, Impact] = {}
        missing: list[str] = []
        for name, impact in wanted.items():
            ids, lacking = self._ids(name, components)
            missing += lacking
            for id_ in ids:
                found[id_] = max(impact, found.get(id_, impact))
        return found, missing

    def _ids(self, name: str, components: tuple[RemoteComponent, ...]) -> tuple[list[str], list[str]]:
        """The ids of a configured service's components on this page, and what is wrong with others."""
        service = self._configured().get(name)
        targets = [each for each in service.components if each.page == self._reference] if service else []
        if not targets:
            return [], [f"service {name!r} is not configured for page {self._reference!r} any more"]
        ids: list[str] = []
        missing: list[str] = []
        for target in targets:
            try:
                ids.append(find_component(target, components).id)
            except TargetMissing as error:
                missing.append(f"service {name!r}: {error}")
        return ids, missing

    def _translate(self, data: object, components: Iterable[RemoteComponent]) -> RemoteIncident:
        """An incident in terms of the configured services that this page shows."""
        found = wire_v3.incident(data)
        components = tuple(components)
        ids = {
            name: named
            for name, service in self._configured().items()
            if any(each.page == self._reference for each in service.components)
            if (named := self._ids(name, components)[0])
        }
        shown = found.components
        impacts = {name: max(shown.get(id_, Impact.OPERATIONAL) for id_ in named) for name, named in ids.items()}
        peers = {
            name: frozenset(other for other in ids if other != name and not set(ids[other]).isdisjoint(named))
            for name, named in ids.items()
        }
        return replace(
            found,
            impacts=impacts,
            concerns=frozenset(name for name, impact in impacts.items() if impact),
            peers={name: others for name, others in peers.items() if others},
        )
