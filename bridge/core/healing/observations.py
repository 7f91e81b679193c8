"""What the polls of one cluster add up to, round by round: since when each condition for a close has held. Pure.

Nothing is judged here. Each fact is the round since which it holds without a break, so that whoever judges takes the
latest of them. It is kept in the store between rounds, so that another replica goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.healing.ours import kin_of
from bridge.core.healing.seen import PeerError, Poll

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing
    from bridge.core.healing.seen import Listed

LIFE_MS: Final = 300_000
"""A sign of life is a change within the last five minutes."""
GRACE_MS: Final = 20_000  # a poll takes ten seconds at most
REFIRE_MS: Final = 900_000
MOST_SIGNS: Final = 1_000


class Moment(Struct, frozen=True, array_like=True):
    """The ``nth`` round, which began ``at`` that time of the store."""

    at: int
    nth: int


class Sign(Struct, frozen=True, array_like=True):
    """An alert that proves a sender's life; of which of them, ``kin`` says. ``changed_after``: the poll before that."""

    kin: str
    updated_at: str
    changed_after: int = 0  # the last poll that showed it as it was before; 0: no change was seen


class Peer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One peer, in the present life of its process, which ``started_at`` that time of the store at the latest."""

    process: str
    polled_at: int
    started_at: int
    since: int  # the first poll of this life
    other_until: int = 0  # the last poll that showed another process
    old: Moment | None = None  # since when it has been up for longer than min_uptime
    settled: Moment | None = None
    signs: dict[str, Sign] = {}
    alive: dict[str, Moment] = {}  # by kin: since when each round showed a sign of life


class Listing(Struct, frozen=True, array_like=True):
    """An alert of ours that is listed, with its earliest start; ``peers``: who has listed it in its present life."""

    peers: int
    starts_at: int


class Gone(Struct, frozen=True, array_like=True):
    """An alert of ours that no peer lists as firing. ``listed_at``: the last round that one did, 0 for never.

    ``absent``: since which round; None while something arrived about it. ``is_silent``: it is listed, as silenced or
    inhibited, where that counts as over.
    """

    peers: int
    listed_at: int
    absent: Moment | None
    is_silent: bool = False


class Refire(Struct, frozen=True, array_like=True):
    """What healing closed, and what each peer has listed of it since: how, as of its first poll after that."""

    closed_at: int
    updated_at: dict[str, str] = {}
    is_back: bool = False  # a later poll of the same peer lists it otherwise


class Observations(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of one cluster, after its last round. ``urls`` are in the order of the bits of ``peers``.

    ``valid``: since which round each answer of each peer was understood, None if that of the last was not: ``void``
    says why. ``listed_at`` is the last round that was understood, ``sighted_at`` the last one that could have closed
    something.
    """

    section: str = ""
    urls: tuple[str, ...] = ()
    at: int = 0
    nth: int = 0
    valid: Moment | None = None
    void: str = ""
    listed_at: int = 0
    sighted_at: int = 0
    mass_at: int = 0  # since when so much is missing that it waits longer
    peers: dict[str, Peer] = {}
    listed: dict[str, Listing] = {}
    gone: dict[str, Gone] = {}
    closed: dict[str, Refire] = {}


class Ours(Struct, frozen=True):
    """What a round needs of our alerts: the fingerprints of the ``known`` ones, over or not.

    ``heard`` has those of them that are open and not listed as firing, by when something last arrived about them.
    """

    known: AbstractSet[str]
    heard: Mapping[str, int]


def longest_gap_ms(healing: Healing) -> int:
    """So far apart two rounds may be that are in a row."""
    return 2 * healing.interval_ms + GRACE_MS


def listed_as_firing(polls: Collection[Poll], healing: Healing) -> set[str]:
    """The fingerprints of all alerts that some peer lists, and that are not over by ``silenced`` or ``inhibited``."""
    return {name for poll in polls for name, each in poll.alerts.items() if not _is_over(each, healing)}


def observe(
    before: Observations,
    cluster: Cluster,
    healing: Healing,
    answers: Mapping[str, Poll | PeerError],
    ours: Ours,
    at: int,
) -> Observations:
    """What is known after a round whose polls began ``at``; ``answers`` are by url. ``ours`` is for a valid round."""
    round_ = Moment(at, before.nth + 1)
    known = _anew(before, cluster, healing, at)
    peers, ended = _peers(known, cluster, healing, answers, round_)
    polls = {url: each for url, each in answers.items() if isinstance(each, Poll)}
    known = replace(_without(known, ended), at=at, nth=round_.nth, peers=peers)
    errors = [f"{host(url)}: {each.kind}" for url, each in answers.items() if isinstance(each, PeerError)]
    if errors or polls.keys() != set(cluster.urls):
        return replace(known, valid=None, void=", ".join(errors) or "not every peer was asked")
    seen = _traces(known, healing, polls, ours, round_)
    return replace(
        seen, valid=known.valid or round_, void="", listed_at=at, sighted_at=at if _sees(peers) else known.sighted_at
    )


def lacks(seen: Observations, cluster: Cluster) -> str:
    """What keeps a cluster whose last round was valid from closing anything; empty if nothing does."""
    for url in seen.urls:
        peer = seen.peers.get(url)
        if peer is None or not peer.old:
            return f"{host(url)} has not been up for min_uptime"
        if not peer.settled:
            return f"{host(url)} is settling"
        if not peer.alive:
            return f"{host(url)}: {_lacks_life(peer, cluster)}"
    return ""


def _lacks_life(peer: Peer, cluster: Cluster) -> str:
    if not peer.signs:
        return "no alert fits alive.match"
    if cluster.alive.same and not any(each.kin for each in peer.signs.values()):
        return "no alert that fits alive.match has the labels of alive.same"
    return "the alert that fits alive.match is not renewed"


def is_ambiguous(seen: Observations) -> bool:
    """Whether several alerts of a peer look like a sign of life, and nothing says of which of ours each is one."""
    return any(len({each.kin for each in peer.signs.values()}) < len(peer.signs) for peer in seen.peers.values())


def host(url: str) -> str:
    """What evidence calls a peer."""
    return url.partition("://")[2].partition("/")[0]


def closed(seen: Observations, fingerprints: Collection[str], at: int) -> Observations:
    """The same, after these were closed."""
    return replace(seen, closed={**seen.closed, **{each: Refire(at) for each in fingerprints}})


def _anew(before: Observations, cluster: Cluster, healing: Healing, at: int) -> Observations:
    """What is left of it for this round: facts begin anew after a gap, and under another section."""
    is_same = before.section == healing.section
    if not is_same or at - before.at > longest_gap_ms(healing):
        before = replace(before, section=healing.section, valid=None)
    if not is_same:  # what a sign of life is may have changed, and how old is old
        peers = {url: replace(each, old=None, signs={}, alive={}) for url, each in before.peers.items()}
        before = replace(before, peers=peers)
    if before.urls != cluster.urls:
        bits = [cluster.urls.index(url) if url in cluster.urls else None for url in before.urls]
        before = _mapped(replace(before, urls=cluster.urls), lambda peers: _moved(peers, bits))
    return before


def _moved(peers: int, bits: list[int | None]) -> int:
    return sum(1 << bit for old, bit in enumerate(bits) if bit is not None and peers >> old & 1)


def _without(known: Observations, ended: int) -> Observations:
    """What peers have listed counts in the life in which they did."""
    return known if not ended else _mapped(known, lambda peers: peers & ~ended)


def _mapped(known: Observations, change: Callable[[int], int]) -> Observations:
    listed = {name: Listing(change(each.peers), each.starts_at) for name, each in known.listed.items()}
    gone = {name: replace(each, peers=change(each.peers)) for name, each in known.gone.items()}
    return replace(known, listed=listed, gone=gone)


def _peers(
    known: Observations, cluster: Cluster, healing: Healing, answers: Mapping[str, Poll | PeerError], round_: Moment
) -> tuple[dict[str, Peer], int]:
    """The peers after this round, and the bits of those whose former life has ended."""
    found: dict[str, Peer] = {}
    ended = 0
    for bit, url in enumerate(cluster.urls):
        before, answer = known.peers.get(url), answers.get(url)
        if isinstance(answer, Poll):
            is_same = before is not None and _lives_on(before, answer, healing, round_.at)
            found[url] = _peer(before, answer, cluster, healing, round_, is_same=is_same)
            ended |= 0 if is_same else 1 << bit
        elif before is not None and before.process:
            found[url] = replace(before, settled=None, alive={})
        else:
            ended |= 1 << bit  # nobody knows whether it will be the same process
    return found, ended


def _lives_on(before: Peer, poll: Poll, healing: Healing, at: int) -> bool:
    if poll.process or before.process:
        return poll.process == before.process
    return at - before.polled_at <= longest_gap_ms(healing)


def _peer(
    before: Peer | None, poll: Poll, cluster: Cluster, healing: Healing, round_: Moment, *, is_same: bool
) -> Peer:
    """A peer whose answer was understood. Of what tells its age, the youngest counts."""
    at = round_.at
    same = before if is_same else None
    other_until = same.other_until if same else (before.polled_at if before else 0)
    since = same.since if same else at
    started_at = since if poll.age_ms is None else min(max(at - poll.age_ms, other_until), at)
    if same:
        started_at = max(started_at, same.started_at)
    signs = _signs(same, poll, cluster)
    living = {each.kin for each in signs.values() if each.changed_after and 0 <= at - each.changed_after <= LIFE_MS}
    if cluster.alive.same:
        living.discard("")  # of nobody knows whom
    alive = same.alive if same else {}
    return Peer(
        process=poll.process,
        polled_at=at,
        started_at=started_at,
        since=since,
        other_until=other_until,
        old=((same and same.old) or round_) if at - started_at > healing.min_uptime_ms else None,
        settled=((same and same.settled) or round_) if poll.is_settled else None,
        signs=signs,
        alive={kin: alive.get(kin, round_) for kin in living},
    )


def _signs(same: Peer | None, poll: Poll, cluster: Cluster) -> dict[str, Sign]:
    found: dict[str, Sign] = {}
    for name, listed in poll.alerts.items():
        if len(found) == MOST_SIGNS or not all(each.matches(listed.labels) for each in cluster.alive.matchers):
            continue
        before = same.signs.get(name) if same else None
        changed_after = before.changed_after if before else 0
        if same and before and before.updated_at != listed.updated_at:
            changed_after = same.polled_at
        found[name] = Sign(kin_of(listed.labels, cluster.alive.same), listed.updated_at, changed_after)
    return found


def _sees(peers: Mapping[str, Peer]) -> bool:
    """Whether a round could have closed something."""
    return all(each.old and each.settled and each.alive for each in peers.values())


def _traces(
    known: Observations, healing: Healing, polls: Mapping[str, Poll], ours: Ours, round_: Moment
) -> Observations:
    """Which of our alerts are listed, and which are not, after a valid round."""
    by_peer = [(1 << bit, polls[url].alerts) for bit, url in enumerate(known.urls)]
    listed: dict[str, Listing] = {}
    silent: dict[str, int] = {}
    for name in ours.known:
        told = [(bit, alerts[name]) for bit, alerts in by_peer if name in alerts]
        peers = _ever(known, name) | sum(bit for bit, _ in told)
        firing = [each for _, each in told if not _is_over(each, healing)]
        if firing:
            before, starts_at = known.listed.get(name), min(each.starts_at for each in firing)
            is_same = before is not None and before.peers == peers and before.starts_at == starts_at
            listed[name] = before if before is not None and is_same else Listing(peers, starts_at)
        elif told:
            silent[name] = peers
    gone = {
        name: _gone(known, name, heard, silent.get(name), round_)
        for name, heard in ours.heard.items()
        if name not in listed
    }
    for name in ours.known - gone.keys() - listed.keys():  # over: if it fires again, it is known where it was listed
        if peers := _ever(known, name):
            gone[name] = Gone(peers, 0, None)
    return replace(known, listed=listed, gone=gone, closed=_refires(known, healing, polls, round_.at))


def _ever(known: Observations, name: str) -> int:
    """The peers that have listed it in their present life."""
    before = known.listed.get(name) or known.gone.get(name)
    return before.peers if before else 0


def _gone(known: Observations, name: str, heard: int, silent: int | None, round_: Moment) -> Gone:
    """One that is not listed as firing. What arrives about it begins its absence anew."""
    before = known.gone.get(name)
    listed_at = known.listed_at if name in known.listed else (before.listed_at if before else 0)
    absent = before.absent if before and known.valid else None
    if absent is None or heard >= absent.at:
        absent = round_ if heard < round_.at else None
    peers = _ever(known, name) if silent is None else silent
    return Gone(peers, listed_at, absent, silent is not None)


def _refires(known: Observations, healing: Healing, polls: Mapping[str, Poll], at: int) -> dict[str, Refire]:
    """What was closed, and is listed again by two polls that both began after that, changed between them."""
    found = {}
    for name, refire in known.closed.items():
        if at - refire.closed_at > REFIRE_MS:
            continue
        updated_at, is_back = dict(refire.updated_at), refire.is_back
        for url, poll in polls.items():
            listed = poll.alerts.get(name)
            if listed is None or _is_over(listed, healing) or at <= refire.closed_at:
                continue
            is_back = is_back or updated_at.setdefault(url, listed.updated_at) != listed.updated_at
        found[name] = Refire(refire.closed_at, updated_at, is_back)
    return found


def _is_over(listed: Listed, healing: Healing) -> bool:
    """Whether the configuration lets it count as over, though it is listed."""
    return (listed.silenced and healing.silenced == "clear") or (listed.inhibited and healing.inhibited == "clear")
