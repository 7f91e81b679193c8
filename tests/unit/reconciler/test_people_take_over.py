"""With `people.on_update: stop`, who posts an update on the page takes the incident over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from bridge.core.history import What
from bridge.core.remote import RemoteUpdate
from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, SECOND, SETTLE_MS, PageHarness, names, published

if TYPE_CHECKING:
    from bridge.orders import Order

pytestmark = pytest.mark.usefixtures("generation")


def posts(harness: PageHarness, status: Phase = Phase.INVESTIGATING, text: str = "A person is here.") -> None:
    """Somebody posts an update by hand."""
    incident, now = harness.page.only, harness.now
    id_, newest = f"person-{now}", max(update.public_at for update in incident.updates)
    update = RemoteUpdate(id=id_, status=status, text=text, public_at=max(now, newest), created_at=now)
    harness.page.edit(incident.id, status=status, updates=(update, *incident.updates))


def standing(**options: Any) -> PageHarness:
    """Published, and looked at."""
    harness = published(on_update="stop", **options)
    harness.look()
    harness.after(MINUTE)
    return harness


def taken_over(harness: PageHarness) -> Order | None:
    return harness.store.orders.take_over


def test_an_update_that_a_look_sees_takes_over_and_nothing_more_is_written(logged: list[Any]) -> None:
    harness = standing()
    posts(harness)
    harness.look()
    order = taken_over(harness)
    assert order is not None
    assert (order.by, order.reason) == ("person on the page", "posted an update on the page")
    before = list(harness.page.writes)
    harness.fire("payments", Severity.CRITICAL)
    harness.acknowledge()
    harness.clear()
    harness.after(60 * MINUTE)
    assert harness.page.writes == before
    assert harness.post.withheld is not None
    assert (harness.post.withheld.reason, harness.post.withheld.by) == ("taken_over", "person on the page")
    assert names(logged).count("operator_acted") == 1


def test_an_update_that_a_read_before_a_write_sees_takes_over_before_that_write() -> None:
    harness = published(on_update="stop")
    harness.after(MINUTE)
    before = list(harness.page.writes)
    posts(harness)
    harness.fire("payments", Severity.CRITICAL)
    assert taken_over(harness) is not None
    harness.after(30 * MINUTE)
    assert harness.page.writes == before


def test_what_is_handed_back_goes_on_and_is_taken_over_again_by_the_next_update_alone() -> None:
    harness = standing()
    posts(harness)
    harness.look()
    harness.after(MINUTE)
    posts(harness, text="Another one.")
    harness.order("take_over", back=True)
    harness.after(SECOND)
    harness.look()
    harness.fire("payments", Severity.CRITICAL)
    harness.after(MINUTE)
    assert taken_over(harness) is None
    assert harness.page.writes[-1] == "update INVESTIGATING"
    posts(harness, text="A third one.")
    harness.look()
    assert taken_over(harness) is not None


def test_without_it_an_update_takes_nothing_over() -> None:
    harness = published()
    harness.look()
    posts(harness)
    harness.look()
    harness.fire("payments", Severity.CRITICAL)
    harness.after(MINUTE)
    assert taken_over(harness) is None
    assert harness.page.writes[-1] == "update INVESTIGATING"


def test_what_a_person_resolves_is_no_take_over_and_stays_so_until_it_clears_and_fires_anew() -> None:
    harness = standing()
    posts(harness, status=Phase.RESOLVED)
    harness.look()
    harness.fire("payments", Severity.CRITICAL)
    harness.after(10 * MINUTE)
    harness.clear()
    harness.after(5 * MINUTE)
    assert (taken_over(harness), harness.page.writes) == (None, ["open MAJOR"])
    harness.fire()
    harness.after(MINUTE)
    assert harness.page.only.status is Phase.INVESTIGATING


def test_a_field_that_is_set_without_an_update_takes_nothing_over() -> None:
    harness = standing()
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL, name="By hand")
    harness.look()
    assert taken_over(harness) is None


@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.LATE])
def test_an_update_of_ours_takes_nothing_over_whatever_became_of_its_answer(outcome: Outcome) -> None:
    harness = standing()
    harness.page.late_ms = 3 * SETTLE_MS
    harness.page.outcomes.append(outcome)
    harness.acknowledge()
    for _ in range(20):
        harness.after(5 * SECOND)
        harness.look()
    assert harness.store.acted == []
    assert harness.page.only.status is Phase.IDENTIFIED


def test_nobody_acts_twice_for_one_update_and_v3_is_read_once_for_each_version() -> None:
    harness = standing()
    posts(harness)
    for _ in range(5):
        harness.look()
        harness.after(MINUTE)
    calls = harness.page.calls
    harness.look()
    assert len(harness.store.acted) == 1
    assert harness.page.calls - calls <= 2


def test_what_a_person_posted_before_our_last_update_takes_nothing_over() -> None:
    harness = published()
    posts(harness)
    harness.after(MINUTE)
    harness.fire("payments", Severity.CRITICAL)
    harness.after(MINUTE)
    harness.live.current = replace(harness.live.current, people=replace(harness.live.current.people, on_update="stop"))
    harness.look()
    assert taken_over(harness) is None


def test_the_status_that_came_with_the_update_is_the_person_s_when_it_is_handed_back() -> None:
    harness = standing()
    posts(harness, status=Phase.MONITORING)
    harness.look()
    harness.after(MINUTE)
    harness.order("take_over", back=True)
    harness.acknowledge()
    harness.after(MINUTE)
    assert harness.page.only.status is Phase.MONITORING
    assert What.EDITED_BY_HAND in [each.what for each in harness.store.told]
