"""PagerDuty's deliveries in any order, each up to three times: the sums are those of the in-order result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model import AlertStatus
from bridge.store import Store
from bridge.store.connect import connect
from tests.unit.store.statements import SERVICES, Statement, Sums, check_keys, counted, over, sums, tell, triggered

NAMES = "ABCDE"


@st.composite
def histories(draw: st.DrawFn) -> list[Statement]:
    """What happens to a few incidents, one thing a second; they are merged into open ones, as PagerDuty demands."""
    latest: dict[str, Statement] = {}
    told = []
    for at in range(1_000, draw(st.sampled_from(range(21))) * 1_000 + 1, 1_000):
        name = draw(st.sampled_from(NAMES))
        said = latest.get(name)
        if said is None or said.status is AlertStatus.RESOLVED:
            service = draw(st.sampled_from(SERVICES)) if said is None else said.service
            said = triggered(name, at, service)
        else:
            open_ones = [each for each in sorted(latest) if each != name and latest[each].status != "resolved"]
            said = draw(st.sampled_from(_changes(said, at, open_ones)))
        latest[name] = said
        told.append(said)
    return told


def _changes(said: Statement, at: int, targets: Sequence[str]) -> list[Statement]:
    merges = [replace(said, at=at, status=AlertStatus.RESOLVED, target=target) for target in targets]
    relabels = [replace(said, at=at, service=service) for service in SERVICES if service != said.service]
    others = [replace(said, at=at, status=status) for status in (AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED)]
    return merges * 2 + relabels + others


class Truth:
    """Where each alert counts, as a function of all that was ever said of each, in whatever order it was heard."""

    def __init__(self, told: Sequence[Statement], *, keep: bool) -> None:
        self._latest = {each.name: each for each in sorted(told, key=lambda each: each.at)}
        self._ended = {each.name: each.at for each in told if each.status == "resolved" and each.target is None}
        self._keep = keep

    def sums(self) -> Sums:
        found: dict[str, list[Statement]] = {}
        orphans: Counter[str] = Counter()
        for said in self._latest.values():
            incident, waits = self._place(said)
            if incident is not None:
                found.setdefault(incident, []).append(said)
                orphans[incident] += waits
        return {incident: counted(*said, orphaned=orphans[incident]) for incident, said in found.items()}

    def _place(self, said: Statement) -> tuple[str | None, bool]:
        """The incident that counts it, if any, and whether it waits for its target there."""
        if said.target is None:
            return (None if said.status is AlertStatus.RESOLVED else said.incident), False
        if said.incident is None:
            return None, False
        home, is_over = self._fate(said.target, said.at)
        waits = home is None and not is_over and self._keep
        return (said.incident if waits else home), waits

    def _fate(self, name: str, since: int) -> tuple[str | None, bool]:
        """Where what became part of this alert counts, or whether it is over."""
        if self._ended.get(name, 0) >= since:
            return None, True
        latest = self._latest.get(name)
        if latest is None:
            return None, False
        home, _ = self._place(latest)
        if home is None and latest.target is not None:
            return self._fate(latest.target, max(since, latest.at))
        return home, False


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Statement], list[Statement], list[int]]:
    """What is said in order of time; the same as it is heard; and how many are heard at once."""
    unheard = draw(st.sampled_from(["", "", "A", "AB"]))
    told = [said for said in draw(histories()) if said.name not in unheard]
    heard = draw(st.permutations([said for said in told for _ in range(draw(st.integers(1, 3)))]))
    return told, heard, draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))


async def tell_in_parts(
    store: Store, statements: Sequence[Statement], sizes: Sequence[int], *, sender: str = "", **how: bool
) -> None:
    start = nth = 0
    while start < len(statements):
        end = start + sizes[nth % len(sizes)]
        await tell(store, *statements[start:end], sender=sender, **how)
        start, nth = end, nth + 1


@given(spoken=deliveries(), keep=st.booleans(), with_event=st.booleans())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_order_of_deliveries_changes_nothing(redis_url, db, spoken, keep, with_event):
    told, heard, sizes = spoken
    db.flushall()
    client = connect(redis_url)
    in_order, as_heard = Store(client, prefix="told:{0}:"), Store(client, prefix="heard:{0}:")
    await tell_in_parts(in_order, told, [1], keep=keep, with_event=with_event)
    await tell_in_parts(as_heard, heard, sizes, keep=keep, with_event=with_event)
    truth = Truth(told, keep=keep).sums()
    assert sums(db, prefix="told:{0}:") == truth
    assert sums(db, prefix="heard:{0}:") == truth
    check_keys(db, prefix="heard:{0}:")
    await tell(as_heard, *(over(name, 1_000_000) for name in NAMES))
    assert sums(db, prefix="heard:{0}:") == {}
    assert not db.keys("heard:{0}:m:*")
    await client.aclose()


@given(
    spoken=deliveries(),
    keep=st.booleans(),
    with_event=st.booleans(),
    unnamed=st.integers(0, 30) | st.just(1_000),
    ended=st.sets(st.sampled_from(NAMES)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_path_that_gets_its_name_meanwhile_changes_nothing(
    redis_url, db, spoken, keep, with_event, unnamed, ended
):
    told, heard, sizes = spoken
    db.flushall()
    client = connect(redis_url)
    store = Store(client, prefix="heard:{0}:")
    await tell_in_parts(store, heard[:unnamed], sizes, keep=keep, with_event=with_event)
    await tell_in_parts(store, heard[unnamed:], sizes, keep=keep, with_event=with_event, sender="eu")
    assert sums(db, prefix="heard:{0}:") == Truth(told, keep=keep).sums()
    check_keys(db, prefix="heard:{0}:")
    ends = [over(name, 900_000) for name in sorted(ended)]  # what was merged into these is not heard again
    await tell(store, *ends, sender="eu")
    assert sums(db, prefix="heard:{0}:") == Truth([*told, *ends], keep=keep).sums()
    await tell(store, *(over(name, 1_000_000) for name in NAMES), sender="eu")
    assert sums(db, prefix="heard:{0}:") == {}
    assert not db.keys("heard:{0}:m:*")
    await client.aclose()
