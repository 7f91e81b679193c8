"""The store's operations: each is one atomic script, or one read.

Every key of a bridge carries the same hash tag, so that all of them live in one slot and a script may touch any
(docs/decisions/0003). Redis' TIME, inside the scripts, is the only clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bridge.config import schema
from bridge.model import Alert, AlertStatus, Incident, Priority, Progress, PublicNote
from bridge.orders import NO_ORDERS, Orders
from bridge.store import budgets, codec, posts, scripts
from bridge.store.acting import Acting
from bridge.store.archive import Archive
from bridge.store.budgets import NO_TOKENS, Tokens
from bridge.store.errors import NoRoom, reply_of
from bridge.store.finding import AlertFinder
from bridge.store.group_commit import GroupCommit, batches
from bridge.store.healing import HealingStore
from bridge.store.listing import Listing
from bridge.store.looks import Looks
from bridge.store.namespace import PREFIX, Ownership
from bridge.store.open_alerts import open_of
from bridge.store.orders import pack_over
from bridge.store.paged import PagedAlerts
from bridge.store.reading import Detail, Reading
from bridge.store.results import Change, Claim, Idle, Overview, Turn
from bridge.store.room import Room
from bridge.store.runner import ScriptRunner
from bridge.store.told import Tell, tell_nothing
from bridge.store.unpublished import UnpublishedAlerts
from bridge.store.write_concern import WriteConcern

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from bridge.core.history import Entry
    from bridge.store.codec import Item
    from bridge.store.durability import Durability

ALERTS_A_CALL = 500  # bounds how long one script keeps Redis from everybody else (a few milliseconds)
PROBE_MS = 5_000
FAR_MS = 32_503_680_000_000  # longer than anything is kept
_NOBODYS = Alert(source="bridge", fingerprint="ready", status=AlertStatus.RESOLVED, labels={}, starts_at=0)
KEPT_S = 7 * 24 * 3600  # what was read of others' incidents, should it not change


class Store:
    """Alerts and incidents in one Redis or Valkey. Every method raises StoreUnavailable when Redis cannot serve it.

    ``wanted`` gives the section ``store`` of the configuration in force: what a write needs to count as kept;
    ``limits`` that of this name: how much is kept. Nothing is taken in or claimed before the ``ownership`` is ours,
    where there is one. ``tell`` says what of an alert is kept for operators. ``runner`` runs the scripts.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = PREFIX,
        wanted: Callable[[], schema.Store] = schema.Store,
        limits: Callable[[], schema.Limits] = schema.Limits,
        ownership: Ownership | None = None,
        tell: Tell = tell_nothing,
        runner: type[ScriptRunner] = ScriptRunner,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._due = f"{prefix}due"
        self._write_concern = WriteConcern(redis, f"{prefix}check", wanted)
        running = runner(redis, prefix, self._write_concern, ownership)
        self._run, self._run_all = running.run, running.run_all
        self._ingest = GroupCommit(self._ingest_all, writers=2)
        self._limits = limits
        self._tell = tell
        self._room = Room(redis)
        self.act = Acting(self._run, self._write_concern).act
        paged = budgets.PageBudgets(redis, prefix, self._run, self._write_concern)
        self.spent, self.budgets, self.lift, self.lifts = paged.spent, paged.states, paged.lift, paged.lifts
        self._reading = Reading(redis, prefix)
        self.episode_archive = Archive(redis, prefix)
        self.finder = AlertFinder(redis, prefix)
        self.unpublished = UnpublishedAlerts(redis, prefix, self._run_all)
        self.listing = Listing(self._reading, running.run)
        self.looks = Looks(redis, prefix, self._run)
        self.healing = HealingStore(redis, prefix, self._run)
        self.paged = partial(PagedAlerts, redis, prefix, self._run)  # of the PagerDuty account of a sender
        self.open_of = partial(open_of, redis, prefix)

    async def ingest(self, items: Sequence[Item]) -> list[Change]:
        """Fold the alerts of one delivery into their incidents, durably; what became of each, in order.

        They are one change: nobody sees, and no clock of an incident follows, a moment between two of them. Those of a
        delivery too large for one call come in parts, what fires before what is over, so that an alert that another
        replaces is missed at no moment. An alert without a route can still resolve what an open incident counts.
        Repeating a call changes nothing more. What would be new, and fires, is not kept beyond the limits: see
        `results.REFUSED`.
        Raises NotDurable before anything is written, NotReplicated when it is, but not on enough replicas.
        """
        if not items:
            return []
        if len(items) <= ALERTS_A_CALL:
            return (await self._ingest([items]))[0]
        order = codec.firing_first(items)
        changes: dict[int, Change] = {}
        for start in range(0, len(order), ALERTS_A_CALL):
            part = order[start : start + ALERTS_A_CALL]
            (changed,) = await self._ingest([[items[nth] for nth in part]])
            changes.update(zip(part, changed, strict=True))
        return [changes[nth] for nth in range(len(items))]

    async def _ingest_all(self, deliveries: list[Sequence[Item]]) -> list[list[Change]]:
        await self._write_concern.demand()
        calls = list(batches(deliveries, at_most=ALERTS_A_CALL))
        sizes = [sum(map(len, call)) for call in calls]
        replies: list[Any] = []
        while len(replies) < len(calls):
            first = len(replies)
            end = first + self._room.fitting(sizes[first:])
            is_full = await self._room.is_short(sum(sizes[first:end]))
            limits = codec.pack_limits(self._limits(), is_full=is_full)
            told = [codec.pack_call(call, self._tell) for call in calls[first:end]]
            packed = [(*said, limits, fits) for *said, fits in told]
            replies += await self._run_all(scripts.INGEST, packed, replicated=True)
        return [
            changes
            for call, (_, outcomes, is_due, conflicts) in zip(calls, replies, strict=True)
            for changes in codec.unpack_changes(call, outcomes, conflicts, is_due=bool(is_due))
        ]

    async def public_note(self, public_note: PublicNote) -> str:
        """Keep words for the public with the incident that counts their alert; what became of them.

        ``kept``, ``repeat``, ``unknown`` (nothing counts their alert) or ``stale`` (so old that they may be a replay).
        Raises NotDurable and NotReplicated as ``ingest`` does.
        """
        await self._write_concern.demand()
        name = codec.alert_name(public_note.source, public_note.fingerprint, public_note.sender)
        packed = codec.encode_json(public_note)
        _, outcome, _ = await self._run(
            scripts.PUBLIC_NOTE, name, public_note.event_id, packed, public_note.observed_at, replicated=True
        )
        return str(outcome, "ascii")

    async def heartbeat(self, watchdogs: Collection[str]) -> None:
        """Note that the watchdogs of these routes were heard of just now. Raises NotDurable, as for alerts."""
        await self._write_concern.demand()
        await self._run(scripts.HEARTBEAT, *watchdogs)

    async def claim(
        self, *, token: str, lease_ms: int, requests_per_minute: int = 0, ends_alone: bool = False
    ) -> Claim | Idle:
        """Lease the most important incident that is due, or say when there will be one.

        First come those that are over but still shown (with ``ends_alone`` nothing else does), then others that stand
        open on a page, then the rest; of each kind the most overdue. None is leased before the budget, 0 for no limit,
        has the requests that it may need.
        """
        now, next_at, paused, *leased = await self._run(
            scripts.CLAIM, token, lease_ms, PROBE_MS, requests_per_minute, int(ends_alone)
        )
        if not leased:
            return Idle(now=now, next_at=None if next_at < 0 else next_at, paused=bool(paused))
        return codec.unpack_claim(token, now, leased, probing=bool(paused))

    async def record(
        self,
        claim: Claim,
        progress: Progress,
        *,
        lease_ms: int,
        archive: bytes = b"",
        retention_ms: int = 1,
        replicated: bool = False,
        tokens: Tokens = NO_TOKENS,
        history: Sequence[Entry] = (),
        number: int = 0,
        over: Orders = NO_ORDERS,
    ) -> Claim | None:
        """Write progress and extend the lease; the incident as it is now, or None when the lease is lost.

        It also counts as lost when another incident holds one of the posts by now: two that took over the same one.
        With ``archive`` the episode ends: those bytes are kept for ``retention_ms`` and the next episode begins. What
        must outlive the primary is to be ``replicated``: raises NotReplicated when it is not on enough replicas. The
        ``tokens`` are taken with it, all of them: raises NoRoom, with nothing written, when they are not there. The
        ``history`` gains these entries; ``number`` tells one record under a lease from the next. Orders
        that are ``over`` are forgotten, unless they were given anew.
        """
        id_ = claim.incident.id
        now, *rest = await self._run(
            scripts.RECORD,
            id_,
            claim.token,
            lease_ms,
            codec.pack_progress(progress),
            archive,
            retention_ms,
            *codec.pack_posts(progress),
            *budgets.pack_tokens(tokens),
            f"{claim.token}#{number}",
            codec.pack_history(history),
            pack_over(over),
            replicated=replicated,
        )
        if not rest:
            return None
        if rest[0] == b"full":
            raise NoRoom("the budget has no room any more")
        return replace(claim, incident=codec.unpack_snapshot(id_, rest[0]), now=now, wall=rest[0][-1])

    async def settle(
        self, claim: Claim, *, due: int | None, refused: bool = False, unused: int = 0, config: str = ""
    ) -> bool:
        """Give the incident back until ``due`` or until its facts change; False when the lease is lost.

        When the page ``refused`` the key, it counts as overdue since it first was, whenever it is tried again. So many
        of the requests that the claim came with are ``unused``, and go back into the budget. ``config`` is the digest
        of the configuration by which that was decided, as `config_changed` gets it.
        """
        _, held = await self._run(
            scripts.SETTLE,
            claim.incident.id,
            claim.token,
            claim.incident.revision,
            -1 if due is None else due,
            int(refused),
            unused * claim.request_ms,
            posts.open_pages(claim.incident.progress),
            config,
        )
        return bool(held)

    async def release(self, name: str, working: Collection[str], *, lease_ms: int) -> int:
        """Give back, due now, what is leased under tokens that begin with ``name`` and are not ``working``; how many.

        No lease lasts longer than ``lease_ms``.
        """
        _, count = await self._run(scripts.RELEASE, lease_ms, name, *working)
        return int(count)

    async def config_changed(self, digest: str, routes: Sequence[str] = (), *, retention_ms: int = FAR_MS) -> int:
        """Make due what depends on the configuration, if this ``digest``, with these ``routes``, is new; how many.

        By parts, so that others get their turn. A process that ends amid them leaves the rest to the next that calls.
        """
        arguments, is_first = (digest, codec.pack_names(routes), retention_ms), 1
        total, goes_on = 0, True
        while goes_on:
            _, count, goes_on = await self._run(scripts.CONFIG_CHANGED, *arguments, is_first)
            total, is_first = total + count, 0
        return total

    async def drop(self, claim: Claim, *, unused: int = 0) -> bool:
        """Remove the incident and every trace of it; False when it may not go (lease lost, or an alert fires)."""
        _, gone = await self._run(scripts.DROP, claim.incident.id, claim.token, unused * claim.request_ms)
        return bool(gone)

    async def owners(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """Which incident holds each of these posts on the pages; those that none holds are left out."""
        if not remote_ids:
            return {}
        ids = await reply_of(self._redis.hmget(f"{self._prefix}remotes", list(remote_ids)))
        return {remote_id: id_.decode() for remote_id, id_ in zip(remote_ids, ids, strict=True) if id_}

    async def remember(self, details: Mapping[str, bytes]) -> None:
        """Keep for a week what was read of these posts on the pages, by their remote ids."""
        pipe = self._redis.pipeline(transaction=False)
        for remote_id, packed in details.items():
            pipe.set(f"{self._prefix}read:{remote_id}", packed, ex=KEPT_S)
        if details:
            await reply_of(pipe.execute())

    async def recall(self, remote_ids: Sequence[str]) -> dict[str, bytes]:
        """What is kept of these posts; those of which nothing is are left out."""
        if not remote_ids:
            return {}
        kept = await reply_of(self._redis.mget([f"{self._prefix}read:{remote_id}" for remote_id in remote_ids]))
        return {remote_id: packed for remote_id, packed in zip(remote_ids, kept, strict=True) if packed is not None}

    async def unknown(self, ids: Collection[str]) -> set[str]:
        """Those of the incidents' ids that the store does not hold."""
        if not ids:
            return set()
        due = await reply_of(self._redis.zmscore(self._due, list(ids)))  # every incident has a due time
        return {id_ for id_, at in zip(ids, due, strict=True) if at is None}

    async def take_requests(
        self,
        count: int = 1,
        *,
        requests_per_minute: int,
        priority: Priority = Priority.OPENING,
        held: int = 0,
        ahead_ms: int = 0,
    ) -> Turn:
        """Take requests, all or none, out of the budget that all replicas share; those ``held`` are given for them.

        None is taken while one of a lower number of ``priority`` could not have it. An END is booked up to ``ahead_ms``
        before it may go.
        """
        _, wait_ms, taken = await self._run(
            scripts.RATE_LIMIT, requests_per_minute, count, int(priority), held, ahead_ms
        )
        return Turn(int(wait_ms), bool(taken))

    async def pause(self, reason: str, *, now: int) -> bool:
        """Stop all claims but one probe every few seconds; True if they were not stopped before."""
        key = f"{self._prefix}pause"
        added: int = await reply_of(self._redis.hset(key, mapping={"reason": reason, "until": now + PROBE_MS}))
        return added > 0

    async def probe_again(self, now: int) -> None:
        """A probe reached no page and proved nothing: the next claim may probe at once. Only for who holds a probe."""
        await self._run(scripts.PROBE, now)

    async def resume(self) -> bool:
        """Let claims go on; True if they were stopped."""
        removed: int = await reply_of(self._redis.delete(f"{self._prefix}pause"))
        return removed > 0

    def incidents(self) -> AsyncIterator[list[Incident]]:
        """Every incident the store holds, the next due first, by parts."""
        return self._reading.incidents()

    async def is_paused(self) -> bool:
        """Whether writes are paused: see `Reading.is_paused`."""
        return await self._reading.is_paused()

    async def incident(self, id_: str, *, count: int = 100, after: int = 0) -> Detail | None:
        """One incident with about ``count`` of its alerts: see `Reading.incident`."""
        return await self._reading.incident(id_, count, after)

    async def recount(self, first: int, count: int = 1_000) -> int:
        """Count anew ``count`` incidents of what limits bound, in case another release changed it.

        Returns where the next part begins; 0 after the last one.
        """
        last = first + count - 1
        _, goes_on = await self._run(scripts.RECOUNT, first, last)
        return last + 1 if goes_on else 0

    async def memory_used(self) -> float | None:
        """How much of the memory that Redis may use it does; None where it has no limit, or does not say."""
        await self._room.is_short(0)
        return self._room.used

    async def overview(self) -> Overview:
        """The store at a glance, at the cost of a few small reads and one of each incident that stands open."""
        now, quiet, taken_over, clear = await self._run(scripts.OPEN_WITHOUT_ALERTS)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(f"{self._prefix}tallies")
        pipe.zrange(self._due, 0, 0, withscores=True)
        pipe.zrange(f"{self._prefix}unauthorized", 0, 0, withscores=True)
        pipe.hget(f"{self._prefix}pause", "reason")
        pipe.hgetall(f"{self._prefix}watchdogs")
        pipe.hmget(f"{self._prefix}clock", "offset", "steps")
        pipe.hgetall(f"{self._prefix}stored")
        pipe.zrange(f"{self._prefix}looks", 0, 0, withscores=True)
        tallies, first, refused, reason, watchdogs, clock, stored, seen = await reply_of(pipe.execute())
        phases, marked = posts.unpack_tallies(tallies)
        return Overview(
            phases=phases,
            **posts.in_trouble(marked),
            oldest_due_ms=max([0, *(now - int(due) for _, due in (*first, *(refused if reason else ())))]),
            paused=None if reason is None else reason.decode(),
            quiet=codec.unpack_quiet(quiet, now),
            watchdogs={route.decode(): int(at) for route, at in watchdogs.items()},
            clock_ahead_ms=int(clock[0] or 0),
            clock_steps=int(clock[1] or 0),
            alerts_stored=codec.unpack_stored(stored, "alerts"),
            incidents_stored=codec.unpack_stored(stored, "incidents"),
            taken_over=taken_over,
            taken_over_clear=clear,
            unseen_ms=max([0, *(now - int(at) for _, at in seen)]),
        )

    async def check(self) -> None:
        """Do what a delivery does, to nobody's alert, the settings looked at anew where they decide.

        Raises StoreUnavailable when a delivery could not be kept.
        """
        await self._write_concern.refresh()
        await self.ingest([(_NOBODYS, None)])
        await self._run(scripts.READY, replicated=True)

    async def inspect(self) -> Durability:
        """Whether the server keeps what it is told, as far as it lets us see."""
        return await self._write_concern.inspect()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
