"""What is sent where somebody has set a field, and how the bridge learns what they set."""

from __future__ import annotations

from itertools import product

from msgspec.structs import replace

from bridge.core.merging import impact_of, learned, merged, moves_on, severity_of, status_of
from bridge.core.remote import RemoteIncident
from bridge.edits import Edits, ImpactEdit, StatusEdit
from bridge.model import Impact, Intent, Phase, Post, Severity, UpdateKind, Write

POST = Post(
    remote_id="r1",
    status=Phase.INVESTIGATING,
    severity=Severity.MAJOR,
    services=("checkout", "payments"),
    service_ids=("s1", "s2"),
)
SHOWN = RemoteIncident(
    id="r1", name="", status=Phase.INVESTIGATING, severity=Severity.MAJOR, services=("s1", "s2"), created_at=0
)
COURSE = [Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING, Phase.RESOLVED]
CHANGE = Intent(
    write=Write.CHANGE,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.UPDATE,
    severity=Severity.MAJOR,
    services=("checkout", "payments", "search"),
    labels={},
    name="",
    text="",
    notify=False,
    public_at=0,
    recorded_at=0,
)


def seen(post: Post, shown: RemoteIncident) -> Post:
    """The post once a settled page was read that shows this."""
    return replace(post, edits=learned(post, shown, is_settled=True))


def test_what_is_as_we_wrote_it_is_nobody_s_edit() -> None:
    assert seen(POST, SHOWN) == POST


def test_a_severity_goes_where_the_facts_are_worse_than_what_was_set_and_than_ours_then() -> None:
    for set_to, was, wanted in product(Severity, repeat=3):
        if set_to is was:
            continue
        post = seen(replace(POST, severity=was), replace(SHOWN, severity=set_to))
        assert severity_of(post, wanted) is (wanted if wanted > max(set_to, was) else set_to)


def test_an_impact_goes_where_the_facts_are_worse_than_what_was_set_and_than_ours_then() -> None:
    for set_to, was, wanted in product(Impact, repeat=3):
        if set_to is was:
            continue
        post = seen(replace(POST, impacts={"checkout": was}), replace(SHOWN, impacts={"checkout": set_to}))
        assert impact_of(post, "checkout", wanted) is (wanted if wanted > max(set_to, was) else set_to)
        assert impact_of(post, "payments", wanted) is wanted


def test_a_status_moves_on_only_past_both_what_was_set_and_ours_then() -> None:
    for set_to, was in product(COURSE[:3], repeat=2):
        post = seen(replace(POST, status=was), replace(SHOWN, status=set_to))
        for wanted in COURSE:
            first, last = sorted(map(COURSE.index, (set_to, was)))
            is_past = not first <= COURSE.index(wanted) <= last
            assert moves_on(post, wanted) is (is_past or set_to is was)
        assert status_of(post, was) is set_to


def test_what_is_set_back_to_ours_is_ours_again() -> None:
    edited = replace(SHOWN, severity=Severity.MINOR, status=Phase.MONITORING, impacts={"checkout": Impact.OPERATIONAL})
    post = replace(POST, impacts={"checkout": Impact.MAJOR_OUTAGE})
    assert seen(post, edited).edits != Edits()
    assert seen(seen(post, edited), replace(SHOWN, impacts=post.impacts)) == post


def test_what_has_gone_beyond_an_edit_comes_back_to_it_with_the_facts() -> None:
    post = seen(POST, replace(SHOWN, severity=Severity.MINOR))
    raised = seen(replace(post, severity=Severity.CRITICAL), replace(SHOWN, severity=Severity.CRITICAL))
    assert severity_of(raised, Severity.MAJOR) is Severity.MINOR


def test_a_service_that_was_taken_off_stays_so_until_it_is_put_back() -> None:
    post = seen(POST, replace(SHOWN, services=("s1",)))
    assert post.edits.removed == ("s2",)
    later = replace(post, service_ids=("s1", "s3"))
    assert seen(later, replace(SHOWN, services=("s1", "s3"))).edits.removed == ("s2",)
    assert seen(later, replace(SHOWN, services=("s1", "s2", "s3"))).edits.removed == ()


def test_a_read_that_may_be_older_than_our_change_tells_of_the_status_alone() -> None:
    shown = replace(SHOWN, severity=Severity.MINOR, services=("s1",), status=Phase.IDENTIFIED)
    assert learned(POST, shown, is_settled=False) == Edits(status=StatusEdit(Phase.IDENTIFIED, Phase.INVESTIGATING))


def test_what_is_uncertain_of_ours_is_nobody_s_edit() -> None:
    assert seen(replace(POST, severity=None), replace(SHOWN, severity=Severity.MINOR)).edits == Edits()


def test_a_component_that_somebody_set_before_its_service_joins_is_theirs() -> None:
    shown = replace(SHOWN, impacts={"search": Impact.PARTIAL_OUTAGE})
    intent = replace(CHANGE, impacts={"search": Impact.DEGRADED_PERFORMANCE})
    edits = learned(POST, shown, intent, is_settled=True)
    assert edits.impacts == {"search": ImpactEdit(Impact.PARTIAL_OUTAGE, Impact.OPERATIONAL)}
    assert merged(intent, replace(POST, edits=edits)).impacts == {"search": Impact.PARTIAL_OUTAGE}


def test_of_a_component_in_common_the_worse_of_its_services_is_nobody_s_edit() -> None:
    peers = {"checkout": frozenset({"payments"}), "payments": frozenset({"checkout"})}
    post = replace(POST, impacts={"checkout": Impact.MAJOR_OUTAGE, "payments": Impact.DEGRADED_PERFORMANCE})
    shown = replace(SHOWN, impacts=dict.fromkeys(peers, Impact.MAJOR_OUTAGE), peers=peers)
    assert seen(post, shown) == post
    edited = seen(post, replace(shown, impacts=dict.fromkeys(peers, Impact.UNDER_MAINTENANCE)))
    intent = replace(CHANGE, impacts=post.impacts)
    assert set(merged(intent, edited).impacts.values()) == {Impact.UNDER_MAINTENANCE}


def test_what_was_shown_under_a_key_that_was_renamed_since_is_ours() -> None:
    post = replace(POST, impacts={"old": Impact.MAJOR_OUTAGE}, displays={"old": "Checkout"})
    shown = replace(SHOWN, impacts={"new": Impact.MAJOR_OUTAGE})
    intent = replace(CHANGE, impacts={"new": Impact.MAJOR_OUTAGE}, displays={"new": "Checkout"})
    assert learned(post, shown, intent, is_settled=True) == Edits()


def test_an_end_ends_what_was_set_of_status_and_impacts() -> None:
    post = replace(POST, impacts={"checkout": Impact.MAJOR_OUTAGE})
    ended = replace(SHOWN, status=Phase.RESOLVED, impacts={"checkout": Impact.OPERATIONAL})
    assert seen(post, ended).edits == Edits()
