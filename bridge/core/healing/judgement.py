"""Whether an alert of ours may be closed although its sender never said that it is over.

A wrong close is worse than a late one. Evidence closes, absence does not: each condition below must hold, for every
cluster that is the truth for the alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.config.healing import LEAST_ROUNDS
from bridge.config.units import format_duration
from bridge.core.healing.observations import Moment, host, longest_gap_ms
from bridge.core.healing.ours import FIRING, HELD, SOURCE, fitting, is_fit_known
from bridge.json_values import from_ms

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing
    from bridge.core.healing.observations import Gone, Observations
    from bridge.core.healing.ours import OurAlert

LONGER: Final = 3
"""So many times longer waits what no poll has listed, and what is missing with too many others."""
MASS: Final = 10
"""So many may be missing at once, or half of all, before that looks like a trouble of the sender."""
MOST_CLOSES: Final = 20
"""So many are closed in one round."""
_FOREVER: Final = "no poll has listed it, and the cluster's match does not name its __sender__"
_NAMED: Final = 3  # peers
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


class Decision(StrEnum):
    """What becomes of an alert in this round."""

    CLOSE = "close"
    WAIT = "wait"  # not yet
    NOT = "not"  # as things are, never


class Verdict(Struct, frozen=True, kw_only=True):
    """The decision and its reason. To close an alert, it ended ``ends_at``, and was silent from ``quiet_since`` on.

    ``is_missing``: no cluster that is the truth for it lists it, whatever is decided.
    """

    decision: Decision
    reason: str
    ends_at: int = 0
    quiet_since: int = 0
    is_missing: bool = False


class _Word(Struct, frozen=True, kw_only=True):
    """What one cluster says; ``is_own``: it is known to be the alert's, by its list or by its ``match``."""

    decision: Decision
    reason: str
    is_missing: bool = False
    since: int = 0
    listed_at: int = 0
    is_own: bool = False


def judge(
    alert: OurAlert, observations: Mapping[str, Observations], healing: Healing, now: int, *, is_mass: bool = False
) -> Verdict:
    """Whether to close it ``now``, by the observations of each cluster; ``is_mass``: too many are missing at once."""
    if alert.source != SOURCE or alert.state not in {FIRING, HELD}:  # condition 1
        return Verdict(decision=Decision.NOT, reason="it does not fire, or came from elsewhere")
    clusters = fitting(alert, healing)
    if not clusters:
        return Verdict(decision=Decision.NOT, reason="no configured cluster is the truth for it")
    words = [_ask(alert, each, observations.get(each.name), healing, now, is_mass=is_mass) for each in clusters]
    is_missing = all(each.is_missing for each in words)
    decision = _weakest(words)
    if decision is Decision.CLOSE and not (is_fit_known(alert, healing) or any(each.is_own for each in words)):
        return Verdict(decision=Decision.NOT, reason="no cluster is known to be its own", is_missing=is_missing)
    reason = "; ".join(
        f"{cluster.name}: {word.reason}" if len(clusters) > 1 else word.reason
        for cluster, word in zip(clusters, words, strict=True)
        if word.decision is decision
    )
    return Verdict(
        decision=decision,
        reason=reason,
        ends_at=max(alert.seen_at, *(each.listed_at for each in words)),
        quiet_since=min(each.since for each in words),
        is_missing=is_missing,
    )


def _weakest(words: Sequence[_Word]) -> Decision:
    found = {each.decision for each in words}
    return next(each for each in (Decision.NOT, Decision.WAIT, Decision.CLOSE) if each in found)


def _ask(
    alert: OurAlert, cluster: Cluster, seen: Observations | None, healing: Healing, now: int, *, is_mass: bool
) -> _Word:
    """What this cluster says of it."""
    if seen is None or seen.section != healing.section or not seen.at:
        return _wait("not asked yet under this configuration")
    if now - seen.at > longest_gap_ms(healing):
        return _wait(f"last asked at {_clock(seen.at)}")
    if seen.valid is None:  # condition 2: void is not absent
        return _wait(f"the last round was void: {seen.void}")
    listing = seen.listed.get(alert.fingerprint)
    if listing is not None:  # conditions 3 and 7
        is_later = listing.starts_at > alert.starts_at
        reason = "listed with a later start: another outage has begun" if is_later else "listed"
        return _Word(decision=Decision.NOT, reason=f"{reason} ({_peers(cluster, listing.peers)})")
    gone = seen.gone.get(alert.fingerprint)
    if gone is None or gone.absent is None:
        return _wait("no round since it was last heard of")
    since = gone.absent
    for fact, lacking in _facts(alert, cluster, seen):
        if fact is None:
            return _wait(lacking, is_missing=True)
        since = max(since, fact, key=lambda each: each.nth)
    if alert.seen_at >= since.at:  # condition 6
        return _wait(f"heard of at {_clock(alert.seen_at)}, after the first round without it", is_missing=True)
    return _weigh(alert, cluster, seen, gone, since, healing, is_mass=is_mass)


def _facts(alert: OurAlert, cluster: Cluster, seen: Observations) -> Iterator[tuple[Moment | None, str]]:
    """Since which round each condition on the cluster has held, and what is to be said where it does not."""
    kin = "" if not cluster.alive.same else alert.fit.kin.get(cluster.name) if alert.fit else None
    yield seen.valid, "void"  # condition 2
    for url in cluster.urls:
        peer = seen.peers.get(url)
        yield peer.old if peer else None, f"{host(url)} has not been up for min_uptime"  # condition 4
        yield peer.settled if peer else None, f"{host(url)} is settling"
        if kin is None:
            yield None, "the labels of alive.same are unknown until it is delivered again"
        yield peer.alive.get(kin or "") if peer else None, f"no sign of life at {host(url)}"  # condition 5


def _weigh(
    alert: OurAlert,
    cluster: Cluster,
    seen: Observations,
    gone: Gone,
    since: Moment,
    healing: Healing,
    *,
    is_mass: bool,
) -> _Word:
    """Whether it has been absent for long enough."""
    was_listed = gone.peers != 0
    if not was_listed and not cluster.names_sender():
        return _Word(decision=Decision.NOT, reason=_FOREVER, is_missing=True)
    wanted_ms = healing.absent_for_ms * (1 if was_listed else LONGER) * (LONGER if is_mass else 1)
    rounds, lasted_ms = seen.nth - since.nth + 1, seen.at - since.at
    what = "silent at" if gone.is_silent else "not listed by"
    told = f"{what} {_peers(cluster)} since {_clock(since.at)} ({rounds} rounds)"
    if rounds < LEAST_ROUNDS or lasted_ms < wanted_ms:
        is_short = f"; closed after {format_duration(wanted_ms)}{', for so many are missing' if is_mass else ''}"
        return _wait(told + is_short, is_missing=True)
    up_ms = seen.at - max(seen.peers[url].started_at for url in cluster.urls)
    return _Word(
        decision=Decision.CLOSE,
        reason=f"{told}; up {_roughly(up_ms)}; watchdog listed",
        is_missing=True,
        since=since.at,
        listed_at=gone.listed_at,
        is_own=was_listed or cluster.takes_sender(alert.sender),
    )


def _wait(reason: str, *, is_missing: bool = False) -> _Word:
    return _Word(decision=Decision.WAIT, reason=reason, is_missing=is_missing)


def is_mass(missing: int, firing: int) -> bool:
    """Whether so many of all that fires are missing that the sender may be in trouble, rather than over."""
    return missing > MASS and 2 * missing > firing


def _peers(cluster: Cluster, bits: int = -1) -> str:
    found = [host(url) for bit, url in enumerate(cluster.urls) if bits >> bit & 1]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _clock(at: int) -> str:
    return from_ms(at)[11:16]


def _roughly(ms: int) -> str:
    """An age as people say it, in its largest unit."""
    unit, size = next(((unit, size) for unit, size in _UNITS if ms >= size), _UNITS[-1])
    return f"{ms // size} {unit}"
