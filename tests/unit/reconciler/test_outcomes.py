"""Writes whose outcome is unknown: looked for, repeated only when they are surely absent, late duplicates resolved."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.config.schema import Reference
from bridge.model import Phase, Severity, UpdateKind
from tests.unit.reconciler.page import Outcome, Page
from tests.unit.reconciler.page_harness import (
    LEASE_MS,
    MINUTE,
    POLICY,
    SECOND,
    SETTLE_MS,
    PageHarness,
    names,
    published,
)

pytestmark = pytest.mark.usefixtures("generation")


class TestUnknownOutcomes:
    def test_a_post_whose_answer_was_lost_is_found_after_a_second(self) -> None:
        harness = published(Outcome.LOST_AFTER)
        assert harness.post.intent is not None
        harness.after(SECOND)
        assert harness.post.remote_id == harness.page.only.id

    @pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.RATE_LIMITED])
    def test_a_post_that_surely_was_not_sent_is_sent_soon_without_a_look(self, outcome: Outcome) -> None:
        harness = published(outcome)
        assert (harness.page.writes, harness.post.intent) == ([], None)
        harness.after(SECOND)
        assert (harness.page.writes, harness.page.lists) == (["open MAJOR"], 2), (
            "a reading before each try of the first post, no look"
        )

    def test_a_post_that_got_lost_is_repeated_after_the_settle_time_and_not_before(self) -> None:
        harness = published(Outcome.LOST_BEFORE)
        harness.after(SETTLE_MS - 1)
        assert harness.page.writes == []
        harness.after(1)
        assert harness.page.writes == ["open MAJOR"]

    @pytest.mark.parametrize("crash", [Outcome.CRASH_BEFORE, Outcome.CRASH_AFTER])
    def test_a_post_that_a_dying_bridge_left_behind_is_looked_for(self, crash: Outcome) -> None:
        harness = published(crash)
        harness.after(LEASE_MS + SETTLE_MS)
        assert [write for write in harness.page.writes if write.startswith("open")] == ["open MAJOR"]
        assert harness.post.remote_id == harness.page.only.id

    def test_a_late_post_is_found_beside_its_repetition_and_the_newer_one_is_resolved_without_a_mail(
        self, logged: list[Any]
    ) -> None:
        harness = published(Outcome.LATE, notify=frozenset(UpdateKind))
        harness.page.late_ms = SETTLE_MS * 3 // 2
        harness.after(5 * MINUTE)
        first, late = harness.page.incidents
        assert (first.status, late.status) == (Phase.INVESTIGATING, Phase.RESOLVED)
        (end,) = (update for update in late.updates if update.status is Phase.RESOLVED)
        assert "duplicates another" in end.text
        assert end.public_at == min(update.public_at for update in late.updates) + 1_000
        assert harness.post.remote_id == first.id
        assert harness.page.mails == ["open MAJOR", "open MAJOR"]
        assert "duplicate_found" in names(logged)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.standing == []

    def test_a_late_post_of_an_outage_that_is_over_is_resolved_without_a_mail(self) -> None:
        harness = PageHarness(replace(POLICY, resolve_after_ms=0), [Outcome.LATE], notify=frozenset(UpdateKind))
        harness.page.late_ms = SETTLE_MS * 3
        harness.fire()
        harness.after(MINUTE + SETTLE_MS)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.standing == []
        assert harness.page.mails == ["open MAJOR", "update RESOLVED", "open MAJOR"]

    @pytest.mark.parametrize("ends", ["clears", "is resolved by hand"])
    def test_a_duplicate_that_comes_after_the_last_verification_is_resolved_with_the_incident(self, ends: str) -> None:
        harness = published(Outcome.LATE, notify=frozenset(UpdateKind))
        harness.page.late_ms = 10 * MINUTE
        harness.after(30 * MINUTE)
        first = harness.page.standing[0]
        assert (len(harness.page.standing), harness.post.remote_id) == (2, first.id)
        mails = len(harness.page.mails)
        if ends == "clears":
            harness.clear()
        else:
            harness.page.edit(first.id, status=Phase.RESOLVED)
            harness.fire("payments")
        harness.after(5 * MINUTE)
        assert harness.page.standing == []
        assert len(harness.page.mails) == mails + 2 * (ends == "clears")

    def test_an_incident_whose_post_was_not_repeated_is_not_verified_at_its_end(self) -> None:
        harness = published(Outcome.LOST_AFTER)
        harness.after(MINUTE)
        lists = harness.page.lists
        harness.clear()
        harness.after(5 * MINUTE)
        assert (harness.page.only.status, harness.page.lists) == (Phase.RESOLVED, lists)

    def test_the_page_is_not_hammered_while_a_verification_cannot_be_made(self) -> None:
        harness = published(Outcome.LOST_BEFORE)
        harness.after(SETTLE_MS)
        harness.page.is_down = True
        calls = harness.page.calls
        harness.after(10 * MINUTE)
        assert harness.page.calls - calls < 10 * MINUTE / 4_000 + 10

    def test_a_verification_without_a_find_changes_nothing(self) -> None:
        harness = published(Outcome.LOST_BEFORE)
        harness.after(SETTLE_MS)
        post = harness.post
        harness.after(5 * MINUTE)
        assert harness.page.writes == ["open MAJOR"]
        assert replace(harness.post, duplicate_checks=0) == replace(post, check_duplicates_at=None, duplicate_checks=0)
        assert harness.post.check_duplicates_at is None

    def test_an_update_whose_answer_was_lost_is_found_in_the_incident(self) -> None:
        harness = published(Outcome.DONE, Outcome.LOST_AFTER)
        harness.after(MINUTE)
        harness.clear()
        harness.after(2 * SECOND)
        assert harness.page.writes == ["open MAJOR", "update MONITORING"]
        assert (harness.post.intent, harness.post.status) == (None, Phase.MONITORING)

    def test_a_late_change_does_not_undo_a_newer_one(self) -> None:
        harness = published(Outcome.DONE, Outcome.LATE)
        harness.fire(severity=Severity.CRITICAL)
        harness.fire(severity=Severity.MINOR)
        harness.after(5 * MINUTE)
        assert harness.page.only.severity is Severity.MINOR

    def test_a_change_of_unknown_outcome_that_is_not_wanted_any_more_is_taken_back(self) -> None:
        harness = published(Outcome.DONE, Outcome.LOST_AFTER)
        harness.fire(severity=Severity.CRITICAL)
        harness.fire(severity=Severity.MAJOR)
        assert [incident.severity for incident in harness.page.incidents] == [Severity.CRITICAL]
        harness.after(5 * MINUTE)
        assert harness.page.only.severity is Severity.MAJOR

    def test_without_references_a_lost_post_is_not_taken_for_one_that_another_incident_holds(self) -> None:
        harness = published(Outcome.LOST_BEFORE, reference=Reference.NEVER)
        intent = harness.post.intent
        assert intent is not None
        theirs = harness.page.create(intent)  # of the same name and date
        harness.store.others[theirs.id] = "9999999999"
        harness.after(SETTLE_MS)
        assert (len(harness.page.standing), harness.post.remote_id == theirs.id) == (2, False)
        harness.clear()
        harness.after(30 * MINUTE)
        assert [each.id for each in harness.page.standing] == [theirs.id]

    def test_without_references_nothing_is_resolved_as_a_duplicate(self) -> None:
        harness = published(Outcome.LOST_AFTER, reference=Reference.NEVER)
        (ours,) = harness.page.standing
        harness.page.put(replace(ours, id="theirs", created_at=ours.created_at + 1))
        harness.after(5 * MINUTE)
        assert {each.id for each in harness.page.standing} == {ours.id, "theirs"}
        assert harness.post.remote_id == ours.id

    def test_a_list_that_is_not_there_is_not_taken_for_a_deleted_incident(self) -> None:
        harness = published(Outcome.LOST_BEFORE)

        async def retired(**_: Any) -> Any:
            return await Page.read(harness.page, "no such incident")

        genuine = harness.page.open_incidents
        harness.page.open_incidents = retired  # type: ignore[method-assign]
        harness.after(MINUTE)
        assert harness.page.writes == []
        harness.page.open_incidents = genuine  # type: ignore[method-assign]
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR"]
