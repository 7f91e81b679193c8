"""What the store promises, restated without Redis: messages fold into alerts, all else is counted anew from them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GUARD_MS = 120_000
STRAY_MS = 3_600_000
FORGET_MS = 900_000
REMEMBERED = 3
REMEMBERED_SPANS = 15
NEVER = 32_503_680_000_000
BACKDATE_MS = 86_400_000


@dataclass(frozen=True)
class Message:
    """``observed`` is 0 when the sender has no clock; ``incident`` is None when routing ignores the alert."""

    name: str
    fires: bool
    starts: int
    ends: int
    observed: int
    facets: tuple[str, ...]
    incident: str | None
    backdate: int = BACKDATE_MS


@dataclass
class Known:
    """An alert: F firing, H held, R resolved. ``timer`` is when time alone changes it.

    ``starts`` is as it was sent, ``counts_from`` what is believed of it. What an operator has muted is R, ``muted``
    until then.
    """

    status: str
    starts: int
    counts_from: int
    observed: int
    facets: tuple[str, ...]
    ends: int = 0
    resolved_at: int = 0
    timer: int | None = None
    muted: int | None = None

    def has_newer_start(self, m: Message, now: int) -> bool:
        if m.starts == self.starts or m.starts > now:
            return m.starts > self.starts
        return m.starts > max(self.began(), self.ends)

    def began(self) -> int:
        return min(self.starts, self.counts_from)

    def start(self, starts: int, m: Message, now: int) -> None:
        self.starts, self.counts_from = starts, max(min(starts, now), now - m.backdate)


CLOCKS = ("firing_since", "last_fired_at", "cleared_at", "eased_at")


@dataclass(frozen=True)
class Given:
    """An order: who gave it, when, until when (0: until something else ends it)."""

    by: str
    at: int
    until: int = 0


@dataclass
class Recorded:
    """What is known of what was made of an incident: the word it is counted under, and where it stands and waits."""

    tally: str = "PENDING"
    is_open: bool = False
    is_posted: bool = False
    waits: bool = False

    @property
    def is_over(self) -> bool:
        return self.tally.partition("+")[0] in {"RESOLVED", "DISCARDED"}


@dataclass
class Kept:
    """An incident. ``starts`` and ``ends`` span its present outage; ``clocks`` says when what last happened to it.

    ``spans`` are those in which it fired before; ``orders`` are by their verbs, of a mute with the alert's name, and
    ``last`` says who gave the last one at which revision.
    """

    due: float
    alerts: dict[str, Known] = field(default_factory=dict)
    revision: int = 0
    starts: int = 0
    ends: int = 0
    clocks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLOCKS, 0))
    token: str | None = None
    leased_until: int = 0
    stray_since: int | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    is_recorded: bool = False
    recorded: Recorded = field(default_factory=Recorded)
    orders: dict[str, Given] = field(default_factory=dict)
    last: tuple[str, int] | None = None

    def count(self, status: str) -> int:
        return sum(known.status == status for known in self.alerts.values())

    def facets(self) -> Counter[str]:
        return Counter(facet for known in self.alerts.values() if known.status == "F" for facet in known.facets)

    def sums(self) -> tuple[int, int, Counter[str]]:
        return self.count("F"), self.count("H"), self.facets()

    def next_timer(self) -> int:
        return min((known.timer for known in self.alerts.values() if known.timer is not None), default=NEVER)


@dataclass
class Change:
    """What one delivery, or one look, does to an incident: the sums before it, and the dates that it brings."""

    fired: int
    facets: frozenset[str]
    is_new: bool = False
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    is_material: bool = False
    is_dirty: bool = False
    begins: bool = False


class Reference:
    """The store's promises at an imagined time ``now``."""

    def __init__(self, hold_ms: int) -> None:
        self.now = 0
        self.incidents: dict[str, Kept] = {}
        self.index: dict[str, str] = {}
        self.ends_heard: dict[str, int] = {}  # from senders with a clock, of alerts known or not
        self.ignored: dict[str, int] = {}  # when a sender with a clock last spoke of an alert in vain
        self.config = ""
        self.outdated: set[str] = set()  # settled by another configuration
        self._hold_ms = hold_ms
        self._changes: dict[str, Change] = {}

    def deliver(self, messages: Iterable[Message]) -> list[tuple[str, str | None]]:
        """What one delivery says; per message what becomes of it and the incident that counts it."""
        with self._one_change():
            return [self.ingest(m) for m in messages]

    def ingest(self, m: Message) -> tuple[str, str | None]:
        home = self.index.get(m.name)
        known = self.incidents[home].alerts[m.name] if home else None
        if m.observed and not m.fires:
            self.ends_heard[m.name] = max(m.observed, self.ends_heard.get(m.name, 0))
        if home is None or known is None:
            return self._hear_of_an_unknown(m)
        if m.observed < known.observed or (m.fires and self._is_old_news(known, m)):
            return "stale", home
        if m.fires and known.muted is not None:
            if m.starts <= known.starts:
                return self._repeat_muted(known, m, home), home
            self._unmute(home, m.name)
        if m.fires and m.incident is None and known.status != "F":
            return "unknown", home
        if self._belongs_elsewhere(known, home, m):
            return self._begin(m), m.incident
        with self._touched(home):
            return (self._fire(known, m, home) if m.fires else self._resolve(home, known, m)), home

    def _repeat_muted(self, known: Known, m: Message, home: str) -> str:
        known.observed = max(known.observed, m.observed)
        known.facets = m.facets if home == m.incident else known.facets
        return "repeat"

    def _unmute(self, home: str, name: str) -> None:
        """What happens to the alert, others say."""
        incident = self.incidents[home]
        incident.alerts[name].muted = None
        incident.orders.pop(f"mute|{name}", None)

    def _hear_of_an_unknown(self, m: Message) -> tuple[str, str | None]:
        if m.incident is None and m.fires and m.observed:
            self.ignored[m.name] = max(m.observed, self.ignored.get(m.name, 0))
        if not m.fires and m.incident is not None and m.incident not in self.incidents:
            self._suspect(m.incident, m.ends)
        if m.incident is None or not m.fires:
            return "unknown", None
        if 0 < m.observed <= self.ends_heard.get(m.name, 0) or 0 < m.observed < self.ignored.get(m.name, 0):
            return "stale", None
        return self._begin(m), m.incident

    def _suspect(self, incident: str, ends: int) -> None:
        """Nothing is known of it, yet it may stand on a page."""
        self._add(incident)
        self._changes[incident].ends.append(min(ends, self.now))

    def _add(self, incident: str) -> None:
        self.incidents[incident] = Kept(due=NEVER)
        self._changes[incident] = Change(fired=0, facets=frozenset(), is_new=True, is_material=True)

    def _begin(self, m: Message) -> str:
        assert m.incident is not None
        if m.incident not in self.incidents:
            self._add(m.incident)
        with self._touched(m.incident) as incident:
            outcome = self._fired_outcome(m.incident)
            known = Known("R", m.starts, m.starts, m.observed, m.facets)
            known.start(m.starts, m, self.now)
            self._start(m.incident, known)
            incident.alerts[m.name] = known
            self.index[m.name] = m.incident
            return outcome

    def _fire(self, known: Known, m: Message, home: str) -> str:
        if self._is_old_news(known, m):
            return "stale"
        facets = m.facets if home == m.incident else known.facets
        if known.status == "F":
            outcome = "repeat" if facets == known.facets else "changed"
            if m.starts > known.starts:
                known.start(m.starts, m, self.now)
            known.observed, known.facets = m.observed, facets
            return outcome
        if known.status == "R" and self._is_doubtful(known, m):
            known.start(known.starts, m, self.now)
            known.status, known.facets, known.timer = "H", facets, self.now + self._hold_ms
            return "held"
        if known.status == "H" and not known.has_newer_start(m, self.now):
            return "repeat"
        outcome = self._fired_outcome(home)
        known.observed, known.facets = m.observed, facets
        known.start(m.starts, m, self.now)
        self._start(home, known)
        return outcome

    def _fired_outcome(self, id_: str) -> str:
        is_first = not self._changes[id_].fired and not self.incidents[id_].count("F")
        return "opened" if is_first else "added"

    def _start(self, id_: str, known: Known) -> None:
        known.status, known.ends, known.timer = "F", 0, None
        self._changes[id_].starts.append(known.counts_from)
        self._changes[id_].begins = True

    def _stop(self, id_: str, known: Known, ends: int) -> None:
        """An end in the future, or before the start, counts as now."""
        is_believed = not ends or known.began() <= ends <= self.now
        self._changes[id_].ends.append(ends if is_believed else self.now)

    def _resolve(self, home: str, known: Known, m: Message) -> str:
        is_earlier = m.observed == 0 and 0 < m.ends < known.began() and m.starts < known.starts
        if known.muted is not None and not is_earlier:
            self._unmute(home, m.name)
            known.ends, known.observed = min(m.ends, self.now), max(known.observed, m.observed)
            known.resolved_at, known.timer = self.now, self.now + FORGET_MS
            self._changes[home].is_dirty = True
            return "resolved"
        if known.status == "R":
            known.observed = max(known.observed, m.observed)
            if known.ends < m.ends <= self.now:
                known.ends, known.resolved_at = m.ends, self.now
            return "repeat"
        if is_earlier:
            return "stale"
        if known.status == "F":
            self._stop(home, known, m.ends)
        known.status, known.ends, known.observed = "R", min(m.ends, self.now), m.observed
        known.resolved_at, known.timer = self.now, self.now + FORGET_MS
        return "resolved"

    def _is_old_news(self, known: Known, m: Message) -> bool:
        if m.observed == 0 or m.observed != known.observed:
            return m.observed < known.observed
        return known.status == "R" or ("a" in known.facets and "a" not in m.facets)

    def _is_doubtful(self, known: Known, m: Message) -> bool:
        is_recent = self.now - known.resolved_at < GUARD_MS
        return m.observed == 0 and is_recent and not known.has_newer_start(m, self.now)

    def _belongs_elsewhere(self, known: Known, home: str, m: Message) -> bool:
        is_new_occurrence = m.fires and not self._is_old_news(known, m) and not self._is_doubtful(known, m)
        return known.status == "R" and is_new_occurrence and home != m.incident

    def due(self) -> list[str]:
        """Who may be claimed, the most overdue first, and at last strays, of which nothing has fired."""
        overdue = [(each.due, id_) for id_, each in self.incidents.items() if each.due <= self.now]
        strays = [
            (each.stray_since, id_)
            for id_, each in self.incidents.items()
            if each.due > self.now and each.stray_since is not None
        ]
        return [id_ for _, id_ in sorted(overdue) + sorted(strays)]

    def claim(self, token: str, lease_ms: int, id_: str | None = None) -> str:
        """Lease the incident ``id_``, or the most overdue."""
        id_ = id_ or self.due()[0]
        with self._one_change(), self._touched(id_) as incident:
            ripe = [
                name for name, known in incident.alerts.items() if known.timer is not None and known.timer <= self.now
            ]
            for name in sorted(ripe, key=lambda name: (incident.alerts[name].timer or 0, name)):
                known = incident.alerts[name]
                known.timer = None
                if known.status == "H":
                    self._start(id_, known)
                elif known.muted is not None:
                    self._unmute(id_, name)
                    self._start(id_, known)
                elif len(incident.alerts) > REMEMBERED:
                    del incident.alerts[name]
                    if self.index[name] == id_:
                        del self.index[name]
        self.incidents[id_].token, self.incidents[id_].stray_since = token, None
        self.extend(id_, lease_ms)
        return id_

    def holds(self, id_: str, token: str) -> bool:
        incident = self.incidents.get(id_)
        return incident is not None and incident.token == token and incident.leased_until > self.now

    def extend(self, id_: str, lease_ms: int) -> None:
        incident = self.incidents[id_]
        incident.due = incident.leased_until = self.now + lease_ms

    def record(self, id_: str, recorded: Recorded, over: Iterable[tuple[str, int]] = ()) -> None:
        incident = self.incidents[id_]
        incident.is_recorded, incident.recorded = True, recorded
        for name, at in over:
            if name in incident.orders and incident.orders[name].at == at:
                del incident.orders[name]

    def settle(self, id_: str, revision: int, due: int | None, config: str = "") -> None:
        incident = self.incidents[id_]
        if config and config != self.config:
            self.outdated.add(id_)
        incident.token, incident.leased_until = None, 0
        wanted = NEVER if due is None else due
        incident.due = min(wanted, incident.next_timer()) if revision == incident.revision else self.now

    def may_drop(self, id_: str) -> bool:
        incident = self.incidents[id_]
        return incident.count("F") == incident.count("H") == 0

    def config_changed(self, config: str, retention_ms: int) -> None:
        """What may be due at another time is due; what is over is forgotten no later than the retention says."""
        if config == self.config:
            for id_ in self.outdated & self.incidents.keys():
                self.make_due(id_)
            self.outdated = set()
            return
        self.config, self.outdated = config, set()
        for id_, each in self.incidents.items():
            if each.recorded.is_posted or each.recorded.waits:
                self.make_due(id_)
            elif each.due <= self.now or each.stray_since is not None:
                continue
            elif each.count("F") or not each.recorded.is_over:
                self.make_due(id_)
            else:
                each.due = min(each.due, max(self.now, each.clocks["cleared_at"] + retention_ms))

    def make_due(self, id_: str) -> None:
        """Who has it in hand looks again."""
        incident = self.incidents[id_]
        if incident.leased_until > self.now:
            incident.revision += 1
        else:
            incident.due = min(incident.due, self.now)

    def drop(self, id_: str) -> None:
        del self.incidents[id_]
        self.outdated.discard(id_)
        self.index = {name: home for name, home in self.index.items() if home != id_}

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """Only what an incident sums up to before and after counts, no moment in between."""
        self._changes = {}
        yield
        for id_, change in self._changes.items():
            self._save(self.incidents[id_], change)

    @contextmanager
    def _touched(self, id_: str) -> Iterator[Kept]:
        incident = self.incidents[id_]
        change = self._changes.setdefault(id_, Change(incident.count("F"), frozenset(incident.facets())))
        before = incident.sums()
        yield incident
        change.is_dirty |= incident.sums() != before
        change.is_material |= incident.count("H") != before[1]

    def _save(self, incident: Kept, change: Change) -> None:
        """Its dates and clocks follow the sums; it is due, in a new revision, when a reader could see it."""
        fires, facets = incident.count("F"), frozenset(incident.facets())
        if change.begins and (fires > change.fired or _services(facets - change.facets)):
            incident.clocks["last_fired_at"] = self.now
        if fires and not change.fired:
            if incident.clocks["firing_since"]:
                spans = [*incident.spans, (incident.clocks["firing_since"], incident.clocks["cleared_at"])]
                incident.spans = spans[-REMEMBERED_SPANS:]
            incident.clocks["firing_since"], incident.starts, incident.ends = self.now, min(change.starts), 0
        else:
            incident.starts = min(incident.starts, *change.starts) if fires and change.starts else incident.starts
            incident.ends = max(incident.ends, *change.ends) if change.ends else incident.ends
        if not fires and (change.fired or change.is_new):
            incident.clocks["cleared_at"] = self.now
        if _services(change.facets - facets):
            incident.clocks["eased_at"] = self.now
        is_material = change.is_material or bool(fires) != bool(change.fired) or facets != change.facets
        incident.revision += is_material
        if change.is_new and incident.count("F") == incident.count("H") == 0:
            incident.due, incident.stray_since = self.now + STRAY_MS, self.now
        elif (change.is_dirty or is_material) and incident.leased_until <= self.now:
            incident.due = min(incident.due, self.now if is_material else incident.next_timer())


def _services(facets: frozenset[str]) -> bool:
    return any(facet.startswith("s|") for facet in facets)
