"""Which of the steps of incidents goes first when the budget is short. Pure."""

from __future__ import annotations

from bridge.core.lifecycle import CheckClosed, CheckDuplicates, FindExisting, ReadBack, WriteTo
from bridge.model import Phase, Post, Priority, Write

_OVER = frozenset({Phase.MONITORING, Phase.RESOLVED})


def priority_of(step: WriteTo | ReadBack | CheckClosed | CheckDuplicates | FindExisting) -> Priority:
    """The priority of all that a step asks of Checkly: a look after a write has that of the write."""
    if isinstance(step, CheckClosed | CheckDuplicates | FindExisting):
        return Priority.LOOK
    post = step.progress.posts.get(step.page, Post())
    planned = step.planned if isinstance(step, WriteTo) else post.intent
    # Nothing that the page shows fires: whatever the step is, the end waits for it.
    is_quiet = post.is_open and post.clocks.quiet_at > 0
    if is_quiet or step.progress.phase in _OVER or (planned is not None and planned.status in _OVER):
        return Priority.END
    is_new = planned is not None and planned.write is Write.OPEN
    return Priority.CHANGE if post.is_open and not is_new else Priority.OPENING
