"""Operators' actions: facts of an incident, each stored by one atomic script that any replica may run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bridge.core.actions import said
from bridge.orders import Verb
from bridge.store import scripts
from bridge.store.results import ActionResult, Outcome

if TYPE_CHECKING:
    from bridge.core.actions import Action
    from bridge.store.write_concern import WriteConcern

_encode = msgspec.msgpack.Encoder().encode


class Acting:
    """Takes actions in. Raises StoreUnavailable, NotDurable before anything is written, NotReplicated when it is."""

    def __init__(self, run: Callable[..., Awaitable[Any]], write_concern: WriteConcern) -> None:
        self._run = run
        self._write_concern = write_concern

    async def act(self, id_: str, action: Action) -> ActionResult:
        """Store what an operator wants done with an incident, and make it due: whoever works on it carries it out.

        What became of it: only `Outcome.DONE` and `Outcome.REPEAT` leave anything to be carried out.
        """
        if action.verb is Verb.SAY:
            action = replace(action, text=said(action.text))
        await self._write_concern.demand()
        _, outcome, why, by, revision, phase = await self._run(scripts.ACT, id_, _encode(action), replicated=True)
        return ActionResult(
            outcome=Outcome(outcome.decode()),
            why=why.decode(),
            by=by.decode(),
            revision=revision,
            phase=phase.decode().partition("+")[0],
        )
