"""Asking the gate: what is spent comes from the store, what it decides is counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.actions import in_force
from bridge.core.gate import (
    FLAPPING,
    MAIL_REASON,
    MAILS,
    OPENS,
    OPERATOR,
    REASON,
    TAKEN_OVER,
    Ask,
    Decision,
    Word,
    asked,
    gate,
    names,
    paid,
    tokens,
    unused_end,
    without_mail,
)
from bridge.core.planning import is_mailed
from bridge.model import Incident, Intent, Post, UpdateKind
from bridge.store import Store, Tokens
from bridge.telemetry import GATE, Event, log_throttled

if TYPE_CHECKING:
    from bridge.config.live import LiveConfig
    from bridge.core.planning import PlannedWrite


class Gatekeeper:
    """Stands between a step that an incident is to take and the page. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, config: LiveConfig) -> None:
        self._store = store
        self._config = config

    async def decide(self, incident: Incident, page: str, post: Post, planned: PlannedWrite, now: int) -> Decision:
        """Whether this write may go now. What asks for nothing may, unless somebody has taken over."""
        config = self._config.current
        ask, orders = asked(post, planned, config.checkly.notify), in_force(incident, now)
        flaps = planned.is_quiet and planned.kind is not UpdateKind.RESOLVED
        if flaps and is_mailed(replace(planned, is_quiet=False), config.checkly.notify):
            GATE.labels(FLAPPING, Word.QUIET).inc()
        if ask is None or config.budgets is None:
            decision = gate(ask, orders, None, {}, alone=True)
            _tell(incident, ask, decision)
            return decision
        # as it waits by: what is one kind to the store must be one to the gate, or one waits behind another for nothing
        ask = replace(ask, severity=max(incident.summary.services.values(), default=ask.severity))
        own = names(incident.id, post.paid_at) if ask.opens else ()
        spent, lifted = await self._store.spent(page, incident, own=own)
        publishing = frozenset({*config.publishing, incident.route})
        decision = gate(ask, orders, config.budgets.of(page), spent, alone=len(publishing) == 1, lifted=lifted)
        _tell(incident, ask, decision)
        return decision

    def is_overruled(self, incident: Incident, post: Post, planned: PlannedWrite, intent: Intent, now: int) -> bool:
        """Whether operators ordered otherwise since the gate let this write go: reading the page may take long."""
        ask = asked(post, planned, self._config.current.checkly.notify)
        decision = gate(ask, in_force(incident, now), None, {}, alone=True)
        return decision.withholds or (decision.is_quiet and intent.notify)

    def pay(self, incident: Incident, post: Post, intent: Intent, decision: Decision) -> Intent:
        """The write as it may go out."""
        if self._config.current.budgets is None:
            return without_mail(intent) if decision.is_quiet else intent
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


def _tell(incident: Incident, ask: Ask | None, decision: Decision) -> None:
    """Count the decision by each of its reasons, and log that it withholds."""
    said = {each.name: each.word for each in decision.reasons}
    for name in (TAKEN_OVER, OPERATOR):
        if name in said:
            GATE.labels(name, said[name]).inc()
    taken = {each.budget for each in decision.take}
    if ask is not None and ask.opens and (REASON in said or OPENS in taken):
        GATE.labels(REASON, said.get(REASON, Word.GO)).inc()
    if decision.word is not Word.WITHHOLD and (MAIL_REASON in said or MAILS in taken):
        GATE.labels(MAIL_REASON, said.get(MAIL_REASON, Word.GO)).inc()
    if decision.withholds:
        reason = decision.reasons[0].name
        example = {"incident": incident.key, "incident_id": incident.id}
        if reason == REASON:  # what an operator wrote of it is for colleagues
            example["detail"] = decision.detail
        log_throttled(Event.INCIDENT_WITHHELD, route=incident.route, reason=reason, example=example)
