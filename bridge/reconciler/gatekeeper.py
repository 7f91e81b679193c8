"""Asking the gate: what is spent comes from the store, what it decides is counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.gate import (
    MAIL_REASON,
    MAILS,
    OPENS,
    REASON,
    Ask,
    Decision,
    Word,
    asked,
    gate,
    names,
    paid,
    tokens,
    unused_end,
)
from bridge.model import Incident, Intent, Post
from bridge.store import Store, Tokens
from bridge.telemetry import GATE, Event, log_throttled

if TYPE_CHECKING:
    from bridge.config.live import LiveConfig
    from bridge.core.planning import PlannedWrite

LEAVE = Decision(word=Word.GO)


class Gatekeeper:
    """Stands between a step that an incident is to take and the page. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, config: LiveConfig) -> None:
        self._store = store
        self._config = config

    async def decide(self, incident: Incident, page: str, post: Post, planned: PlannedWrite) -> Decision:
        """Whether this write may go now. What asks for nothing, or where budgets are off, may."""
        config = self._config.current
        ask = None if config.budgets is None else asked(post, planned, config.checkly.notify)
        if ask is None or config.budgets is None:
            return LEAVE
        # as it waits by: what is one kind to the store must be one to the gate, or one waits behind another for nothing
        ask = replace(ask, severity=max(incident.summary.services.values(), default=ask.severity))
        spent = await self._store.spent(page, incident, own=names(incident.id, post.paid_at) if ask.opens else ())
        publishing = frozenset({*config.publishing, incident.route})
        decision = gate(ask, config.budgets.of(page), spent, alone=len(publishing) == 1)
        _count(ask, decision)
        if decision.withholds:
            example = {"incident": incident.key, "incident_id": incident.id, "detail": decision.detail}
            log_throttled(Event.INCIDENT_WITHHELD, route=incident.route, reason=REASON, example=example)
        return decision

    def pay(self, incident: Incident, post: Post, intent: Intent, decision: Decision) -> Intent:
        """The write as it may go out."""
        if self._config.current.budgets is None:
            return intent
        return paid(intent, decision, self._config.current.checkly.notify, incident.id, post.paid_at)


def taken(incident: Incident, page: str, intent: Intent, decision: Decision) -> Tokens:
    """What the write takes of the budgets, all or none, as it is recorded."""
    takes = decision.take if intent.opens or intent.notify else ()
    return Tokens(
        take=tuple(
            (each.budget, page, each.limit.of_all, each.limit.of_route, tokens(each, incident.id, intent))
            for each in takes
        ),
        trips=tripped(page, decision),
    )


def tripped(page: str, decision: Decision) -> tuple[tuple[str, str], ...]:
    """The budget that had no room."""
    return ((page, decision.tripped),) if decision.tripped else ()


def unsent(incident: Incident, page: str, before: Post, after: Post) -> tuple[tuple[str, str, str], ...]:
    """The tokens of a recorded write that certainly was not sent; none if it was, or may have been."""
    intent = before.intent
    if intent is None or after.intent is not None or after.updates > before.updates:
        return ()
    name, _ = names(incident.id, intent.paid_at or intent.recorded_at)
    return (
        *([(OPENS, page, name)] if intent.opens else []),
        *([(MAILS, page, name)] if intent.notify else []),
        *([(MAILS, page, intent.end_token)] if intent.end_token else []),
    )


def unmailed(before: Incident, posts: dict[str, Post]) -> tuple[tuple[str, str, str], ...]:
    """The tokens for mails of ends that will not be sent, by the posts as they are now."""
    kept = {post.end_token for post in posts.values()}
    free = ((page, unused_end(post, posts.get(page, Post()))) for page, post in before.progress.posts.items())
    return tuple((MAILS, page, token) for page, token in free if token and token not in kept)


def _count(ask: Ask, decision: Decision) -> None:
    if ask.opens:
        GATE.labels(REASON, Word.WITHHOLD if decision.word is Word.WITHHOLD else Word.GO).inc()
    if ask.mails and decision.word is not Word.WITHHOLD:
        GATE.labels(MAIL_REASON, decision.word).inc()
