"""What a look at the page shows of what people did there, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from bridge.model import Impact, Observed, Phase, Severity, shows_impacts
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, SECOND, SETTLE_MS, PageHarness, names, published

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident

pytestmark = pytest.mark.usefixtures("generation")


def seen(harness: PageHarness) -> Observed:
    observed = harness.post.observed
    assert observed is not None
    return observed


def severity_field(harness: PageHarness) -> str:
    return "impacts" if shows_impacts(harness.page_name) else "severity"


def test_before_the_first_look_nothing_was_observed_and_then_what_was_written() -> None:
    harness = published()
    assert harness.post.observed is None
    harness.look()
    assert (seen(harness).at, seen(harness).status, seen(harness).drift) == (harness.now, Phase.INVESTIGATING, ())
    if shows_impacts(harness.page_name):
        assert (seen(harness).severity, seen(harness).impacts) == (None, harness.post.impacts)
        assert seen(harness).impacts["checkout"] is not Impact.OPERATIONAL
    else:
        assert (seen(harness).severity, seen(harness).impacts) == (Severity.MAJOR, {})


def test_a_resolve_by_hand_is_seen_without_a_write_and_stays(logged: list[Any]) -> None:
    harness = published()
    harness.look()
    harness.after(5 * MINUTE)
    harness.page.edit(harness.page.only.id, status=Phase.RESOLVED)
    harness.look()
    assert (harness.post.closed_at, harness.post.status) == (harness.now, Phase.RESOLVED)
    assert (seen(harness).status, seen(harness).drift) == (Phase.RESOLVED, ("status",))
    assert names(logged).count("closed_by_others") == 1
    harness.fire("payments", Severity.CRITICAL)
    harness.after(5 * MINUTE)
    harness.look()
    harness.clear()
    harness.after(5 * MINUTE)
    assert harness.page.writes == ["open MAJOR"]
    harness.fire()
    harness.after(MINUTE)
    assert harness.page.only.status is Phase.INVESTIGATING


def test_what_somebody_set_is_shown_and_not_changed_back() -> None:
    harness = published()
    harness.page.edit(
        harness.page.only.id, status=Phase.IDENTIFIED, severity=Severity.CRITICAL, name="Checkout is slow"
    )
    edited = harness.page.only
    for _ in range(5):
        harness.look()
        harness.after(MINUTE)
    assert seen(harness).drift == ("status", severity_field(harness), "name")
    assert seen(harness).status is Phase.IDENTIFIED
    assert (harness.page.writes, harness.page.only) == (["open MAJOR"], edited)
    assert harness.post.status is Phase.INVESTIGATING  # what we wrote stays what is recorded


def test_an_edit_is_logged_once_and_by_field_alone(logged: list[Any]) -> None:
    harness = published()
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL, name="Words of a person")
    for _ in range(3):
        harness.look()
    (event,) = [each for each in logged if each["event"] == "edited_by_others"]
    assert event["fields"] == ", ".join(sorted([severity_field(harness), "name"]))
    assert "Words" not in str(event)


def test_what_is_taken_back_by_hand_is_no_drift_any_more() -> None:
    harness = published()
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
    harness.look()
    assert seen(harness).drift == (severity_field(harness),)
    harness.page.edit(harness.page.only.id, severity=Severity.MAJOR)
    harness.look()
    assert seen(harness).drift == ()


def test_a_read_that_is_older_than_our_update_is_no_edit() -> None:
    harness = published()
    harness.look()
    harness.after(MINUTE)
    harness.page.lag_ms = harness.page.read_lag_ms = 30 * SECOND
    harness.acknowledge()
    harness.look()
    assert seen(harness).drift == ()
    harness.after(MINUTE)
    harness.look()
    assert (seen(harness).status, seen(harness).drift) == (Phase.IDENTIFIED, ())


def test_a_read_that_is_older_than_our_change_is_no_edit() -> None:
    harness = published()
    harness.look()
    harness.after(MINUTE)
    harness.page.lag_ms = harness.page.read_lag_ms = SETTLE_MS // 2
    harness.fire("checkout", Severity.CRITICAL)
    harness.look()
    assert seen(harness).drift == ()
    harness.after(MINUTE)
    harness.look()
    assert seen(harness).drift == ()


def test_an_old_read_of_a_re_opened_incident_is_nobody_s_end() -> None:
    harness = published()
    harness.clear()
    harness.after(3 * MINUTE)
    assert harness.page.only.status is Phase.RESOLVED
    harness.page.lag_ms = harness.page.read_lag_ms = 20 * SECOND
    harness.fire()
    harness.after(MINUTE)
    assert harness.post.is_open
    harness.look()
    assert (harness.post.is_open, harness.post.closed_at) == (True, None)


def test_a_write_of_unknown_outcome_is_left_to_reading_back() -> None:
    harness = published(Outcome.DONE, Outcome.LATE)
    harness.acknowledge()
    assert harness.post.intent is not None
    before = harness.progress
    asked = harness.page.calls
    harness._look()  # noqa: SLF001 - and nothing else
    assert harness.progress == before
    assert harness.page.calls - asked == 1


def test_a_deletion_is_believed_after_the_settle_time_and_two_looks(logged: list[Any]) -> None:
    harness = published()
    harness.look()
    harness.page.delete(harness.page.only.id)
    harness.look()
    assert harness.post.is_open
    harness.after(SETTLE_MS)
    harness.look()
    assert (harness.post.remote_id, harness.post.closed_at) == (None, harness.now)
    assert names(logged).count("closed_by_others") == 1
    harness.after(10 * MINUTE)
    assert harness.page.incidents == []


def test_what_is_only_said_to_be_missing_is_followed() -> None:
    harness = published()
    harness.page.hidden.add(harness.page.only.id)
    harness.look()
    harness.after(SETTLE_MS)
    harness.look()
    assert harness.post.is_open


def test_our_update_that_a_person_removed_makes_the_page_count_after_the_settle_time() -> None:
    harness = published()
    harness.acknowledge()
    ours = harness.page.only
    harness.page.edit(ours.id, updates=ours.updates[1:], status=Phase.INVESTIGATING)
    harness.look()
    assert harness.post.observed is None
    harness.after(SETTLE_MS)
    harness.look()
    assert seen(harness).drift == ("status",)
    assert harness.page.writes == ["open MAJOR", "update IDENTIFIED"]


def test_an_end_of_ours_that_nobody_recorded_is_ours() -> None:
    harness = published()
    harness.clear()
    progress, due = harness.progress, harness.store.due
    harness.after(3 * MINUTE)
    harness.store.progress, harness.store.due = progress, due  # a store that lost its last writes
    assert harness.post.is_open
    harness._look()  # noqa: SLF001 - before a write would find it
    assert (harness.post.status, harness.post.closed_at) == (Phase.RESOLVED, None)


def test_while_nothing_is_new_nothing_is_recorded_and_the_time_of_the_look_is_kept() -> None:
    harness = published()
    harness.look()
    before = harness.progress
    harness.after(MINUTE)
    harness.look()
    assert harness.progress == before
    assert harness.looks.seen == {harness.page.only.id: harness.now}


def test_what_is_in_hand_is_looked_at_later() -> None:
    harness = published()
    harness.page.edit(harness.page.only.id, name="By hand")
    assert harness.store.lease("another", SECOND)
    harness._look()  # noqa: SLF001
    assert harness.post.observed is None
    harness.after(2 * SECOND)
    harness.look()
    assert seen(harness).drift == ("name",)


def test_what_was_written_while_the_page_was_read_is_not_judged_by_that_read(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = published()
    read = harness.page.read

    async def overtaken(remote_id: str, **options: Any) -> RemoteIncident:
        seen = await read(remote_id, **options)
        post = replace(harness.post, status=Phase.IDENTIFIED, update_id="")
        harness.store.progress = replace(harness.progress, posts={harness.page_name: post})
        return seen

    monkeypatch.setattr(harness.page, "read", overtaken)
    harness._look()  # noqa: SLF001 - without what follows
    assert harness.post.observed is None


def test_with_looks_off_the_page_is_asked_nothing() -> None:
    harness = published(look_every_ms=0)
    asked = harness.page.calls
    harness.look()
    assert (harness.page.calls, harness.post.observed) == (asked, None)


def test_an_old_doubt_says_nothing_of_a_later_write(logged: list[Any]) -> None:
    harness = published()
    for _ in range(2):  # another bridge looks between
        harness.clear()
        harness.after(3 * MINUTE)
        harness.fire()
        harness.after(MINUTE)
        harness.page.read_lag_ms = SECOND
        harness._look()  # noqa: SLF001 - the page shows the end, as before our opening
        harness.page.read_lag_ms = 0
        assert (harness.post.is_open, harness.post.closed_at) == (True, None)
    assert harness.page.writes.count("update RESOLVED") == 2
    assert "closed_by_others" not in names(logged)
