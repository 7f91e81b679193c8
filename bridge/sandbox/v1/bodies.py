"""The request bodies of the v1 API, as strict as its OpenAPI document, and stricter where that is silent.

Unknown keys, empty texts and repeated services are refused: a client that sends them is not sure what it says.
What the document lets a client send although the server sets it (ids, ``created_at``, ``duration``) is ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from bridge.sandbox.incidents import Severity, Status
from bridge.sandbox.reading import Name
from bridge.sandbox.updates import UpdateBody


class ServiceRef(Struct, kw_only=True, forbid_unknown_fields=True):
    """A service of an incident. The contract wants three fields, although the id alone decides."""

    id: UUID
    name: str
    account_id: UUID = field(name="accountId")
    created_at: str | None = None
    updated_at: str | None = None


class UpdateV1(UpdateBody, kw_only=True):
    """An incident update; its status may be left out."""

    id: UUID | None = None
    created_at: str | None = None


class IncidentBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident's new content, always in full."""

    name: Name
    severity: Severity
    services: Annotated[list[ServiceRef], Meta(min_length=1)]
    id: UUID | None = None
    created_at: str | None = None
    updated_at: str | None = None
    last_update_status: Status | None = field(name="lastUpdateStatus", default=None)
    duration: int | None = None

    def __post_init__(self) -> None:
        if len({service.id for service in self.services}) < len(self.services):
            raise ValueError("`services` contains a duplicate value")

    @property
    def service_ids(self) -> tuple[str, ...]:
        """The services' ids in the order sent."""
        return tuple(str(service.id) for service in self.services)


class NewIncidentBody(IncidentBody, kw_only=True):
    """A new incident with its first update."""

    updates: Annotated[list[UpdateV1], Meta(min_length=1, max_length=1)] = field(name="incidentUpdates")


class SeverityBody(Struct, forbid_unknown_fields=True):
    """What Checkly's own command line sends by PATCH, which no document mentions."""

    severity: Severity


class ServiceBody(Struct, forbid_unknown_fields=True):
    """A service's name."""

    name: Name


class SubscriptionBody(Struct, forbid_unknown_fields=True):
    """One subscriber: for the only type there is, ``config`` is the mail address."""

    type: Literal["EMAIL"]
    config: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class SubscriptionsBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 100 subscribers."""

    subscriptions: Annotated[list[SubscriptionBody], Meta(min_length=1, max_length=100)]
    auto_verify: bool = field(name="autoVerify", default=False)
