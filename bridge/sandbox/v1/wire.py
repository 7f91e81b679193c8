"""The v1 API's JSON: how the state is spelled in answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox.instants import iso
from bridge.sandbox.updates import to_json

if TYPE_CHECKING:
    from bridge.sandbox.catalog import Page, Service
    from bridge.sandbox.incidents import Incident
    from bridge.sandbox.state import State
    from bridge.sandbox.subscribers import Subscriber

Json = dict[str, Any]


class Wire:
    """Spells the records of one state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def account(self) -> Json:
        """The answer to "who am I"."""
        account = self._state.account
        return {
            "id": account.uuid,
            "name": account.name,
            **self._plan(),
            "settings": {},
            "alertSettings": {},
            "features": [],
        }

    def entitlements(self) -> Json:
        """The account's plan; it includes nothing but status pages."""
        return {**self._plan(), "locations": {"all": []}, "entitlements": []}

    def service(self, service: Service) -> Json:
        """A service, alone or within an incident or card."""
        return {
            "id": service.id,
            "name": service.name,
            "accountId": self._state.account.uuid,
            "created_at": iso(service.created_at),
            "updated_at": None if service.updated_at is None else iso(service.updated_at),
        }

    def page(self, page: Page) -> Json:
        """A status page with its cards."""
        return {
            "id": page.id,
            "name": page.name,
            "url": page.url,
            "customDomain": None,
            "defaultTheme": "AUTO",
            "isPrivate": page.private,
            "version": 2,
            "cards": [
                {
                    "id": card.id,
                    "name": card.name,
                    "created_at": iso(page.created_at),
                    "updated_at": None,
                    "services": [self.service(service) for service in self._state.catalog.existing(card.service_ids)],
                }
                for card in page.cards
            ],
        }

    def listed_page(self, page: Page) -> Json:
        """A status page in the list, which tells more than the page alone."""
        account, created = self._state.account.uuid, iso(page.created_at)
        return {**self.page(page), "accountId": account, "created_at": created, "updated_at": None}

    def incident(self, incident: Incident) -> Json:
        """An incident with its updates, newest first."""
        return {
            "id": incident.id,
            "name": incident.name,
            "severity": incident.severity,
            "lastUpdateStatus": incident.status,
            "services": [self.service(service) for service in self._state.catalog.existing(incident.service_ids)],
            "incidentUpdates": [to_json(update) for update in reversed(incident.updates)],
            "duration": incident.duration_s,
            "created_at": iso(incident.created_at),
            "updated_at": iso(incident.updated_at),
        }

    def subscriber(self, subscriber: Subscriber) -> Json:
        """A page's subscription."""
        return {
            "id": subscriber.id,
            "type": "EMAIL",
            "address": subscriber.address,
            "status": "VERIFIED" if subscriber.verified else "PENDING",
            "created_at": iso(subscriber.created_at),
            "updated_at": iso(subscriber.created_at),
        }

    def _plan(self) -> Json:
        plan = self._state.account.plan
        addons = {"communicate": {"tier": "team", "tierDisplayName": "Communicate Team"}}
        return {"plan": plan, "planDisplayName": plan.capitalize(), "addons": addons}
