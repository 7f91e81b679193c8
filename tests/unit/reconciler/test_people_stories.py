"""Any outage, with a person who edits the incident before any of our reads, and looks at any time: no edit is undone.

What a person does between a read of ours and the write that follows, milliseconds later, can be lost: Checkly knows no
version (docs/explanation/writing-once.md). So edits come before reads here.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.core.remote import RemoteUpdate
from bridge.model import V1_PAGE, Impact, Phase, Policy, Severity, Write, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, SERVICES, Outcome, Page
from tests.unit.reconciler.page_harness import MINUTE, SECOND, PageHarness

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.remote import RemoteIncident
    from bridge.model import Post

POLICY = Policy(publish_after_ms=0, resolve_after_ms=2 * MINUTE, reopen_after_ms=100 * 60 * MINUTE)
READS = st.integers(0, 4)
OUTCOMES = st.sampled_from([Outcome.DONE, Outcome.DONE, Outcome.NOT_SENT, Outcome.LOST_BEFORE, Outcome.LOST_AFTER])
EDITS = st.one_of(
    st.tuples(st.just("names"), READS),
    st.tuples(st.just("resolves"), READS),
    st.tuples(st.just("says"), READS, st.sampled_from([Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING])),
    st.tuples(st.just("sets"), READS, st.sampled_from(Severity)),
    st.tuples(st.just("weighs"), READS, st.sampled_from(SERVICES), st.sampled_from(Impact)),
    st.tuples(st.just("adds"), READS, st.sampled_from(SERVICES)),
    st.tuples(st.just("removes"), READS, st.sampled_from(SERVICES)),
)
ACTS = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(SERVICES), st.sampled_from(Severity)),
    st.tuples(st.just("clear"), st.sampled_from([*SERVICES, None])),
    st.just(("acknowledge",)),
    st.tuples(st.just("after"), st.sampled_from([SECOND, 20 * SECOND, MINUTE, 3 * MINUTE])),
    st.just(("look",)),
    st.just(("look",)),
    EDITS,
    EDITS,
)
RESOLVED_AND_SEEN = [
    ("fire", "checkout", Severity.MAJOR),
    ("resolves", 0),
    ("look",),
    ("fire", "payments", Severity.CRITICAL),
    ("after", 3 * MINUTE),
    ("look",),
]
LOWERED_AND_JOINED = [
    ("fire", "checkout", Severity.MAJOR),
    ("after", MINUTE),
    ("sets", 0, Severity.MINOR),
    ("weighs", 0, "checkout", Impact.OPERATIONAL),
    ("fire", "payments", Severity.MEDIUM),
    ("after", MINUTE),
    ("fire", "search", Severity.CRITICAL),
    ("after", MINUTE),
    ("clear", "search"),
]
REMOVED_AND_JOINED = [
    ("fire", "checkout", Severity.MAJOR),
    ("fire", "payments", Severity.MAJOR),
    ("after", MINUTE),
    ("removes", 0, "payments"),
    ("fire", "search", Severity.MAJOR),
]
MOVED_AHEAD = [
    ("fire", "checkout", Severity.MAJOR),
    ("says", 0, Phase.MONITORING),
    ("acknowledge",),
    ("fire", "payments", Severity.MAJOR),
]
LOWERED_AFTER_AN_ANSWER_WAS_LOST = [
    ("fire", "checkout", Severity.MAJOR),
    ("after", MINUTE),
    ("fire", "checkout", Severity.CRITICAL),
    ("sets", 0, Severity.MINOR),
    ("weighs", 0, "checkout", IMPACTS[Severity.MINOR]),
    ("after", MINUTE),
    ("fire", "payments", Severity.MAJOR),
    ("after", MINUTE),
]
RAISED_AND_SEEN = [
    ("fire", "checkout", Severity.MINOR),
    ("sets", 0, Severity.CRITICAL),
    ("look",),
    ("fire", "payments", Severity.MAJOR),
    ("acknowledge",),
    ("look",),
]


COURSE = [Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING, Phase.RESOLVED]


class EditedPage(Page):
    """A page on which a person acts before our reads: each act waits for so many of them.

    ``judge`` is called with what stood there before each of our writes, and after it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.waiting: list[tuple[int, Callable[[], None]]] = []
        self.judge: Callable[[RemoteIncident], None] = lambda _: None

    def tick(self) -> None:
        due = [act for reads, act in self.waiting if reads == 0]
        self.waiting = [(reads - 1, act) for reads, act in self.waiting if reads > 0]
        for act in due:
            act()

    async def read(self, *args: Any, **options: Any) -> Any:
        self.tick()
        return await super().read(*args, **options)

    async def open_incidents(self, *args: Any, **options: Any) -> Any:
        self.tick()
        return await super().open_incidents(*args, **options)

    async def listed(self, *args: Any, **options: Any) -> Any:
        self.tick()
        return await super().listed(*args, **options)

    async def change(self, current: RemoteIncident, *args: Any, **options: Any) -> Any:
        try:
            return await super().change(current, *args, **options)
        finally:  # whatever became of the answer
            self.judge(self._get(current.id))

    async def update(self, remote_id: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().update(remote_id, *args, **options)
        finally:
            self.judge(self._get(remote_id))


class PersonAtThePage:
    """What somebody has set, each with what the bridge wanted there then."""

    def __init__(self, harness: PageHarness, page: EditedPage) -> None:
        self._harness = harness
        self._page = page
        self._has_impacts = shows_impacts(harness.page_name)
        self._numbers = count(1)
        page.judge = self.judge
        self.name = ""
        self.status: tuple[Phase, Phase] | None = None
        self.severity: tuple[Severity, Severity] | None = None
        self.impacts: dict[str, tuple[Impact, Impact]] = {}
        self.added: set[str] = set()
        self.removed: set[str] = set()
        self.posted: set[str] = set()

    def plan(self, act: str, reads: int, *arguments: Any) -> None:
        self._page.waiting.append((reads, lambda: getattr(self, act)(*arguments)))

    @property
    def _open(self) -> RemoteIncident | None:
        return next(iter(self._page.standing), None)

    @property
    def _post(self) -> Post:
        return self._harness.post

    def names(self) -> None:
        if incident := self._open:
            self.name = f"By hand {next(self._numbers)}"
            self._page.edit(incident.id, name=self.name)

    def resolves(self) -> None:
        if self._posts(Phase.RESOLVED):
            self.status = (Phase.RESOLVED, Phase.RESOLVED)

    def says(self, status: Phase) -> None:
        if self._posts(status):
            self.status = None if status is self._post.status else (status, self._post.status)

    def sets(self, severity: Severity) -> None:
        if (incident := self._open) and not self._has_impacts:
            self._page.edit(incident.id, severity=severity)
            wanted = self._wanted(incident.severity, self._post.severity)
            self.severity = None if wanted in {None, severity} else (severity, wanted or severity)

    def _wanted(self, shown: Severity | None, recorded: Severity | None) -> Severity | None:
        """What was ours on the page: also what a change brought whose answer was lost."""
        intent = self._post.intent
        is_come = intent is not None and intent.write is Write.CHANGE and intent.severity is shown
        return shown if is_come else recorded

    def weighs(self, service: str, impact: Impact) -> None:
        if (incident := self._open) and self._has_impacts:
            self._page.edit(incident.id, impacts=incident.impacts | {service: impact})
            wanted = self._post.impacts.get(service, Impact.OPERATIONAL)
            if (intent := self._post.intent) and incident.impacts.get(service) is intent.impacts.get(service, wanted):
                wanted = intent.impacts.get(service, wanted)
            self.impacts[service] = (impact, wanted)
            if impact is wanted:
                del self.impacts[service]

    def adds(self, service: str) -> None:
        if (incident := self._open) and not self._has_impacts:
            self._page.edit(incident.id, services=tuple(dict.fromkeys((*incident.services, service))))
            self.added.add(service)
            self.removed.discard(service)

    def removes(self, service: str) -> None:
        incident = self._open
        if incident and not self._has_impacts and service in incident.services and len(incident.services) > 1:
            self._page.edit(incident.id, services=tuple(each for each in incident.services if each != service))
            if service in self._post.service_ids:  # else nobody can tell: what they added, they may take off
                self.removed.add(service)
            self.added.discard(service)

    def _posts(self, status: Phase) -> bool:
        if not (incident := self._open) or not self._harness.alerts.firing:
            return False
        now, id_ = self._harness.now, f"person-{next(self._numbers)}"
        newest = max(update.public_at for update in incident.updates)
        update = RemoteUpdate(id=id_, status=status, text="By hand.", public_at=max(now, newest), created_at=now)
        self._page.edit(incident.id, status=status, updates=(update, *incident.updates))
        self.posted.add(id_)
        return True

    def judge(self, after: RemoteIncident) -> None:
        """After each of our writes: a field shows what they set, or has gone beyond that and ours then."""
        if self.severity is not None and after.severity is not self.severity[0]:
            assert after.severity is not None
            assert after.severity > max(self.severity)
        assert self.added <= set(after.services) or self._has_impacts
        assert self.removed.isdisjoint(after.services)
        if self.status is not None and after.status is not self.status[0]:
            first, last = sorted(map(COURSE.index, self.status))
            assert not first <= COURSE.index(after.status) <= last
            self.status = None
        if after.status is Phase.RESOLVED:
            self.impacts.clear()
        for service, said in self.impacts.items():
            assert after.impacts[service] is said[0] or after.impacts[service] > max(said)

    def demands(self) -> None:
        if not self._harness.alerts.firing:
            self.status = None  # the end, and what begins then, is the bridge's
        for incident in self._page.incidents:
            assert not self.name or incident.name == self.name
            assert self.posted <= {update.id for update in incident.updates}
            assert self.status is None or incident.status is self.status[0]


@pytest.mark.parametrize("page_name", [V1_PAGE, v3_page("shop")], ids=["v1", "v3"])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=20), outcomes=st.lists(OUTCOMES, max_size=6))
@example(acts=RESOLVED_AND_SEEN, outcomes=[])
@example(acts=RAISED_AND_SEEN, outcomes=[])
@example(acts=LOWERED_AND_JOINED, outcomes=[])
@example(acts=REMOVED_AND_JOINED, outcomes=[])
@example(acts=MOVED_AHEAD, outcomes=[])
@example(acts=LOWERED_AFTER_AN_ANSWER_WAS_LOST, outcomes=[Outcome.LOST_AFTER])
def test_no_field_that_a_person_set_is_changed_back_whatever_they_do_between_our_calls(
    acts: list[tuple[Any, ...]], outcomes: list[Outcome], page_name: str
) -> None:
    harness = PageHarness(POLICY)
    harness.page_name = page_name
    harness.pages_of = dict.fromkeys(SERVICES, (page_name,))
    page = EditedPage(lambda: harness.now, [Outcome.DONE, *outcomes], has_impacts=shows_impacts(page_name))
    harness.page = page
    harness.restart()
    person = PersonAtThePage(harness, page)
    for act, *arguments in [*acts, ("look",), ("after", 3 * MINUTE), ("look",)]:
        if hasattr(person, act):
            person.plan(act, *arguments)
            continue
        writes = len(page.writes)
        if act == "look":
            harness._look()  # noqa: SLF001 - without what follows
            assert len(page.writes) == writes, "a look writes"
        else:
            getattr(harness, act)(*arguments)
        person.demands()
    assert all(incident.id == page.only.id for incident in page.incidents)
