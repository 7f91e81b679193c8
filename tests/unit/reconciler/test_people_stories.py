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
from bridge.model import V1_PAGE, Phase, Policy, Severity, shows_impacts, v3_page
from tests.unit.reconciler.page import SERVICES, Page
from tests.unit.reconciler.page_harness import MINUTE, SECOND, PageHarness

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.remote import RemoteIncident

POLICY = Policy(publish_after_ms=0, resolve_after_ms=2 * MINUTE, reopen_after_ms=100 * 60 * MINUTE)
READS = st.integers(0, 4)
EDITS = st.one_of(
    st.tuples(st.just("names"), READS),
    st.tuples(st.just("resolves"), READS),
    st.tuples(st.just("identifies"), READS),
    st.tuples(st.just("sets"), READS, st.sampled_from(Severity)),
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
RAISED_AND_SEEN = [
    ("fire", "checkout", Severity.MINOR),
    ("sets", 0, Severity.CRITICAL),
    ("look",),
    ("fire", "payments", Severity.MAJOR),
    ("acknowledge",),
    ("look",),
]


class EditedPage(Page):
    """A page on which a person acts before our reads: each act waits for so many of them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.waiting: list[tuple[int, Callable[[], None]]] = []

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


class PersonAtThePage:
    """What somebody has set, as long as nothing gives a reason to set it otherwise."""

    def __init__(self, harness: PageHarness, page: EditedPage) -> None:
        self._harness = harness
        self._page = page
        self._numbers = count(1)
        self.name = ""
        self.status: Phase | None = None
        self.severity: Severity | None = None
        self.posted: set[str] = set()

    def plan(self, act: str, reads: int, *arguments: Any) -> None:
        self._page.waiting.append((reads, lambda: getattr(self, act)(*arguments)))

    @property
    def _open(self) -> RemoteIncident | None:
        return next(iter(self._page.standing), None)

    def names(self) -> None:
        if incident := self._open:
            self.name = f"By hand {next(self._numbers)}"
            self._page.edit(incident.id, name=self.name)

    def resolves(self) -> None:
        self._posts(Phase.RESOLVED)

    def identifies(self) -> None:
        self._posts(Phase.IDENTIFIED)

    def sets(self, severity: Severity) -> None:
        if incident := self._open:
            self._page.edit(incident.id, severity=severity)
            is_raised = incident.severity is not None and severity > max(incident.severity, self._worst)
            self.severity = severity if is_raised else None

    def _posts(self, status: Phase) -> None:
        if not (incident := self._open) or not self._harness.alerts.firing:
            return
        now, id_ = self._harness.now, f"person-{next(self._numbers)}"
        newest = max(update.public_at for update in incident.updates)
        update = RemoteUpdate(id=id_, status=status, text="By hand.", public_at=max(now, newest), created_at=now)
        self._page.edit(incident.id, status=status, updates=(update, *incident.updates))
        self.posted.add(id_)
        self.status = status

    @property
    def _worst(self) -> Severity:
        return max(self._harness.alerts.firing.values(), default=Severity.MINOR)

    def reconsiders(self) -> None:
        """Nothing fires any more: the end, and what begins then, is the bridge's. Worse alerts raise a severity."""
        if not self._harness.alerts.firing:
            self.status = self.severity = None
        if self.severity is not None and self._worst >= self.severity:
            self.severity = None

    def demands(self) -> None:
        for incident in self._page.incidents:
            assert not self.name or incident.name == self.name
            assert self.posted <= {update.id for update in incident.updates}
            assert self.status in {None, incident.status}
            if self.severity is not None and incident.status is not Phase.RESOLVED:
                assert incident.severity is not None
                assert incident.severity >= self.severity


@pytest.mark.parametrize("page_name", [V1_PAGE, v3_page("shop")], ids=["v1", "v3"])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=20))
@example(acts=RESOLVED_AND_SEEN)
@example(acts=RAISED_AND_SEEN)
def test_no_field_that_a_person_set_is_changed_back_whatever_they_do_between_our_calls(
    acts: list[tuple[Any, ...]], page_name: str
) -> None:
    harness = PageHarness(POLICY)
    harness.page_name = page_name
    harness.pages_of = dict.fromkeys(SERVICES, (page_name,))
    page = EditedPage(lambda: harness.now, has_impacts=shows_impacts(page_name))
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
        person.reconsiders()
        person.demands()
    assert all(incident.id == page.only.id for incident in page.incidents)
