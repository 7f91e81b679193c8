"""Writes whose outcome is unknown: looked for, repeated only when they are surely absent, late duplicates resolved."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.config.schema import Reference
from bridge.model import Phase, Severity, UpdateKind
from tests.unit.reconciler.page import Outcome, Page
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, World, names, published

pytestmark = pytest.mark.usefixtures("generation")


class TestUnknownOutcomes:
    def test_a_post_whose_answer_was_lost_is_found_after_a_second(self) -> None:
        world = published(Outcome.LOST_AFTER)
        assert world.post.intent is not None
        world.after(SECOND)
        assert world.post.remote_id == world.page.only.id

    @pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.RATE_LIMITED])
    def test_a_post_that_surely_was_not_sent_is_sent_soon_without_a_look(self, outcome: Outcome) -> None:
        world = published(outcome)
        assert (world.page.writes, world.post.intent) == ([], None)
        world.after(SECOND)
        assert (world.page.writes, world.page.lists) == (["open MAJOR"], 2), (
            "a reading before each try of the first post, no look"
        )

    def test_a_post_that_got_lost_is_repeated_after_the_settle_time_and_not_before(self) -> None:
        world = published(Outcome.LOST_BEFORE)
        world.after(SETTLE_MS - 1)
        assert world.page.writes == []
        world.after(1)
        assert world.page.writes == ["open MAJOR"]

    @pytest.mark.parametrize("crash", [Outcome.CRASH_BEFORE, Outcome.CRASH_AFTER])
    def test_a_post_that_a_dying_bridge_left_behind_is_looked_for(self, crash: Outcome) -> None:
        world = published(crash)
        world.after(LEASE_MS + SETTLE_MS)
        assert [write for write in world.page.writes if write.startswith("open")] == ["open MAJOR"]
        assert world.post.remote_id == world.page.only.id

    def test_a_late_post_is_found_beside_its_repetition_and_the_newer_one_is_resolved_without_a_mail(
        self, logged: list[Any]
    ) -> None:
        world = published(Outcome.LATE, notify=frozenset(UpdateKind))
        world.page.late_ms = SETTLE_MS * 3 // 2
        world.after(5 * MINUTE)
        first, late = world.page.incidents
        assert (first.status, late.status) == (Phase.INVESTIGATING, Phase.RESOLVED)
        (end,) = (update for update in late.updates if update.status is Phase.RESOLVED)
        assert "duplicates another" in end.text
        assert end.public_at == min(update.public_at for update in late.updates) + 1_000
        assert world.post.remote_id == first.id
        assert world.page.mails == ["open MAJOR", "open MAJOR"]
        assert "duplicate_found" in names(logged)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.standing == []

    def test_a_late_post_of_an_outage_that_is_over_is_resolved_without_a_mail(self) -> None:
        world = World(replace(POLICY, resolve_after_ms=0), [Outcome.LATE], notify=frozenset(UpdateKind))
        world.page.late_ms = SETTLE_MS * 3
        world.fire()
        world.after(MINUTE + SETTLE_MS)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.standing == []
        assert world.page.mails == ["open MAJOR", "update RESOLVED", "open MAJOR"]

    @pytest.mark.parametrize("ends", ["clears", "is resolved by hand"])
    def test_a_duplicate_that_comes_after_the_last_verification_is_resolved_with_the_incident(self, ends: str) -> None:
        world = published(Outcome.LATE, notify=frozenset(UpdateKind))
        world.page.late_ms = 10 * MINUTE
        world.after(30 * MINUTE)
        first = world.page.standing[0]
        assert (len(world.page.standing), world.post.remote_id) == (2, first.id)
        mails = len(world.page.mails)
        if ends == "clears":
            world.clear()
        else:
            world.page.edit(first.id, status=Phase.RESOLVED)
            world.fire("payments")
        world.after(5 * MINUTE)
        assert world.page.standing == []
        assert len(world.page.mails) == mails + 2 * (ends == "clears")

    def test_an_incident_whose_post_was_not_repeated_is_not_verified_at_its_end(self) -> None:
        world = published(Outcome.LOST_AFTER)
        world.after(MINUTE)
        lists = world.page.lists
        world.clear()
        world.after(5 * MINUTE)
        assert (world.page.only.status, world.page.lists) == (Phase.RESOLVED, lists)

    def test_the_page_is_not_hammered_while_a_verification_cannot_be_made(self) -> None:
        world = published(Outcome.LOST_BEFORE)
        world.after(SETTLE_MS)
        world.page.is_down = True
        calls = world.page.calls
        world.after(10 * MINUTE)
        assert world.page.calls - calls < 10 * MINUTE / 4_000 + 10

    def test_a_verification_without_a_find_changes_nothing(self) -> None:
        world = published(Outcome.LOST_BEFORE)
        world.after(SETTLE_MS)
        post = world.post
        world.after(5 * MINUTE)
        assert world.page.writes == ["open MAJOR"]
        assert replace(world.post, verifications=0) == replace(post, verify_at=None, verifications=0)
        assert world.post.verify_at is None

    def test_an_update_whose_answer_was_lost_is_found_in_the_incident(self) -> None:
        world = published(Outcome.DONE, Outcome.LOST_AFTER)
        world.after(MINUTE)
        world.clear()
        world.after(2 * SECOND)
        assert world.page.writes == ["open MAJOR", "update MONITORING"]
        assert (world.post.intent, world.post.status) == (None, Phase.MONITORING)

    def test_a_late_change_does_not_undo_a_newer_one(self) -> None:
        world = published(Outcome.DONE, Outcome.LATE)
        world.fire(severity=Severity.CRITICAL)
        world.fire(severity=Severity.MINOR)
        world.after(5 * MINUTE)
        assert world.page.only.severity is Severity.MINOR

    def test_a_change_of_unknown_outcome_that_is_not_wanted_any_more_is_taken_back(self) -> None:
        world = published(Outcome.DONE, Outcome.LOST_AFTER)
        world.fire(severity=Severity.CRITICAL)
        world.fire(severity=Severity.MAJOR)
        assert [incident.severity for incident in world.page.incidents] == [Severity.CRITICAL]
        world.after(5 * MINUTE)
        assert world.page.only.severity is Severity.MAJOR

    def test_without_references_a_lost_post_is_not_taken_for_one_that_another_incident_holds(self) -> None:
        world = published(Outcome.LOST_BEFORE, reference=Reference.NEVER)
        intent = world.post.intent
        assert intent is not None
        theirs = world.page.create(intent)  # of the same name and date
        world.store.others[theirs.id] = "9999999999"
        world.after(SETTLE_MS)
        assert (len(world.page.standing), world.post.remote_id == theirs.id) == (2, False)
        world.clear()
        world.after(30 * MINUTE)
        assert [each.id for each in world.page.standing] == [theirs.id]

    def test_without_references_nothing_is_resolved_as_a_duplicate(self) -> None:
        world = published(Outcome.LOST_AFTER, reference=Reference.NEVER)
        (ours,) = world.page.standing
        world.page.put(replace(ours, id="theirs", created_at=ours.created_at + 1))
        world.after(5 * MINUTE)
        assert {each.id for each in world.page.standing} == {ours.id, "theirs"}
        assert world.post.remote_id == ours.id

    def test_a_list_that_is_not_there_is_not_taken_for_a_deleted_incident(self) -> None:
        world = published(Outcome.LOST_BEFORE)

        async def retired(**_: Any) -> Any:
            return await Page.read(world.page, "no such incident")

        genuine = world.page.open_incidents
        world.page.open_incidents = retired  # type: ignore[method-assign]
        world.after(MINUTE)
        assert world.page.writes == []
        world.page.open_incidents = genuine  # type: ignore[method-assign]
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR"]
