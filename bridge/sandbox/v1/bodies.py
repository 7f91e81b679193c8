"""The request bodies of the v1 API, as strict as its OpenAPI document, and stricter where that is silent.

Unknown keys, empty texts and repeated services are refused: a client that sends them is not sure what it says.
What the document lets a client send although the server sets it (ids, ``created_at``, ``duration``) is ignored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct, field
from starlette.exceptions import HTTPException

from bridge.sandbox.incidents import Severity, Status

Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Moment = Annotated[datetime, Meta(tz=True)]
Body = TypeVar("Body")


class ServiceRef(Struct, kw_only=True, forbid_unknown_fields=True):
    """A service of an incident. The contract wants three fields, although the id alone decides."""

    id: UUID
    name: str
    account_id: UUID = field(name="accountId")
    created_at: str | None = None
    updated_at: str | None = None


class UpdateBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident update to post, or the new content of one."""

    description: Text
    status: Status | None = None
    public_at: Moment | None = field(name="publicIncidentUpdateDate", default=None)
    notify: bool = field(name="notifySubscribers", default=False)
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

    updates: Annotated[list[UpdateBody], Meta(min_length=1, max_length=1)] = field(name="incidentUpdates")


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


class Paging(Struct, forbid_unknown_fields=True):
    """The query of a list. ``cursor`` is opaque to clients: it is the number of entries to pass over."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[int, Meta(ge=0)] = field(name="nextId", default=0)
    paginated: Literal["true"] = "true"


def decode(body: bytes, kind: type[Body]) -> Body:
    """Read a JSON body as ``kind``; answers 400 with the reason and the JSON path when it is not one."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:  # malformed JSON and, as its subclass, a wrong shape
        raise HTTPException(400, str(error)) from error


def convert(values: Any, kind: type[Body]) -> Body:
    """Read a query's strings as ``kind``; answers 400 with the reason when they are not one."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise HTTPException(400, str(error)) from error
