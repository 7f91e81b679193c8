"""One leased incident, as far as it goes now: decide, act, apply, record."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.checkly.calls import Call, noting
from bridge.checkly.errors import Unauthorized
from bridge.core import history, outcomes
from bridge.core.actions import over
from bridge.core.compose import compose, duplicate_text, end_text
from bridge.core.gate import Decision, Word
from bridge.core.lifecycle import (
    CheckClosed,
    CheckDuplicates,
    FindExisting,
    Forget,
    ReadBack,
    StartEpisode,
    Step,
    Wait,
    WriteTo,
    decide,
)
from bridge.core.merging import learned
from bridge.core.priority import priority_of
from bridge.core.results import Begun, Context, DateRejected, Delay, NotSent, Outbid, Result, Withhold, Yielded
from bridge.model import Post, Priority, Progress, UpdateKind, Write
from bridge.orders import NO_ORDERS
from bridge.reconciler import manual_edits
from bridge.reconciler.attempt import Attempt
from bridge.reconciler.budget import acting
from bridge.reconciler.gatekeeper import taken, tripped, unmailed, unsent
from bridge.reconciler.leases import GateAnswer
from bridge.reconciler.open_incidents import OpenIncidents
from bridge.reconciler.publisher import Clear, Publisher
from bridge.reconciler.read_back import PageReader
from bridge.reconciler.reporting import report, report_delay, report_progress
from bridge.reconciler.rules import rules_of
from bridge.reconciler.taking_over import take_over
from bridge.store import NoRoom, NotReplicated, Store, Tokens
from bridge.store.budgets import NO_TOKENS
from bridge.telemetry import WRITES_PAUSED, Event, log, log_throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.checkly.port import StatusPage
    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.core.view import PagesOf
    from bridge.edits import Edits
    from bridge.model import Intent
    from bridge.reconciler.budget import Reserve
    from bridge.reconciler.gatekeeper import Gatekeeper
    from bridge.reconciler.leases import Lease
    from bridge.reconciler.store_clock import StoreClock

FAILURE_PAUSE_MS = 1_000
STEPS_A_CLAIM = 12  # then others get their turn
OVERRULED = "an operator ordered otherwise before it was sent"

PageRead: TypeAlias = ReadBack | CheckClosed | CheckDuplicates | FindExisting


class Acted(Struct, frozen=True):
    """What an act on a page came to, asked for at ``asked_at``; ``post`` is as it was recorded before.

    ``begun`` is the post with a write that was recorded since, and withdrawn. ``call`` is the last write that was sent
    for it, and ``closed`` are the late duplicates that it closed.
    """

    post: Post
    result: Result
    asked_at: int
    begun: Post | None = None
    call: Call | None = None
    closed: tuple[str, ...] = ()


class Applied(Struct, frozen=True):
    """The post to record, and how late the page took the opening or the end that it now shows, if that is news."""

    post: Post
    delay: tuple[UpdateKind, int] | None


class Worker:
    """Works on leased incidents. The parts are those of `Reconciler`."""

    def __init__(
        self,
        *,
        store: Store,
        page: Callable[[str], StatusPage],
        pages_of: Callable[[Config], PagesOf],
        config: LiveConfig,
        gatekeeper: Gatekeeper,
        reserve: Reserve,
        store_clock: StoreClock,
        monotonic: Callable[[], float],
        wall: Callable[[], int] | None,
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._page = page
        self._pages_of = pages_of
        self._config = config
        self._gatekeeper = gatekeeper
        self._reserve = reserve
        self._store_clock = store_clock
        self._monotonic = monotonic
        self._wall = wall
        self._jitter = jitter
        self._open_incidents: dict[str, OpenIncidents] = {}

    async def work(self, lease: Lease) -> None:
        """Bring the incident as far as it goes now, and give it back.

        Raises LeaseLost, StoreUnavailable, and Unauthorized when the page refuses the key.
        """
        for _ in range(STEPS_A_CLAIM):
            step = self._decide(lease)
            if isinstance(step, Wait | Forget) and lease.probing:
                await self._store.probe_again(lease.now)  # this one needed no page: let the next one try
            if isinstance(step, Wait) and step.progress == lease.incident.progress and lease.over == NO_ORDERS:
                return await lease.settle(step.until, rules=rules_of(self._config.current))
            if isinstance(step, Forget):
                if not await lease.drop():
                    await lease.settle(lease.now)
                return None
            await self._take(lease, step)
        return await lease.settle(lease.now)

    def _decide(self, lease: Lease) -> Step:
        """The next step. What the gate withheld is not asked for again before the facts have changed."""
        config, now = self._config.current, lease.now
        lease.over = over(lease.incident, now)
        return decide(
            lease.incident,
            config.policy_of(lease.incident.route),
            now,
            retention_ms=config.retention_ms,
            pages_of=self._pages_of(config),
            today=self._today(lease),
            withheld={
                page: said.until
                for page, said in lease.withheld.items()
                if (said.revision, said.rules) == (lease.incident.revision, rules_of(config))
                and (not said.until or now < said.until)
            },
        )

    def _today(self, lease: Lease) -> int:
        """The latest date that may be published: the clock of Redis' host, or ours if that is behind."""
        return lease.wall if self._wall is None else min(lease.wall, self._wall())

    async def _take(self, lease: Lease, step: Wait | StartEpisode | WriteTo | PageRead) -> None:
        if isinstance(step, Wait):
            # recording reads the facts anew: what they say now has not been decided yet
            return await self._record(lease, step.progress)
        if isinstance(step, StartEpisode):
            archive = msgspec.json.encode(lease.incident)
            retention_ms = self._config.current.retention_ms
            return await lease.record(step.progress, archive=archive, retention_ms=retention_ms)
        if isinstance(step, WriteTo):
            return await self._write(lease, step)
        return await self._read(lease, step)

    async def _read(self, lease: Lease, step: PageRead) -> None:
        """Act, apply, record: what a read of the page tells."""
        post = step.progress.posts.get(step.page, Post())
        if isinstance(step, ReadBack | CheckDuplicates):
            settle_ms = self._config.current.checkly.settle_ms
            post = outcomes.unhurried(post, self._store_clock.passed_ms, lease.now, settle_ms=settle_ms)
        if (
            isinstance(step, CheckDuplicates)
            and post.check_duplicates_at is not None
            and post.check_duplicates_at > lease.now
        ):
            return await self._record(lease, step.progress, step.page, post)
        with acting(priority_of(step)):
            acted = await self._ask(lease, step, post)
        applied = self._apply(lease, step.page, acted)
        post = applied.post
        await self._record(lease, step.progress, step.page, post)
        report_delay(step.page, applied.delay)
        return await self._resume(lease, post, proves=not isinstance(step, FindExisting))

    async def _ask(self, lease: Lease, step: PageRead, post: Post) -> Acted:
        attempt = self._attempt(lease, step, post)
        reader = PageReader(attempt)
        match step:
            case ReadBack():
                result = await reader.read_back(post)
            case CheckDuplicates():
                result = await reader.find_duplicates(post)
            case CheckClosed():
                result = await reader.check_closed(post)
            case FindExisting():
                result = await reader.find_existing()
        return Acted(post, result, attempt.now, closed=tuple(attempt.closed))

    async def _write(self, lease: Lease, step: WriteTo) -> None:
        """Act, apply, record: a write, if the gate lets it go."""
        revision, rules = lease.incident.revision, rules_of(self._config.current)
        post = step.progress.posts.get(step.page, Post())
        decision = await self._gatekeeper.decide(lease.incident, step.page, post, step.planned, lease.now)
        if decision.withholds:
            if await self._withhold(lease, step, post, decision):
                lease.withheld[step.page] = GateAnswer(revision, rules, decision.until)
            return
        lease.notes += history.judged(step.page, step.planned.kind, decision)
        with acting(priority_of(step)):
            acted = await self._publish(lease, step, post, decision)
        applied = self._apply(lease, step.page, acted)
        post = applied.post
        tokens = self._returned(lease, step.page, acted.begun or acted.post, post)
        await self._record(lease, step.progress, step.page, post, tokens=tokens)
        report_delay(step.page, applied.delay)
        await self._resume(lease, post)

    async def _publish(self, lease: Lease, step: WriteTo, post: Post, decision: Decision) -> Acted:
        """Read what stands there, record the intent, send it: twice, if the page refuses its date."""
        attempt = self._attempt(lease, step, post)
        publisher = Publisher(attempt)
        found = await publisher.read_before_write(post, step.planned)
        if not isinstance(found, Clear):
            return Acted(post, found, attempt.now)
        if found.posted is not None and await take_over(self._store, lease.incident.id, found.posted):
            return Acted(post, Yielded(), attempt.now)
        intent = compose(lease.incident, post, step.planned, self._config.current, now=lease.now)
        edits = self._edits(lease, step.page, post, found, intent)
        intent = self._gatekeeper.pay(lease.incident, post, intent, decision)
        tokens = taken(lease.incident, step.page, intent, decision)
        acted = Acted(post, Begun(intent, edits), lease.now)
        while isinstance(acted.result, Begun | DateRejected):
            begun = self._apply(lease, step.page, acted).post
            try:
                await self._record(lease, step.progress, step.page, begun, replicated=True, tokens=tokens)
            except NotReplicated as error:
                log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
                return Acted(post, NotSent(Delay(FAILURE_PAUSE_MS, is_exact=True)), lease.now, begun)
            except NoRoom:
                return Acted(post, Outbid(), lease.now)
            if self._gatekeeper.is_overruled(lease.incident, post, step.planned, intent, lease.now):
                return Acted(post, NotSent(Delay(is_exact=True), OVERRULED), lease.now, begun)
            tokens, asked_at = NO_TOKENS, lease.now
            try:
                with noting() as calls:
                    result = await publisher.send(begun, found.current, step.planned)
                acted = Acted(begun, result, asked_at, call=_last_write(calls))
            except Unauthorized as error:
                refused = Acted(post, NotSent(Delay(is_exact=True), error.detail), lease.now, call=_last_write(calls))
                post = self._apply(lease, step.page, refused).post
                tokens = self._returned(lease, step.page, begun, post)
                await self._record(lease, step.progress, step.page, post, tokens=tokens)
                raise
        return acted

    async def _withhold(self, lease: Lease, step: WriteTo, post: Post, decision: Decision) -> bool:
        """Whether the gate keeps it back: not what stands on the page already, as a lost store does not know."""
        if step.planned.write is Write.OPEN and post.withheld is None:
            attempt = self._attempt(lease, step, post)
            with acting(Priority.LOOK):
                result = await PageReader(attempt).find_existing()
            post = self._apply(lease, step.page, Acted(post, result, attempt.now)).post
        tokens, is_kept = NO_TOKENS, step.planned.write is not Write.OPEN or post.remote_id is None
        if is_kept:
            first, *others = [each for each in decision.reasons if each.word is Word.WITHHOLD and not each.observed]
            also = tuple(dict.fromkeys(each.name for each in others))
            why = Withhold(first.name, first.detail, until=decision.until, by=first.by, also=also)
            post = self._apply(lease, step.page, Acted(post, why, lease.now)).post
            tokens = Tokens(trips=tripped(step.page, decision))
        await self._record(lease, step.progress, step.page, post, tokens=tokens)
        if lease.probing:
            await self._store.probe_again(lease.now)
        return is_kept

    async def learn(self, lease: Lease, page: str, found: Sequence[Result], *, asked_at: int) -> None:
        """Apply and record what a look found of a post, one after the other; the page is asked nothing."""
        post = lease.incident.progress.posts[page]
        for result in found:
            post = self._apply(lease, page, Acted(post, result, asked_at)).post
        seen = replace(lease.incident.progress, posts=lease.incident.progress.posts | {page: post})
        lease.over = replace(over(replace(lease.incident, progress=seen), lease.now), retry=None)
        await self._record(lease, lease.incident.progress, page, post)

    def _attempt(self, lease: Lease, step: WriteTo | PageRead, post: Post) -> Attempt:
        config, name = self._config.current, step.page
        page = self._page(name)
        if name not in self._open_incidents:
            known = OpenIncidents(page, self._store, reserve=self._reserve, monotonic=self._monotonic)
            self._open_incidents[name] = known
        return Attempt(
            page=page,
            incident=lease.incident,
            open_incidents=self._open_incidents[name],
            reserve=self._reserve,
            guard=lease.is_valid,
            now=lease.now,
            settle_ms=config.checkly.settle_ms,
            end_text=end_text(lease.incident, post, config),
            duplicate_text=duplicate_text(lease.incident, post, config),
            ended=tuple(step.progress.ended.values()),
            stops=config.people.on_update == "stop",
            yields=config.checkly.second_writer == "hold",
        )

    def _edits(self, lease: Lease, page: str, post: Post, found: Clear, intent: Intent) -> Edits:
        """What someone edited on the page; of what our last change set, unless the read may be older than that."""
        if found.current is None:
            return post.edits
        is_settled = lease.now >= post.changed_at + self._config.current.checkly.settle_ms
        if is_settled and (shown := manual_edits.edits(found.current, post)):
            lease.notes.append(history.edited(page, shown))
        return learned(post, found.current, intent, is_settled=is_settled)

    def _apply(self, lease: Lease, page: str, acted: Acted) -> Applied:
        """What is to be recorded; what happened is reported, and told with the record."""
        at = Context(
            asked_at=acted.asked_at,
            now=lease.now,
            settle_ms=self._config.current.checkly.settle_ms,
            jitter=self._jitter(),
            incident_id=lease.incident.id,
            ahead_ms=lease.now - self._today(lease),
            public_notes=lease.incident.summary.public_notes,
        )
        post = outcomes.apply(acted.post, acted.result, at)
        report(lease.incident, acted.post, acted.result, post)
        code, ms = (acted.call.code, acted.call.ms) if acted.call else (None, None)
        step = history.Happened(
            page=page,
            before=acted.post,
            result=acted.result,
            after=post,
            code=code,
            ms=ms,
            closed=acted.closed,
        )
        lease.steps.append(step)
        return Applied(post, outcomes.delay_of(acted.post, acted.result, at))

    async def _record(
        self,
        lease: Lease,
        progress: Progress,
        page: str | None = None,
        post: Post | None = None,
        *,
        replicated: bool = False,
        tokens: Tokens = NO_TOKENS,
    ) -> None:
        before, config = lease.incident.progress, self._config.current
        if page is not None and post is not None:
            configured = {each for pages in self._pages_of(config).values() for each in pages}
            progress = outcomes.placed(progress, page, post, configured, lease.now)
        tokens = replace(tokens, give=(*tokens.give, *unmailed(lease.incident, progress.posts)))
        await lease.record(progress, replicated=replicated, tokens=tokens)
        report_progress(lease.incident, before, progress, config)

    @staticmethod
    def _returned(lease: Lease, page: str, before: Post, after: Post) -> Tokens:
        """The budgets' tokens of a recorded write that was not sent."""
        return Tokens(give=unsent(lease.incident, page, before, after))

    async def _resume(self, lease: Lease, post: Post, *, proves: bool = True) -> None:
        """The page took a probe: all writes go on."""
        if not lease.probing or post.retry.attempts or post.second_writer or not proves:
            return
        lease.probing = False
        WRITES_PAUSED.set(0)
        if await self._store.resume():
            log(Event.WRITES_RESUMED)


def _last_write(calls: Sequence[Call]) -> Call | None:
    return next((call for call in reversed(calls) if call.method != "GET"), None)
