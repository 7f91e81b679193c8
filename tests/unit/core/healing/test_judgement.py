"""Which evidence closes an alert, condition by condition: whatever lacks one of them closes nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.healing.judgement import Decision, is_mass
from bridge.core.healing.observations import Refire, closed, is_ambiguous, lacks
from bridge.core.healing.ours import HELD, OVER, Fit
from bridge.core.healing.seen import PeerError
from tests.unit.core.healing.cluster_harness import (
    ALERT,
    DAY,
    MINUTE,
    PEERS,
    SECOND,
    START,
    VOID,
    ClusterHarness,
    cluster,
    healing,
    listed,
)

FIRST, SECOND_PEER = PEERS
CLOSE, WAIT, NOT = Decision


def settled(**settings: object) -> ClusterHarness:
    """After ten good rounds that listed the alert."""
    harness = ClusterHarness(healing(**settings)) if settings else ClusterHarness()
    harness.round(10)
    assert harness.judge().decision is NOT
    return harness


def absent(rounds: int = 11, **settings: object) -> ClusterHarness:
    """As many rounds after the alert was gone: by default the first in which it may be closed."""
    harness = settled(**settings)
    harness.forget()
    harness.round(rounds)
    return harness


class TestWhatIsSeenAndThenGone:
    def test_is_closed_after_absent_for(self) -> None:
        assert absent(10).judge().decision is WAIT
        verdict = absent(11).judge()
        assert verdict.decision is CLOSE
        assert verdict.reason == "not listed by am-0:9093, am-1:9093 since 22:34 (11 rounds); up 1 d; watchdog listed"

    def test_ended_with_the_last_round_that_listed_it(self) -> None:
        harness = settled()
        last = harness.now
        harness.forget()
        harness.round(11)
        assert harness.judge().ends_at == last
        assert harness.judge().quiet_since == last + MINUTE

    def test_waits_for_three_rounds_however_long_they_take(self) -> None:
        harness = settled(absent_for_ms=2 * MINUTE - 1)
        harness.forget()
        harness.round(2, 2 * MINUTE)
        assert harness.judge().decision is WAIT
        harness.round()
        assert harness.judge().decision is CLOSE

    def test_is_closed_when_it_is_held(self) -> None:
        harness = absent()
        harness.alert = replace(harness.alert, state=HELD)
        assert harness.judge().decision is CLOSE

    def test_is_not_closed_by_an_old_round(self) -> None:
        harness = absent()
        harness.now += 3 * MINUTE
        assert harness.judge().decision is WAIT


class TestWhatIsNoMatterOfHealing:
    def test_is_what_is_over(self) -> None:
        harness = absent()
        harness.alert = replace(harness.alert, state=OVER)
        assert harness.judge().decision is NOT

    def test_is_what_came_from_elsewhere(self) -> None:
        harness = absent()
        harness.alert = replace(harness.alert, source="pagerduty")
        assert harness.judge().decision is NOT

    def test_is_what_fits_no_cluster(self) -> None:
        harness = absent()
        harness.alert = replace(harness.alert, fit=Fit("s1", ()))
        assert harness.judge().decision is NOT


class TestVoidIsNotAbsent:
    @pytest.mark.parametrize("kind", ["refused", "timeout", "status", "redirect", "too_large", "not_understood"])
    def test_one_refused_peer_begins_the_row_anew(self, kind: str) -> None:
        harness = absent(9)
        harness.errors = {SECOND_PEER: PeerError(kind, "")}
        harness.round()
        assert harness.judge().decision is WAIT
        assert kind in harness.judge().reason
        harness.errors = {}
        harness.round(10)
        assert harness.judge().decision is WAIT
        harness.round(1)
        assert harness.judge().decision is CLOSE

    def test_a_long_pause_between_rounds_begins_it_anew(self) -> None:
        harness = absent(9)
        harness.round(1, 20 * MINUTE)
        assert harness.judge().decision is WAIT

    def test_an_empty_list_closes_nothing(self) -> None:
        harness = settled()
        for url in PEERS:
            harness.alerts[url], harness.watchdogs[url] = {}, {}
        harness.round(200)
        assert harness.judge().decision is WAIT
        assert "no sign of life" in harness.judge().reason


class TestAnyPeerThatListsItKeepsItOpen:
    @pytest.mark.parametrize("state", ["active", "suppressed", "unprocessed"])
    def test_in_every_state(self, state: str) -> None:
        harness = settled()
        harness.alerts[FIRST] = {}
        harness.alerts[SECOND_PEER] = {ALERT: replace(listed(), state=state, silenced=state == "suppressed")}
        harness.round(100)
        assert harness.judge().decision is NOT

    def test_when_it_is_back_in_the_last_round(self) -> None:
        harness = absent(10)
        harness.alerts[FIRST] = {ALERT: listed()}
        harness.round()
        assert harness.judge().decision is NOT
        harness.forget()
        harness.round(10)
        assert harness.judge().decision is WAIT

    def test_with_a_later_start_it_is_another_outage(self) -> None:
        harness = settled()
        for url in PEERS:
            harness.alerts[url] = {ALERT: listed(START + MINUTE)}
        harness.round()
        assert harness.judge().decision is NOT
        assert "later start" in harness.judge().reason


class TestHowLongPeersHaveBeenUp:
    def test_a_young_one_says_nothing(self) -> None:
        harness = settled()
        harness.forget()
        harness.restart(SECOND_PEER)
        harness.round(15)
        assert "am-1:9093 has not been up for min_uptime" in harness.judge().reason
        harness.round(10)
        assert harness.judge().decision is WAIT  # only now its rounds count
        harness.round(1)
        assert harness.judge().decision is CLOSE

    def test_all_restarted_have_never_listed_it(self) -> None:
        harness = settled()
        for url in PEERS:
            harness.restart(url)
        harness.round(200)
        assert harness.judge().decision is NOT
        assert harness.judge().is_missing

    def test_a_clock_an_hour_off_makes_no_difference(self) -> None:
        harness = ClusterHarness(age_ms=-60 * MINUTE)  # it says that it begins in an hour
        harness.round(10)
        harness.forget()
        harness.round(50)
        assert harness.judge().decision is WAIT

    def test_a_start_that_its_clock_puts_before_its_last_life_is_not_believed(self) -> None:
        harness = settled()
        harness.restart(SECOND_PEER)
        harness.up_at[SECOND_PEER] -= DAY
        harness.round(1)
        assert harness.judge().decision is NOT
        harness.forget()
        harness.round(12)
        assert "am-1:9093 has not been up" in harness.judge().reason

    def test_where_nobody_tells_the_age_the_answers_do(self) -> None:
        harness = ClusterHarness()
        harness.process = dict.fromkeys(PEERS, "")
        harness.round(3)
        harness.forget()
        harness.round(12)
        assert "min_uptime" in harness.judge().reason
        harness.round(11)
        assert harness.judge().decision is WAIT
        harness.round(2)
        assert harness.judge().decision is CLOSE

    def test_where_nobody_tells_the_process_a_failed_answer_ends_its_life(self) -> None:
        harness = ClusterHarness()
        harness.process = dict.fromkeys(PEERS, "")
        harness.round(30)
        harness.errors = dict.fromkeys(PEERS, VOID)
        harness.round(1)
        harness.errors = {}
        harness.forget()
        harness.round(100)
        assert harness.judge().decision is NOT  # no poll of this life has listed it

    def test_a_settling_cluster_says_nothing(self) -> None:
        harness = absent(9)
        harness.settled[FIRST] = False
        harness.round(20)
        assert "settling" in harness.judge().reason
        harness.settled[FIRST] = True
        harness.round(10)
        assert harness.judge().decision is WAIT


class TestSignsOfLife:
    def test_a_peer_that_was_cut_off_from_its_prometheus_closes_nothing(self) -> None:
        harness = settled()
        harness.forget()
        harness.frozen = {SECOND_PEER}
        harness.round(100)
        assert "no sign of life at am-1:9093" in harness.judge().reason

    def test_one_that_is_listed_but_never_renewed_is_none(self) -> None:
        harness = ClusterHarness()
        harness.frozen = set(PEERS)
        harness.round(10)
        harness.forget()
        harness.round(100)
        assert harness.judge().decision is WAIT

    def test_it_must_be_renewed_within_five_minutes(self) -> None:
        harness = settled(absent_for_ms=20 * MINUTE)
        harness.forget()
        harness.round(1)
        harness.frozen = set(PEERS)
        harness.round(5)
        assert "not listed" in harness.judge().reason
        harness.round(1)
        assert "no sign of life" in harness.judge().reason

    def test_one_from_before_the_stores_clock_went_back_is_none(self) -> None:
        harness = settled()
        harness.now -= 60 * MINUTE
        harness.up_at = dict.fromkeys(PEERS, harness.now - DAY)
        harness.frozen = set(PEERS)
        harness.round(1)
        harness.forget()
        for _ in range(50):
            harness.round(1)
            assert harness.judge().decision is WAIT

    def test_that_of_another_prometheus_is_none(self) -> None:
        harness = ClusterHarness(healing(cluster(same=("prometheus",))))
        harness.watchdogs[SECOND_PEER] = {"w2": {"alertname": "Watchdog", "prometheus": "p1"}}
        harness.round(10)
        harness.forget()
        harness.round(100)
        assert "no sign of life at am-1:9093" in harness.judge().reason

    def test_that_of_its_own_is_one(self) -> None:
        harness = ClusterHarness(healing(cluster(same=("prometheus",))))
        harness.round(10)
        harness.forget()
        harness.round(11)
        assert harness.judge().decision is CLOSE

    def test_without_the_labels_to_compare_nothing_is_closed(self) -> None:
        harness = ClusterHarness(healing(cluster(same=("prometheus",))))
        harness.alert = replace(harness.alert, fit=None)
        harness.round(10)
        harness.forget()
        harness.round(100)
        assert "alive.same" in harness.judge().reason

    def test_one_without_the_labels_to_compare_is_none_even_for_an_alert_without_them(self) -> None:
        harness = ClusterHarness(healing(cluster(same=("promethues",))))
        harness.round(10)
        harness.forget()
        harness.round(100)
        assert "no sign of life at am-0:9093" in harness.judge().reason
        said = lacks(harness.seen, harness.cluster)
        assert said == "am-0:9093: no alert that fits alive.match has the labels of alive.same"

    @pytest.mark.parametrize(("same", "expected"), [("prometheus", False), ("cluster", True)])
    def test_several_are_told_apart_by_the_labels_to_compare(self, same: str, expected: bool) -> None:
        harness = ClusterHarness(healing(cluster(same=(same,))))
        for number in (0, 1):
            labels = {"alertname": "Watchdog", "prometheus": f"p{number}", "cluster": "eu"}
            harness.watchdogs[PEERS[0]][f"w{number}"] = labels
        harness.round(2)
        assert is_ambiguous(harness.seen) is expected


class TestWhatArrives:
    def test_a_message_after_the_first_round_without_it_begins_its_absence_anew(self) -> None:
        harness = absent(6)
        harness.alert = replace(harness.alert, seen_at=harness.now)
        assert harness.judge().decision is WAIT
        harness.round(10)
        assert harness.judge().decision is WAIT
        harness.round(1)
        assert harness.judge().decision is CLOSE

    def test_one_that_no_round_knows_of_yet_closes_nothing(self) -> None:
        harness = absent()
        harness.alert = replace(harness.alert, seen_at=harness.now + SECOND)
        assert harness.judge().decision is WAIT


class TestWhatNoPollHasListed:
    def unlisted(self, match: str) -> ClusterHarness:
        harness = ClusterHarness(healing(cluster(match=match)))
        harness.forget()
        return harness

    def test_is_never_closed_where_match_does_not_name_the_sender(self) -> None:
        for match in ("", "__sender__ != us", '__sender__ =~ "eu|"', "alertname = DiskFull"):
            harness = self.unlisted(match)
            harness.round(200)
            assert harness.judge().decision is NOT, match
            assert harness.judge().is_missing

    def test_is_closed_after_three_times_as_long_where_it_does(self) -> None:
        harness = self.unlisted("__sender__ = eu")
        harness.round(31)  # the first shows no change of the sign of life
        assert harness.judge().decision is WAIT
        harness.round(1)
        assert harness.judge().decision is CLOSE
        assert harness.judge().ends_at == harness.alert.seen_at


class TestSeveralClusters:
    def two(self) -> tuple[ClusterHarness, ClusterHarness]:
        configuration = healing(cluster("eu", match="__sender__ = eu"), cluster("us", match="__sender__ = us"))
        eu, us = ClusterHarness(configuration), ClusterHarness(configuration)
        us.cluster = configuration.alertmanagers[1]
        return eu, us

    def test_with_equal_fingerprints_each_has_its_own(self) -> None:
        eu, us = self.two()
        for each in (eu, us):
            each.round(10)
        eu.forget()
        for each in (eu, us):
            each.round(11)
        assert eu.judge(us=us.seen).decision is CLOSE
        eu.alert = replace(eu.alert, sender="us", fit=Fit("s1", ("us",)))
        assert eu.judge(us=us.seen).decision is NOT

    def test_all_of_them_count_for_what_was_delivered_under_another_section(self) -> None:
        eu, us = self.two()
        eu.alert = replace(eu.alert, fit=Fit("s0", ("eu",)))
        for each in (eu, us):
            each.round(10)
        eu.forget()
        for each in (eu, us):
            each.round(11)
        assert eu.judge(us=us.seen).decision is NOT
        assert eu.judge().decision is WAIT  # the other was not asked yet
        us.forget()
        us.round(11)
        eu.round(11)
        assert eu.judge(us=us.seen).decision is CLOSE

    def test_of_a_sender_that_none_of_them_is_nothing_is_closed(self) -> None:
        eu, us = self.two()
        eu.alert = replace(eu.alert, sender="lab", fit=None)
        for each in (eu, us):
            each.forget()
            each.round(100)
        assert eu.judge(us=us.seen).decision is NOT


class TestSilences:
    def test_a_silenced_alert_fires_on(self) -> None:
        harness = settled()
        for url in PEERS:
            harness.alerts[url] = {ALERT: listed(silenced=True)}
        harness.round(100)
        assert harness.judge().decision is NOT

    def test_or_is_over_where_the_configuration_says_so(self) -> None:
        harness = settled(silenced="clear")
        for url in PEERS:
            harness.alerts[url] = {ALERT: listed(silenced=True)}
        harness.round(10)
        assert harness.judge().decision is WAIT
        harness.round(1)
        assert harness.judge().decision is CLOSE
        assert harness.judge().reason.startswith("silent at")

    def test_unless_another_peer_lists_it_without_a_silence(self) -> None:
        harness = settled(silenced="clear")
        harness.alerts[FIRST] = {ALERT: listed(silenced=True)}
        harness.round(100)
        assert harness.judge().decision is NOT

    def test_one_that_is_inhibited_is_another_matter(self) -> None:
        harness = settled(silenced="clear")
        for url in PEERS:
            harness.alerts[url] = {ALERT: replace(listed(), state="suppressed", inhibited=True)}
        harness.round(100)
        assert harness.judge().decision is NOT


class TestTheConfigurationChanges:
    def test_facts_begin_anew_but_what_was_listed_counts_on(self) -> None:
        harness = absent(9)
        harness.healing = replace(harness.healing, section="s2", mode="close")
        assert harness.judge().decision is WAIT
        harness.round(11)
        assert harness.judge().decision is WAIT
        harness.round(1)  # one more: the first round shows no change of the sign of life
        assert harness.judge().decision is CLOSE

    def test_a_peer_taken_out_of_the_file_is_asked_no_more_and_its_list_does_not_count(self) -> None:
        harness = ClusterHarness()
        harness.alerts[FIRST] = {}
        harness.round(10)
        harness.cluster = replace(harness.cluster, urls=(FIRST,))
        harness.healing = replace(harness.healing, section="s2", alertmanagers=(harness.cluster,))
        harness.alert = replace(harness.alert, fit=harness.fit({}))
        harness.round(200)
        assert harness.judge().decision is NOT
        assert harness.judge().is_missing

    def test_a_new_peer_is_asked_from_now_on(self) -> None:
        harness = absent(11)
        third = "http://am-2:9093"
        harness.cluster = replace(harness.cluster, urls=(*PEERS, third))
        harness.healing = replace(harness.healing, section="s2", alertmanagers=(harness.cluster,))
        harness.alerts[third], harness.watchdogs[third] = {ALERT: listed()}, {}
        harness.process[third], harness.up_at[third], harness.settled[third] = "first", START - DAY, True
        harness.round()
        assert harness.judge().decision is NOT


class TestTooManyAtOnce:
    @pytest.mark.parametrize(
        ("missing", "firing", "expected"), [(10, 10, False), (11, 22, False), (11, 21, True), (11, 11, True)]
    )
    def test_more_than_ten_and_more_than_half(self, missing: int, firing: int, *, expected: bool) -> None:
        assert is_mass(missing, firing) is expected

    def test_wait_three_times_as_long(self) -> None:
        harness = absent(30)
        assert harness.judge(is_mass=True).decision is WAIT
        assert "so many are missing" in harness.judge(is_mass=True).reason
        harness.round(1)
        assert harness.judge(is_mass=True).decision is CLOSE


class TestWhatFiresAgainAfterAClose:
    def test_is_back_when_two_later_polls_of_a_peer_list_it_otherwise(self) -> None:
        harness = absent()
        harness.seen = closed(harness.seen, [ALERT], harness.now)
        harness.alerts[FIRST] = {ALERT: listed(updated_at="u1")}
        harness.round()
        assert harness.seen.closed == {ALERT: Refire(harness.now - MINUTE, {FIRST: "u1"})}
        harness.alerts[SECOND_PEER] = {ALERT: listed(updated_at="u2")}
        harness.round()
        assert not harness.seen.closed[ALERT].is_back
        harness.alerts[FIRST] = {ALERT: listed(updated_at="u2")}
        harness.round()
        assert harness.seen.closed[ALERT].is_back

    def test_is_forgotten_after_a_while(self) -> None:
        harness = absent()
        harness.seen = closed(harness.seen, [ALERT], harness.now)
        harness.round(16)
        assert harness.seen.closed == {}
