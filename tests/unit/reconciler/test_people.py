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
        harness = published()
        harness.page.edit(harness.page.only.id, status=Phase.RESOLVED)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(10 * MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.writes == ["open MAJOR"]
        assert "closed_by_others" in names(logged)
        harness.fire()
        harness.after(MINUTE)
        assert harness.page.only.status is Phase.INVESTIGATING

    def test_what_opens_again_after_an_end_by_hand_is_dated_after_that_end(self) -> None:
        """An alert that starts much later is another outage: the first one's start was told, and its end."""
        harness = published()
        harness.after(5 * MINUTE)
        incident = harness.page.only
        end = replace(incident.updates[0], id="by-hand", text="Over.", status=Phase.RESOLVED, public_at=harness.now)
        harness.page.edit(incident.id, status=Phase.RESOLVED, updates=(end, *incident.updates))
        harness.look()
        harness.after(11 * MINUTE)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(MINUTE)
        newest = harness.page.only.updates[0]
        assert (newest.status, newest.public_at > end.public_at) == (Phase.INVESTIGATING, True)

    def test_what_a_person_deleted_stays_so_until_it_clears_and_fires_anew(self) -> None:
        harness = published()
        harness.page.delete(harness.page.only.id)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(10 * MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        assert (harness.page.incidents, harness.progress.note) == ([], None)
        harness.fire("search")
        harness.after(MINUTE)
        assert harness.page.only.services == ("search",)

    def test_a_deletion_is_believed_after_the_settle_time(self, logged: list[Any]) -> None:
        harness = published()
        remote_id = harness.page.only.id
        harness.page.delete(remote_id)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(SETTLE_MS - 1)
        assert (harness.post.remote_id, harness.post.is_open) == (remote_id, True)
        harness.after(SETTLE_MS)
        assert (harness.post.remote_id, harness.post.closed_at is not None) == (None, True)
        assert harness.page.writes == ["open MAJOR"]
        assert names(logged).count("closed_by_others") == 1

    @pytest.mark.parametrize("hidden_ms", [0, SETTLE_MS - 1, 5 * SETTLE_MS])
    def test_an_incident_that_is_only_said_to_be_missing_is_followed_to_its_end(self, hidden_ms: int) -> None:
        harness = published()
        remote_id = harness.page.only.id
        harness.page.hidden.add(remote_id)
        harness.clear()
        harness.after(hidden_ms)
        assert harness.post.remote_id == remote_id
        harness.page.hidden.clear()
        harness.after(5 * MINUTE)
        assert (harness.page.only.status, harness.post.retry.missing_at) == (Phase.RESOLVED, None)

    def test_two_moments_in_which_it_is_missing_are_no_deletion_if_it_was_there_between(self) -> None:
        harness = published()
        for service in ("payments", "search"):
            harness.page.hidden.add("remote-1")
            harness.fire(service)
            harness.page.lag_ms = 60 * MINUTE  # no list shows it either
            harness.page.hidden.clear()
            harness.after(MINUTE)
        assert set(harness.page.only.services) == {"checkout", "payments", "search"}

    def test_a_write_of_unknown_outcome_is_not_given_up_for_a_moment_in_which_its_incident_is_missing(self) -> None:
        harness = published(Outcome.DONE, Outcome.LOST_BEFORE)
        harness.acknowledge()
        harness.page.hidden.add(harness.page.only.id)
        harness.after(SETTLE_MS // 2)
        assert harness.post.intent is not None
        harness.page.hidden.clear()
        harness.after(5 * MINUTE)
        assert harness.page.writes == ["open MAJOR", "update IDENTIFIED"]

    def test_a_duplicate_of_what_a_person_deleted_is_not_brought_to_life(self) -> None:
        harness = published(Outcome.LATE)
        harness.page.late_ms = SETTLE_MS * 3
        harness.after(SETTLE_MS)
        harness.page.delete(harness.page.only.id)
        harness.fire("payments")
        harness.after(5 * MINUTE)
        assert harness.page.standing == []

    def test_a_duplicate_of_what_a_person_resolved_is_not_brought_to_life(self) -> None:
        harness = published(Outcome.LATE)
        harness.page.late_ms = SETTLE_MS * 3
        harness.after(SETTLE_MS)
        harness.page.edit(harness.page.only.id, status=Phase.RESOLVED)
        harness.after(5 * MINUTE)
        assert harness.page.standing == []

    def test_a_severity_set_by_hand_stays_until_the_alerts_are_worse_than_it_and_than_they_were(self) -> None:
        harness = published()

        def after(minutes: int) -> Severity | None:
            harness.after(minutes * MINUTE)
            return harness.page.only.severity

        harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
        harness.fire("payments")
        assert after(30) is Severity.CRITICAL
        harness.page.edit(harness.page.only.id, severity=Severity.MINOR)
        harness.fire("checkout", Severity.MEDIUM)
        harness.fire("payments", Severity.MAJOR)
        assert after(30) is Severity.MINOR
        harness.fire("checkout", Severity.CRITICAL)
        assert after(1) is Severity.CRITICAL
        harness.fire("checkout", Severity.MEDIUM)
        assert after(30) is Severity.MINOR  # as somebody said of that

    def test_a_severity_raised_by_hand_survives_updates_of_status(self) -> None:
        harness = published()
        harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
        harness.acknowledge()
        harness.after(30 * MINUTE)
        harness.clear()
        harness.after(30 * MINUTE)
        assert (harness.page.only.severity, harness.page.only.status) == (Severity.CRITICAL, Phase.RESOLVED)

    def test_a_status_moved_ahead_by_hand_is_not_moved_back(self) -> None:
        harness = published()
        harness.page.edit(harness.page.only.id, status=Phase.IDENTIFIED)
        harness.fire("payments", Severity.CRITICAL)
        harness.after(30 * MINUTE)
        assert harness.page.writes == ["open MAJOR", "change CRITICAL", "update IDENTIFIED"]
        assert harness.page.only.status is Phase.IDENTIFIED

    def test_a_name_given_by_hand_stays(self) -> None:
        harness = published()
        harness.page.edit(harness.page.only.id, name="By hand")
        harness.fire("payments", Severity.CRITICAL)
        harness.after(MINUTE)
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.only.name == "By hand"

    def test_a_severity_that_a_person_has_set_already_is_not_written_again(self) -> None:
        harness = published()
        harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
        harness.fire(severity=Severity.CRITICAL)
        harness.after(MINUTE)
        assert harness.page.writes == ["open MAJOR", "update INVESTIGATING"]

    def test_an_incident_that_others_made_is_left_alone(self) -> None:
        harness = published()
        ours = harness.page.only
        theirs = replace(ours, id="theirs", updates=(replace(ours.updates[0], text="Made by a person."),))
        harness.page.put(theirs)
        harness.page.outcomes.append(Outcome.LOST_BEFORE)
        harness.clear()
        harness.after(30 * MINUTE)
        assert harness.page.standing == [theirs]
