"""What must be true, restated without Redis, reconciler or page: a pure function of what was said, and when.

`tests.unit.store.reference` tells what alerts add up to. This adds what a whole bridge needs beyond that: deliveries of
several alerts, labels that change, merges, and what readers of the page must see in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bridge.model import Phase, Severity
from tests.unit.store.reference import FORGET_MS, Kept, Known, Message
from tests.unit.store.reference_orders import DONE, Act, Ordered


@dataclass(frozen=True)
class Statement(Message):
    """``labels`` tell whether they changed; ``target`` is the alert that this one was merged into."""

    labels: str = ""
    target: str | None = None


@dataclass(frozen=True)
class Shown:
    """What readers must see of an incident once all is quiet."""

    statuses: frozenset[Phase]
    severity: Severity
    services: frozenset[str]


class Expectation(Ordered):
    """The bridge's promises. Merges are told of in order: `test_merge_model` is about the others."""

    def __init__(self, now: int, hold_ms: int) -> None:
        super().__init__(hold_ms)
        self.now = now
        self._labels: dict[str, str] = {}
        self._targets: dict[str, str] = {}  # of alerts that live as part of another, or did last
        self._merges: dict[str, tuple[int, str]] = {}
        self._acknowledged: set[str] = set()  # incidents that were, at some time of their outage
        self.ended_by_order: set[str] = set()  # incidents whose outage goes on though an operator has posted its end

    def drop(self, id_: str) -> None:
        super().drop(id_)
        self._acknowledged.discard(id_)
        self.ended_by_order.discard(id_)

    def act(self, id_: str, act: Act) -> str:
        outcome = super().act(id_, act)
        if act.verb == "resolve" and outcome == DONE and self.incidents[id_].count("F"):
            self.ended_by_order.add(id_)
        return outcome

    def may_mute(self, name: str) -> bool:
        """Whether it is no part of another, nor is another part of it: `test_merges` is about those."""
        return name not in {*self._targets, *self._targets.values()}

    def waiting(self) -> list[str]:
        """The incidents that wait for room in a budget. When one of them is woken, the gate's tests say."""
        return [id_ for id_, each in self.incidents.items() if each.recorded.waits]

    def woken(self, id_: str, due: float, revision: int) -> None:
        """Somebody woke an incident that waits for room: it is due sooner, or looked at again by who has it in hand."""
        incident = self.incidents[id_]
        incident.due, incident.revision = min(incident.due, due), max(incident.revision, revision)

    def is_kept_back(self, id_: str) -> bool:
        """Whether the page may rightly show otherwise than the alerts say."""
        incident = self.incidents[id_]
        kept = incident.recorded.waits or {"take-over", "hold", "dismiss", "resolve"} & incident.orders.keys()
        return bool(kept) or id_ in self.ended_by_order

    def shown(self, id_: str) -> Shown | None:
        """How the incident must stand on the page in the end; None when it must not be open."""
        facets = self.incidents[id_].facets()
        incident = self.incidents[id_]
        dismissed = incident.orders.get("dismiss")
        if not facets or (dismissed is not None and self._is_of_this_outage(incident, dismissed)):
            return None
        levels = [facet.split("|")[1:] for facet in facets if facet.startswith("s|")]
        statuses = {Phase.IDENTIFIED} if "a" in facets else {Phase.INVESTIGATING}
        if id_ in self._acknowledged:
            statuses.add(Phase.IDENTIFIED)  # it stays so, if the bridge looked in time
        return Shown(
            statuses=frozenset(statuses),
            severity=max(Severity(int(level)) for _, level in levels),
            services=frozenset(service for service, _ in levels),
        )

    def may_merge(self, source: str, target: str) -> bool:
        """Whether both are open and neither is part of another, as PagerDuty demands."""
        parts = {name for name in self._targets if self._is_open(name)}
        is_joined = any(self._targets[name] == source for name in parts)
        both = self._is_open(source) and self._is_open(target)
        return both and source != target and not is_joined and not parts & {source, target}

    def is_part(self, name: str) -> bool:
        """Whether it lives as part of another."""
        return name in self._targets and self._is_open(name)

    def ingest(self, m: Message) -> tuple[str, str | None]:
        assert isinstance(m, Statement)
        outcome, home = self._merge(m, m.target) if m.target else self._say(m)
        self._bring_along(m.name)
        return outcome, home

    def _say(self, m: Statement) -> tuple[str, str | None]:
        known, home = self._find(m.name), self.index.get(m.name)
        if known is not None and home != m.incident and self._is_relabeled(known, m):
            self._leave(m.name, ends=m.observed)
            self._begin(m)
            outcome = "moved"
        else:
            outcome, _ = super().ingest(m)
        home = self.index.get(m.name)
        if m.fires and home == m.incident and outcome not in {"stale", "unknown"}:
            self._labels[m.name] = m.labels
        if outcome in {"opened", "added"}:
            self._targets.pop(m.name, None)
        return outcome, home

    def _is_relabeled(self, known: Known, m: Statement) -> bool:
        """Only who has a clock can change the labels of an alert that fires; others' fingerprints change with them."""
        is_news = m.observed > 0 and m.fires and not self._is_old_news(known, m)
        return is_news and known.status == "F" and self._labels[m.name] != m.labels

    def _merge(self, m: Statement, target: str) -> tuple[str, str | None]:
        known, home = self._find(m.name), self.index.get(m.name)
        if self._merges.get(m.name) == (m.observed, target):
            return "repeat", home
        if known is None or m.observed <= max(known.observed, self.ends_heard.get(m.name, 0)):
            return "stale", home
        self._merges[m.name] = m.observed, target
        self.ends_heard[m.name] = m.observed
        known.observed = m.observed
        self._targets[m.name] = target
        self._follow(m.name, m.facets if home == m.incident else known.facets)
        return "merged", self.index[m.name]

    def _bring_along(self, name: str) -> None:
        """What happened to an alert happened to those that live as part of it."""
        for source in [each for each, target in self._targets.items() if target == name and self._is_open(each)]:
            known = self._known(source)
            if self._is_open(name):
                self._follow(source, known.facets)
                continue
            with self._touched(self.index[source]):
                known.status, known.ends = "R", max(self.ends_heard[name], known.began())
                known.resolved_at, known.timer = self.now, self.now + FORGET_MS
                self._stop(self.index[source], known, known.ends)

    def _follow(self, name: str, facets: tuple[str, ...]) -> None:
        """Be counted, with these facets, where one's target is."""
        home = self.index[self._targets[name]]
        if home == self.index[name]:
            with self._touched(home):
                self._known(name).facets = facets
            return
        known = self._leave(name, ends=self._known(name).observed)
        with self._touched(home) as incident:
            known.facets = facets
            begins = self._changes[home].begins
            self._start(home, known)
            self._changes[home].begins = begins  # it goes on; nothing new began
            incident.alerts[name] = known
            self.index[name] = home

    def _leave(self, name: str, *, ends: int) -> Known:
        with self._touched(self.index[name]) as incident:
            if incident.alerts[name].status == "F":
                self._stop(self.index[name], incident.alerts[name], ends)
            return incident.alerts.pop(name)

    def _known(self, name: str) -> Known:
        return self.incidents[self.index[name]].alerts[name]

    def _find(self, name: str) -> Known | None:
        return self._known(name) if name in self.index else None

    def _is_open(self, name: str) -> bool:
        known = self._find(name)
        return known is not None and known.status == "F"

    @contextmanager
    def _touched(self, id_: str) -> Iterator[Kept]:
        with super()._touched(id_) as incident:
            yield incident
        if not incident.count("F"):
            self._acknowledged.discard(id_)
            self.ended_by_order.discard(id_)
        if "a" in incident.facets():
            self._acknowledged.add(id_)
