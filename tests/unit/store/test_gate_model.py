"""The gate and its tokens against a few lists: any incidents, in any order, with time and other replicas in between."""

from __future__ import annotations

import asyncio
import itertools
from fractions import Fraction
from typing import Any

import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec import Struct
from msgspec.structs import replace

from bridge.config.schema import Budget
from bridge.core.gate import BUDGETS, MAILS, OPEN, OPENS, Decision, Spent, Word, asked, gate, limit, names, paid
from bridge.core.planning import PlannedWrite
from bridge.core.results import Begun, Delay, NotFound, NotSent, Sent, Withhold
from bridge.model import V1_PAGE, Intent, Phase, Post, Progress, Severity, UpdateKind, Write, v3_page
from bridge.orders import Orders
from bridge.reconciler.attempt import intent_of
from bridge.reconciler.gatekeeper import taken, unmailed, unsent
from bridge.store import Claim, NoRoom, Store, Tokens
from bridge.store.connect import connect
from tests.unit import transitions
from tests.unit.store.builders import firing, to
from tests.unit.store.clock import Clock

HOUR_MS = 3_600_000
STEP_MS = 420_000  # no number of these is an hour
LIFT_MS = STEP_MS // 2 * 3  # nor is this, or three times this, a number of them
LEASE_MS = 1000 * HOUR_MS  # each incident has a worker of its own
BUDGET = Budget(open=3, opens_per_hour=5, mails_per_hour=6, reserve={Severity.CRITICAL: Fraction(1, 3)})
PAGES = (V1_PAGE, v3_page("shop"))
ROUTES = ("shop", "bank")
LEVELS = {"a": Severity.MAJOR, "b": Severity.CRITICAL, "c": Severity.MINOR, "d": Severity.CRITICAL}
NAMES = [f"{route}-{name}" for route in ROUTES for name in LEVELS]
NOTIFY = frozenset(UpdateKind)
EVERY = [(name, page) for name in NAMES for page in PAGES]


class Token(Struct):
    """What was taken when, by the model's clock."""

    at: int
    budget: str
    page: str
    route: str


class GateMachine(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = redis.Redis.from_url(self.url)
        self.db.flushall()
        self.client = connect(self.url)
        self.store = Store(self.client)
        self.clock = Clock(self.db)
        self.at = 0
        self.tokens: list[Token] = []
        self.latest: dict[tuple[str, str], list[Token]] = {}  # what the latest write took
        self.again: dict[tuple[str, str], list[Token]] = {}  # what it may take again, since that was not found
        self.mailed: set[tuple[str, str]] = set()  # readers of that page were mailed of the start of that
        self.lifted: dict[str, int] = {}  # until when, by the model's clock
        self.was_lifted: set[str] = set()  # these pages may have more than their budgets allow
        self.numbers = itertools.count(1)
        self.claims: dict[str, Claim] = {}
        for name in NAMES:
            route, _, letter = name.partition("-")
            routed = replace(to(name, severity=LEVELS[letter]), route=route)
            self.run(self.store.ingest([(firing(name), routed)]))
        for _ in NAMES:
            claim = self.run(self.store.claim(token="token", lease_ms=LEASE_MS))
            assert isinstance(claim, Claim)
            self.claims[claim.incident.id] = claim

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self):
        self.run(self.client.aclose())
        self.runner.close()
        self.db.close()

    def post(self, name: str, page: str) -> Post:
        return self.claims[name].incident.progress.posts.get(page, Post())

    def record(self, name: str, page: str, post: Post, tokens: Tokens) -> None:
        """What a reconciler records. Raises NoRoom."""
        claim = self.claims[name]
        posts = {**claim.incident.progress.posts, page: post}
        give = (*tokens.give, *unmailed(claim.incident, posts))
        progress = Progress(phase=Phase.INVESTIGATING, posts=posts)
        recorded = self.run(self.store.record(claim, progress, lease_ms=LEASE_MS, tokens=replace(tokens, give=give)))
        assert recorded is not None
        self.claims[name] = recorded

    def used(self, budget: str, page: str, route: str | None, *, but: str = "", opens: bool = False) -> int:
        if budget == OPEN:
            return sum(
                self.is_open(name, page) for name in NAMES if name != but and route in {None, name.partition("-")[0]}
            )
        own = self.again.get((but, page), []) if opens else []
        return sum(
            each.budget == budget
            and each.page == page
            and route in {None, each.route}
            and self.at - each.at <= HOUR_MS
            and not any(each is mine for mine in own)
            for each in self.tokens
        )

    def is_open(self, name: str, page: str) -> bool:
        post = self.post(name, page)
        return post.is_open or (post.intent is not None and post.intent.opens)

    def visible(self) -> list[tuple[str, str]]:
        return [who for who in EVERY if self.post(*who).is_open and self.post(*who).intent is None]

    def begun(self) -> list[tuple[str, str]]:
        return [who for who in EVERY if self.post(*who).intent is not None]

    def planned(self, name: str, page: str, kind: UpdateKind) -> PlannedWrite:
        is_first = kind is UpdateKind.OPEN and self.post(name, page).remote_id is None
        return PlannedWrite(
            write=Write.OPEN if is_first else Write.UPDATE,
            status=Phase.RESOLVED if kind is UpdateKind.RESOLVED else Phase.INVESTIGATING,
            kind=kind,
            severity=LEVELS[name[-1]],
            services=("checkout",),
            labels={},
            public_at=1,
        )

    def ask(self, name: str, page: str, kind: UpdateKind) -> Decision:
        ask = asked(self.post(name, page), self.planned(name, page, kind), NOTIFY)
        if ask is None:
            return Decision(word=Word.GO)
        own = names(name, self.post(name, page).paid_at) if kind is UpdateKind.OPEN else ()
        spent, lifted = self.run(self.store.spent(page, self.claims[name].incident, own))
        route = name.partition("-")[0]
        assert spent == {
            budget: Spent(*(self.used(budget, page, of, but=name, opens=bool(own)) for of in (None, route)))
            for budget in BUDGETS
        }
        assert lifted == self.is_lifted(page)
        return gate(ask, Orders(), BUDGET, spent, alone=False, lifted=lifted)

    def is_lifted(self, page: str) -> bool:
        return self.at < self.lifted.get(page, 0)

    def fits(self, name: str, tokens: Tokens, *, opens: bool) -> bool:
        """Whether what a write takes is there; what an operator has lifted is."""
        route = name.partition("-")[0]
        return all(
            self.is_lifted(page)
            if of_all < 0
            else self.used(budget, page, None, but=name, opens=opens) + len(wanted) <= of_all
            and self.used(budget, page, route, but=name, opens=opens) + len(wanted) <= of_route
            for budget, page, of_all, of_route, wanted in tokens.take
        )

    def begin(self, name: str, page: str, kind: UpdateKind, decision: Decision) -> None:
        """Record the write, as far as there is room by now."""
        planned, post, route = self.planned(name, page, kind), self.post(name, page), name.partition("-")[0]
        plain = Intent(
            write=planned.write,
            status=planned.status,
            kind=kind,
            severity=planned.severity,
            services=planned.services,
            labels={},
            name=name,
            text="words",
            notify=True,
            public_at=1,
            recorded_at=next(self.numbers),
        )
        intent = paid(plain, decision, NOTIFY, name, post.paid_at)
        tokens = taken(self.claims[name].incident, page, intent, decision)
        fits = self.fits(name, tokens, opens=intent.opens)
        try:
            self.record(name, page, transitions.after(post, Begun(intent)), tokens)
        except NoRoom:
            assert not fits
            return
        assert fits
        is_paid = kind is UpdateKind.RESOLVED and (name, page) in self.mailed
        mails = 0 if is_paid or not intent.notify else 1 + intent.opens
        counts = {OPENS: int(intent.opens), MAILS: mails}
        again = self.again.get((name, page), []) if intent.opens else []
        again = [each for each in again if self.at - each.at <= HOUR_MS]
        took, new = [], []
        for budget, count in counts.items():
            own = [each for each in again if each.budget == budget][:count]
            new += [Token(self.at, budget, page, route) for _ in range(count - len(own))]
            took += own
        self.latest[name, page] = [*took, *new]
        self.tokens += new

    @rule(
        whom=st.lists(st.sampled_from(EVERY), min_size=1, max_size=6, unique=True),
        meanwhile=st.sampled_from([None, None, None, 0, LIFT_MS]),
    )
    def replicas_race(self, whom, meanwhile):
        """All of them ask before any of them acts; in between, an operator may lift the budgets, or end that."""
        free = [who for who in whom if not self.is_open(*who) and self.post(*who).intent is None]
        decisions = {(name, page): self.ask(name, page, UpdateKind.OPEN) for name, page in free}
        for page in PAGES if meanwhile is not None else ():
            self.an_operator_lifts_the_budgets(page, meanwhile)
        for (name, page), decision in decisions.items():
            assert not (decision.withholds and meanwhile is None and self.is_lifted(page))
            if decision.withholds:
                post = transitions.after(self.post(name, page), Withhold("budget", "full"), now=1)
                self.record(name, page, post, Tokens())
            else:
                self.begin(name, page, UpdateKind.OPEN, decision)

    @precondition(lambda self: self.visible())
    @rule(data=st.data(), kind=st.sampled_from([UpdateKind.RESOLVED, UpdateKind.RESOLVED, UpdateKind.SEVERITY]))
    def what_is_visible_is_told_of_and_ends(self, data, kind):
        name, page = who = data.draw(st.sampled_from(self.visible()))
        decision = self.ask(name, page, kind)
        assert decision.word is not Word.WITHHOLD
        self.begin(name, page, kind, decision)
        intent = self.post(name, page).intent
        if kind is UpdateKind.RESOLVED and intent is not None and who in self.mailed:
            assert intent.notify, "who was told of the start is told of the end"

    @precondition(lambda self: self.begun())
    @rule(data=st.data(), outcome=st.sampled_from(["done", "done", "done", "not sent", "absent"]))
    def a_write_has_an_outcome(self, data, outcome):
        name, page = who = data.draw(st.sampled_from(self.begun()))
        post = self.post(name, page)
        intent = intent_of(post)
        if outcome == "done":
            after, give = transitions.after(post, Sent(remote_id=f"{name}-{page}")), Tokens()
            if intent.status is Phase.RESOLVED:
                self.mailed.discard(who)
            if intent.opens:
                self.again.pop(who, None)
            if intent.opens and intent.notify:
                self.mailed.add(who)
        elif outcome == "not sent":
            after = transitions.after(post, NotSent(Delay(0, is_exact=True)))
            give = Tokens(give=unsent(self.claims[name].incident, page, post, after))
            self.tokens = [each for each in self.tokens if not any(each is took for took in self.latest[who])]
            self.again[who] = [each for each in self.again.get(who, []) if any(each is kept for kept in self.tokens)]
        else:  # its process died, say, and nobody finds what it wrote: it may have been mailed, and counts
            after, give = (
                transitions.after(replace(post, intent=replace(intent, read_backs=9)), NotFound(), now=9, settle_ms=0),
                Tokens(),
            )
            if intent.opens:
                again = self.again.get(who, [])
                self.again[who] = again + [each for each in self.latest[who] if not any(each is old for old in again)]
        self.record(name, page, after, give)

    @rule(steps=st.sampled_from([1, 1, 3, 9]))
    def time_passes(self, steps):
        self.clock.advance(steps * STEP_MS)
        self.at += steps * STEP_MS

    @rule(page=st.sampled_from(PAGES), for_ms=st.sampled_from([0, LIFT_MS, 3 * LIFT_MS]))
    def an_operator_lifts_the_budgets(self, page, for_ms):
        lifted = self.run(self.store.lift([page], by="alice", reason="", for_ms=for_ms))
        assert lifted.pages == ((page,) if for_ms or self.is_lifted(page) else ())
        waiting = [name for name in NAMES if self.post(name, page).withheld is not None]
        assert lifted.due == (len(waiting) if for_ms else 0)
        self.lifted[page] = self.at + for_ms
        if for_ms:
            self.was_lifted.add(page)

    @rule()
    def another_process_takes_over(self):
        self.run(self.client.aclose())
        self.client = connect(self.url)
        self.store = Store(self.client)

    @invariant()
    def no_hour_sees_more_than_its_budgets(self):
        pages = [page for page in PAGES if page not in self.was_lifted]
        for page, route, budget in itertools.product(pages, (None, *ROUTES), (OPENS, MAILS)):
            taken_at = [
                each.at
                for each in self.tokens
                if (each.page, each.budget) == (page, budget) and route in {None, each.route}
            ]
            most = limit(BUDGET, budget, max(Severity), alone=False)
            for start in taken_at:
                busy = sum(start <= at <= start + HOUR_MS for at in taken_at)
                assert busy <= (most.of_all if route is None else most.of_route)

    @invariant()
    def no_more_than_may_be_is_open_on_a_page(self):
        most = limit(BUDGET, OPEN, max(Severity), alone=False)
        for page in set(PAGES) - self.was_lifted:
            assert self.used(OPEN, page, None) <= most.of_all
            assert all(self.used(OPEN, page, route) <= most.of_route for route in ROUTES)

    @invariant()
    def the_store_counts_who_waits(self):
        states, _ = self.run(self.store.budgets({page: dict.fromkeys(BUDGETS, (0, 0)) for page in PAGES}, ROUTES))
        for state in states:
            waiting = [name for name in NAMES if self.post(name, state.page).withheld is not None]
            assert state.waiting == len(waiting)
            assert state.spent == {budget: self.used(budget, state.page, None) for budget in BUDGETS}


def test_the_gate_keeps_its_promises(redis_url):
    class OnThisServer(GateMachine):
        url = redis_url

    run_state_machine_as_test(OnThisServer, settings=settings(max_examples=40, stateful_step_count=40, deadline=None))
