"""Everything one simulator holds, and the acts on it that the APIs and the control endpoint share."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from bridge.sandbox.catalog import Catalog
from bridge.sandbox.faults import Faults
from bridge.sandbox.history import Incidents
from bridge.sandbox.impacts import PageIncident, Phase
from bridge.sandbox.incidents import Incident, Origin, Severity, Status, Update
from bridge.sandbox.records import Call, Mail, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.sandbox.account import Account
    from bridge.sandbox.catalog import AnyPage
    from bridge.sandbox.components import Component, ComponentPage
    from bridge.sandbox.impacts import AnyIncident, Impact

CALLS_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFields:
    """An update before it is posted; ``public_at`` None means now."""

    description: str
    status: Status | None = None
    public_at: int | None = None
    notify: bool = False


class State:
    """The simulated account: what it shows, what was called, what goes wrong next.

    Args:
        account: what it starts from, and returns to on ``reset``.
        wall_ms: milliseconds since the epoch.
        ids: a new UUID at each call.
    """

    def __init__(self, account: Account, wall_ms: Callable[[], int], ids: Callable[[], str]) -> None:
        self.account = account
        self.wall_ms = wall_ms
        self.new_id = ids
        self._released = asyncio.Event()
        self._holding = 0
        self.reset()

    def reset(self) -> None:
        """Start over from the account: no incidents, calls, mails, faults, rules; held calls go on.

        ``incidents`` are those of the account, ``page_incidents`` those of the pages of components. ``rules`` tells,
        by the name of each rule of Checkly's own that has fired, its last incident's id.
        """
        self.release()
        self.catalog = Catalog(self.account, self.wall_ms())
        turns = count(1)
        self.incidents: Incidents[Incident] = Incidents(turns)
        self.page_incidents: Incidents[PageIncident] = Incidents(turns)
        self.rules: dict[str, str] = {}
        self.faults = Faults()
        self.settings = Settings()
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.mails: list[Mail] = []
        self.recent: deque[int] = deque()

    async def hold(self) -> None:
        """Wait until the next ``release``."""
        released = self._released
        self._holding += 1
        try:
            await released.wait()
        finally:
            self._holding -= 1

    def release(self) -> int:
        """Let every held call go on; returns how many there were."""
        self._released.set()
        self._released = asyncio.Event()
        return self._holding

    def everything(self) -> list[AnyIncident]:
        """All incidents of both generations, the most recently updated first."""
        both: list[AnyIncident] = [*self.incidents.latest_first(), *self.page_incidents.latest_first()]
        return sorted(both, key=lambda incident: incident.order, reverse=True)

    def find(self, incident_id: str, at: int | None = None) -> AnyIncident | None:
        """The incident with this id at that time, of whichever generation."""
        return self.incidents.get(incident_id, at) or self.page_incidents.get(incident_id, at)

    def on(self, page: ComponentPage, at: int | None = None) -> list[PageIncident]:
        """All incidents that this page had at that time, the most recently updated first."""
        return [incident for incident in self.page_incidents.latest_first(at) if incident.page_id == page.id]

    @property
    def list_at(self) -> int | None:
        """The instant whose state lists show; None: now."""
        return self.wall_ms() - self.settings.list_lag_ms if self.settings.list_lag_ms else None

    @property
    def read_at(self) -> int | None:
        """The instant whose state reads by id show; None: now."""
        return self.wall_ms() - self.settings.read_lag_ms if self.settings.read_lag_ms else None

    def open(
        self, name: str, severity: Severity, service_ids: tuple[str, ...], first: UpdateFields, origin: Origin = "api"
    ) -> Incident:
        """Create an incident with its first update and mail the subscribers if that asks for it."""
        now = self.wall_ms()
        incident = Incident(
            id=self.new_id(),
            name=name,
            severity=severity,
            service_ids=service_ids,
            created_at=now,
            updated_at=now,
            origin=origin,
        )
        self.post(incident, first)
        return incident

    def open_on(
        self, page: ComponentPage, name: str, impacts: Mapping[str, Impact], first: UpdateFields, origin: Origin = "api"
    ) -> PageIncident:
        """As ``open``, on one page; its components suffer from the first update's public date on."""
        now = self.wall_ms()
        began = self._public_date(first)
        incident = PageIncident(
            id=self.new_id(),
            name=name,
            page_id=page.id,
            created_at=now,
            updated_at=now,
            phases=[Phase(component, impact, began) for component, impact in impacts.items()],
            origin=origin,
        )
        self.post(incident, first)
        return incident

    def post(self, incident: AnyIncident, fields: UpdateFields) -> Update:
        """Append an update and mail the subscribers if it asks for it. Without a status the last one stands.

        Raises:
            ValueError: the incident may not have such an update.
        """
        update = Update(
            id=self.new_id(),
            description=fields.description,
            status=fields.status or (incident.status if incident.updates else "INVESTIGATING"),
            public_at=self._public_date(fields),
            created_at=self.wall_ms(),
            notify=fields.notify,
        )
        incident.put(update)
        self.touch(incident)
        if update.notify:
            self._mail(incident, update)
        return update

    def revise(self, incident: AnyIncident, update: Update, fields: UpdateFields) -> Update:
        """Edit an update; nobody is mailed again. Fields that are None stay.

        Raises:
            ValueError: the incident may not have such an update.
        """
        revised = Update(
            id=update.id,
            description=fields.description,
            status=fields.status or update.status,
            public_at=update.public_at if fields.public_at is None else self._public_date(fields),
            created_at=update.created_at,
            notify=fields.notify,
        )
        incident.put(revised)
        self.touch(incident)
        return revised

    def touch(self, incident: AnyIncident) -> None:
        """Keep ``incident`` as the most recently updated one."""
        if isinstance(incident, Incident):
            self.incidents.touch(incident, self.wall_ms())
        else:
            self.page_incidents.touch(incident, self.wall_ms())

    def delete(self, incident: AnyIncident) -> None:
        """Remove the incident with all its updates."""
        store = self.incidents if isinstance(incident, Incident) else self.page_incidents
        store.delete(incident.id, self.wall_ms())

    def remove_component(self, page: ComponentPage, component: Component) -> None:
        """Take it off the page and out of its incidents."""
        page.remove(component)
        for incident in self.on(page):
            incident.phases = [phase for phase in incident.phases if phase.component_id != component.id]

    def pages_of(self, incident: AnyIncident) -> list[AnyPage]:
        """The pages whose readers see the incident, and whose subscribers are mailed about it."""
        if isinstance(incident, Incident):
            return [*self.catalog.pages_with(incident.service_ids)]
        return [page for page in self.catalog.component_pages.values() if page.id == incident.page_id]

    def _public_date(self, fields: UpdateFields) -> int:
        at = self.wall_ms() if fields.public_at is None else fields.public_at
        return at // 1000 * 1000 if self.settings.whole_seconds else at

    def _mail(self, incident: AnyIncident, update: Update) -> None:
        self.mails += [
            Mail(
                at=update.created_at,
                page=page.url,
                to=subscriber.address,
                incident=incident.id,
                update=update.id,
                subject=f"[{page.name}] {update.status.capitalize()}: {incident.name}",
                text=update.description,
            )
            for page in self.pages_of(incident)
            for subscriber in page.subscribers.values()
            if subscriber.verified
        ]
