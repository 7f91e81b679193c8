"""What people do at the page by hand, and how the bridge respects it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.model import Phase, Severity
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, SETTLE_MS, names, published

pytestmark = pytest.mark.usefixtures("generation")


class TestPeopleAtThePage:
    def test_what_a_person_resolved_stays_so_until_it_clears_and_fires_anew(self, logged: list[Any]) -> None:
        world = published()
        world.page.edit(world.page.only.id, status=Phase.RESOLVED)
        world.fire("payments", Severity.CRITICAL)
        world.after(10 * MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.writes == ["open MAJOR"]
        assert "closed_by_others" in names(logged)
        world.fire()
        world.after(MINUTE)
        assert world.page.only.status is Phase.INVESTIGATING

    def test_what_a_person_deleted_stays_so_until_it_clears_and_fires_anew(self) -> None:
        world = published()
        world.page.delete(world.page.only.id)
        world.fire("payments", Severity.CRITICAL)
        world.after(10 * MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        assert (world.page.incidents, world.progress.note) == ([], None)
        world.fire("search")
        world.after(MINUTE)
        assert world.page.only.services == ("search",)

    def test_a_deletion_is_believed_after_the_settle_time(self, logged: list[Any]) -> None:
        world = published()
        remote_id = world.page.only.id
        world.page.delete(remote_id)
        world.fire("payments", Severity.CRITICAL)
        world.after(SETTLE_MS - 1)
        assert (world.post.remote_id, world.post.is_open) == (remote_id, True)
        world.after(SETTLE_MS)
        assert (world.post.remote_id, world.post.closed_at is not None) == (None, True)
        assert world.page.writes == ["open MAJOR"]
        assert names(logged).count("closed_by_others") == 1

    @pytest.mark.parametrize("hidden_ms", [0, SETTLE_MS - 1, 5 * SETTLE_MS])
    def test_an_incident_that_is_only_said_to_be_missing_is_followed_to_its_end(self, hidden_ms: int) -> None:
        world = published()
        remote_id = world.page.only.id
        world.page.hidden.add(remote_id)
        world.clear()
        world.after(hidden_ms)
        assert world.post.remote_id == remote_id
        world.page.hidden.clear()
        world.after(5 * MINUTE)
        assert (world.page.only.status, world.post.missing_at) == (Phase.RESOLVED, None)

    def test_two_moments_in_which_it_is_missing_are_no_deletion_if_it_was_there_between(self) -> None:
        world = published()
        for service in ("payments", "search"):
            world.page.hidden.add("remote-1")
            world.fire(service)
            world.page.lag_ms = 60 * MINUTE  # no list shows it either
            world.page.hidden.clear()
            world.after(MINUTE)
        assert set(world.page.only.services) == {"checkout", "payments", "search"}

    def test_a_write_of_unknown_outcome_is_not_given_up_for_a_moment_in_which_its_incident_is_missing(self) -> None:
        world = published(Outcome.DONE, Outcome.LOST_BEFORE)
        world.acknowledge()
        world.page.hidden.add(world.page.only.id)
        world.after(SETTLE_MS // 2)
        assert world.post.intent is not None
        world.page.hidden.clear()
        world.after(5 * MINUTE)
        assert world.page.writes == ["open MAJOR", "update IDENTIFIED"]

    def test_a_duplicate_of_what_a_person_deleted_is_not_brought_to_life(self) -> None:
        world = published(Outcome.LATE)
        world.page.late_ms = SETTLE_MS * 3
        world.after(SETTLE_MS)
        world.page.delete(world.page.only.id)
        world.fire("payments")
        world.after(5 * MINUTE)
        assert world.page.standing == []

    def test_a_duplicate_of_what_a_person_resolved_is_not_brought_to_life(self) -> None:
        world = published(Outcome.LATE)
        world.page.late_ms = SETTLE_MS * 3
        world.after(SETTLE_MS)
        world.page.edit(world.page.only.id, status=Phase.RESOLVED)
        world.after(5 * MINUTE)
        assert world.page.standing == []

    def test_a_severity_raised_by_hand_stays_and_one_lowered_by_hand_is_raised_again(self) -> None:
        world = published()
        world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
        world.fire("payments")
        world.after(30 * MINUTE)
        assert [incident.severity for incident in world.page.incidents] == [Severity.CRITICAL]
        world.page.edit(world.page.only.id, severity=Severity.MINOR)
        world.fire("search")
        world.after(30 * MINUTE)
        assert world.page.only.severity is Severity.MAJOR

    def test_a_severity_raised_by_hand_survives_updates_of_status(self) -> None:
        world = published()
        world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
        world.acknowledge()
        world.after(30 * MINUTE)
        world.clear()
        world.after(30 * MINUTE)
        assert (world.page.only.severity, world.page.only.status) == (Severity.CRITICAL, Phase.RESOLVED)

    def test_a_status_moved_ahead_by_hand_is_not_moved_back(self) -> None:
        world = published()
        world.page.edit(world.page.only.id, status=Phase.IDENTIFIED)
        world.fire("payments", Severity.CRITICAL)
        world.after(30 * MINUTE)
        assert world.page.writes == ["open MAJOR", "change CRITICAL", "update IDENTIFIED"]
        assert world.page.only.status is Phase.IDENTIFIED

    def test_a_name_given_by_hand_stays(self) -> None:
        world = published()
        world.page.edit(world.page.only.id, name="By hand")
        world.fire("payments", Severity.CRITICAL)
        world.after(MINUTE)
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.only.name == "By hand"

    def test_a_severity_that_a_person_has_set_already_is_not_written_again(self) -> None:
        world = published()
        world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
        world.fire(severity=Severity.CRITICAL)
        world.after(MINUTE)
        assert world.page.writes == ["open MAJOR", "update INVESTIGATING"]

    def test_an_incident_that_others_made_is_left_alone(self) -> None:
        world = published()
        ours = world.page.only
        theirs = replace(ours, id="theirs", updates=(replace(ours.updates[0], text="Made by a person."),))
        world.page.put(theirs)
        world.page.outcomes.append(Outcome.LOST_BEFORE)
        world.clear()
        world.after(30 * MINUTE)
        assert world.page.standing == [theirs]
