"""The gate between an incident's phase and a page: may this become public now, and may it mail? Pure.

    gate(ask, orders, budget, spent, alone) -> go | quiet | withhold, with all the reasons

Two things ask: what makes an incident visible (its creation, or the update that re-opens it), and what mails. Ends ask
for a mail at most, and never for leave; but where an operator has taken over, nothing at all is written. What the gate
decides on may be old by the time that it is recorded; so a decision names what is to be taken, and the store takes all
of it or nothing, atomically.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.planning import is_mailed
from bridge.model import Intent, Phase, Post, Severity, UpdateKind, Write

if TYPE_CHECKING:
    from bridge.config.schema import Budget
    from bridge.core.planning import PlannedWrite
    from bridge.orders import Orders

OPEN: Final = "open"
OPENS: Final = "opens_per_hour"
MAILS: Final = "mails_per_hour"
BUDGETS: Final = (OPEN, OPENS, MAILS)
TAKEN_OVER: Final = "taken_over"
OPERATOR: Final = "operator"
SECOND_WRITER: Final = "second_writer"
FLAPPING: Final = "flapping"
REASON: Final = "budget"
REASONS: Final = (TAKEN_OVER, OPERATOR, SECOND_WRITER, REASON)
"""Why a post is withheld: of several, the first is shown. A second writer is found by reading the page, not here."""
MAIL_REASON: Final = "mail_budget"
_IN_WORDS = {
    OPEN: "incidents are open",
    OPENS: "incidents were opened within an hour",
}


class Word(StrEnum):
    """What the gate says."""

    GO = "go"
    QUIET = "quiet"
    WITHHOLD = "withhold"


class Ask(Struct, frozen=True, kw_only=True):
    """What is asked for: to be made visible (``opens``), and so many ``mails``; ``severity`` is the incident's."""

    severity: Severity
    opens: bool = False
    mails: int = 0


class Spent(Struct, frozen=True):
    """How much of a budget is spent: on its page, and by the route that asks."""

    by_all: int = 0
    by_route: int = 0


class Limit(Struct, frozen=True):
    """How much of a budget may be spent in all, and by one route."""

    of_all: int
    of_route: int


_FREE = Limit(-1, -1)
_LIFTED = Limit(-2, -2)  # whatever, if the budgets are still lifted as it is recorded


class Take(Struct, frozen=True):
    """So many tokens of a budget, to be taken if that keeps to the ``limit``."""

    budget: str
    count: int
    limit: Limit


class Reason(Struct, frozen=True, kw_only=True):
    """One reason to ``word``: its ``name``, in words the ``detail``, ``by`` whom, ``until`` when (0: unknown).

    ``observed``: nobody acts upon it.
    """

    name: str
    word: Word
    detail: str = ""
    by: str = ""
    until: int = 0
    observed: bool = False


class Decision(Struct, frozen=True, kw_only=True):
    """What the gate says, with all its ``reasons``, the first to be shown; ``observed`` if nobody acts upon it.

    With it go the tokens to ``take``. ``tripped`` names the budget that has no room, unless other reasons withhold.
    """

    word: Word
    reasons: tuple[Reason, ...] = ()
    tripped: str = ""
    observed: bool = False
    take: tuple[Take, ...] = ()

    @property
    def detail(self) -> str:
        """The first reason to withhold, in words; empty if there is none."""
        return next((each.detail for each in self.reasons if each.word is Word.WITHHOLD), "")

    @property
    def until(self) -> int:
        """When to ask again; 0: when something has changed."""
        return min((each.until for each in self.reasons if each.until), default=0)

    @property
    def withholds(self) -> bool:
        """Whether nothing may be written now."""
        return self.word is Word.WITHHOLD and not self.observed

    @property
    def is_quiet(self) -> bool:
        """Whether it has to go without a mail."""
        return self.word is Word.QUIET and not self.observed


def asked(post: Post, planned: PlannedWrite, notify: Collection[UpdateKind]) -> Ask | None:
    """What a write asks the gate for; None if for nothing.

    An opening that mails takes the token for the mail of its end as well. A change of what is over comes before its
    re-opening.
    """
    if planned.kind is UpdateKind.OPEN and planned.write is not Write.CHANGE:
        mails = (1 + (UpdateKind.RESOLVED in notify)) if UpdateKind.OPEN in notify else 0
        return Ask(severity=planned.severity, opens=True, mails=mails)
    if planned.write is Write.CHANGE:
        return Ask(severity=planned.severity, opens=True) if post.status is Phase.RESOLVED else None
    if not is_mailed(planned, notify) or (planned.kind is UpdateKind.RESOLVED and not post.is_end_unpaid):
        return None
    return Ask(severity=planned.severity, mails=1)


def gate(
    ask: Ask | None,
    orders: Orders,
    budget: Budget | None,
    spent: Mapping[str, Spent],
    *,
    alone: bool,
    lifted: bool = False,
) -> Decision:
    """Whether a write may go that asks for this. ``orders`` are those in force; ``budget`` is None if there is none.

    ``alone``: no other route publishes, so that this one may have all. ``lifted``: somebody lifted the budgets.
    """
    said = _said(ask, orders)
    withheld = [each for each in said if each.word is Word.WITHHOLD]
    if ask is None:
        return Decision(word=Word.WITHHOLD if withheld else Word.GO, reasons=tuple(said))
    is_published = ask.opens and orders.publish is not None
    if any(each.word is Word.QUIET for each in said):
        ask = replace(ask, mails=0)
    decision = Decision(word=Word.GO)
    if budget is not None and (is_published or lifted):
        decision = _by_order(ask, _FREE if is_published else _LIFTED)
    elif budget is not None:
        decision = _within(ask, budget, spent, alone=alone)
    reasons = (*said, *decision.reasons)
    if withheld:
        return Decision(word=Word.WITHHOLD, reasons=reasons)
    if said and not decision.withholds:
        return replace(decision, word=Word.QUIET, reasons=reasons, observed=False)
    return replace(decision, reasons=reasons)


def _said(ask: Ask | None, orders: Orders) -> list[Reason]:
    """What operators have said: nothing at all is written, it is not to become public, or nobody is to be mailed."""
    said = []
    if (taken := orders.take_over) is not None:
        said.append(Reason(name=TAKEN_OVER, word=Word.WITHHOLD, detail=taken.reason, by=taken.by))
    if ask is None or not ask.opens:
        return said
    if (published := orders.publish) is not None:
        if published.quiet:
            said.append(Reason(name=OPERATOR, word=Word.QUIET, detail=published.reason, by=published.by))
        return said
    for order in (orders.dismiss, orders.hold):
        if order is not None:
            reason = Reason(name=OPERATOR, word=Word.WITHHOLD, detail=order.reason, by=order.by, until=order.until)
            said.append(reason)
    return said


def _by_order(ask: Ask, free: Limit) -> Decision:
    """The tokens are taken whether they are there or not, and nothing that has no room is told."""
    counts = {OPEN: int(ask.opens), OPENS: int(ask.opens), MAILS: ask.mails}
    return Decision(word=Word.GO, take=tuple(Take(name, count, free) for name, count in counts.items() if count))


def _within(ask: Ask, budget: Budget, spent: Mapping[str, Spent], *, alone: bool) -> Decision:
    """Whether there is room. What goes out where there is none takes its tokens all the same, but none for mails."""
    takes = [Take(name, 1, limit(budget, name, ask.severity, alone=alone)) for name in (OPEN, OPENS) if ask.opens]
    full = next((take for take in takes if not _has_room(take, spent)), None)
    mail = Take(MAILS, ask.mails, limit(budget, MAILS, ask.severity, alone=alone)) if ask.mails else None
    lacks_mail = mail is not None and not _has_room(mail, spent)
    over, observes = Word(budget.over), budget.observes
    reasons: tuple[Reason, ...] = ()
    if full is not None:
        reasons = (Reason(name=REASON, word=over, detail=_detail(full, spent), observed=observes),)
    elif lacks_mail:
        reasons = (Reason(name=MAIL_REASON, word=Word.QUIET, observed=observes),)
    word = over if full is not None else Word.QUIET if lacks_mail else Word.GO
    tripped = full.budget if full is not None else MAILS if lacks_mail else ""
    if word is Word.WITHHOLD and not observes:
        return Decision(word=word, reasons=reasons, tripped=tripped)
    if mail is not None and (observes or word is Word.GO):
        takes.append(mail)
    if observes or full is not None:
        takes = [Take(take.budget, take.count, _FREE) for take in takes]
    return Decision(word=word, reasons=reasons, tripped=tripped, observed=observes, take=tuple(takes))


def limit(budget: Budget, name: str, severity: Severity, *, alone: bool) -> Limit:
    """What incidents of a severity may spend of a budget: nothing of what is reserved for higher ones.

    The share of a route is of that, rounded down; what is reserved is rounded down, too.
    """
    whole: int = {OPEN: budget.open, OPENS: budget.opens_per_hour, MAILS: budget.mails_per_hour}[name]
    of_all = budget.of_all(whole, severity)
    return Limit(of_all, budget.of_route(whole, severity, is_shared=not alone))


def unused_end(before: Post, after: Post) -> str:
    """The mail token of the end that is free again, for there will be no such mail; empty if there is none."""
    if not before.end_token or before.end_token == after.end_token:
        return ""
    told = before.intent
    was_mailed = told is not None and told.status is Phase.RESOLVED and told.notify
    return "" if was_mailed else before.end_token


def paid(
    intent: Intent, decision: Decision, notify: Collection[UpdateKind], incident_id: str, paid_at: int = 0
) -> Intent:
    """The write as it may go out, with the token for the mail of its end, if it takes one."""
    if decision.is_quiet:
        intent = without_mail(intent)
    if intent.opens:
        intent = replace(intent, paid_at=paid_at)
    if not intent.opens or UpdateKind.RESOLVED not in notify:
        return intent
    mails = next((take.count for take in decision.take if take.budget == MAILS), 0)
    end_token = tokens(Take(MAILS, mails, _FREE), incident_id, intent)[1:]
    return replace(intent, end_token="".join(end_token), is_end_unpaid=not end_token)


def without_mail(intent: Intent) -> Intent:
    """The write without its mail. Who is not told of a start is not told of the end, unless an update tells of it."""
    return replace(intent, notify=False, is_untold=intent.opens and intent.notify)


def tokens(take: Take, incident_id: str, intent: Intent) -> tuple[str, ...]:
    """The names of the tokens that a write takes of a budget. What is repeated goes by those of the first try."""
    if take.budget == OPEN:
        return (incident_id,)
    return names(incident_id, intent.paid_at or intent.recorded_at)[: take.count]


def names(incident_id: str, recorded_at: int) -> tuple[str, str]:
    """The names of the tokens for a write that was recorded then, and for the mail of the end of what it opens."""
    name = f"{incident_id}.{recorded_at}"
    return name, f"{name}.end"


def _has_room(take: Take, spent: Mapping[str, Spent]) -> bool:
    used = spent.get(take.budget, Spent())
    return used.by_all + take.count <= take.limit.of_all and used.by_route + take.count <= take.limit.of_route


def _detail(full: Take, spent: Mapping[str, Spent]) -> str:
    used = spent.get(full.budget, Spent())
    if used.by_all + full.count > full.limit.of_all:
        return f"budgets.{full.budget}: {used.by_all} {_IN_WORDS[full.budget]}, {full.limit.of_all} may be"
    return (
        f"budgets.{full.budget}: {used.by_route} {_IN_WORDS[full.budget]} by this route, {full.limit.of_route} may be"
    )
