"""The loop that moves incidents: claim the most overdue, decide, act, record, settle. Replicas may all run it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from bridge.checkly.errors import Unauthorized
from bridge.core import outcomes
from bridge.core.compose import compose, duplicate_text, end_text
from bridge.core.gate import REASON, Decision
from bridge.core.lifecycle import (
    ENDED,
    NEVER_PUBLISHED,
    WITHHELD,
    CheckClosed,
    CheckDuplicates,
    FindExisting,
    Forget,
    PagesOf,
    ReadBack,
    StartEpisode,
    Step,
    Wait,
    WriteTo,
    decide,
)
from bridge.core.planning import signature
from bridge.core.priority import priority_of
from bridge.model import Incident, Post, Priority, Progress, Write, shows_impacts
from bridge.reconciler.attempt import Attempt
from bridge.reconciler.budget import Reserve, acting, grant
from bridge.reconciler.gatekeeper import LEAVE, Gatekeeper, taken, tripped, unmailed, unsent
from bridge.reconciler.leases import Lease, LeaseLost, LeaseRegistry
from bridge.reconciler.open_incidents import OpenIncidents
from bridge.reconciler.publisher import Publisher
from bridge.reconciler.read_back import PageReader
from bridge.reconciler.store_clock import StoreClock, unhurried
from bridge.store import Idle, NoRoom, NotReplicated, Store, StoreUnavailable, Tokens
from bridge.store.budgets import NO_TOKENS
from bridge.telemetry import (
    MISSED,
    PUBLIC_NOTES,
    STORE_CLOCK_STEPS,
    SUPPRESSED,
    WRITES_PAUSED,
    Event,
    log,
    log_throttled,
)

if TYPE_CHECKING:
    from bridge.checkly.port import StatusPage
    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config

LEASE_MS = 30_000  # at least; and at least three calls long
MARGIN_MS = 1_000
POLL_MS = 250  # how soon work that another process stored is noticed
FAILURE_PAUSE_MS = 1_000
RULES = 3  # of when a published incident is due: a release with others looks once at all that an older one settled
STEPS_A_CLAIM = 12  # then others get their turn
KEPT_FOR_ENDS = 4  # workers beside the others: what these do may be long in waiting for an answer


class Reconciler:
    """Reconciles with at most ``workers`` incidents in hand, and KEPT_FOR_ENDS more of what is over but still shown.

    ``page`` gives the status page of a name; ``pages_of`` tells, for a configuration, which pages show a service.
    ``reserve`` takes requests that belong together out of the budget. While ``allows`` says no, nothing is claimed.
    ``wall`` is the time of day on this host in ms: no later date is published. ``monotonic`` and ``sleep`` are in
    seconds; ``token`` makes lease tokens; ``jitter`` is randomness in [0, 1).
    """

    def __init__(
        self,
        *,
        store: Store,
        page: Callable[[str], StatusPage],
        pages_of: Callable[[Config], PagesOf],
        config: LiveConfig,
        reserve: Reserve,
        monotonic: Callable[[], float],
        token: Callable[[], str],
        jitter: Callable[[], float],
        wall: Callable[[], int] | None = None,
        allows: Callable[[], Awaitable[bool]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        workers: int = 8,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._store = store
        self._page = page
        self._pages_of = pages_of
        self._config = config
        self._reserve = reserve
        self._monotonic = monotonic
        self._jitter = jitter
        self._allows = allows
        self._sleep = sleep
        self._workers = workers
        self._lease_ms = lease_ms
        self._wake = asyncio.Event()
        self._freed = asyncio.Event()
        self._wall = wall
        self._store_clock = StoreClock(monotonic)
        self._gatekeeper = Gatekeeper(store, config)
        self._leases = LeaseRegistry(store, token=token, monotonic=monotonic)
        self._followed = ""
        self._open_incidents: dict[str, OpenIncidents] = {}

    def wake(self) -> None:
        """Something was stored: look for due incidents now rather than at the next poll."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping`` is set, then finish what is in hand."""
        async with asyncio.TaskGroup() as group:
            while not stopping.is_set():
                if len(self._leases) >= self._workers:
                    await self._until_one_is_done()
                if len(self._leases) >= self._workers + KEPT_FOR_ENDS:
                    continue
                self._wake.clear()
                await self._leases.release_orphans(lease_ms=self._lease_for_ms)
                ends_alone = len(self._leases) >= self._workers
                lease = await self.claim(ends_alone=ends_alone)
                if isinstance(lease, Lease):
                    task = group.create_task(self._reconcile(lease))
                    self._leases.add(lease.claim.token, task)
                    task.add_done_callback(lambda _: self._freed.set())
                elif not ends_alone:
                    await self._rest(lease, stopping)

    async def _until_one_is_done(self) -> None:
        """Or for as long as what is over may wait to be noticed."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_MS / 1000):
                await self._freed.wait()

    async def claim(self, *, ends_alone: bool = False) -> Lease | int:
        """Lease the most important incident that is due; or for how many milliseconds there is nothing to do.

        With ``ends_alone`` only of those that are over but still shown.
        """
        if self._allows is not None and not await self._allows():
            return POLL_MS
        lease_ms = self._lease_for_ms
        asked_at = self._monotonic()
        try:
            await self._follow_config()
            claim = await self._store.claim(
                token=self._leases.token(),
                lease_ms=lease_ms,
                requests_per_minute=self._config.current.checkly.requests_per_minute,
                ends_alone=ends_alone,
            )
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
            return FAILURE_PAUSE_MS
        except Exception as error:  # noqa: BLE001 - a record that cannot be read must not stop the others
            log_throttled(Event.RECONCILE_FAILED, reason=f"{type(error).__name__}: {error}", exc_info=True)
            return FAILURE_PAUSE_MS
        if jump_ms := self._store_clock.observe(claim.now, asked_at):
            STORE_CLOCK_STEPS.labels("forward").inc()
            log(Event.STORE_CLOCK_STEPPED, direction="forward", by_ms=jump_ms)
        if isinstance(claim, Idle):
            return _rest_ms(claim)
        return Lease(
            self._store,
            claim,
            asked_at=asked_at,
            lease_ms=lease_ms,
            margin_ms=self._config.current.checkly.timeout_ms + MARGIN_MS,
            monotonic=self._monotonic,
            store_clock=self._store_clock,
        )

    async def _follow_config(self) -> None:
        """What is published may belong on other pages under another configuration, or be due under other rules."""
        digest = f"{self._config.current.digest} {RULES}"
        if digest != self._followed:
            await self._store.touch(digest)
            self._followed = digest

    @property
    def _lease_for_ms(self) -> int:
        return max(self._lease_ms, 3 * self._config.current.checkly.timeout_ms)

    async def reconcile(self, lease: Lease) -> None:
        """Bring one leased incident as far as it goes now, and give it back.

        Raises LeaseLost, StoreUnavailable, and Unauthorized when the page refuses the key.
        """
        grant(lease.claim.requests)
        if lease.claim.go_in_ms:
            await self._sleep(lease.claim.go_in_ms / 1000)
        for _ in range(STEPS_A_CLAIM):
            step = self._decide(lease)
            if isinstance(step, Wait | Forget) and lease.probing:
                await self._store.probe_again(lease.now)  # this one needed no page: let the next one try
            if isinstance(step, Wait) and step.progress == lease.incident.progress:
                return await lease.settle(step.until)
            if isinstance(step, Wait):
                await self._record(lease, step.progress)
                continue  # recording has read the facts anew: what they say now has not been decided yet
            if isinstance(step, Forget):
                if not await lease.drop():
                    await lease.settle(lease.now)
                return None
            if isinstance(step, WriteTo):
                await self._ask(lease, step)
            else:
                await self._take(lease, step, LEAVE)
        return await lease.settle(lease.now)

    async def _reconcile(self, lease: Lease) -> None:
        key = lease.incident.key
        try:
            await self.reconcile(lease)
        except LeaseLost:
            log(Event.LEASE_LOST, incident=key, route=lease.incident.route)
        except StoreUnavailable as error:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
        except Unauthorized as error:
            await self._pause(lease, error)
        except Exception as error:  # noqa: BLE001 - one incident's surprise must not stop the others
            log(Event.RECONCILE_FAILED, incident=key, reason=f"{type(error).__name__}: {error}", exc_info=True)

    def _decide(self, lease: Lease) -> Step:
        """The next step. What the gate withheld is not asked for again before the facts have changed."""
        config = self._config.current
        return decide(
            lease.incident,
            config.policy_of(lease.incident.route),
            lease.now,
            retention_ms=config.retention_ms,
            pages_of=self._pages_of(config),
            today=lease.wall if self._wall is None else min(lease.wall, self._wall()),
            withheld=[page for page, revision in lease.withheld.items() if revision == lease.incident.revision],
        )

    async def _ask(self, lease: Lease, step: WriteTo) -> None:
        """Make the write if the gate lets it go."""
        revision = lease.incident.revision
        post = step.progress.posts.get(step.page, Post())
        decision = await self._gatekeeper.decide(lease.incident, step.page, post, step.planned)
        if not decision.withholds:
            await self._take(lease, step, decision)
        elif await self._withhold(lease, step, post, decision):
            lease.withheld[step.page] = revision

    async def _withhold(self, lease: Lease, step: WriteTo, post: Post, decision: Decision) -> bool:
        """Whether the gate keeps it back: not what stands on the page already, as a lost store does not know."""
        if step.planned.write is Write.OPEN and post.withheld is None:
            with acting(Priority.LOOK):
                post = await PageReader(self._attempt(lease, step, post)).search(post, lease.now)
        tokens, is_kept = NO_TOKENS, step.planned.write is not Write.OPEN or post.remote_id is None
        if is_kept:
            post = outcomes.withheld(post, reason=REASON, detail=decision.detail, now=lease.now)
            tokens = Tokens(trips=tripped(step.page, decision))
        await self._record(lease, step.progress, step.page, post, tokens=tokens)
        if lease.probing:
            await self._store.probe_again(lease.now)
        return is_kept

    async def _take(
        self,
        lease: Lease,
        step: WriteTo | ReadBack | CheckClosed | CheckDuplicates | FindExisting | StartEpisode,
        decision: Decision,
    ) -> None:
        if isinstance(step, StartEpisode):
            archive = msgspec.json.encode(lease.incident)
            retention_ms = self._config.current.retention_ms
            return await lease.record(step.progress, archive=archive, retention_ms=retention_ms)
        post = step.progress.posts.get(step.page, Post())
        if isinstance(step, ReadBack | CheckDuplicates):
            post = unhurried(post, self._store_clock, lease.now, settle_ms=self._config.current.checkly.settle_ms)
        if isinstance(step, CheckDuplicates) and post.verify_at is not None and post.verify_at > lease.now:
            return await self._record(lease, step.progress, step.page, post)
        with acting(priority_of(step)):
            post = await self._act(lease, step, post, decision)
        give = self._unsent(lease, step.page, post) if isinstance(step, WriteTo) else ()
        await self._record(lease, step.progress, step.page, post, tokens=Tokens(give=give))
        if lease.probing and not (post.attempts or post.held_by or isinstance(step, FindExisting)):
            await self._resume(lease)
        return None

    async def _act(
        self,
        lease: Lease,
        step: WriteTo | ReadBack | CheckClosed | CheckDuplicates | FindExisting,
        post: Post,
        decision: Decision,
    ) -> Post:
        attempt = self._attempt(lease, step, post)
        if isinstance(step, WriteTo):
            return await self._write(lease, step, post, Publisher(attempt), decision)
        read_back = PageReader(attempt)
        if isinstance(step, ReadBack):
            return await read_back.look(post, lease.now)
        if isinstance(step, CheckDuplicates):
            return await read_back.verify(post, lease.now)
        if isinstance(step, CheckClosed):
            return await read_back.look_again(post, lease.now)
        return await read_back.search(post, lease.now)

    def _attempt(
        self, lease: Lease, step: WriteTo | ReadBack | CheckClosed | CheckDuplicates | FindExisting, post: Post
    ) -> Attempt:
        config, name = self._config.current, step.page
        page = self._page(name)
        if name not in self._open_incidents:
            self._open_incidents[name] = OpenIncidents(
                page, self._store, reserve=self._reserve, monotonic=self._monotonic
            )
        return Attempt(
            page,
            lease.incident,
            self._open_incidents[name],
            reserve=self._reserve,
            guard=lease.is_valid,
            clock=lambda: lease.now,
            jitter=self._jitter,
            settle_ms=config.checkly.settle_ms,
            end_text=end_text(lease.incident, post, config),
            duplicate_text=duplicate_text(lease.incident, post, config),
            ended=step.progress.ended.values(),
            yields=config.checkly.second_writer == "hold",
        )

    async def _write(self, lease: Lease, step: WriteTo, post: Post, publisher: Publisher, decision: Decision) -> Post:
        planned = step.planned
        surveyed = await publisher.survey(post, planned, lease.now)
        if isinstance(surveyed, Post):
            return surveyed
        intent = compose(lease.incident, post, planned, self._config.current, now=lease.now)
        intent = self._gatekeeper.pay(lease.incident, post, intent, decision)
        tokens = taken(lease.incident, step.page, intent, decision)
        begun = outcomes.begin(post, intent)
        while outcomes.is_to_go(begun):  # twice, if the page refuses its date
            try:
                await self._record(lease, step.progress, step.page, begun, replicated=True, tokens=tokens)
            except NotReplicated as error:
                log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
                return outcomes.not_sent(post, retry_at=lease.now + FAILURE_PAUSE_MS)
            except NoRoom:
                return post  # another was faster: the gate is asked again
            tokens = NO_TOKENS
            try:
                begun = await publisher.send(begun, surveyed, lease.now, write=signature(planned))
            except Unauthorized:
                after = outcomes.not_sent(post, retry_at=lease.now)
                give = Tokens(give=self._unsent(lease, step.page, after))
                await self._record(lease, step.progress, step.page, after, tokens=give)
                raise
        return begun

    def _unsent(self, lease: Lease, page: str, after: Post) -> tuple[tuple[str, str, str], ...]:
        before = lease.incident.progress.posts.get(page, Post())
        return unsent(lease.incident, page, before, after)

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
        before = lease.incident.progress
        if page is not None and post is not None:
            progress = placed(progress, page, post, self._pages_of(self._config.current), lease.now)
        tokens = replace(tokens, give=(*tokens.give, *unmailed(lease.incident, progress.posts)))
        await lease.record(progress, replicated=replicated, tokens=tokens)
        if (progress.phase, progress.note) == (before.phase, before.note):
            return
        log(
            Event.PHASE_CHANGED,
            incident=lease.incident.key,
            incident_id=lease.incident.id,
            route=lease.incident.route,
            phase=str(progress.phase),
            was=str(before.phase),
            note=progress.note,
        )
        if progress.note == NEVER_PUBLISHED:
            MISSED.inc()
        for reason, note in WITHHELD.items():
            if progress.note == note:
                SUPPRESSED.labels(reason).inc()
        if progress.phase in ENDED:
            self._report_untold(lease.incident)

    def _report_untold(self, incident: Incident) -> None:
        """Words for the public that came too late to be published are at least said to be lost."""
        told = {event for post in incident.progress.posts.values() for event in post.published_notes}
        for public_note in incident.summary.public_notes:
            if public_note.kept_at >= incident.summary.firing_since and public_note.event_id not in told:
                source, series = (
                    public_note.source,
                    self._config.current.senders.series_of(public_note.source, public_note.sender),
                )
                PUBLIC_NOTES.labels(source, series, "dropped").inc()
                log(
                    Event.PUBLIC_NOTE_DROPPED, source=source, fingerprint=public_note.fingerprint, incident=incident.key
                )

    async def _resume(self, lease: Lease) -> None:
        lease.probing = False
        WRITES_PAUSED.set(0)
        if await self._store.resume():
            log(Event.WRITES_RESUMED)

    async def _pause(self, lease: Lease, error: Unauthorized) -> None:
        try:
            if await self._store.pause(error.detail, now=lease.now):
                log(Event.WRITES_PAUSED, reason=error.detail, status=error.status)
            WRITES_PAUSED.set(1)
            await lease.settle(lease.now, refused=True)
        except (StoreUnavailable, LeaseLost) as failure:
            log_throttled(Event.STORE_UNAVAILABLE, reason=str(failure))

    async def _rest(self, rest_ms: int, stopping: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wake, stopping)]
        try:
            await asyncio.wait(waits, timeout=rest_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def placed(progress: Progress, page: str, post: Post, pages_of: PagesOf, now: int) -> Progress:
    """The progress with this post on that page.

    The configuration may call one page by another name than before: then the post moves. It may call it by two names at
    once: then the one that comes second is parked, for two posts of one incident would tell everything twice.
    """
    duplicates = [
        name
        for name, each in progress.posts.items()
        if name != page and each.remote_id and each.remote_id == post.remote_id
        if shows_impacts(name) and shows_impacts(page)
    ]
    configured = {each for pages in pages_of.values() for each in pages}
    if configured.isdisjoint(duplicates):
        others = {name: each for name, each in progress.posts.items() if name not in duplicates}
        return replace(progress, posts={**others, page: post})
    reason = f"{page} and {duplicates[0]} are the same page: call it by one name in the configuration"
    return replace(progress, posts={**progress.posts, page: outcomes.parked(Post(), write="", reason=reason, now=now)})


def _rest_ms(idle: Idle) -> int:
    if idle.next_at is None:
        return POLL_MS
    return max(1, min(idle.next_at - idle.now, POLL_MS))
