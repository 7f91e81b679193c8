"""Any outage, on pages of both generations, whose reads lag each by another time: nobody closed it, and it ends."""

from __future__ import annotations

from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.model import V1_PAGE, Impact, Phase, Policy, Severity, UpdateKind, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, SERVICES, Page
from tests.unit.reconciler.page_harness import MINUTE, SECOND, SETTLE_MS, PageHarness, names

if TYPE_CHECKING:
    from bridge.checkly.port import Guard
    from bridge.core.remote import RemoteIncident

SHOP, WEB = v3_page("shop"), v3_page("web")
LAGS = st.lists(st.integers(0, SETTLE_MS // 2), min_size=1, max_size=4)
SPANS = st.one_of(
    st.integers(0, 6 * SECOND), st.sampled_from([0, 1, SECOND, MINUTE - 1, MINUTE, 2 * MINUTE, 13 * MINUTE])
)
ACTS = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(SERVICES), st.sampled_from(Severity)),
    st.tuples(st.just("clear"), st.sampled_from(SERVICES)),
    st.just(("clear",)),
    st.tuples(st.just("after"), SPANS),
    st.tuples(st.just("after"), SPANS),
    st.just(("look",)),
)
POLICIES = st.builds(
    Policy,
    publish_after_ms=st.sampled_from([0, SECOND, MINUTE]),
    resolve_after_ms=st.sampled_from([0, SECOND, 2 * MINUTE]),
    reopen_after_ms=st.sampled_from([0, SECOND, 10 * MINUTE]),
)


AT_ONCE = Policy(publish_after_ms=0, resolve_after_ms=0)
FIRED_AGAIN_AND_JOINED = [
    ("fire", "checkout", Severity.MAJOR),
    ("after", 10 * SECOND),
    ("clear",),
    ("after", 10 * SECOND),
    ("fire", "checkout", Severity.MAJOR),
    ("after", 1_500),
    ("look",),
    ("fire", "payments", Severity.CRITICAL),
]


class Unsteady(Page):
    """A page whose reads come from replicas, each of which lags by its own time; so does its list."""

    def __init__(self, harness: PageHarness, lags: list[int], *, name: str, has_impacts: bool) -> None:
        super().__init__(lambda: harness.now, has_impacts=has_impacts, name=name)
        self._replicas = cycle(lags)

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        self.read_lag_ms = next(self._replicas)
        return await super().read(remote_id, guard=guard)

    async def open_incidents(self, *args: Any, **options: Any) -> Any:
        self.lag_ms = next(self._replicas)
        return await super().open_incidents(*args, **options)

    async def listed(self, *args: Any, **options: Any) -> Any:
        self.lag_ms = next(self._replicas)
        return await super().listed(*args, **options)


def lagging(policy: Policy, lags: list[int], pages: dict[str, tuple[str, ...]]) -> PageHarness:
    harness = PageHarness(policy, notify=frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED}))
    harness.pages_of = pages
    for name in {each for shown in pages.values() for each in shown}:
        harness.pages[name] = Unsteady(harness, lags, name=name, has_impacts=shows_impacts(name))
    harness.restart()
    return harness


@pytest.mark.parametrize(
    "pages",
    [
        dict.fromkeys(SERVICES, (V1_PAGE,)),
        dict.fromkeys(SERVICES, (SHOP,)),
        {"checkout": (SHOP, V1_PAGE), "payments": (SHOP, WEB), "search": (WEB,)},
    ],
    ids=["v1", "v3", "several"],
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policy=POLICIES, lags=LAGS, acts=st.lists(ACTS, max_size=20))
@example(policy=AT_ONCE, lags=[3 * SECOND], acts=FIRED_AGAIN_AND_JOINED)
def test_whatever_reads_lag_nobody_is_taken_to_have_closed_it_and_it_ends(
    policy: Policy, lags: list[int], acts: list[tuple[Any, ...]], pages: dict[str, tuple[str, ...]]
) -> None:
    harness = lagging(policy, lags, pages)
    with capture_logs() as logged:
        for act, *arguments in acts:
            getattr(harness, act)(*arguments)
        harness.after(30 * MINUTE)
        for name, page in harness.pages.items():
            firing = {each: level for each, level in harness.alerts.firing.items() if name in pages[each]}
            shows(page, firing, has_impacts=shows_impacts(name))
        harness.clear()
        harness.after(30 * MINUTE)
    assert [page.standing for page in harness.pages.values() if page.standing] == []
    assert not {"closed_by_others", "edited_by_others"}.intersection(names(logged))
    assert [len(page.mails) for page in harness.pages.values()] == [turns(page) for page in harness.pages.values()]


def turns(page: Page) -> int:
    """How often readers saw an incident open or end."""
    count = 0
    for incident in page.incidents:
        statuses = [Phase.RESOLVED, *(update.status for update in reversed(incident.updates))]
        count += sum((one is Phase.RESOLVED) is not (other is Phase.RESOLVED) for one, other in pairwise(statuses))
    return count


def shows(page: Page, firing: dict[str, Severity], *, has_impacts: bool) -> None:
    """Readers see what fires, and nothing else."""
    if not firing:
        assert page.standing == []
        return
    (incident,) = page.standing
    assert incident.status is Phase.INVESTIGATING
    if has_impacts:
        amiss = {name: impact for name, impact in incident.impacts.items() if impact is not Impact.OPERATIONAL}
        assert amiss == {name: IMPACTS[level] for name, level in firing.items()}
    else:
        assert incident.severity is max(firing.values())
        assert set(incident.services) >= firing.keys()
