"""`make mutants`: breaks each promise by one line, and demands that a test notices. Exits with 1 if none does.

A mutant is a change of one line in a copy of the tree, and the test that fails then, and passes without it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
COPIED = ("bridge", "tests", "config", "docs", "pyproject.toml", "README.md", "CHANGELOG.md")
PATIENCE_S = 300
FAILED = 1  # pytest's exit code when tests ran and failed; a test that cannot even be loaded proves nothing
PROMISES = range(1, 10)
NO_LOSS, NO_DOUBLE_POST, CONVERGENCE, NO_STALE_WRITE, NO_LEAK, OWN_ONLY, CLUSTER_SAFE, WAY_TO_ITS_END, BOUND = PROMISES


class Mutant(Struct, frozen=True):
    """In the only place of ``file`` where ``old`` stands, ``new`` stands instead: ``means`` says what that breaks."""

    promise: int
    means: str
    file: str
    old: str
    new: str
    test: str

    @property
    def row(self) -> str:
        """Its line in the table of docs/reliability.md."""
        return f"| {self.promise} | {self.means} | `{self.file}` | `{self.test.rpartition('::')[2]}` |"

    def mutate(self, root: Path) -> None:
        """Change the file below ``root``. Raises ValueError if the text is not there exactly once."""
        file = root / self.file
        text = file.read_text()
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.file}: {self.old!r} is there {found} times, expected once: mend the mutant")
        file.write_text(text.replace(self.old, self.new))


RECONCILER, STORE = "tests/unit/reconciler", "tests/unit/store"
MUTANTS = (
    Mutant(
        NO_LOSS,
        "a delivery is accepted of which an alert was not kept for want of room",
        "bridge/web/receiver.py",
        "    if refused:",
        "    if not refused:",
        "tests/unit/web/test_app.py::test_what_was_not_kept_is_answered_503_and_all_else_of_the_delivery_is_kept",
    ),
    Mutant(
        NO_LOSS,
        "an event that was refused for want of room is a repeat when it comes again",
        "bridge/store/scripts/ingest.lua",
        "if is_refused(outcome) then return outcome, home end",
        "if false then return outcome, home end",
        f"{STORE}/test_limits.py::test_an_event_that_was_refused_is_no_repeat_when_it_comes_again",
    ),
    Mutant(
        NO_LOSS,
        "the ends of what was never seen take the requests of outages",
        "bridge/store/scripts/lib.lua",
        "then schedule_stray(incident.id)",
        "then schedule(incident.id, now, 'LT')",
        f"{STORE}/test_limits.py::test_ends_of_what_was_never_seen_leave_an_outage_its_requests",
    ),
    Mutant(
        NO_LOSS,
        "who asks for the metrics over and over takes the time of deliveries",
        "bridge/web/exposition.py",
        "self._next_at = began + RESTS",
        "self._next_at = began + 1",
        "tests/unit/web/test_exposition.py::test_however_often_it_is_asked_most_of_the_time_is_for_others",
    ),
    Mutant(
        NO_LOSS,
        "a Redis that refuses what a delivery needs is ready",
        "bridge/store/store.py",
        "await self._run(scripts.READY, replicated=True)",
        "await self._redis.ping()",
        f"{STORE}/test_rights.py::test_it_is_not_ready_without_any_one_of_the_commands",
    ),
    Mutant(
        NO_LOSS,
        "what PagerDuty shows of another incident counts",
        "bridge/pagerduty_api/client.py",
        'if found.get("id") != id_ or not text(found, "status"):',
        'if not text(found, "status"):',
        "tests/unit/pagerduty_api/test_client.py::test_what_shows_no_incident_of_this_id_is_not_understood",
    ),
    Mutant(
        NO_LOSS,
        "an incident is over that PagerDuty shows in a status which nobody knows",
        "bridge/senders/pagerduty/snapshot.py",
        'return text(incident, "status") == "resolved"',
        'return text(incident, "status") not in {"triggered", "acknowledged"}',
        "tests/unit/senders/pagerduty/test_snapshot.py::test_only_resolved_is_over",
    ),
    Mutant(
        NO_LOSS,
        "an end that PagerDuty shows ends what was heard of later",
        "bridge/senders/pagerduty/snapshot.py",
        "ended_at = max(ended_at, min(known_at, ended_at + _SECOND_MS - 1))",
        "ended_at = max(ended_at, known_at)",
        "tests/unit/senders/pagerduty/test_snapshot.py::test_the_end_of_a_second_comes_after_what_is_known_of_that_second_and_of_no_other",
    ),
    Mutant(
        NO_LOSS,
        "an incident that PagerDuty does not know is told at the first time",
        "bridge/core/healing/pagerduty.py",
        "return len(self.missing) >= MISSING_TIMES",
        "return len(self.missing) > 0",
        "tests/unit/core/healing/test_pagerduty.py::test_three_times_missing_within_an_hour_is_told_and_twice_is_not",
    ),
    Mutant(
        NO_LOSS,
        "a key that PagerDuty refuses is used on and on",
        "bridge/healing/paged_round.py",
        "return self._failed < FAILED and not self.state.resume_at",
        "return self._failed < FAILED",
        "tests/unit/healing/test_pagerduty.py::test_a_refused_key_is_told_once_and_not_used_for_an_hour",
    ),
    Mutant(
        NO_LEAK,
        "the administrator's token goes to the proxy",
        "bridge/config/network.py",
        "if is_loopback(host) or any(",
        "if any(",
        "tests/unit/config/test_network.py::test_this_machine_is_never_asked_through_a_proxy",
    ),
    Mutant(
        NO_LOSS,
        "an end whose time cannot be read is no end",
        "bridge/senders/alertmanager.py",
        'ends_at=_instant(wire.endsAt, "endsAt", received_at, unread)',
        'ends_at=to_ms(wire.endsAt or "")',
        "tests/unit/senders/test_alertmanager.py::test_each_form_of_a_start_and_an_end_is_read",
    ),
    Mutant(
        NO_LOSS,
        "two senders with names, and one fingerprint, are one alert",
        "bridge/store/codec.py",
        'f"{source}@{sender}/{fingerprint}" if sender else',
        'f"{source}/{fingerprint}" if sender else',
        f"{STORE}/test_senders.py::test_two_senders_with_one_fingerprint_are_two_alerts",
    ),
    Mutant(
        CONVERGENCE,
        "what fires when its path gets a name is orphaned",
        "bridge/store/scripts/senders.lua",
        "if a and not own then",
        "if a and own then",
        f"{STORE}/test_senders.py::test_what_fires_when_its_path_gets_a_name_ends_there_with_its_sender",
    ),
    Mutant(
        CONVERGENCE,
        "a merge is forgotten when its path gets a name",
        "bridge/store/scripts/senders.lua",
        "adopt_sources(merged_key, plain, name, relatives)",
        "adopt_sources(event_key, plain, name, relatives)",
        f"{STORE}/test_senders.py::test_what_was_merged_when_its_path_gets_a_name_ends_with_its_target",
    ),
    Mutant(
        NO_LOSS,
        "half a character refuses the whole delivery",
        "bridge/senders/alertmanager.py",
        "mended = mend(body)",
        "mended = body",
        "tests/unit/senders/test_alertmanager.py::test_half_a_character_in_an_alert_spoils_no_more_than_its_own_text",
    ),
    Mutant(
        NO_LOSS,
        "alerts that came while their incident was in hand wait for the next",
        "bridge/store/scripts/settle.lua",
        "~= tonumber(ARGV[4]) then due = now",
        "~= tonumber(ARGV[4]) then due = due",
        f"{STORE}/test_leases.py::test_settled_with_facts_that_moved_meanwhile_it_is_due_now",
    ),
    Mutant(
        NO_LOSS,
        "a delivery that could not be stored is accepted",
        "bridge/store/group_commit.py",
        "done.set_exception(error)",
        "done.set_result([])",
        f"{STORE}/test_unavailable.py::test_a_full_server_takes_no_alert_and_none_halfway",
    ),
    Mutant(
        NO_LOSS,
        "what the page refuses with a bad key is given up",
        "bridge/reconciler/reconciler.py",
        "await lease.settle(lease.now, refused=True)",
        "await lease.settle(None, refused=True)",
        f"{RECONCILER}/test_reconciler.py::TestRefusals::test_a_refused_key_stops_all_writes_and_loses_none",
    ),
    Mutant(
        NO_LOSS,
        "what the page refuses for its date is given up",
        "bridge/reconciler/attempt.py",
        "DATE_REJECTED = (400, 422)",
        "DATE_REJECTED = (404,)",
        f"{RECONCILER}/test_refused_dates.py::test_an_opening_goes_at_once_without_its_date",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "what went without a date is looked for by a date",
        "bridge/core/ownership.py",
        "is_it = is_then if intent.is_dated else update.id not in intent.seen",
        "is_it = is_then",
        f"{RECONCILER}/test_refused_dates.py::TestUnknownOutcome::test_an_undated_end_is_told_once",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "a write whose answer was lost is sent again without a look",
        "bridge/reconciler/publisher.py",
        "return results.Unknown(error.detail)",
        "return results.NotSent(detail=error.detail)",
        f"{RECONCILER}/test_outcomes.py::TestUnknownOutcomes::test_a_post_whose_answer_was_lost_is_found_after_a_second",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "an unseen write counts as absent before the settle time is over",
        "bridge/core/outcomes/absence.py",
        "if read_backs < READS_BEFORE_REPEAT or now < unknown_at + at.settle_ms:",
        "if read_backs < READS_BEFORE_REPEAT:",
        "tests/unit/core/test_outcomes.py::TestUnknownOutcome::test_two_looks_are_not_enough_within_the_settle_time",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "the settle time runs while the answer is waited for",
        "bridge/core/outcomes/failures.py",
        "unknown_at=intent.unknown_at or at.now",
        "unknown_at=intent.unknown_at or at.asked_at",
        "tests/unit/core/test_outcomes.py::TestUnknownOutcome::"
        "test_what_is_missing_counts_as_of_when_it_was_asked_for_and_an_answer_as_of_when_it_was_lost",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "a write that was asked for before the settle time was over is repeated",
        "bridge/core/outcomes/absence.py",
        "intent, now = intended(post), at.asked_at",
        "intent, now = intended(post), at.now",
        "tests/unit/core/test_outcomes.py::TestUnknownOutcome::"
        "test_what_is_missing_counts_as_of_when_it_was_asked_for_and_an_answer_as_of_when_it_was_lost",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "what was not found yet on a large page counts as not there",
        "bridge/reconciler/open_incidents.py",
        "self.unread = [each for each in self.unread if each.id not in done]",
        "self.unread = []",
        f"{RECONCILER}/test_large_page.py::test_not_found_yet_is_not_not_there",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "who was stopped beyond its lease goes on writing",
        "bridge/reconciler/leases.py",
        "- self._margin_ms",
        "+ 1000 * self._margin_ms",
        f"{RECONCILER}/test_reconciler.py::TestLeases::test_nothing_is_sent_once_the_lease_has_run_out",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "an incident that is told of a hundred times shows its reference no more",
        "bridge/core/compose.py",
        "is_due = updates == 0 or (updates + 1) % REFERENCE_EVERY == 0",
        "is_due = updates == 0",
        f"{RECONCILER}/test_lost_store.py::TestLostStore::test_it_takes_over_what_was_told_of_a_hundred_times_and_more",
    ),
    Mutant(
        CONVERGENCE,
        "nobody looks again when a timer of the incident is over",
        "bridge/reconciler/worker.py",
        "return await lease.settle(step.until, rules=rules_of(self._config.current))",
        "return await lease.settle(None)",
        f"{RECONCILER}/test_reconciler.py::TestMainJob::test_an_outage_is_told_from_its_start_to_its_end",
    ),
    Mutant(
        CONVERGENCE,
        "what waits to be old enough hears nothing of another configuration",
        "bridge/store/scripts/config_changed.lua",
        "if not firing or waits or next((fields_of(id, 'remote:'))) then return end",
        "if not firing or firing ~= '0' then return end",
        f"{RECONCILER}/test_reload.py::test_a_lower_publish_after_publishes_what_is_old_enough_by_now",
    ),
    Mutant(
        CONVERGENCE,
        "ends have no precedence over openings in the shared budget",
        "bridge/store/scripts/budget.lua",
        "if wait > (priority == 0 and ahead_ms or 0) then",
        "if wait > 0 then",
        f"{STORE}/test_budget.py::test_ends_are_served_in_their_order_before_all_else_however_small_the_budget",
    ),
    Mutant(
        CONVERGENCE,
        "an incident that is over waits for its turn by age",
        "bridge/store/scripts/claim.lua",
        "first = over or shown or opening or first",
        "first = shown or opening or first",
        f"{STORE}/test_leases.py::test_what_is_over_but_still_shown_comes_before_what_is_more_overdue",
    ),
    Mutant(
        CONVERGENCE,
        "a severity that rose never falls",
        "bridge/core/planning.py",
        "if view.now >= eased_at or (",
        "if not eased_at or (",
        "tests/unit/core/test_lifecycle.py::TestWrites::test_a_falling_severity_is_told_after_quiet",
    ),
    Mutant(
        CONVERGENCE,
        "an end that never reached the page hides what fires anew",
        "bridge/core/next_phase.py",
        "return Phase.INVESTIGATING, None  # its end never reached the page: it simply goes on",
        "return phase, None",
        "tests/unit/core/test_lifecycle.py::TestPhases::test_what_fires_again_before_its_end_was_posted_simply_goes_on",
    ),
    Mutant(
        CONVERGENCE,
        "what a change of unknown outcome brought is taken for a person's edit",
        "bridge/core/outcomes/absence.py",
        "return post if current is None else _learned(post, intent, current, now)",
        "return post",
        f"{RECONCILER}/test_unknown_change.py::TestWhatNothingFiresForAnyMore::"
        "test_a_component_that_an_unknown_change_brought_is_operational_again",
    ),
    Mutant(
        CONVERGENCE,
        "a read that is older than our own newest update is taken for a person's edit",
        "bridge/reconciler/publisher.py",
        "if manual_edits.lacks_ours(current, post):",
        "if not current.updates:",
        f"{RECONCILER}/test_stale_reads.py::"
        "test_fired_again_and_joined_within_the_lag_nobody_is_taken_to_have_closed_it",
    ),
    Mutant(
        CONVERGENCE,
        "an incident that was just ended is taken over by the next outage, for a read that is older",
        "bridge/reconciler/attempt.py",
        "if any(is_before(each, end) for each in found for end in ends):",
        "if not ends and found == ends:",
        f"{RECONCILER}/test_stale_reads.py::"
        "test_what_was_just_ended_is_not_taken_over_by_the_next_outage_for_an_older_read",
    ),
    Mutant(
        CONVERGENCE,
        "each alert that replaces another begins the outage anew",
        "bridge/store/scripts/lib.lua",
        "if fires and not fired then",
        "if fires then",
        f"{STORE}/test_deliveries.py::test_an_alert_in_place_of_another_ends_and_begins_nothing",
    ),
    Mutant(
        CONVERGENCE,
        "the end of one alert and the start of the next are two changes, though one delivery tells of both",
        "bridge/store/scripts/ingest.lua",
        "do fold_nth(i) end",
        "do fold_nth(i); for _, incident in pairs(changing) do end_change(incident) end end",
        f"{STORE}/test_deliveries.py::test_an_alert_in_place_of_another_ends_and_begins_nothing",
    ),
    Mutant(
        CONVERGENCE,
        "a large delivery is seen between the alerts that are over and those that take their place",
        "bridge/store/store.py",
        "order = codec.firing_first(items)",
        "order = list(range(len(items)))",
        f"{STORE}/test_deliveries.py::test_nobody_sees_a_moment_between_the_parts_of_a_large_delivery",
    ),
    Mutant(
        CONVERGENCE,
        "when Redis' clock goes back, everything waits that much longer",
        "bridge/store/scripts/lib.lua",
        "  now, offset = latest, latest - wall",
        "  offset = 0",
        f"{STORE}/test_clock.py::test_what_is_due_stays_due_when_the_clock_goes_back",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "when Redis' clock is set forward, a lost post is repeated at once",
        "bridge/reconciler/store_clock.py",
        "        return min(passed, int((self._monotonic() - self._born_at) * 1000))",
        "        return now - since",
        f"{RECONCILER}/test_store_clock.py::test_a_lost_write_is_not_repeated_before_the_settle_time_has_really_passed",
    ),
    Mutant(
        NO_STALE_WRITE,
        "an older message of a sender with a clock is believed",
        "bridge/store/scripts/ingest.lua",
        "if msg.observed < a.observed or msg.status == 'F' and is_stale(a, msg) then return 'stale', home, a end",
        "if false then return 'stale', home, a end",
        f"{STORE}/test_ingest.py::test_an_older_message_undoes_nothing",
    ),
    Mutant(
        NO_STALE_WRITE,
        "a start in the future hides the end of its alert",
        "bridge/store/scripts/transitions.lua",
        "msg.ends < begun(a) and msg.starts < a.starts",
        "m.ends < a.s and m.starts < a.s",
        f"{STORE}/test_dates.py::TestStartsInTheFuture::test_the_resolve_of_an_alert_that_starts_in_the_future_is_accepted",
    ),
    Mutant(
        NO_STALE_WRITE,
        "an event that is replayed after its name was forgotten opens an incident",
        "bridge/store/scripts/ingest.lua",
        "if may_be_replayed(a, msg) or",
        "if false or",
        f"{STORE}/test_dates.py::TestReplays::test_what_is_older_than_the_memory_opens_nothing",
    ),
    Mutant(
        NO_STALE_WRITE,
        "a firing just after its own resolve is believed at once",
        "bridge/store/scripts/dates.lua",
        "now - a.resolved_at < RESOLVE_GUARD_MS",
        "now < a.r",
        f"{STORE}/test_holding.py::test_a_firing_soon_after_its_resolve_is_held",
    ),
    Mutant(
        NO_STALE_WRITE,
        "progress is taken from who lost the lease",
        "bridge/store/scripts/lease.lua",
        "return h[1] == token and tonumber(h[2]) > now",
        "return h[1] ~= false",
        f"{STORE}/test_leases.py::test_without_the_lease_nothing_is_written",
    ),
    Mutant(
        NO_LEAK,
        "a text may read any label",
        "bridge/texts/lint.py",
        "if label not in public_labels:",
        "if label is public_labels:",
        "tests/unit/texts/test_render.py::test_what_texts_cannot_say",
    ),
    Mutant(
        NO_LEAK,
        "every label of an alert goes to the texts",
        "bridge/core/routing.py",
        "for name in sorted(config.public_labels) if labels.get(name)",
        "for name in sorted(labels) if labels.get(name)",
        "tests/unit/core/test_routing.py::test_an_alert_is_routed_with_its_reasons",
    ),
    Mutant(
        NO_LEAK,
        "a label's value is published as it came",
        "bridge/texts/sanitize.py",
        'return "" if category == "Cf" else " "',
        "return char",
        "tests/unit/texts/test_sanitize.py::test_whatever_the_value_it_is_harmless",
    ),
    Mutant(
        OWN_ONLY,
        "words that end with a reference make our incident look like another",
        "bridge/core/compose.py",
        "return is_due or planned.kind is UpdateKind.OPEN or _REFERENCE.search(text) is not None",
        "return is_due or planned.kind is UpdateKind.OPEN",
        "tests/unit/core/test_compose.py::TestCompose::test_words_that_end_with_a_reference_are_followed_by_ours",
    ),
    Mutant(
        OWN_ONLY,
        "who ends it in our words while it fires is taken for us",
        "bridge/reconciler/manual_edits.py",
        "was_clear = not summary.firing or update.created_at < summary.firing_since",
        "was_clear = True",
        f"{RECONCILER}/test_stale_reads.py::test_an_end_in_our_words_while_it_fires_is_a_person_s",
    ),
    Mutant(
        OWN_ONLY,
        "an incident of the same name is taken for ours",
        "bridge/core/ownership.py",
        "if incident_id in references(remote):",
        "if incident_id in references(remote) or (intent is not None and remote.name == intent.name):",
        "tests/unit/core/test_ownership.py::TestOurs::test_with_a_reference_name_and_date_alone_prove_nothing",
    ),
    Mutant(
        OWN_ONLY,
        "what another incident holds is taken over",
        "bridge/reconciler/open_incidents.py",
        "if owners.get(each.id, incident_id) == incident_id]",
        "if owners is not None]",
        f"{RECONCILER}/test_lost_store.py::TestLostStore::test_what_another_incident_holds_is_not_taken_over_whatever_it_shows",
    ),
    Mutant(
        OWN_ONLY,
        "what a person resolved is opened again",
        "bridge/reconciler/manual_edits.py",
        "return current.status is Phase.RESOLVED and post.is_open",
        "return False",
        f"{RECONCILER}/test_people.py::TestPeopleAtThePage::test_what_a_person_resolved_stays_so_until_it_clears_and_fires_anew",
    ),
    Mutant(
        OWN_ONLY,
        "a look sees what a person resolved, and says nothing",
        "bridge/reconciler/looks.py",
        "if manual_edits.was_closed_manually(current, post):",
        "if False:",
        f"{RECONCILER}/test_looks.py::test_a_resolve_by_hand_is_seen_without_a_write_and_stays",
    ),
    Mutant(
        OWN_ONLY,
        "a look takes a read that is older than our update for a person's edit",
        "bridge/reconciler/looks.py",
        "applies=manual_edits.lacks_ours(current, post))",
        "applies=False)",
        f"{RECONCILER}/test_looks.py::test_a_read_that_is_older_than_our_update_is_no_edit",
    ),
    Mutant(
        OWN_ONLY,
        "what a look read is recorded though the bridge has written since",
        "bridge/reconciler/looks.py",
        "if lease.incident.progress.posts.get(standing.page) == standing.post:",
        "if standing.page in lease.incident.progress.posts:",
        f"{RECONCILER}/test_looks.py::test_what_was_written_while_the_page_was_read_is_not_judged_by_that_read",
    ),
    Mutant(
        OWN_ONLY,
        "a severity that a person set is set back by the next change",
        "bridge/core/merging.py",
        "return severity if edit is None or severity > max(edit.to, edit.was) else edit.to",
        "return severity",
        f"{RECONCILER}/test_people_stories.py::test_no_field_that_a_person_set_is_changed_back_whatever_they_do_between_our_calls",
    ),
    Mutant(
        CLUSTER_SAFE,
        "the keys have no common hash tag",
        "bridge/store/namespace.py",
        'return f"bridge:{{{namespace}}}:"',
        'return f"bridge:{namespace}:"',
        f"{STORE}/test_unavailable.py::test_all_keys_share_one_slot_of_a_cluster",
    ),
    Mutant(
        OWN_ONLY,
        "a bridge works on the keys of another instance",
        "bridge/store/namespace.py",
        "self.is_ours = owner == self._instance",
        "self.is_ours = True",
        f"{STORE}/test_namespace.py::test_nothing_is_taken_in_or_claimed_in_the_namespace_of_another",
    ),
    Mutant(
        CLUSTER_SAFE,
        "one key goes without the prefix",
        "bridge/store/scripts/lib.lua",
        "DUE, INDEX, TALLIES, REMOTES = prefix .. 'due', prefix .. 'index',",
        "DUE, INDEX, TALLIES, REMOTES = prefix .. 'due', 'index',",
        f"{STORE}/test_unavailable.py::test_all_keys_share_one_slot_of_a_cluster",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "what others closed is never looked at again",
        "bridge/core/lifecycle.py",
        "if post.closed_at is None or post.remote_id is None:",
        "if post is not None:",
        f"{RECONCILER}/test_given_up.py::test_what_is_open_by_an_update_of_ours_is_ours_again_and_ends",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "a page that has recovered waits for the others",
        "bridge/core/lifecycle.py",
        "if (fires := _fires_on(page, post, case)) is not None:",
        "if (fires := _fires_on(page, post, case)) is ...:",
        f"{RECONCILER}/test_pages.py::test_a_page_whose_components_have_recovered_goes_through_monitoring_to_resolved",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "what a person opened again is forgotten when its time has come",
        "bridge/core/lifecycle.py",
        "if summary.held or any(_next_check(post, progress) is not None for post in progress.posts.values()):",
        "if summary.held:",
        f"{RECONCILER}/test_given_up.py::test_what_a_person_opened_again_stays_theirs_and_is_counted_until_it_ends",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "what flaps never ends by the clock",
        "bridge/core/next_phase.py",
        "return (Phase.RESOLVED, None) if case.now >= quiet_at else (phase, At(quiet_at))",
        "return (phase, None) if case.flapping.is_on or case.now < quiet_at else (Phase.RESOLVED, None)",
        "tests/unit/core/test_flapping.py::test_flapping_ends_by_the_clock_alone",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "a re-fire that proves late counts as a return",
        "bridge/store/scripts/lib.lua",
        "if fires ~= fired then incident.material = true end",
        "if fires ~= fired then incident.material = true elseif incident.held > 0 then keep_span(incident) end",
        f"{STORE}/test_returns.py::test_a_doubtful_refire_is_a_return_only_if_nothing_resolves_it",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "an end that the page refused is not tried again",
        "bridge/core/planning.py",
        "            return At(post.retry.at)",
        "            return None",
        f"{RECONCILER}/test_given_up.py::test_an_end_that_the_page_refuses_is_tried_again",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "an end asks the budgets for leave",
        "bridge/core/gate.py",
        "if planned.kind is UpdateKind.OPEN and planned.write is not Write.CHANGE:",
        "if planned.write is not Write.CHANGE:",
        "tests/unit/core/test_gate.py::test_an_end_asks_for_nothing_but_a_mail_that_is_not_paid",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "what stands on the page is withheld once the store was lost",
        "bridge/reconciler/worker.py",
        "if step.planned.write is Write.OPEN and post.withheld is None:",
        "if step.planned.write is Write.OPEN and post.withheld is not None:",
        f"{RECONCILER}/test_withheld.py::TestLostStore::"
        "test_what_stands_on_the_page_is_taken_over_and_ended_though_there_is_no_room",
    ),
    Mutant(
        BOUND,
        "two replicas both take the last token",
        "bridge/store/scripts/record.lua",
        "if not can_take(id, takes) then",
        "if false then",
        f"{RECONCILER}/test_budgets.py::test_two_replicas_race_for_the_last_token_and_one_wins",
    ),
    Mutant(
        BOUND,
        "an opening does not pay for the mail of its end",
        "bridge/core/gate.py",
        "mails = (1 + (UpdateKind.RESOLVED in notify)) if UpdateKind.OPEN in notify else 0",
        "mails = 1 if UpdateKind.OPEN in notify else 0",
        f"{RECONCILER}/test_budgets.py::test_who_was_told_of_a_start_is_told_of_the_end_whatever_the_budget_says",
    ),
    Mutant(
        BOUND,
        "who was not told of a start is told of the end",
        "bridge/core/planning.py",
        "is_untold_end = kind is UpdateKind.RESOLVED and post.is_untold",
        "is_untold_end = False",
        f"{RECONCILER}/test_budgets.py::test_who_was_not_told_of_a_start_is_not_told_of_the_end",
    ),
    Mutant(
        BOUND,
        "a token is lost with the write that was not sent",
        "bridge/reconciler/gatekeeper.py",
        "*([(OPENS, page, name)] if intent.opens else []),",
        "",
        f"{RECONCILER}/test_budgets.py::test_what_was_not_sent_gives_its_tokens_back",
    ),
    Mutant(
        BOUND,
        "an opening that is repeated is paid for twice",
        "bridge/core/outcomes/absence.py",
        "post = replace(post, paid_at=intent.paid_at or intent.recorded_at)",
        "pass",
        "tests/unit/core/test_gate.py::test_a_repeated_opening_goes_by_the_tokens_of_the_first_try",
    ),
    Mutant(
        BOUND,
        "what waits goes out in any order of severity",
        "bridge/store/scripts/gate.lua",
        "if a ~= b then return a > b end",
        "if a ~= b then return a < b end",
        f"{RECONCILER}/test_budgets.py::test_the_highest_severity_comes_first_and_then_routes_in_turn",
    ),
    Mutant(
        BOUND,
        "one route's incidents all go out before another's",
        "bridge/store/scripts/gate.lua",
        "return place[one] < place[other]",
        "return one < other",
        f"{RECONCILER}/test_budgets.py::test_the_highest_severity_comes_first_and_then_routes_in_turn",
    ),
    Mutant(
        BOUND,
        "a trip is told again and again",
        "bridge/store/scripts/budgets.lua",
        "redis.call('HSET', TRIPS, name, now)",
        "redis.call('HSET', TRIPS, name, at)",
        f"{RECONCILER}/test_budgets.py::test_a_trip_is_told_once_with_what_the_withheld_differ_in",
    ),
    Mutant(
        BOUND,
        "all wait behind one that was woken and never asks",
        "bridge/store/scripts/gate.lua",
        "elseif tonumber(woken or now) > now - ASK_AGAIN_MS then",
        "else",
        f"{RECONCILER}/test_withheld.py::TestWhoWaits::"
        "test_who_does_not_ask_keeps_nobody_waiting_for_more_than_a_minute",
    ),
    Mutant(
        BOUND,
        "what waits on pages that a reload has changed waits for ever",
        "bridge/store/scripts/gate.lua",
        "make_due(id, math.min(now, now - 1 + nth * APART_MS))",
        "make_due(id, now + 3600000)",
        f"{RECONCILER}/test_withheld.py::TestWhoWaits::"
        "test_after_a_reload_all_of_one_kind_ask_again_for_their_pages_may_be_others",
    ),
    Mutant(
        BOUND,
        "who waits asks with another severity than it waits by",
        "bridge/reconciler/gatekeeper.py",
        "ask = replace(ask, severity=max(incident.summary.services.values(), default=ask.severity))",
        "ask = replace(ask)",
        f"{RECONCILER}/test_withheld.py::TestPages::test_who_waits_asks_with_the_severity_that_it_waits_by",
    ),
    Mutant(
        BOUND,
        "one route that fires and ends what it invents shuts out the others",
        "bridge/store/scripts/limits.lua",
        "(room.remembered_alerts > 0 and of_route.remembered_alerts > 0)",
        "false",
        "tests/unit/store/test_limits.py::test_what_is_remembered_of_one_route_leaves_room_for_others",
    ),
    Mutant(
        NO_DOUBLE_POST,
        "an action that comes again with its key is carried out again",
        "bridge/store/scripts/act.lua",
        "local acted = acted_key and redis.call('GET', acted_key)",
        "local acted = false",
        f"{STORE}/test_actions.py::test_the_same_key_is_carried_out_once",
    ),
    Mutant(
        CONVERGENCE,
        "an operator decides on what has changed since they looked",
        "bridge/store/scripts/act.lua",
        "if decisions[verb] and action.revision and action.revision < rev then",
        "if false then",
        f"{STORE}/test_actions.py::test_who_decides_on_what_has_changed_is_told",
    ),
    Mutant(
        NO_LOSS,
        "what an operator orders while the incident is in hand waits",
        "bridge/store/scripts/act.lua",
        "rev = redis.call('HINCRBY', incident_key(id), 'rev', 1)",
        "rev = redis.call('HINCRBY', incident_key(id), 'rev', 0)",
        f"{STORE}/test_actions.py::test_what_comes_while_the_incident_is_in_hand_makes_it_due_at_once_afterwards",
    ),
    Mutant(
        OWN_ONLY,
        "what an operator has taken over is written to",
        "bridge/core/gate.py",
        "if (taken := orders.take_over) is not None:",
        "if (taken := orders.take_over) is not None and ask is not None:",
        f"{RECONCILER}/test_orders.py::TestTakeOver::"
        "test_nothing_more_is_written_until_it_is_handed_back_and_then_what_is_true",
    ),
    Mutant(
        OWN_ONLY,
        "a write goes out though somebody took over while it was prepared",
        "bridge/reconciler/worker.py",
        "if self._gatekeeper.is_overruled(lease.incident, post, step.planned, intent, lease.now):",
        "if False:",
        f"{RECONCILER}/test_orders.py::TestWhileAWriteIsPrepared::test_nothing_is_written_to_what_is_taken_over",
    ),
    Mutant(
        OWN_ONLY,
        "an opening goes out though an operator forbade it while it was prepared",
        "bridge/reconciler/gatekeeper.py",
        "decision = gate(ask, in_force(incident, now), None, {}, alone=True)",
        "decision = gate(None, in_force(incident, now), None, {}, alone=True)",
        f"{RECONCILER}/test_actions.py::TestBetweenDecisionAndRecord::"
        "test_what_is_forbidden_meanwhile_is_not_opened_and_gives_its_tokens_back",
    ),
    Mutant(
        OWN_ONLY,
        "what is taken over while it waits to be opened again is opened",
        "bridge/core/actions.py",
        "return not summary.firing or progress.phase_since >= order.at or summary.firing_since > order.at",
        "return True",
        f"{RECONCILER}/test_orders.py::TestTakeOver::"
        "test_what_fires_again_is_taken_over_before_it_is_old_enough_to_be_opened_again",
    ),
    Mutant(
        OWN_ONLY,
        "a duplicate is closed though somebody has taken over",
        "bridge/core/lifecycle.py",
        "elif post.check_duplicates_at is not None and case.orders.take_over is None:  # for it may write",
        "elif post.check_duplicates_at is not None:",
        f"{RECONCILER}/test_orders.py::TestTakeOver::test_a_late_duplicate_is_left_alone_until_it_is_handed_back",
    ),
    Mutant(
        OWN_ONLY,
        "what opens again after an end by hand is dated before it",
        "bridge/core/outcomes/absence.py",
        "public_at=max(post.public_at, now)",
        "public_at=post.public_at",
        f"{RECONCILER}/test_people.py::TestPeopleAtThePage::"
        "test_what_opens_again_after_an_end_by_hand_is_dated_after_that_end",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "an end is withheld where nothing may be opened",
        "bridge/core/gate.py",
        "for name in (OPEN, OPENS) if ask.opens]",
        "for name in (OPEN, OPENS)]",
        "tests/unit/core/test_gate.py::test_an_end_goes_out_though_nothing_may_be_opened_any_more",
    ),
    Mutant(
        BOUND,
        "the mail of an end that is paid asks for a token again",
        "bridge/core/gate.py",
        "(planned.kind is UpdateKind.RESOLVED and not post.is_end_unpaid)",
        "False",
        f"{RECONCILER}/test_budgets.py::test_who_was_told_of_a_start_is_told_of_the_end_whatever_the_budget_says",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "a hold keeps an end back",
        "bridge/core/gate.py",
        "if ask is None or not ask.opens:",
        "if ask is None:",
        "tests/unit/core/test_gate.py::test_whatever_operators_order_the_gate_keeps_to_the_order_of_reasons",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "an end that an operator ordered is taken back by the next alert",
        "bridge/core/outcomes/ordered.py",
        "if orders.resolve is not None and is_over and post.intent is None and post.closed_at is None:",
        "if False:",
        f"{RECONCILER}/test_orders.py::TestResolve::test_the_end_is_posted_now_dated_now_and_stays_until_all_is_clear",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "a muted alert counts again with its next repeat",
        "bridge/store/scripts/transitions.lua",
        "if msg.starts <= a.starts then",
        "if msg.starts < a.starts then",
        f"{STORE}/test_actions.py::TestMute::test_a_muted_alert_does_not_count_and_its_deliveries_are_stored",
    ),
    Mutant(
        NO_LOSS,
        "a muted alert that starts anew goes on not to count",
        "bridge/store/scripts/transitions.lua",
        "if msg.starts <= a.starts then",
        "if true then",
        f"{STORE}/test_actions.py::TestMute::test_a_firing_with_a_later_start_counts",
    ),
    Mutant(
        BOUND,
        "what is published by order spends nothing of the budgets",
        "bridge/core/gate.py",
        "budget is not None and (is_published or lifted)",
        "budget is not None and lifted",
        f"{RECONCILER}/test_actions.py::TestPublish::test_it_passes_a_hold_and_a_budget_without_room",
    ),
    Mutant(
        NO_LOSS,
        "healing closes what does not fire, or came from elsewhere",
        "bridge/core/healing/judgement.py",
        "    if alert.source != SOURCE or alert.state not in {FIRING, HELD}:  # condition 1",
        "    if not alert:",
        "tests/unit/core/healing/test_judgement.py::TestWhatIsNoMatterOfHealing::test_is_what_came_from_elsewhere",
    ),
    Mutant(
        NO_LOSS,
        "an alert that was delivered under another configuration counts for the clusters of then",
        "bridge/core/healing/ours.py",
        "    if alert.fit is None or not is_fit_known(alert, healing):",
        "    if alert.fit is None:",
        "tests/unit/core/healing/test_judgement.py::TestSeveralClusters::test_all_of_them_count_for_what_was_delivered_under_another_section",
    ),
    Mutant(
        NO_LOSS,
        "a round that one peer made void counts as one without the alert",
        "bridge/core/healing/observations.py",
        '        return replace(known, valid=None, void=", ".join(errors) or "not every peer was asked")',
        '        return replace(known, void=", ".join(errors) or "not every peer was asked")',
        "tests/unit/core/healing/test_judgement.py::TestVoidIsNotAbsent::test_one_refused_peer_begins_the_row_anew",
    ),
    Mutant(
        NO_LOSS,
        "two rounds are enough to close an alert",
        "bridge/core/healing/judgement.py",
        "    if rounds < LEAST_ROUNDS or lasted_ms < wanted_ms:",
        "    if lasted_ms < wanted_ms:",
        "tests/unit/core/healing/test_judgement.py::TestWhatIsSeenAndThenGone::test_waits_for_three_rounds_however_long_they_take",
    ),
    Mutant(
        NO_LOSS,
        "an alert that a peer lists as suppressed counts as gone",
        "bridge/core/healing/observations.py",
        "        firing = [each for _, each in told if not _is_over(each, healing)]",
        '        firing = [each for _, each in told if each.state == "active"]',
        "tests/unit/core/healing/test_judgement.py::TestAnyPeerThatListsItKeepsItOpen::test_in_every_state",
    ),
    Mutant(
        NO_LOSS,
        "what a peer does not list closes alerts right after its start",
        "bridge/core/healing/observations.py",
        "        old=((same and same.old) or round_) if at - started_at > healing.min_uptime_ms else None,",
        "        old=(same and same.old) or round_,",
        "tests/unit/core/healing/test_judgement.py::TestHowLongPeersHaveBeenUp::test_a_young_one_says_nothing",
    ),
    Mutant(
        NO_LOSS,
        "what a cluster does not list closes alerts while it settles",
        "bridge/core/healing/judgement.py",
        '        yield peer.settled if peer else None, f"{host(url)} is settling"',
        '        yield seen.valid, f"{host(url)} is settling"',
        "tests/unit/core/healing/test_judgement.py::TestHowLongPeersHaveBeenUp::test_a_settling_cluster_says_nothing",
    ),
    Mutant(
        NO_LOSS,
        "a peer that hears no Prometheus closes alerts",
        "bridge/core/healing/judgement.py",
        '        yield peer.alive.get(kin or "") if peer else None, f"no sign of life at {host(url)}"  # condition 5',
        '        yield seen.valid, f"no sign of life at {host(url)}"',
        "tests/unit/core/healing/test_judgement.py::TestSignsOfLife::test_a_peer_that_was_cut_off_from_its_prometheus_closes_nothing",
    ),
    Mutant(
        NO_LOSS,
        "a sign of life lasts for ever",
        "bridge/core/healing/observations.py",
        "{each.kin for each in signs.values() if each.changed_after and 0 <= at - each.changed_after <= LIFE_MS}",
        "{each.kin for each in signs.values() if each.changed_after}",
        "tests/unit/core/healing/test_judgement.py::TestSignsOfLife::test_it_must_be_renewed_within_five_minutes",
    ),
    Mutant(
        NO_LOSS,
        "an alert is closed although something arrived about it meanwhile",
        "bridge/core/healing/judgement.py",
        "    if alert.seen_at >= since.at:  # condition 6",
        "    if not since:",
        "tests/unit/core/healing/test_judgement.py::TestWhatArrives::test_one_that_no_round_knows_of_yet_closes_nothing",
    ),
    Mutant(
        NO_LOSS,
        "the store closes an alert although something arrived since its peers were asked",
        "bridge/store/scripts/ingest.lua",
        "a.state == 'R' or a.seen >= msg.quiet_since or",
        "a.state == 'R' or",
        "tests/unit/store/test_healing.py::TestAClose::test_happens_only_if_nothing_was_heard_of_it_since",
    ),
    Mutant(
        CONVERGENCE,
        "a later start that a peer lists is not taken",
        "bridge/healing/cluster_round.py",
        "        if later:",
        "        if not later:",
        "tests/unit/healing/test_clusters.py::test_a_later_start_is_another_outage_of_the_same_alert",
    ),
    Mutant(
        NO_LOSS,
        "an alert is closed that no poll ever listed",
        "bridge/core/healing/judgement.py",
        "    if not was_listed and not cluster.names_sender():",
        "    if not cluster:",
        "tests/unit/core/healing/test_judgement.py::TestWhatNoPollHasListed::test_is_never_closed_where_match_does_not_name_the_sender",
    ),
    Mutant(
        NO_LOSS,
        "that most alerts are gone at once makes healing no slower",
        "bridge/core/healing/judgement.py",
        "    return missing > MASS and 2 * missing > firing",
        "    return missing < 0 < firing",
        "tests/unit/healing/test_clusters.py::test_too_many_at_once_wait_three_times_as_long_and_go_in_parts",
    ),
    Mutant(
        NO_LOSS,
        "a replica closes alerts by a turn that it lost",
        "bridge/healing/cluster_round.py",
        "        if await self._store.healing.observed(cluster.name, token, seen) is None:",
        "        if await self._store.healing.observed(cluster.name, token, seen) == 0:",
        "tests/unit/healing/test_clusters.py::test_a_replica_that_lost_its_turn_closes_nothing",
    ),
    Mutant(
        NO_LOSS,
        "healing closes alerts though it is to observe",
        "bridge/healing/cluster_round.py",
        "        if healing.observes:",
        "        if not healing:",
        "tests/unit/healing/test_clusters.py::test_in_observe_mode_nothing_is_closed",
    ),
    Mutant(
        WAY_TO_ITS_END,
        "what its cluster stopped listing stays open",
        "bridge/healing/cluster_round.py",
        "        names = [name for _, name in due[:MOST_CLOSES]]",
        "        names = [name for _, name in due[:0]]",
        "tests/unit/healing/test_clusters.py::test_what_its_cluster_stops_listing_is_closed_with_its_evidence",
    ),
)


def main() -> int:
    """Run every mutant; the exit code."""
    parser = argparse.ArgumentParser(prog="make mutants ARGS=", description=__doc__)
    parser.add_argument("--promise", type=int, choices=PROMISES, help="only the mutants that break this one")
    wanted = parser.parse_args().promise
    chosen = [each for each in MUTANTS if wanted in {None, each.promise}]
    with tempfile.TemporaryDirectory() as folder:
        whole = copy_tree(ROOT, Path(folder) / "whole")
        exit_code, output = run_tests(whole, sorted({each.test for each in chosen}))
        if exit_code != 0:
            say(f"{output}\nwithout a mutant the tests must pass: pytest exits with {exit_code}")
            return 1
        survivors = [
            each for number, each in enumerate(chosen) if not is_killed(each, whole, Path(folder) / f"{number}")
        ]
    say(f"mutants {len(chosen)}  killed {len(chosen) - len(survivors)}  survived {len(survivors)}")
    return int(bool(survivors))


def is_killed(mutant: Mutant, whole: Path, folder: Path) -> bool:
    """Whether its test fails with it; says so."""
    root = copy_tree(whole, folder)
    mutant.mutate(root)
    exit_code, _ = run_tests(root, [mutant.test])
    shutil.rmtree(root)
    verdict = "killed" if exit_code == FAILED else f"SURVIVED (pytest exits with {exit_code})"
    say(f"promise {mutant.promise}  {verdict}  {mutant.file}: {mutant.means}  {mutant.test.rpartition('::')[2]}")
    return exit_code == FAILED


def copy_tree(source: Path, root: Path) -> Path:
    """What the tests need, copied to ``root``."""
    root.mkdir()
    for path in (source / name for name in COPIED):
        if path.is_dir():
            shutil.copytree(path, root / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, root)
    return root


def run_tests(root: Path, tests: list[str]) -> tuple[int, str]:
    """pytest's exit code for these tests of the copy, and what it says."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    return done.returncode, done.stdout


def say(line: str) -> None:
    """One line for the reader, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
