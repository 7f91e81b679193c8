"""One round of one cluster: ask every peer, keep what they say beside what was said before, and close what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.healing.judgement import MOST_CLOSES, Decision, Verdict, is_mass, judge
from bridge.core.healing.observations import Observations, Ours, closed, is_ambiguous, lacks, listed_as_firing, observe
from bridge.core.healing.ours import FIRING, HELD, OurAlert, fitting
from bridge.core.healing.seen import PeerError, Poll
from bridge.evidence import Evidence
from bridge.model import Alert, AlertStatus
from bridge.store.healing import Place
from bridge.telemetry import HEALED, Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing
    from bridge.store import Store

Ask: TypeAlias = "Callable[[Cluster, str], Awaitable[Poll]]"
HOLDS_MS = 15_000
"""So long after the peers' answers a decision to close holds: then they are old."""
MOST_CHARS = 300
"""So long is evidence at most: it is kept with each alert."""
OK, BLIND = "ok", "blind"


class Outcome(Struct, frozen=True):
    """What a round came to: OK, BLIND (nothing can be closed by it) or the kind of a peer's error.

    ``missing`` are the names of our alerts that no cluster lists, and that stand open; None if it is not known.
    ``lacks`` says why it was BLIND; ``is_ambiguous``: several signs of life, and ``alive.same`` names no label.
    """

    kind: str
    missing: frozenset[str] | None
    lacks: str = ""
    is_ambiguous: bool = False


class _Known(Struct, frozen=True):
    """Our alerts beside a round: where those are that a peer lists, and the open ones that no peer lists as firing.

    ``over`` are the fingerprints of the others that it still knows of.
    """

    listed: Sequence[Place] = ()
    unlisted: Mapping[str, OurAlert] = {}
    over: frozenset[str] = frozenset()

    @property
    def ours(self) -> Ours:
        """As observations need them."""
        heard: dict[str, int] = {}
        for each in self.unlisted.values():
            heard[each.fingerprint] = max(heard.get(each.fingerprint, 0), each.seen_at)
        return Ours(heard.keys() | self.over | {each.fingerprint for each in self.listed}, heard)


class ClusterRound:
    """Plays rounds of a cluster. ``on_change`` is called when something was closed; ``now`` is the store's time, ms."""

    def __init__(self, store: Store, ask: Ask, on_change: Callable[[], None], now: Callable[[], int]) -> None:
        self._store = store
        self._ask = ask
        self._on_change = on_change
        self._now = now
        self._would: set[str] = set()  # what was told in observe mode

    async def play(self, cluster: Cluster, healing: Healing, token: str) -> Outcome | None:
        """Play one, as the holder of the chore; None if that was lost meanwhile. Raises StoreUnavailable."""
        kept = await self._store.healing.observations([each.name for each in healing.alertmanagers])
        before = kept.get(cluster.name, Observations())
        at = self._now()
        said = await asyncio.gather(*(self._answer(cluster, url) for url in cluster.urls))
        until = self._now() + HOLDS_MS
        answers = dict(zip(cluster.urls, said, strict=True))
        polls = {url: each for url, each in answers.items() if isinstance(each, Poll)}
        known = await self._known(cluster, healing, polls) if len(polls) == len(answers) else _Known()
        # in a thread, for thousands of alerts take a while, and deliveries must not wait so long
        seen = await asyncio.to_thread(observe, before, cluster, healing, answers, known.ours, at)
        verdicts = self._judge(known, {**kept, cluster.name: seen}, healing)
        missing = [name for name, each in verdicts.items() if each.is_missing]
        if seen.valid and is_mass(len(missing), len(seen.listed) + len(known.unlisted)):
            verdicts = self._judge(known, {**kept, cluster.name: seen}, healing, is_mass=True)
            if not before.mass_at:
                log(Event.HEALING_MASS, cluster=cluster.name, missing=len(missing), listed=len(seen.listed))
            seen = replace(seen, mass_at=before.mass_at or at)
        else:
            seen = replace(seen, mass_at=0)
        if await self._store.healing.observed(cluster.name, token, seen) is None:
            return None
        await self._renew(cluster, healing, before, seen, known)
        healed = await self._close(cluster, healing, known, verdicts, until)
        if healed:
            fingerprints = {known.unlisted[name].fingerprint for name in healed}
            await self._store.healing.observed(cluster.name, token, closed(seen, fingerprints, self._now()))
        await self._trust(cluster, healing, seen, known)
        return Outcome(
            _kind(answers, seen),
            frozenset(missing) - healed if seen.valid else None,
            lacks=lacks(seen, cluster),
            is_ambiguous=is_ambiguous(seen),
        )

    async def _answer(self, cluster: Cluster, url: str) -> Poll | PeerError:
        try:
            return await self._ask(cluster, url)
        except PeerError as error:
            log_throttled(Event.HEALING_VOID, cluster=cluster.name, peer=url, kind=error.kind, reason=error.detail)
            return error

    async def _known(self, cluster: Cluster, healing: Healing, polls: Mapping[str, Poll]) -> _Known:
        """Reads of our alerts only what no peer lists; of the others their names suffice."""
        firing = await asyncio.to_thread(listed_as_firing, polls.values(), healing)
        listed: dict[str, Place] = {}
        rest: dict[str, Place] = {}
        async for part in self._store.healing.places():
            for place in part:
                (listed if place.fingerprint in firing else rest)[place.name] = place
        alerts = await self._store.healing.alerts(rest.values())
        own = {name: each for name, each in alerts.items() if cluster in fitting(each, healing)}
        unlisted = {name: each for name, each in own.items() if _is_open(each)}
        over = frozenset(each.fingerprint for each in own.values() if not _is_open(each))
        return _Known(list(listed.values()), unlisted, over)

    def _judge(
        self, known: _Known, observations: Mapping[str, Observations], healing: Healing, *, is_mass: bool = False
    ) -> dict[str, Verdict]:
        now = self._now()
        return {name: judge(each, observations, healing, now, is_mass=is_mass) for name, each in known.unlisted.items()}

    async def _close(
        self, cluster: Cluster, healing: Healing, known: _Known, verdicts: Mapping[str, Verdict], until: int
    ) -> frozenset[str]:
        """Close what may be closed ``until`` then, the longest absent first; the names of what was."""
        due = sorted((each.quiet_since, name) for name, each in verdicts.items() if each.decision is Decision.CLOSE)
        names = [name for _, name in due[:MOST_CLOSES]]
        self._would &= set(names)
        if healing.observes:
            for name in names:
                if name not in self._would:
                    self._tell(Event.HEALING_WOULD_CLOSE, cluster, known.unlisted[name], verdicts[name])
            self._would.update(names)
            return frozenset()
        if not names:
            return frozenset()
        ends = [_end(known.unlisted[name], verdicts[name], until) for name in names]
        changes = await self._store.ingest([(each, None) for each in ends])
        healed = {name for name, change in zip(names, changes, strict=True) if change.outcome == "resolved"}
        for name in healed:
            HEALED.labels(known.unlisted[name].source).inc()
            self._tell(Event.ALERT_HEALED, cluster, known.unlisted[name], verdicts[name])
        if healed:
            self._on_change()
        return frozenset(healed)

    @staticmethod
    def _tell(event: Event, cluster: Cluster, alert: OurAlert, verdict: Verdict) -> None:
        log(
            event,
            cluster=cluster.name,
            source=alert.source,
            sender=alert.sender,
            fingerprint=alert.fingerprint,
            evidence=verdict.reason,
        )

    async def _renew(
        self, cluster: Cluster, healing: Healing, before: Observations, seen: Observations, known: _Known
    ) -> None:
        """What is listed with a later start is another outage of the same alert: its start is updated."""
        if not seen.valid:
            return
        changed = [
            place
            for place in known.listed
            if (listing := seen.listed.get(place.fingerprint)) is not None
            and _start(before, place.fingerprint) != listing.starts_at
        ]
        alerts = await self._store.healing.alerts(changed)
        later = [
            _firing(each, seen.listed[each.fingerprint].starts_at)
            for each in alerts.values()
            if each.state == FIRING
            and fitting(each, healing) == (cluster,)
            and each.starts_at < seen.listed[each.fingerprint].starts_at
        ]
        if later:
            await self._store.ingest([(each, None) for each in later])

    async def _trust(self, cluster: Cluster, healing: Healing, seen: Observations, known: _Known) -> None:
        """What we closed and what is listed again, by two polls that began after that, is no late copy."""
        back = {name for name, each in seen.closed.items() if each.is_back}
        places = [place for place in known.listed if place.fingerprint in back]
        alerts = await self._store.healing.alerts(places) if places else {}
        held = [name for name, each in alerts.items() if each.state == HELD and cluster in fitting(each, healing)]
        if await self._store.healing.trust(held):
            self._on_change()


def _is_open(alert: OurAlert) -> bool:
    return alert.state in {FIRING, HELD}


def _start(before: Observations, fingerprint: str) -> int | None:
    listing = before.listed.get(fingerprint)
    return None if listing is None else listing.starts_at


def _end(alert: OurAlert, verdict: Verdict, until: int) -> Alert:
    return Alert(
        source=alert.source,
        sender=alert.sender,
        fingerprint=alert.fingerprint,
        status=AlertStatus.RESOLVED,
        labels={},
        starts_at=alert.starts_at,
        ends_at=verdict.ends_at,
        evidence=Evidence(verdict.reason[:MOST_CHARS], verdict.quiet_since, until),
    )


def _firing(alert: OurAlert, starts_at: int) -> Alert:
    return Alert(
        source=alert.source,
        sender=alert.sender,
        fingerprint=alert.fingerprint,
        status=AlertStatus.FIRING,
        labels={},
        starts_at=starts_at,
    )


def _kind(answers: Mapping[str, Poll | PeerError], seen: Observations) -> str:
    errors: Collection[str] = [each.kind for each in answers.values() if isinstance(each, PeerError)]
    if errors:
        return next(iter(errors))
    return OK if seen.sighted_at == seen.at else BLIND
