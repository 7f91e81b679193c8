"""Looks at what stands open on the pages, so that what people do there is seen without a write of ours.

A look changes nothing on a page, and nothing of what is recorded but what was observed; only an end that somebody else
wrote, or a deletion, becomes of the post what it becomes before a write. No incident is in hand while a page is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.checkly.errors import ChecklyError, Gone, Rejected, UnknownOutcome
from bridge.core import results
from bridge.core.compose import end_text
from bridge.core.merging import learned
from bridge.core.observation import LAST_CHANGED, STATUS, is_news, observe
from bridge.core.remote import RemoteIncident
from bridge.model import Phase, Post, Priority
from bridge.reconciler import manual_edits
from bridge.reconciler.budget import acting
from bridge.reconciler.leases import Lease, LeaseLost
from bridge.reconciler.taking_over import take_over
from bridge.store import StoreUnavailable
from bridge.telemetry import LOOKS, Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.checkly.port import StatusPage
    from bridge.config.live import LiveConfig
    from bridge.core.results import Result
    from bridge.model import Incident
    from bridge.reconciler.store_clock import StoreClock
    from bridge.reconciler.worker import Worker
    from bridge.store import Store

LEASE_MS = 30_000
KEEP_EVERY_S = 10.0
RECORD_MS = 5_000  # for the lease of an incident: nothing is asked of a page meanwhile
REST_MS = 2_000  # a changed configuration counts after so long
ALONE = 2  # so many are read one by one rather than in a list
LISTS = 50
FAILED = 2  # reads of one page a look: fewer in a row than open the circuit breaker


class Standing(Struct, frozen=True):
    """A post that is open as far as the bridge knows, as it was recorded when the look began."""

    incident_id: str
    page: str
    post: Post


class Seen(Struct, frozen=True):
    """What the page showed of a post at an instant; None: nothing, for it says that there is no such incident."""

    remote: RemoteIncident | None
    at: int


class Looks:
    """One replica's part in the looks. ``is_down`` tells whether Checkly does not answer: then it is not asked.

    ``worker`` records; ``monotonic`` is in seconds, ``token`` makes what no other replica makes.
    """

    def __init__(
        self,
        *,
        store: Store,
        page: Callable[[str], StatusPage],
        config: LiveConfig,
        worker: Worker,
        store_clock: StoreClock,
        monotonic: Callable[[], float],
        token: Callable[[], str],
        is_down: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._store = store
        self._page = page
        self._config = config
        self._worker = worker
        self._store_clock = store_clock
        self._monotonic = monotonic
        self._token = token
        self._is_down = is_down
        self._sleep = sleep
        self._doubted: dict[tuple[str, str], int] = {}  # since when a post lacks this update of ours, or is missing
        self._listed: dict[str, set[str]] = {}  # what is open on a page by its list, as of this look
        self._unread: set[str] = set()  # what could not be read when it was tried last
        self._versions: dict[str, str] = {}  # as which an incident was read for updates of others
        self._yielded: set[str] = set()  # the updates of others for which it was taken over, or not
        self._began: tuple[int, float] = (0, 0.0)  # the store's time, and ours

    async def watch(self) -> None:
        """Look until canceled."""
        while True:
            try:
                rest_ms = await self.look_if_due()
            except StoreUnavailable as error:
                log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
                rest_ms = REST_MS
            except Exception as error:  # noqa: BLE001 - what only shows must not stop what works
                log_throttled(Event.RECONCILE_FAILED, reason=f"{type(error).__name__}: {error}", exc_info=True)
                rest_ms = REST_MS
            await self._sleep(max(1, min(rest_ms, REST_MS)) / 1000)

    async def look_if_due(self) -> int:
        """Look, if it is time and this replica's turn. In how many milliseconds to ask again."""
        every_ms = self._config.current.people.look_every_ms
        if not every_ms:
            await self._store.looks.expect((), 0)
            return REST_MS
        if self._is_down():
            return REST_MS
        token = self._token()
        turn = await self._store.looks.claim(token, lease_ms=LEASE_MS, every_ms=every_ms)
        if not turn.is_ours:
            return turn.wait_ms
        self._began = turn.now, self._monotonic()
        keeping = asyncio.create_task(self._keep(token))
        again_ms = every_ms
        try:
            if await self.look():
                again_ms = min(every_ms, self._config.current.checkly.settle_ms)
        finally:
            keeping.cancel()
            rest_ms = max(0, turn.now + again_ms - self._now())
            await self._store.looks.rest(token, for_ms=rest_ms)
        return rest_ms

    async def look(self) -> bool:
        """Look at every post that is open; whether something was unclear, and is worth another look soon."""
        by_page: dict[str, dict[str, Standing]] = {}
        async for part in self._store.looks.standing():
            for id_, progress in part.items():
                for page, post in progress.posts.items():
                    if post.remote_id is not None and post.is_open and post.closed_at is None:
                        by_page.setdefault(page, {})[post.remote_id] = Standing(id_, page, post)
        wanted = {remote_id for posts in by_page.values() for remote_id in posts}
        await self._store.looks.expect(wanted, self._now())
        known = {(remote_id, each.post.update_id) for posts in by_page.values() for remote_id, each in posts.items()}
        self._listed.clear()
        self._unread &= wanted
        self._versions = {id_: version for id_, version in self._versions.items() if id_ in wanted}
        if not wanted:
            self._yielded.clear()
        self._doubted = {doubt: at for doubt, at in self._doubted.items() if doubt in known}
        outcomes: Counter[str] = Counter()
        for page, posts in by_page.items():
            try:
                with acting(Priority.OBSERVE):
                    await self._look_at(self._page(page), posts, outcomes)
            except ChecklyError as error:
                LOOKS.labels("failed").inc()
                log_throttled(Event.LOOK_FAILED, page=page, reason=error.detail)
        return outcomes["unclear"] > 0

    def _now(self) -> int:
        """The store's time, carried forward."""
        now, asked_at = self._began
        return now + int((self._monotonic() - asked_at) * 1000)

    async def _keep(self, token: str) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            with suppress(StoreUnavailable):
                await self._store.looks.keep(token, lease_ms=LEASE_MS)

    async def _look_at(self, page: StatusPage, posts: Mapping[str, Standing], outcomes: Counter[str]) -> None:
        """Lists tell of many at a time, and what they leave out is read one by one.

        As soon as more lists were in vain than there is left to read, no more are asked for.
        """
        rest, cursor, cursors, in_vain = dict(posts), "", {""}, 0
        for _ in range(LISTS):
            if len(rest) <= max(ALONE, in_vain):
                break
            at = self._now()
            listed, cursor = await page.listed(cursor)
            found = {each.id: Seen(each, at) for each in listed if each.id in rest}
            in_vain += not found
            await self._take_all(page, [(rest.pop(remote_id), seen) for remote_id, seen in found.items()], outcomes)
            if cursor in cursors:
                break
            cursors.add(cursor)
        await self._look_one_by_one(page, rest, outcomes)

    async def _look_one_by_one(self, page: StatusPage, posts: Mapping[str, Standing], outcomes: Counter[str]) -> None:
        """What cannot be read comes last the next time: it keeps nobody from looking at the others."""
        failed: list[ChecklyError] = []
        for remote_id in sorted(posts, key=self._unread.__contains__):
            try:
                seen = await self._read(page, remote_id)
            except (Rejected, UnknownOutcome) as error:
                self._unread.add(remote_id)
                failed.append(error)
                if len(failed) == FAILED:
                    break
                continue
            self._unread.discard(remote_id)
            await self._take_all(page, [(posts[remote_id], seen)], outcomes)
        if failed:
            raise failed[0]

    async def _read(self, page: StatusPage, remote_id: str) -> Seen:
        at = self._now()
        try:
            return Seen(await page.read(remote_id), at)
        except Gone:
            return Seen(None, at)

    async def _take_all(self, page: StatusPage, found: Sequence[tuple[Standing, Seen]], outcomes: Counter[str]) -> None:
        seen_at = {}
        for standing, seen in found:
            outcome = await self._take(page, standing, seen)
            LOOKS.labels(outcome).inc()
            outcomes[outcome] += 1
            if outcome != "unclear" and standing.post.remote_id is not None:
                seen_at[standing.post.remote_id] = seen.at
        await self._store.looks.saw(seen_at)

    async def _take(self, page: StatusPage, standing: Standing, seen: Seen) -> str:
        """What becomes of what was seen of one post: how the look is counted."""
        post = standing.post
        if post.intent is not None:
            return "unclear"  # what is being written may show or not
        if self._config.current.people.on_update == "stop":
            seen = await self._take_over(page, standing, seen)
        if seen.remote is not None:
            observed = observe(post, seen.remote, seen.at)
            if not is_news(post, observed):
                return "unchanged"
            if observed.drift and not seen.remote.is_whole:
                seen = await self._read(page, seen.remote.id)
        if seen.remote is None:
            found = await self._missing(page, standing, seen)
            return "unclear" if found is None else await self._record(standing, seen, lambda _: [found])
        return await self._compare(standing, seen, seen.remote)

    async def _take_over(self, page: StatusPage, standing: Standing, seen: Seen) -> Seen:
        """Let who has posted an update take the incident over; what was read for that, where a list has no updates."""
        version = seen.remote.version if seen.remote is not None else ""
        if seen.remote is not None and not seen.remote.is_whole:
            if version and self._versions.get(seen.remote.id) == version:
                return seen
            seen = await self._read(page, seen.remote.id)
        if seen.remote is None or manual_edits.lacks_ours(seen.remote, standing.post):
            return seen
        posted = manual_edits.posted_by_others(seen.remote, standing.post, standing.incident_id)
        if posted is not None and posted.id not in self._yielded:
            await take_over(self._store, standing.incident_id, posted)
            self._yielded.add(posted.id)
        self._versions[seen.remote.id] = version
        return seen

    async def _compare(self, standing: Standing, seen: Seen, current: RemoteIncident) -> str:
        post, settle_ms = standing.post, self._config.current.checkly.settle_ms
        observed = observe(post, current, seen.at)
        is_recent = seen.at < post.changed_at + settle_ms
        is_removed = self._is_doubted(post, seen.at, applies=manual_edits.lacks_ours(current, post))
        if is_removed is None or (is_recent and LAST_CHANGED.intersection(observed.drift)):
            return "unclear"  # the read may be older than our last write
        if not is_news(post, observed):
            return "unchanged"

        def found(incident: Incident) -> list[Result]:
            ends: list[Result] = []
            if manual_edits.was_closed_manually(current, post):
                text = end_text(incident, post, self._config.current)
                ends = [manual_edits.end_of(current, incident, text, is_removed=is_removed)]
            edits = learned(post, current, is_settled=not is_recent)
            return [*ends, results.Looked(observed, edits)]

        return await self._record(standing, seen, found)

    def _is_doubted(self, post: Post, at: int, *, applies: bool) -> bool | None:
        """Whether a doubt has lasted for the settle time; None: it is too young to tell.

        What was doubted before our newest update says nothing of that: a read that lags begins anew with each write.
        """
        doubt = post.remote_id or "", post.update_id
        if not applies:
            self._doubted.pop(doubt, None)
            return False
        since = self._doubted.setdefault(doubt, at)
        return True if at >= since + self._config.current.checkly.settle_ms else None

    async def _missing(self, page: StatusPage, standing: Standing, seen: Seen) -> Result | None:
        """A deletion is believed when the page has said so for the settle time, and its list says it, too."""
        post = standing.post
        if self._is_doubted(post, seen.at, applies=True) is None:
            return None
        if standing.page not in self._listed:  # once a look: the list of an account is long
            self._listed[standing.page] = {each.id for each in await page.open_incidents()}
        if post.remote_id in self._listed[standing.page]:
            self._is_doubted(post, seen.at, applies=False)
            return None
        return results.Gone(is_listed=False)

    async def _record(self, standing: Standing, seen: Seen, found: Callable[[Incident], list[Result]]) -> str:
        """Under the incident's lease, if its post is as it was before the page was asked."""
        asked_at = self._monotonic()
        leased = await self._store.looks.lease(standing.incident_id, f"look.{self._token()}", lease_ms=RECORD_MS)
        if leased is None:
            return "unclear"
        lease = Lease(
            self._store,
            leased.claim,
            asked_at=asked_at,
            lease_ms=RECORD_MS,
            margin_ms=0,
            monotonic=self._monotonic,
            store_clock=self._store_clock,
        )
        due, outcome = leased.due, "unclear"
        try:
            if lease.incident.progress.posts.get(standing.page) == standing.post:
                learned = found(lease.incident)
                await self._worker.learn(lease, standing.page, learned, asked_at=seen.at)
                outcome = "changed"
                if any(not isinstance(each, results.Looked) for each in learned):
                    due = lease.now  # there may be something to do
                self._report(lease.incident, standing, learned)
            await lease.settle(due, refused=leased.refused)
        except LeaseLost:
            return "unclear"
        return outcome

    @staticmethod
    def _report(incident: Incident, standing: Standing, learned: list[Result]) -> None:
        """What somebody set by hand, when it is first seen."""
        before = standing.post.observed
        for each in learned:
            if isinstance(each, results.Looked):
                fields = sorted(set(each.observed.drift) - set(before.drift if before else ()))
                if fields and (fields != [STATUS] or each.observed.status is not Phase.RESOLVED):
                    about = {"incident": incident.key, "incident_id": incident.id, "route": incident.route}
                    log(Event.EDITED_BY_OTHERS, **about, remote_id=standing.post.remote_id, fields=", ".join(fields))
