"""What each outcome of a write leaves behind: the protocol for an API that is not idempotent."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.outcomes import PARK_RETRY_MS, apply
from bridge.core.results import (
    Begun,
    Closed,
    Context,
    Delay,
    DuplicatesResolved,
    Gone,
    NotFound,
    NotSent,
    Read,
    ReadFailed,
    Rejected,
    Sent,
    Unknown,
)
from bridge.model import Intent, Phase, Post, Retry, Severity, UpdateKind, Write
from bridge.publication import Publication
from tests.unit.transitions import SETTLE_MS, after, written

NOW = 1_790_000_000_000
INTENT = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("checkout",),
    labels={"region": ("eu",)},
    name="Checkout",
    text="We are looking into it.",
    notify=True,
    public_at=NOW - 5_000,
    recorded_at=NOW,
)
CHANGE = replace(INTENT, write=Write.CHANGE, severity=Severity.CRITICAL, services=("checkout", "payments"), text="")
UPDATE = replace(INTENT, write=Write.UPDATE, status=Phase.IDENTIFIED, kind=UpdateKind.UPDATE)
OPEN = written(Post(), INTENT)


def test_a_begun_write_may_be_looked_for_at_once_even_if_another_was_put_off() -> None:
    post = after(Post(retry=Retry(at=NOW + PARK_RETRY_MS, parked="400", parked_write="w")), Begun(INTENT))
    assert (post.intent, post.retry.at, post.retry.parked) == (INTENT, 0, "400")


def test_a_post_that_succeeded_is_what_was_intended() -> None:
    assert (
        Post(
            remote_id="remote",
            status=Phase.INVESTIGATING,
            name="Checkout",
            severity=Severity.MAJOR,
            services=("checkout",),
            updates=1,
            labels={"region": ("eu",)},
            announced_severity=Severity.MAJOR,
            announced_services=("checkout",),
            public_at=NOW - 5_000,
            publication=Publication(started_at=NOW - 5_000, worst=Severity.MAJOR, mails=1),
        )
        == OPEN
    )


def test_a_change_is_not_announced_by_itself() -> None:
    post = written(OPEN, CHANGE)
    assert (post.severity, post.services) == (Severity.CRITICAL, ("checkout", "payments"))
    assert (post.announced_severity, post.announced_services) == (Severity.MAJOR, ("checkout",))
    assert post.status is Phase.INVESTIGATING


def test_success_ends_all_trouble() -> None:
    troubled = replace(OPEN, closed_at=NOW, retry=Retry(attempts=4, at=NOW + 5, parked="400", parked_write="w"))
    post = written(troubled, UPDATE)
    assert (post.retry.attempts, post.retry.at, post.retry.parked, post.retry.parked_write, post.closed_at) == (
        0,
        0,
        None,
        "",
        None,
    )


def test_what_was_not_sent_goes_out_again_later() -> None:
    post = after(replace(OPEN, retry=Retry(attempts=1)), Begun(UPDATE), NotSent(Delay(7, is_exact=True)), now=NOW)
    assert post == replace(OPEN, retry=Retry(attempts=2, at=NOW + 7))


def test_a_failure_replaces_the_refusal_of_another_write_whose_pause_would_not_count_for_it() -> None:
    post = after(replace(OPEN, retry=Retry(parked="400", parked_write="w")), NotSent(Delay(7, is_exact=True)), now=NOW)
    assert (post.retry.parked, post.retry.parked_write, post.retry.at) == (None, "", NOW + 7)


class TestUnknownOutcome:
    def test_it_is_looked_for_after_a_second_and_again_after_the_settle_time_and_only_then_repeated(self) -> None:
        post = after(Post(), Begun(INTENT), Unknown("reset"), now=NOW)
        assert (post.retry.at, post.retry.attempts) == (NOW + 1_000, 1)
        post = after(post, NotFound(), now=NOW + 1_000)
        assert post.intent is not None
        assert post.retry.at == NOW + SETTLE_MS
        post = after(post, NotFound(), now=NOW + SETTLE_MS)
        assert (post.intent, post.retry.at) == (None, 0)

    @pytest.mark.parametrize("intent", [INTENT, CHANGE, UPDATE], ids=lambda intent: str(intent.write))
    def test_what_a_crash_left_without_an_outcome_is_given_the_whole_settle_time_from_its_discovery(
        self, intent: Intent
    ) -> None:
        post = after(OPEN, Begun(intent), NotFound(), now=NOW)
        assert post.intent == replace(intent, unknown_at=NOW, read_backs=1)
        assert post.retry.at == NOW + SETTLE_MS

    def test_a_single_look_is_not_enough_however_late_it_comes(self) -> None:
        post = after(Post(), Begun(INTENT), Unknown("reset"), now=NOW)
        post = after(post, NotFound(), now=NOW + 60_000)
        assert post.intent is not None
        assert post.retry.at == NOW + 61_000

    def test_two_looks_are_not_enough_within_the_settle_time(self) -> None:
        post = after(Post(), Begun(INTENT), Unknown("reset"), now=NOW)
        for at in (NOW + 1_000, NOW + 2_000, NOW + SETTLE_MS - 1):
            post = after(post, NotFound(), now=at)
            assert post.intent is not None

    def test_the_settle_time_counts_from_when_the_outcome_was_first_unknown(self) -> None:
        post = after(Post(), Begun(INTENT), Unknown("reset"), now=NOW)
        again = after(post, Unknown("reset"), now=NOW + 5)
        assert again.intent is not None
        assert again.intent.unknown_at == NOW

    def test_what_is_missing_counts_as_of_when_it_was_asked_for_and_an_answer_as_of_when_it_was_lost(self) -> None:
        slow = Context(asked_at=NOW, now=NOW + 9_000, settle_ms=SETTLE_MS, jitter=0.0, incident_id="0123456789")
        lost = apply(after(Post(), Begun(INTENT)), Unknown("reset"), slow)
        assert lost.intent is not None
        assert (lost.intent.unknown_at, lost.retry.at) == (NOW + 9_000, NOW + 10_000)
        looked = replace(lost, intent=replace(lost.intent, read_backs=1))
        asked_before_the_end = replace(slow, asked_at=NOW + 18_999, now=NOW + 60_000)
        assert apply(looked, NotFound(), asked_before_the_end).intent is not None
        assert apply(looked, NotFound(), replace(slow, asked_at=NOW + 19_000)).intent is None

    def test_a_look_that_failed_counts_for_nothing(self) -> None:
        post = after(Post(), Begun(INTENT), Unknown("reset"), now=NOW)
        failed = after(post, ReadFailed(Read.WRITE, Delay(3, is_exact=True)), now=NOW)
        assert (failed.intent, failed.retry.attempts, failed.retry.at) == (post.intent, 2, NOW + 3)

    @pytest.mark.parametrize(
        ("intent", "check_duplicates_at"), [(INTENT, NOW + SETTLE_MS), (CHANGE, None), (UPDATE, None)]
    )
    def test_only_a_repeated_creation_can_have_a_duplicate(
        self, intent: Intent, check_duplicates_at: int | None
    ) -> None:
        looked = replace(intent, unknown_at=NOW - SETTLE_MS, read_backs=1)
        post = after(OPEN, Begun(looked), NotFound(), now=NOW)
        assert (post.intent, post.check_duplicates_at) == (None, check_duplicates_at)

    def test_another_write_keeps_the_date_of_the_verification(self) -> None:
        looked = replace(UPDATE, unknown_at=NOW - SETTLE_MS, read_backs=1)
        before = replace(OPEN, check_duplicates_at=NOW + 3, duplicate_checks=2)
        post = after(before, Begun(looked), NotFound(), now=NOW)
        assert (post.check_duplicates_at, post.duplicate_checks) == (NOW + 3, 2)

    def test_late_duplicates_are_looked_for_at_growing_distance_a_few_times(self) -> None:
        post, at, distances = replace(OPEN, check_duplicates_at=NOW), NOW, []
        while post.check_duplicates_at is not None:
            distances.append(post.check_duplicates_at - at)
            at = post.check_duplicates_at
            post = after(post, DuplicatesResolved(None), now=at)
        assert distances == [0, 3 * SETTLE_MS, 9 * SETTLE_MS]


def test_a_refused_write_says_why_and_is_tried_again_rarely() -> None:
    post = after(OPEN, Begun(UPDATE), Rejected(signature="update IDENTIFIED", detail="400: no"), now=NOW)
    assert (post.intent, post.retry.parked, post.retry.parked_write) == (None, "400: no", "update IDENTIFIED")
    assert post.retry.at == NOW + PARK_RETRY_MS


def test_each_refused_write_waits_until_all_of_them_are_tried_again() -> None:
    def refuse(post: Post, signature: str) -> Post:
        return after(post, Begun(UPDATE), Rejected(signature=signature, detail="400: no"), now=NOW)

    post = refuse(refuse(OPEN, "change MAJOR"), "update MAJOR")
    assert [post.retry.is_parked(each) for each in ("change MAJOR", "update MAJOR", "update MINOR")] == [
        True,
        True,
        False,
    ]
    again = refuse(post, "change MAJOR")
    assert not again.retry.is_parked("update MAJOR"), "it is its turn, too, after the wait"


def test_what_others_resolved_is_kept_in_mind() -> None:
    post = after(replace(OPEN, retry=Retry(parked="400", attempts=2)), Begun(UPDATE), Closed(), now=NOW)
    assert post == replace(OPEN, status=Phase.RESOLVED, closed_at=NOW, public_at=NOW)


def test_of_what_others_deleted_nothing_is_kept_but_the_search_for_duplicates() -> None:
    post = after(replace(OPEN, check_duplicates_at=NOW + 5, duplicate_checks=1), Gone(is_listed=False), now=NOW)
    assert post == Post(status=Phase.RESOLVED, closed_at=NOW, check_duplicates_at=NOW + 5, duplicate_checks=1)


def test_what_is_missing_is_so_since_it_was_first_and_until_it_is_seen() -> None:
    post = after(after(OPEN, Gone(), now=NOW), Gone(), now=NOW + 5)
    assert post == replace(OPEN, retry=Retry(missing_at=NOW, attempts=2, at=NOW + 505))
    begun = after(post, Begun(UPDATE))
    assert begun == replace(post, intent=UPDATE, retry=Retry(attempts=2))
    assert (
        after(replace(begun, retry=replace(begun.retry, missing_at=NOW)), Sent(remote_id="remote")).retry.missing_at
        is None
    )
    assert after(post, Closed(), now=NOW).retry.missing_at is None


@pytest.mark.parametrize(
    ("before", "expected"), [((None, 0), None), ((NOW, 1), NOW), ((None, 3), 0)], ids=["never", "is to be", "once more"]
)
def test_a_repeated_create_is_verified_once_more_when_its_incident_is_over(
    before: tuple[int | None, int], expected: int | None
) -> None:
    post = replace(OPEN, check_duplicates_at=before[0], duplicate_checks=before[1])
    resolved = written(post, replace(UPDATE, status=Phase.RESOLVED))
    closed = [after(post, result, now=NOW) for result in (Closed(), Gone(is_listed=False))]
    assert [each.check_duplicates_at for each in (resolved, *closed)] == [expected] * 3
    assert written(post, UPDATE).check_duplicates_at == before[0]
    assert after(replace(resolved, duplicate_checks=3), DuplicatesResolved(None), now=NOW).check_duplicates_at is None


def test_an_outcome_without_a_write_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="without an intent"):
        after(Post(), Sent(remote_id="remote"))
