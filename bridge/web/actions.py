"""``POST /api/incidents/{id}/actions``: what an operator wants done with an incident."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from bridge.orders import Verb
from bridge.store import Outcome
from bridge.telemetry import ACTIONS, Event, log
from bridge.web.asked_action import read
from bridge.web.json_body import json_body
from bridge.web.responses import HTTPError, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.core.actions import Action
    from bridge.store import ActionResult

_ID = re.compile(r"[0-9A-Z]{1,64}")
_TO_CARRY_OUT = (Outcome.DONE, Outcome.REPEAT)


class ActingStore(Protocol):
    """What acting needs of the store."""

    async def act(self, id_: str, action: Action, /) -> ActionResult:
        """Store what an operator wants done with an incident. Raises StoreUnavailable."""
        ...


class ActionsApi:
    """The endpoint; ``view`` shows an incident by its id, ``on_change`` is called when one became due."""

    def __init__(
        self,
        store: ActingStore,
        view: Callable[[str], Awaitable[Mapping[str, Any] | None]],
        *,
        on_change: Callable[[], None] | None,
    ) -> None:
        self._store = store
        self._view = view
        self._on_change = on_change

    async def act(self, request: Request, operator: str) -> Response:
        """Store the action, and answer 202 with the incident as it then stands. Raises HTTPError."""
        if request.app.state.stopping:
            raise HTTPError(503, "stopping", "the bridge is shutting down; try again")
        action = read(await json_body(request), operator)
        id_ = request.path_params["id"].upper()
        if not _ID.fullmatch(id_):
            raise HTTPError(404, "not_found", "no incident has this id")
        result = await self._store.act(id_, action)
        ACTIONS.labels(action.verb, result.outcome).inc()
        log(Event.OPERATOR_ACTED, operator=operator, verb=action.verb, incident=id_, outcome=result.outcome)
        if result.outcome not in _TO_CARRY_OUT:
            raise _refusal(result)
        if self._on_change is not None:
            self._on_change()
        return json_response(await self._view(id_) or {"id": id_}, 202)


def _refusal(result: ActionResult) -> HTTPError:
    if result.outcome is Outcome.NOT_FOUND:
        return HTTPError(404, "not_found", result.why)
    changed = {"revision": result.revision, "phase": result.phase or None, "by": result.by or None}
    return HTTPError(409, result.outcome, result.why, changed=changed)


def start_at_zero() -> None:
    """Show each verb's counter before its first action: a series that begins with one has no increase to see."""
    for verb in Verb:
        ACTIONS.labels(verb, Outcome.DONE)
