"""One history of alerts lived through twice: under a policy that withholds and delays, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from bridge.config.schema import Budget
from bridge.core.actions import in_force
from bridge.core.gate import BUDGETS, MAILS, Spent, asked, gate, paid
from bridge.core.lifecycle import Step, WriteTo, decide
from bridge.core.planning import DATE_STEP_MS, is_mailed
from bridge.core.results import Conflict, Withhold
from bridge.flap import Span
from bridge.model import Impact, Phase, Policy, Severity, UpdateKind, Write
from bridge.orders import Order, Orders, Verb
from tests.unit.core.lifecycle_harness import MINUTE, RETENTION_MS, SERVICES, LifecycleHarness, intent
from tests.unit.transitions import after, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.flap import Flap

ALL_SPENT: Final = dict.fromkeys(BUDGETS, Spent(1_000, 1_000))
ROOM: Final = "room"
BUDGET_STATES: Final[dict[str, tuple[Budget, Mapping[str, Spent]]]] = {
    ROOM: (Budget(), {}),
    "full": (Budget(), ALL_SPENT),
    "full, quiet": (Budget(over="quiet"), ALL_SPENT),
    "full, observed": (Budget(mode="observe"), ALL_SPENT),
    "no mails": (Budget(), {MAILS: ALL_SPENT[MAILS]}),
}


class WithheldHarness(LifecycleHarness):
    """An incident whose writes ask the gate, on a page where someone else's incident may be open."""

    def __init__(self, policy: Policy, *, page: str, notify: frozenset[UpdateKind]) -> None:
        super().__init__(policy, page=page)
        self.notify = notify
        self.budget = ROOM
        self.is_theirs = False
        self._withheld: dict[str, int] = {}

    @property
    def orders(self) -> Orders:
        """Those in force."""
        return in_force(self.incident, self.now)

    def decide(self) -> Step:
        self.incident = replace(self.incident, summary=self.alerts.summary)
        orders = self.orders
        step = decide(
            self.incident,
            self.policy,
            self.now,
            retention_ms=RETENTION_MS,
            pages_of=dict.fromkeys(SERVICES, (self.page,)),
            withheld=self._withheld,
        )
        self.incident = replace(self.incident, orders=replace(orders, retry=None))  # the others are over, or obeyed
        return step

    def settle(self) -> LifecycleHarness:
        self._withheld = {}
        return super().settle()

    def _take(self, step: Step) -> None:
        if not isinstance(step, WriteTo):
            return super()._take(step)
        planned, (budget, spent) = step.planned, BUDGET_STATES[self.budget]
        decision = gate(asked(self.post, planned, self.notify), self.orders, budget, spent, alone=True)
        if decision.withholds:
            first = decision.reasons[0]
            why = Withhold(first.name, first.detail, until=decision.until, by=first.by)
            self.put(after(self.post, why, now=self.now))
            self._withheld[self.page] = decision.until
            return None
        if not self.page_works:
            return super()._take(step)
        if self.is_theirs and planned.write is Write.OPEN:
            self.put(after(self.post, Conflict("theirs"), now=self.now))
            return None
        self.written.append(planned)
        write = replace(intent(planned), notify=is_mailed(planned, self.notify))
        write = paid(write, decision, self.notify, self.incident.id, self.post.paid_at)
        self.put(written(self.post, write, self.post.remote_id or f"remote-{len(self.episodes)}"))
        return None


class TwoRuns:
    """The same alerts, clock and outages of the page with a policy (``kept``) and without (``free``)."""

    def __init__(self, policy: Policy, page: str, notify: frozenset[UpdateKind]) -> None:
        self.policy = policy
        self.kept = WithheldHarness(policy, page=page, notify=notify)
        self.free = LifecycleHarness(replace(policy, flap=None), page=page)
        self.alerts = self.free.alerts = self.kept.alerts
        self.kept.retry_ms = self.free.retry_ms = MINUTE
        self.answers_at = 0  # from then on the page has been tried again after its last trouble
        self.late: list[str] = []

    def fire(self, service: str = "checkout", severity: Severity = Severity.MAJOR) -> None:
        self.alerts.fire(self.now, service, severity)
        self._settle()

    def clear(self, service: str | None = None) -> None:
        self.alerts.clear(self.now, service)
        self._settle()

    def acknowledge(self) -> None:
        self.alerts.acknowledge()
        self._settle()

    def hold(self, count: int) -> None:
        self.alerts.hold(count)
        self._settle()

    def after(self, ms: int) -> None:
        """Let time pass; each run is woken when it asked for it, and at no other time."""
        end = self.now + ms
        while self.now < end:
            due = (self.kept.next_at, self.free.next_at, *self._deadlines(), end)
            now = min(at for at in due if at is not None and self.now < at <= end)
            self.kept.now = self.free.now = now
            for run in (self.kept, self.free):
                if run.next_at is not None and run.next_at <= now:
                    run.settle()
            self._note_what_is_late()

    def page_works(self, works: bool) -> None:
        if works and not self.kept.page_works:
            self.answers_at = self.now + MINUTE
        self.kept.page_works = self.free.page_works = works

    def theirs(self, is_open: bool) -> None:
        """Someone else's incident is open for the same, or is over: nobody is woken by that."""
        self.kept.is_theirs = is_open

    def budget(self, state: str) -> None:
        """Room in a budget wakes what waits for it."""
        self.kept.budget = state
        self._settle_kept()

    def order(self, verb: Verb, for_ms: int = 0) -> None:
        """What the store would not take of an operator changes nothing."""
        orders, run = self.kept.orders, self.kept
        fires, is_open, taken = bool(self.alerts.firing), run.post.is_open, orders.take_over is not None
        given = Order(by="alice", at=self.now, until=self.now + for_ms if for_ms else 0)
        match verb:
            case Verb.HOLD:
                orders = replace(orders, hold=given, publish=None)
            case Verb.RELEASE:
                orders = replace(orders, hold=None)
            case Verb.PUBLISH if fires and not taken and not is_open:
                orders = replace(orders, publish=given, dismiss=None)
            case Verb.DISMISS if fires and not is_open:
                orders = replace(orders, dismiss=given, publish=None)
            case Verb.RESOLVE if is_open and not taken:
                orders = replace(orders, resolve=given)
            case Verb.TAKE_OVER if fires or is_open:
                orders = replace(orders, take_over=given)
            case Verb.HAND_BACK:
                orders = replace(orders, take_over=None)
            case Verb.RETRY:
                orders = replace(orders, retry=given)
        run.incident = replace(run.incident, orders=orders)
        self._settle_kept()

    def end_all_causes(self) -> None:
        """What a person ended stays so until it has cleared and fires anew; everything else ends by itself."""
        self.page_works(works=True)
        self.theirs(is_open=False)
        self.budget(ROOM)
        if (hold := self.kept.orders.hold) is not None and not hold.until:
            self.order(Verb.RELEASE)
        self.order(Verb.HAND_BACK)
        self.hold(0)
        orders = self.kept.orders
        if orders.dismiss or orders.resolve or self.kept.post.closed_at is not None:
            firing = self.alerts.firing
            self.clear()
            self.after(1)
            for service, severity in firing.items():
                self.fire(service, severity)
        self.after(60 * MINUTE)

    def shown(self, run: LifecycleHarness) -> tuple[bool, Phase, Severity | None, set[str], dict[str, Impact]] | bool:
        """What readers see of what fires; whether it is open, where nothing does."""
        post, firing = run.post, self.alerts.firing
        if not firing:
            return post.is_open
        impacts = {name: impact for name, impact in post.impacts.items() if name in firing}
        return post.is_open, post.status, post.severity, set(post.services) & firing.keys(), impacts

    @property
    def now(self) -> int:
        return self.kept.now

    def _settle(self) -> None:
        self.free.settle()
        self._settle_kept()

    def _settle_kept(self) -> None:
        self.kept.settle()
        self._note_what_is_late()

    def _deadlines(self) -> tuple[int, ...]:
        flap, cleared_at = self.policy.flap, self.alerts.cleared_at
        spans = (self.policy.resolve_after_ms, flap.settle_ms if flap else 0)
        return tuple(cleared_at + span for span in spans)

    def _note_what_is_late(self) -> None:
        """Keep that the end is due, and shown by the page without the policy, but not with it."""
        kept, alerts = self.kept, self.alerts
        if not kept.post.is_open or self.free.post.is_open or alerts.firing or alerts.held:
            return
        is_troubled = not kept.page_works or self.now < self.answers_at
        must_wait = self.now < kept.post.public_at + DATE_STEP_MS  # for a later date than that of the last update
        if is_troubled or must_wait or kept.orders.take_over is not None:
            return
        flap, due_at = self.policy.flap, alerts.cleared_at + self.policy.resolve_after_ms
        if flap and self._may_flap(flap):
            due_at = max(due_at, alerts.cleared_at + flap.settle_ms)
        if self.now >= due_at:
            self.late.append(f"due {self.now - due_at} ms ago: {kept.told}, {kept.incident.orders}")

    def _may_flap(self, flap: Flap) -> bool:
        """Whether so many returns came so fast, ever, and what fired last was short: no other end may be late."""
        last = Span(self.alerts.firing_since, self.alerts.cleared_at)
        starts = [span.since for span in (*self.alerts.earlier, last)]
        groups = zip(starts, starts[flap.returns - 1 :], strict=False)
        return last.ms < flap.settle_ms and any(nth < first + flap.within_ms for first, nth in groups)
