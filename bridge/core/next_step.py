"""What happens to an incident next, in words for a person: when, what, who is mailed, and the text to be published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.core import gate
from bridge.core.actions import in_force
from bridge.core.attention import held_by
from bridge.core.flapping import flapping
from bridge.core.foresight import Foreseen, NextWrite, foresee
from bridge.core.lifecycle import ENDED
from bridge.core.planning import OPEN_PHASES, signature
from bridge.model import Intent, Phase, Post, UpdateKind, Write
from bridge.orders import NO_ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.config.schema import Config
    from bridge.core.view import PagesOf
    from bridge.model import Incident, Withheld
    from bridge.orders import Order

NOBODY: Final = "nobody"
_SOON_MS: Final = 120_000  # until then a person counts seconds
_UNLESS_CLEARED: Final = "unless it clears"
_UNLESS_FIRING: Final = "unless something fires"


class NextStep(Struct, frozen=True, kw_only=True):
    """What happens ``at`` that instant (None: nothing by time alone) if no fact changes until then.

    ``mails`` names the pages whose subscribers get a mail. ``text`` is what would be published, word for word, of an
    incident of that ``name``.
    """

    at: int | None
    what: str
    mails: str = NOBODY
    text: str | None = None
    name: str | None = None


def next_step(incident: Incident, config: Config, now: int, *, pages_of: PagesOf, paused: bool = False) -> NextStep:
    """What the lifecycle will do next. ``paused``: Checkly refuses the key, so that nothing is written."""
    posts = incident.progress.posts
    withheld = {page: post.withheld.until for page, post in posts.items() if post.withheld is not None}
    foreseen = foresee(incident, config, now, pages_of=pages_of, withheld=withheld)
    waiting = foresee(incident, config, now, pages_of=pages_of) if withheld and foreseen.at is None else None
    told = _Told(incident, config, now)
    ordered = _as_ordered(incident, told, config, pages_of) if told.orders != NO_ORDERS else None
    if ordered is not None:
        return ordered
    if waiting is not None and waiting.writes:
        kept = dict.fromkeys(_kept_back(post.withheld) for post in posts.values() if post.withheld)
        return _of_writes(None, "; ".join(kept), waiting.writes, config)
    if foreseen.at is None:
        return NextStep(at=None, what=told.nothing())
    if paused and (foreseen.writes or foreseen.reads_back):
        what = "waits: Checkly refuses the key; a person must renew it"
        return _of_writes(None, what, foreseen.writes, config)
    if foreseen.writes:
        return _of_writes(foreseen.at, told.writes(foreseen.writes, foreseen.at), foreseen.writes, config)
    if foreseen.reads_back:
        return _of_read_back(foreseen, foreseen.at, told)
    return NextStep(at=foreseen.at, what=told.end(foreseen, foreseen.at))


def _as_ordered(incident: Incident, told: _Told, config: Config, pages_of: PagesOf) -> NextStep | None:
    """What the orders in force make of the writes to come; None: they keep none back."""
    orders, free = told.orders, foresee(incident, config, told.now, pages_of=pages_of)
    first = {each.page: each for each in reversed(free.writes)}
    opens = bool(first) and all(each.intent.opens for each in first.values())
    if (taken := orders.take_over) is not None and free.writes:
        return _of_writes(None, _handed_back(taken.by, taken.reason), free.writes, config)
    if taken is not None or not opens or free.at is None or orders.publish is not None:
        return None
    if (dismissed := orders.dismiss) is not None:
        return NextStep(at=None, what=f"nothing: dismissed by {_and_why(dismissed.by, dismissed.reason)}")
    hold = orders.hold
    if hold is None or 0 < hold.until <= free.at:
        return None
    if not hold.until:
        what = f"nothing until an operator releases it: {_and_why(hold.by, hold.reason)}"
        return _of_writes(None, what, free.writes, config)
    return _of_writes(hold.until, told.held(hold), free.writes, config)


def _kept_back(withheld: Withheld) -> str:
    """What a post waits for that the gate keeps back without an end."""
    if withheld.reason == gate.TAKEN_OVER:
        return _handed_back(withheld.by, withheld.detail)
    if withheld.reason == gate.OPERATOR:
        return f"nothing until an operator releases it: {_and_why(withheld.by, withheld.detail)}"
    return f"waits until there is room in the budget: {withheld.detail}"


def _handed_back(by: str, reason: str) -> str:
    return f"nothing until it is handed back: {_and_why(f'{by} has taken it over', reason)}"


def _and_why(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _of_writes(at: int | None, what: str, writes: Sequence[NextWrite], config: Config) -> NextStep:
    text = next((each.intent.text for each in writes if each.intent.text), None)
    name = next((each.intent.name for each in writes), None)
    return NextStep(at=at, what=what, mails=_mails(writes, config), text=text, name=name)


def _of_read_back(foreseen: Foreseen, at: int, told: _Told) -> NextStep:
    page = foreseen.reads_back
    post = foreseen.progress.posts[page]
    intent = post.intent
    if intent is None:
        raise AssertionError("only a recorded write is read back")
    mails = f"the subscribers of {page}, unless they were already" if intent.notify else NOBODY
    return NextStep(
        at=at, what=told.read_back(post, intent, page, at), mails=mails, text=intent.text or None, name=intent.name
    )


def _mails(writes: Iterable[NextWrite], config: Config) -> str:
    """Whose subscribers get a mail, and whether a budget may still be in the way of it."""
    mailed = [each for each in writes if each.intent.notify]
    if not mailed:
        return NOBODY
    names = " and ".join(dict.fromkeys(each.page for each in mailed))
    asks = [each for each in mailed if _asks_for_mail(each, config)]
    return f"the subscribers of {names}{', if the mail budget has room' if asks else ''}"


def _asks_for_mail(write: NextWrite, config: Config) -> bool:
    if config.budgets is None or config.budgets.of(write.page).observes:
        return False
    ask = gate.asked(write.post, write.planned, config.checkly.notify)
    return ask is not None and ask.mails > 0


class _Told:
    """The words for what is to come."""

    def __init__(self, incident: Incident, config: Config, now: int) -> None:
        self._incident = incident
        self._config = config
        self.now = now
        self.orders = in_force(incident, now)

    def held(self, hold: Order) -> str:
        """That it is published once the time is over for which an operator holds it."""
        return f"publishes {self._when(hold.until)} {_UNLESS_CLEARED}: on hold by {_and_why(hold.by, hold.reason)}"

    def nothing(self) -> str:
        """Why nothing will happen by time alone."""
        return self._flapping(self._nothing())

    def _flapping(self, what: str) -> str:
        """The same, and that it flaps, if it does."""
        incident, config = self._incident, self._config
        policy = config.policy_of(incident.route)
        flaps = flapping(incident.summary, policy, self.now, retention_ms=config.retention_ms).is_on
        is_going_on = incident.summary.firing or incident.progress.phase in OPEN_PHASES
        return f"flapping: {what}" if flaps and is_going_on else what

    def _nothing(self) -> str:
        summary, progress = self._incident.summary, self._incident.progress
        ongoing = [post for post in progress.posts.values() if post.closed_at is not None]
        if any(post.theirs_at is not None for post in ongoing):
            return "nothing: closed by hand, and opened again by someone else, who is to end it"
        if ongoing and progress.phase not in ENDED:
            return "nothing: closed by hand, until all of its alerts have cleared and one fires anew"
        if summary.held and not summary.firing:
            return "waits until the alerts that are held fire or resolve"
        return "nothing until its alerts change"

    def writes(self, writes: Sequence[NextWrite], at: int) -> str:
        """What is written then. Pages to which the same happens are named together."""
        same: dict[str, list[str]] = {}
        for page in dict.fromkeys(each.page for each in writes):
            same.setdefault(self._on([each for each in writes if each.page == page], at), []).append(page)
        is_one = len({*self._config.pages, *(each.page for each in writes)}) == 1
        told = "; ".join(what if is_one else f"on {', '.join(pages)}: {what}" for what, pages in same.items())
        return self._flapping(told)

    def _on(self, writes: Sequence[NextWrite], at: int) -> str:
        """What is written on one page; an update tells of the change beside it."""
        when, first = self._when(at), writes[0]
        post = self._incident.progress.posts.get(first.page, Post())
        told = [each for each in writes if each.planned.write is not Write.CHANGE] or writes
        verb, *more = dict.fromkeys(_verb(each.intent, each.post) for each in told)
        then = "".join(f", then {each}" for each in more)
        if post.second_writer:
            return f"withheld: {held_by(post.second_writer)}; looked at again {when}"
        if post.retry.parked is not None and post.retry.is_parked(signature(first.planned)):
            return f"refused by the page: {post.retry.parked}; a person must act; tried again {when}: {verb}{then}"
        if post.retry.attempts and at == max(post.retry.at, self.now):
            return f"tried again {when}, after {post.retry.attempts} failures in a row: {verb}{then}"
        return f"{verb} {when}{self._unless(told[0].intent, at)}{then}"

    def _unless(self, intent: Intent, at: int) -> str:
        """What may come between now and then."""
        if at <= self.now:
            return ""
        if intent.opens:
            return f" {_UNLESS_CLEARED}"
        is_end = intent.status in {Phase.MONITORING, Phase.RESOLVED}
        return f" {_UNLESS_FIRING if is_end else 'unless its alerts change'}"

    def read_back(self, post: Post, intent: Intent, page: str, at: int) -> str:
        """What becomes of a write without an outcome."""
        where = "" if len({*self._config.pages, page}) == 1 else f"on {page}: "
        verb = _verb(intent, post)
        if intent.unknown_at is None:
            return f"{where}is being written: {verb}"
        return f"{where}looks {self._when(at)} whether the write arrived whose answer was lost: {verb}"

    def end(self, foreseen: Foreseen, at: int) -> str:
        """What becomes of it without a write."""
        when = self._when(at)
        if foreseen.is_forgotten:
            return f"forgotten {when} {_UNLESS_FIRING}"
        unless = f" {_UNLESS_FIRING}" if at > self.now else ""
        word = "is discarded" if foreseen.progress.phase is Phase.DISCARDED else "is over"
        reason = foreseen.progress.note or "closed by hand"
        return f"{word} {when}{unless}, and nothing is written: {reason}"

    def _when(self, at: int) -> str:
        """``now``, ``in 42 s``, ``at 12:40 UTC``, or with its date on another day."""
        if at <= self.now:
            return "now"
        if at < self.now + _SOON_MS:
            return f"in {-(-(at - self.now) // 1000)} s"
        then, today = (datetime.fromtimestamp(each / 1000, UTC) for each in (at, self.now))
        return f"at {then:{'%H:%M' if then.date() == today.date() else '%Y-%m-%d %H:%M'}} UTC"


def _verb(intent: Intent, post: Post) -> str:
    """What a write does to the post before it."""
    if intent.write is Write.OPEN:
        return "publishes"
    if intent.write is Write.CHANGE:
        return "changes severity, services or impacts"
    if intent.kind is UpdateKind.OPEN:
        return "opens it again"
    if intent.status is Phase.RESOLVED:
        return "resolves"
    if intent.kind is UpdateKind.SEVERITY:
        return f"changes the severity to {intent.severity.name}"
    if intent.public_note:
        return "posts a person's words"
    return f"goes to {intent.status}" if post.status is not intent.status else "posts an update"
