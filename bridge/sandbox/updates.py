"""The routes for the updates of an incident, which the generations of the API share but for details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox.incidents import Status
from bridge.sandbox.instants import instant, iso
from bridge.sandbox.reading import Moment, Text, bad_request, decode, named
from bridge.sandbox.state import UpdateFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from bridge.sandbox.impacts import AnyIncident
    from bridge.sandbox.incidents import Update
    from bridge.sandbox.state import State

UPDATES_LISTED = 100


class UpdateBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident update to post, or the new content of one."""

    description: Text
    status: Status | None = None
    public_at: Moment | None = field(name="publicIncidentUpdateDate", default=None)
    notify: bool = field(name="notifySubscribers", default=False)

    def update_fields(self) -> UpdateFields:
        """What it asks for."""
        public_at = None if self.public_at is None else instant(self.public_at)
        return UpdateFields(description=self.description, status=self.status, public_at=public_at, notify=self.notify)


class UpdateRoutes:
    """Reading and writing updates; every endpoint's errors are ``HTTPException``.

    Args:
        state: the account.
        incident: finds the incident that a request's path names, as it was at an instant (None: now).
        body: what the generation takes as an update.
        created: the status that answers a new one.
    """

    def __init__(
        self,
        state: State,
        incident: Callable[[Request, int | None], AnyIncident],
        body: type[UpdateBody],
        created: int,
    ) -> None:
        self._state = state
        self._incident = incident
        self._body = body
        self._created = created

    def routes(self, incident: str) -> list[BaseRoute]:
        """All routes, below the path of an incident."""
        all_, one = f"{incident}/incident-updates", f"{incident}/incident-updates/{{update}}"
        return [
            Route(all_, self.list, methods=["GET"]),
            Route(all_, self.create, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.replace, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """A bare array, newest first, without paging."""
        incident = self._incident(request, self._state.read_at)
        listed = self._state.find(incident.id, self._state.list_at)
        newest_first = listed.updates[::-1] if listed else []
        return JSONResponse([to_json(update) for update in newest_first[:UPDATES_LISTED]])

    async def create(self, request: Request) -> Response:
        """RESOLVED closes the incident, any other status re-opens a closed one."""
        incident, fields = self._incident(request, None), decode(await request.body(), self._body).update_fields()
        check_date(self._state, fields, incident.created_at)
        with bad_request():
            return JSONResponse(to_json(self._state.post(incident, fields)), self._created)

    async def read(self, request: Request) -> Response:
        """One update."""
        return JSONResponse(to_json(self._update(request, self._incident(request, self._state.read_at))))

    async def replace(self, request: Request) -> Response:
        """Edit an update; nobody is mailed again."""
        incident = self._incident(request, None)
        update, fields = self._update(request, incident), decode(await request.body(), self._body).update_fields()
        check_date(self._state, fields, incident.created_at)
        with bad_request():
            return JSONResponse(to_json(self._state.revise(incident, update, fields)))

    async def delete(self, request: Request) -> Response:
        """Refuses to delete the only one."""
        incident = self._incident(request, None)
        with bad_request():
            incident.drop(self._update(request, incident))
        self._state.touch(incident)
        return Response(status_code=204)

    def _update(self, request: Request, incident: AnyIncident) -> Update:
        return named(request, "update", incident.find)


def check_date(state: State, fields: UpdateFields, created_at: int) -> None:
    """Refuse an update whose public date is earlier than its incident, if the account is set so.

    Raises:
        HTTPException: with the status that the setting names.
    """
    refused, at = state.settings.early_date, fields.public_at
    if refused is not None and at is not None and at < created_at:
        raise HTTPException(refused, "`publicIncidentUpdateDate` cannot be earlier than the incident's `created_at`")


def to_json(update: Update) -> dict[str, Any]:
    """An incident update in JSON."""
    return {
        "id": update.id,
        "description": update.description,
        "status": update.status,
        "publicIncidentUpdateDate": iso(update.public_at),
        "notifySubscribers": update.notify,
        "created_at": iso(update.created_at),
    }
