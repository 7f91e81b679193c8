"""Who posts an update on the page of our incident takes it over, where the configuration says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.actions import take_over_on_page
from bridge.store import Outcome
from bridge.telemetry import ACTIONS, Event, log

if TYPE_CHECKING:
    from bridge.core.remote import RemoteUpdate
    from bridge.store import Store


async def take_over(store: Store, incident_id: str, posted: RemoteUpdate) -> bool:
    """Give the order as an operator would; whether it was given now.

    Not if the incident was taken over already, or has been handed back since. Raises StoreUnavailable.
    """
    action = take_over_on_page(posted.id, posted.created_at)
    result = await store.act(incident_id, action)
    if result.outcome is Outcome.DONE:
        ACTIONS.labels(action.verb, result.outcome).inc()
        log(Event.OPERATOR_ACTED, operator=action.by, verb=action.verb, incident=incident_id, outcome=result.outcome)
    return result.outcome is Outcome.DONE
