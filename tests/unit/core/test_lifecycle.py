"""The life of an incident, told as stories of alerts and time on a page that takes every write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import (
    CLEARED_IN_TIME,
    NEVER_PUBLISHED,
    CheckDuplicates,
    ReadBack,
    Wait,
    WriteTo,
    decide,
)
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.core.planning import DATE_STEP_MS, signature
from bridge.core.results import Begun, Closed, Delay, Gone, NotSent, Rejected, Unknown
from bridge.model import Incident, Phase, Post, Retry, Severity, UpdateKind
from tests.unit.core.alerts import Alerts
from tests.unit.core.lifecycle_harness import (
    MINUTE,
    POLICY,
    RETENTION_MS,
    SECOND,
    START,
    LifecycleHarness,
    intent,
    published,
    resolved,
)
from tests.unit.transitions import after, written


class TestPhases:
    def test_an_outage_becomes_public_after_publish_after_and_not_before(self) -> None:
        harness = LifecycleHarness().fire().after(MINUTE - 1)
        assert (harness.phase, harness.told, harness.next_at) == (Phase.PENDING, [], START + MINUTE)
        harness.after(1)
        assert (harness.phase, harness.told) == (Phase.INVESTIGATING, ["open INVESTIGATING MAJOR"])

    def test_publish_after_counts_from_the_first_alert_whatever_joins_later(self) -> None:
        harness = LifecycleHarness().fire().after(MINUTE - 1).fire("payments").after(1)
        assert harness.told == ["open INVESTIGATING MAJOR"]
        assert harness.post.services == ("checkout", "payments")

    def test_an_outage_that_clears_in_time_is_never_told(self) -> None:
        harness = LifecycleHarness().fire().after(MINUTE - 1).clear().after(30 * MINUTE)
        assert (harness.phase, harness.told, harness.incident.progress.note) == (Phase.DISCARDED, [], CLEARED_IN_TIME)

    def test_one_that_cleared_in_time_is_forgotten_after_an_hour(self) -> None:
        harness = LifecycleHarness().fire().after(MINUTE - 1).clear()
        assert not harness.after(60 * MINUTE - 1).is_forgotten
        assert harness.after(1).is_forgotten

    def test_one_that_cleared_in_time_is_kept_as_long_as_any_where_its_key_had_another_before(self) -> None:
        harness = resolved().after(20 * MINUTE).fire().after(MINUTE - 1).clear()
        assert (harness.phase, len(harness.episodes)) == (Phase.DISCARDED, 1)
        assert not harness.after(RETENTION_MS - 1).is_forgotten
        assert harness.after(1).is_forgotten

    def test_a_discarded_outage_that_fires_again_waits_publish_after_anew(self) -> None:
        harness = LifecycleHarness().fire().after(MINUTE - 1).clear().after(10).fire().after(MINUTE - 1)
        assert (harness.phase, harness.told) == (Phase.PENDING, [])
        assert harness.after(1).told == ["open INVESTIGATING MAJOR"]

    def test_an_acknowledged_alert_means_that_the_cause_is_identified(self) -> None:
        harness = published().after(MINUTE).acknowledge()
        assert harness.told[1:] == ["update IDENTIFIED MAJOR"]

    def test_an_outage_that_is_acknowledged_while_pending_opens_as_identified(self) -> None:
        harness = LifecycleHarness().fire().acknowledge().after(MINUTE)
        assert harness.told == ["open IDENTIFIED MAJOR"]

    def test_it_is_monitored_as_soon_as_all_is_clear_and_resolved_after_quiet(self) -> None:
        harness = published().after(MINUTE).clear()
        assert (harness.phase, harness.told[1:]) == (Phase.MONITORING, ["update MONITORING MAJOR"])
        assert harness.after(2 * MINUTE - 1).phase is Phase.MONITORING
        harness.after(1 + DATE_STEP_MS)
        assert (harness.phase, harness.told[2:]) == (Phase.RESOLVED, ["update RESOLVED MAJOR"])

    def test_without_a_quiet_period_it_goes_straight_to_resolved(self) -> None:
        harness = published(replace(POLICY, resolve_after_ms=0)).after(MINUTE).clear().after(DATE_STEP_MS)
        assert harness.told == ["open INVESTIGATING MAJOR", "update RESOLVED MAJOR"]

    def test_it_is_not_resolved_while_an_alert_is_held(self) -> None:
        harness = published().after(MINUTE).clear().hold().after(60 * MINUTE)
        assert (harness.phase, harness.next_at) == (Phase.MONITORING, None)
        assert harness.hold(0).phase is Phase.RESOLVED

    def test_a_pending_outage_is_not_discarded_while_an_alert_is_held(self) -> None:
        harness = LifecycleHarness().fire().after(10)
        harness.alerts.clear(harness.now)
        harness.hold()
        assert harness.phase is Phase.PENDING
        assert harness.hold(0).phase is Phase.DISCARDED

    def test_what_fires_again_while_monitored_is_investigated_at_once(self) -> None:
        harness = published().after(MINUTE).clear().after(MINUTE).fire()
        assert harness.told[1:] == ["update MONITORING MAJOR", "update INVESTIGATING MAJOR"]

    def test_it_fires_again_soon_after_the_end_and_the_same_incident_is_re_opened(self) -> None:
        harness = resolved().after(9 * MINUTE).fire()
        assert harness.phase is Phase.RESOLVED, "publish_after counts here, too"
        harness.after(MINUTE)
        assert harness.told[3:] == ["update INVESTIGATING MAJOR"]
        assert (harness.written[-1].kind, harness.post.remote_id) == (UpdateKind.OPEN, "remote-0")

    def test_a_short_flicker_after_the_end_is_not_told(self) -> None:
        harness = resolved().after(5 * MINUTE).fire().after(MINUTE - 1).clear().after(20 * MINUTE)
        assert harness.told[3:] == []

    def test_it_fires_again_long_after_the_end_and_another_incident_begins(self) -> None:
        harness = resolved().after(10 * MINUTE + 1).fire().after(MINUTE)
        assert (len(harness.episodes), harness.told) == (1, ["open INVESTIGATING MAJOR"])
        assert harness.post.remote_id == "remote-1"

    def test_another_incident_begins_even_where_nothing_waits_for_publish_after(self) -> None:
        harness = published(replace(POLICY, publish_after_ms=0)).after(MINUTE).clear().after(13 * MINUTE).fire()
        assert (len(harness.episodes), harness.post.remote_id) == (1, "remote-1")

    def test_what_cleared_and_fired_anew_while_nobody_looked_is_not_identified_any_more(self) -> None:
        harness = published().acknowledge().after(MINUTE)
        harness.alerts.clear(harness.now)
        harness.alerts.fire(harness.now)
        assert harness.settle().told[1:] == ["update IDENTIFIED MAJOR", "update INVESTIGATING MAJOR"]

    def test_what_fires_again_before_its_end_was_posted_simply_goes_on(self) -> None:
        harness = published().after(MINUTE)
        harness.page_works = False
        harness.clear().after(60 * MINUTE)
        assert harness.phase is Phase.RESOLVED
        harness.page_works = True
        harness.alerts.fire(harness.now)
        harness.settle().after(MINUTE)
        assert (harness.told[1:], harness.episodes) == ([], [])

    def test_an_outage_that_cleared_while_the_page_was_out_of_reach_is_noted_and_never_posted(self) -> None:
        harness = LifecycleHarness(page_works=False).fire().after(5 * MINUTE).clear().after(5 * MINUTE)
        assert (harness.phase, harness.incident.progress.note) == (Phase.RESOLVED, NEVER_PUBLISHED)
        harness.page_works = True
        assert harness.after(60 * MINUTE).told == []

    def test_an_outage_is_also_noted_when_its_lost_post_is_found_missing_after_its_end(self) -> None:
        harness = published().after(MINUTE).clear()
        begun = after(Post(), Begun(intent(harness.written[0])))
        harness.put(replace(begun, retry=Retry(at=harness.now + 60 * MINUTE))).after(10 * MINUTE)
        assert (harness.phase, harness.incident.progress.note) == (Phase.RESOLVED, None)
        harness.put(replace(harness.post, intent=None)).settle()
        assert harness.incident.progress.note == NEVER_PUBLISHED

    def test_an_incident_that_a_person_deleted_is_not_called_unpublished(self) -> None:
        harness = published()
        harness.put(after(harness.post, Gone(is_listed=False), now=harness.now)).after(MINUTE).clear().after(3 * MINUTE)
        assert (harness.phase, harness.incident.progress.note) == (Phase.RESOLVED, None)

    @pytest.mark.parametrize(
        "over",
        [resolved, lambda: resolved().after(20 * MINUTE).fire().clear()],
        ids=["resolved", "discarded after another"],
    )
    def test_it_is_forgotten_after_the_retention_time(self, over: Callable[[], LifecycleHarness]) -> None:
        harness = over()
        assert not harness.after(RETENTION_MS - 5 * MINUTE).is_forgotten
        assert harness.after(5 * MINUTE).is_forgotten

    def test_it_is_not_forgotten_while_its_end_is_untold(self) -> None:
        harness = published().after(MINUTE)
        harness.page_works = False
        harness.clear().after(5 * MINUTE)
        harness.now += 2 * RETENTION_MS
        assert not harness.settle().is_forgotten


class TestWrites:
    def test_a_rising_severity_is_changed_and_told_at_once(self) -> None:
        harness = published().after(MINUTE).fire("payments", Severity.CRITICAL)
        assert harness.told[1:] == ["change INVESTIGATING CRITICAL", "update INVESTIGATING CRITICAL"]
        assert harness.written[-1].kind is UpdateKind.SEVERITY

    def test_a_falling_severity_is_told_after_quiet(self) -> None:
        harness = published().fire("payments", Severity.CRITICAL).after(MINUTE).clear("payments")
        count = len(harness.written)
        assert len(harness.after(2 * MINUTE - 1).written) == count
        assert harness.after(1 + DATE_STEP_MS).told[count:] == [
            "change INVESTIGATING MAJOR",
            "update INVESTIGATING MAJOR",
        ]

    def test_services_join_at_once_and_do_not_part(self) -> None:
        harness = published().after(MINUTE).fire("payments").after(MINUTE).clear("checkout").after(10 * MINUTE)
        assert harness.told[1:] == ["change INVESTIGATING MAJOR", "update INVESTIGATING MAJOR"]
        assert harness.post.services == ("checkout", "payments")

    def test_news_of_status_and_severity_is_one_update(self) -> None:
        harness = published().after(MINUTE)
        harness.alerts.fire(harness.now, "payments", Severity.CRITICAL)
        harness.acknowledge().after(MINUTE)
        assert harness.told[1:] == ["change INVESTIGATING CRITICAL", "update IDENTIFIED CRITICAL"]

    def test_what_is_re_opened_worse_than_it_ended_is_changed_before_it_is_told(self) -> None:
        harness = resolved().after(MINUTE).fire("payments", Severity.CRITICAL).after(MINUTE)
        assert harness.told[3:] == ["change RESOLVED CRITICAL", "update INVESTIGATING CRITICAL"]
        assert harness.written[-1].kind is UpdateKind.OPEN

    def test_repeats_write_nothing(self) -> None:
        harness = published()
        for _ in range(10):
            harness.after(MINUTE).fire()
        assert len(harness.written) == 1

    def test_an_outage_on_two_pages_is_posted_on_each_with_its_own_severity(self) -> None:
        alerts = Alerts()
        alerts.fire(START, "checkout", Severity.MINOR)
        alerts.fire(START, "search", Severity.CRITICAL)
        incident = Incident(id="0123456789", key="k", route="r", summary=alerts.summary)
        seen = []
        for _ in range(2):
            step = decide(
                incident,
                POLICY,
                START + MINUTE,
                retention_ms=RETENTION_MS,
                pages_of={"checkout": ("shop",), "search": ("web",)},
            )
            assert isinstance(step, WriteTo)
            seen.append((step.page, step.planned.services, step.planned.severity))
            post = written(Post(), intent(step.planned), step.page)
            posts = {**step.progress.posts, step.page: post}
            incident = replace(incident, progress=replace(step.progress, posts=posts))
        assert seen == [("shop", ("checkout",), Severity.MINOR), ("web", ("search",), Severity.CRITICAL)]

    def test_a_service_on_no_known_page_is_not_posted(self) -> None:
        harness = LifecycleHarness().fire("elsewhere").after(MINUTE)
        assert (harness.phase, harness.told) == (Phase.INVESTIGATING, [])


class TestDates:
    def test_updates_carry_the_true_start_and_end(self) -> None:
        harness = published().after(MINUTE).clear().after(3 * MINUTE)
        start, end = START - 500, START + 2 * MINUTE - 200
        assert [planned.public_at for planned in harness.written] == [start, end, end + DATE_STEP_MS]

    def test_a_start_in_the_future_is_not_believed(self) -> None:
        harness = LifecycleHarness()
        harness.alerts.fire(harness.now)
        harness.alerts.outage_started_at = START + 60 * MINUTE
        assert harness.settle().after(MINUTE).written[0].public_at == START + MINUTE

    def test_an_update_waits_rather_than_share_a_second_with_the_one_before(self) -> None:
        harness = LifecycleHarness(replace(POLICY, publish_after_ms=0))
        harness.alerts.fire(harness.now)
        harness.alerts.outage_started_at = START
        harness.settle().acknowledge()
        assert (len(harness.written), harness.next_at) == (1, START + DATE_STEP_MS)
        assert harness.after(DATE_STEP_MS).written[-1].public_at == START + DATE_STEP_MS


class TestTrouble:
    def test_a_write_of_unknown_outcome_is_looked_for_before_anything_else(self) -> None:
        harness = published().acknowledge()
        begun = after(harness.post, Begun(intent(harness.written[0])))
        step = harness.put(begun).decide()
        assert isinstance(step, ReadBack)
        waiting = harness.put(replace(begun, retry=Retry(at=harness.now + 5))).decide()
        assert isinstance(waiting, Wait)
        assert waiting.until == harness.now + 5

    def test_nothing_else_is_written_meanwhile_even_if_another_write_was_refused(self) -> None:
        harness = published().after(MINUTE)
        lost = after(after(harness.post, Begun(intent(harness.written[0]))), Unknown("reset"), now=harness.now)
        harness.put(replace(lost, retry=replace(lost.retry, parked="400", parked_write="another write"))).clear()
        assert (harness.told[1:], harness.next_at) == ([], lost.retry.at)

    def test_a_repeated_write_is_verified_when_its_time_comes_and_keeps_the_incident_from_being_forgotten(self) -> None:
        harness = resolved()
        harness.put(replace(harness.post, check_duplicates_at=harness.now + RETENTION_MS))
        harness.now += RETENTION_MS - 1
        step = harness.decide()
        assert isinstance(step, Wait)
        assert step.until == harness.now + 1
        harness.now += 1
        assert isinstance(harness.decide(), CheckDuplicates)

    @pytest.mark.parametrize("exists", [True, False], ids=["resolved", "deleted"])
    def test_what_a_person_closed_stays_closed_until_all_clears_and_fires_anew(self, exists: bool) -> None:
        harness = published().after(MINUTE)
        harness.put(after(harness.post, Closed() if exists else Gone(is_listed=False), now=harness.now))
        harness.fire("payments", Severity.CRITICAL).after(MINUTE).acknowledge().after(MINUTE).clear("checkout")
        assert harness.after(MINUTE).told[1:] == []
        harness.clear().after(5 * MINUTE)
        assert (harness.phase, harness.told[1:]) == (Phase.RESOLVED, [])
        harness.fire("search", Severity.MINOR).after(MINUTE)
        expected = ["change RESOLVED MINOR", "update INVESTIGATING MINOR"] if exists else ["open INVESTIGATING MINOR"]
        assert harness.told[1:] == expected

    def test_an_alert_that_never_ends_does_not_hide_the_next_outage_behind_what_a_person_closed(self) -> None:
        harness = published().after(MINUTE)
        harness.put(after(harness.post, Closed(), now=harness.now))
        harness.after(10 * MINUTE).fire("payments").after(MINUTE)
        assert harness.told[1:] == []
        harness.fire("search").after(MINUTE)
        assert harness.told[-1] == "update INVESTIGATING MAJOR"

    def test_what_a_person_deleted_leaves_nothing_behind_in_the_next_post(self) -> None:
        harness = published()
        harness.put(after(harness.post, Gone(is_listed=False), now=harness.now)).after(MINUTE).clear().after(5 * MINUTE)
        assert harness.fire("search").after(MINUTE).post.services == ("search",)

    def test_a_write_that_failed_is_not_tried_before_its_time(self) -> None:
        harness = published().after(MINUTE)
        harness.put(after(harness.post, NotSent(Delay(5 * SECOND, is_exact=True)), now=harness.now)).acknowledge()
        assert (len(harness.written), harness.next_at) == (1, harness.now + 5 * SECOND)
        assert len(harness.after(5 * SECOND).written) == 2

    def test_a_parked_change_holds_up_neither_the_status_nor_the_end(self) -> None:
        harness = published().after(MINUTE)
        harness.alerts.fire(harness.now, "payments", Severity.CRITICAL)
        step = harness.decide()
        assert isinstance(step, WriteTo)
        parked = after(harness.post, Rejected(signature=signature(step.planned), detail="400"), now=harness.now)
        harness.put(parked).settle()
        assert (harness.told[1:], harness.next_at) == ([], parked.retry.at)
        assert harness.acknowledge().told[1] == "update IDENTIFIED MAJOR"
        harness.put(
            replace(
                harness.post, retry=Retry(parked="400", parked_write=signature(step.planned), at=harness.now + MINUTE)
            )
        )
        assert harness.clear().after(DATE_STEP_MS).told[-1].startswith("update MONITORING")

    def test_a_parked_write_is_tried_again_when_its_time_has_come(self) -> None:
        harness = LifecycleHarness().fire()
        harness.now += MINUTE
        step = harness.decide()
        assert isinstance(step, WriteTo)
        harness.put(after(Post(), Rejected(signature=signature(step.planned), detail="400"), now=harness.now)).settle()
        assert harness.told == []
        assert harness.after(PARK_RETRY_MS).told == ["open INVESTIGATING MAJOR"]

    def test_a_failure_after_a_refusal_is_waited_out_like_any_other(self) -> None:
        harness = published().after(MINUTE)
        harness.put(after(harness.post, Rejected(signature="another write", detail="400"), now=harness.now))
        harness.put(after(harness.post, NotSent(Delay(5 * SECOND, is_exact=True)), now=harness.now)).clear()
        assert (len(harness.written), harness.next_at) == (1, harness.now + 5 * SECOND)

    def test_an_incident_of_unknown_severity_can_be_resolved(self) -> None:
        harness = published().after(MINUTE)
        harness.put(replace(harness.post, severity=None, announced_severity=None)).clear().after(3 * MINUTE)
        assert harness.told[-1] == "update RESOLVED MINOR"

    def test_a_change_of_uncertain_effect_is_made_sure_of_without_telling_again(self) -> None:
        harness = published().after(MINUTE)
        harness.put(replace(harness.post, severity=None)).settle()
        assert harness.told[1:] == ["change INVESTIGATING MAJOR"]


class TestRemarks:
    def test_a_remark_is_told_once_in_the_status_that_stands(self) -> None:
        harness = published().after(MINUTE).public_note("We are rolling back.").after(MINUTE)
        assert harness.told[1:] == ["update INVESTIGATING MAJOR"]
        planned = harness.written[-1]
        assert planned.public_note is not None
        assert (planned.public_note.text, planned.kind) == ("We are rolling back.", UpdateKind.UPDATE)
        assert planned.public_at == planned.public_note.observed_at
        harness.clear().public_note("It looks better.").after(MINUTE)
        assert harness.told[2:] == ["update MONITORING MAJOR", "update MONITORING MAJOR"]
        assert harness.after(2 * MINUTE).told[4:] == ["update RESOLVED MAJOR"]

    def test_a_remark_made_before_the_incident_is_public_waits_for_it(self) -> None:
        harness = LifecycleHarness().fire().public_note("We know.")
        assert harness.told == []
        assert harness.after(2 * MINUTE).told == ["open INVESTIGATING MAJOR", "update INVESTIGATING MAJOR"]

    def test_a_remark_that_comes_after_the_end_is_not_dug_out_by_the_next_outage(self) -> None:
        harness = published().clear().after(3 * MINUTE).public_note("All good.").after(MINUTE)
        assert harness.told[-1] == "update RESOLVED MAJOR"
        harness.fire().after(2 * MINUTE)
        assert harness.told[-1] == "update INVESTIGATING MAJOR"
        assert [planned.public_note for planned in harness.written] == [None] * len(harness.written)

    def test_a_remark_that_the_page_refuses_holds_up_nothing(self) -> None:
        harness = published().after(MINUTE)
        harness.alerts.public_note(harness.now, "Refused.")
        step = harness.decide()
        assert isinstance(step, WriteTo)
        harness.put(after(harness.post, Rejected(signature=signature(step.planned), detail="400"), now=harness.now))
        harness.public_note("Taken.").after(MINUTE)
        assert [planned.public_note.text for planned in harness.written if planned.public_note] == [
            "Taken.",
            "Refused.",
        ]

    def test_a_change_of_status_is_told_before_a_public_note(self) -> None:
        harness = published().after(MINUTE)
        harness.alerts.acknowledge()
        harness.public_note("Found it.").after(MINUTE)
        assert [planned.public_note is not None for planned in harness.written[1:]] == [False, True]
