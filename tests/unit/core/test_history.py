"""What a history tells of an incident's progress: whatever changes a post has an entry."""

from __future__ import annotations

from itertools import chain, product
from typing import Any

import pytest
from msgspec.structs import fields, replace

from bridge.core import results
from bridge.core.history import BOOKKEEPING, MEANINGS, By, Entry, Happened, What, edited, entries, entry, in_words
from bridge.core.history.entry import TEXT_BYTES
from bridge.core.outcomes import another, apply
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.edits import Edits, SeverityEdit, StatusEdit
from bridge.model import (
    Clocks,
    Impact,
    Intent,
    Observed,
    Phase,
    Post,
    Progress,
    Retry,
    Severity,
    UpdateKind,
    Withheld,
    Write,
)
from bridge.publication import Publication

NOW = 1_790_000_000_000
INTENT = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("checkout",),
    labels={},
    name="Checkout",
    text="We are looking into it.",
    notify=True,
    public_at=NOW,
    recorded_at=NOW,
)
OPEN = Post(
    remote_id="r1",
    status=Phase.INVESTIGATING,
    name="Checkout",
    severity=Severity.MAJOR,
    services=("checkout",),
    announced_severity=Severity.MAJOR,
    announced_services=("checkout",),
    update_id="u1",
)
UPDATE = RemoteUpdate(id="u9", status=Phase.INVESTIGATING, text=INTENT.text, public_at=NOW, created_at=NOW)
REMOTE = RemoteIncident(
    id="r9",
    name="Checkout",
    status=Phase.INVESTIGATING,
    severity=Severity.CRITICAL,
    services=("s",),
    created_at=NOW,
    updates=(UPDATE,),
    concerns=frozenset({"checkout"}),
)
SENT = replace(INTENT, write=Write.UPDATE)
POSTS = (
    Post(),
    Post(intent=INTENT),
    Post(intent=replace(INTENT, unknown_at=NOW - 99_000, read_backs=5)),
    OPEN,
    replace(OPEN, intent=SENT),
    replace(OPEN, intent=replace(SENT, write=Write.CHANGE, unknown_at=NOW - 99_000, read_backs=5)),
    replace(OPEN, closed_at=NOW, status=Phase.RESOLVED),
    replace(OPEN, closed_at=NOW, theirs_at=NOW),
    Post(withheld=Withheld(reason="budget", since=NOW)),
    Post(second_writer="x"),
    replace(OPEN, retry=Retry(missing_at=NOW - 99_000)),
)
NEEDS_INTENT: tuple[results.Result, ...] = (
    *(results.Sent(remote_id="r1"), results.Unknown("?"), results.Found(REMOTE), results.DateRejected((), "400")),
    *(results.NotFound(), results.NotFound(REMOTE)),
)
RESULTS: tuple[results.Result, ...] = (
    *(results.Stale(), results.Lagging(), results.EndFound("u2"), results.Closed(), results.Conflict("x9")),
    results.Adopted(remote=REMOTE, services=("checkout",), severity=None, is_alone=True),
    results.Edited(Edits(status=StatusEdit(Phase.MONITORING, Phase.INVESTIGATING)), {"status": "MONITORING"}),
    *(results.Withhold("budget", "3 of 3"), results.Begun(INTENT), results.Outbid(), results.NotSent()),
    *(results.Rejected(signature="w", detail="400"), results.Gone(), results.Gone(is_listed=False)),
    *(results.DuplicatesResolved(None), results.DuplicatesResolved(REMOTE), results.Seen(is_theirs=True)),
    *(results.Seen(is_theirs=False), results.Reclaimed(REMOTE), results.NothingExists(), results.PageMissing()),
    *(results.Unfinished(results.Read.WRITE), results.ReadFailed(results.Read.WRITE, results.Delay())),
)
CONTEXT = results.Context(asked_at=NOW, now=NOW, settle_ms=10_000, jitter=0.5, incident_id="0123456789")
OTHERS: dict[str, Any] = {
    "remote_id": "r2",
    "status": Phase.MONITORING,
    "name": "Another",
    "severity": Severity.MINOR,
    "services": ("search",),
    "labels": {"region": ("eu",)},
    "displays": {"checkout": "Checkout"},
    "impacts": {"checkout": Impact.MAJOR_OUTAGE},
    "announced_severity": Severity.MINOR,
    "announced_services": ("search",),
    "published_notes": ("e1",),
    "public_at": NOW,
    "undated": ("start",),
    "update_id": "u2",
    "updates": 7,
    "observed": Observed(at=NOW, status=Phase.INVESTIGATING),
    "edits": Edits(severity=SeverityEdit(Severity.MINOR, Severity.MAJOR)),
    "service_ids": ("s1",),
    "publication": Publication(started_at=NOW),
    "intent": INTENT,
    "retry": Retry(attempts=3, at=NOW),
    "clocks": Clocks(quiet_at=NOW),
    "withheld": Withheld(reason="budget", since=NOW),
    "second_writer": "x",
    "end_token": "t",
    "is_end_unpaid": True,
    "is_untold": True,
    "paid_at": NOW,
    "check_duplicates_at": NOW,
    "duplicate_checks": 1,
    "find_existing_at": NOW,
    "stale_at": NOW,
    "changed_at": NOW,
    "learned_at": NOW,
    "closed_at": NOW,
    "checked_at": NOW,
    "theirs_at": NOW,
}


def told(before: Post, after: Post, *steps: Happened) -> list[What]:
    found = entries(Progress(posts={"v1": before}), Progress(posts={"v1": after}), steps)
    return [each.what for each in found]


@pytest.mark.parametrize("name", [field.name for field in fields(Post)])
def test_each_field_of_a_post_is_told_when_it_changes_or_is_said_to_be_bookkeeping(name: str) -> None:
    changed = replace(OPEN, **{name: OTHERS[name]})
    assert bool(told(OPEN, changed)) == (name not in BOOKKEEPING)
    assert bool(told(changed, OPEN)) == (name not in BOOKKEEPING)


def test_whatever_a_step_changes_is_told_in_a_word_of_its_own() -> None:
    failures = []
    for before, result in chain(product(POSTS, RESULTS), product([p for p in POSTS if p.intent], NEEDS_INTENT)):
        after = apply(before, result, CONTEXT)
        step = Happened(page="v1", before=before, result=result, after=after)
        alone = told(before, after)
        words = told(before, after, step)
        if (alone and not words) or What.CHANGED in words:
            failures.append((before, result, alone, words))
    assert failures == []


def test_a_post_that_appears_or_goes_is_told() -> None:
    nothing = Progress()
    one = Progress(posts={"v1": OPEN})
    assert entries(nothing, one)
    assert entries(one, nothing)
    assert entries(nothing, Progress(posts={"v1": Post(find_existing_at=NOW)})) == ()


def test_a_write_is_told_with_its_answer() -> None:
    step = Happened(
        page="v1", before=Post(intent=INTENT), result=results.Sent(remote_id="r1"), after=OPEN, code=201, ms=35
    )
    (found,) = entries(Progress(posts={"v1": Post(intent=INTENT)}), Progress(posts={"v1": OPEN}), [step])
    assert (found.what, found.by) == (What.WRITE_DONE, By.BRIDGE)
    assert found.detail == {
        "page": "v1",
        "write": "open",
        "status": "INVESTIGATING",
        "severity": "MAJOR",
        "code": 201,
        "ms": 35,
        "remote_id": "r1",
    }


def test_what_the_page_shows_already_is_not_told_as_a_write() -> None:
    intended = replace(OPEN, intent=SENT)
    result = results.Sent(remote_id="r1", is_made=False)
    step = Happened(page="v1", before=intended, result=result, after=OPEN)
    assert told(intended, OPEN, step) == [What.WRITE_NEEDLESS]


def test_what_keeps_a_post_back_is_told_once_and_so_is_that_it_is_let_go() -> None:
    kept = Post(withheld=Withheld(reason="budget", since=NOW, detail="3 of 3 incidents are open"))
    again = replace(kept, withheld=Withheld(reason="budget", since=NOW, detail="2 of 2 incidents are open"))
    assert told(Post(), kept) == [What.WITHHELD]
    assert told(kept, again) == []
    assert told(kept, Post(intent=INTENT)) == [What.LET_GO]
    assert told(kept, Post(second_writer="x")) == [What.WITHHELD]


def test_a_phase_is_told_with_the_one_before_and_the_note() -> None:
    after = Progress(phase=Phase.DISCARDED, note="cleared within publish_after")
    (found,) = entries(Progress(), after)
    assert found == entry(What.PHASE, phase="DISCARDED", was="PENDING", note="cleared within publish_after")


def test_another_name_for_the_page_is_told_of_both_names() -> None:
    (found,) = entries(Progress(posts={"v3:old": OPEN}), Progress(posts={"v3:new": OPEN}))
    assert found == entry(What.PAGE_RENAMED, page="v3:new", was="v3:old")


def test_another_outage_of_one_page_is_told() -> None:
    assert told(OPEN, another(OPEN)) == [What.PAGE_BEGAN_ANEW]


def test_closed_duplicates_are_told_with_whatever_the_step_came_to() -> None:
    result = results.ReadFailed(results.Read.DUPLICATES, results.Delay())
    step = Happened(page="v1", before=OPEN, result=result, after=OPEN, closed=("d1", "d2", "d3", "d4"))
    found = entries(Progress(posts={"v1": OPEN}), Progress(posts={"v1": OPEN}), [step])
    assert found[0] == entry(What.DUPLICATES_CLOSED, page="v1", count=4, ids=("d1", "d2", "d3"))


def test_an_edit_is_told_of_a_person_and_once() -> None:
    assert edited("v1", {"severity": "CRITICAL"}) == Entry(
        What.EDITED_BY_HAND, By.PERSON, {"page": "v1", "severity": "CRITICAL"}, once=True
    )


def test_what_a_look_sees_of_an_edit_is_told_when_it_is_news() -> None:
    seen = Observed(at=NOW, status=Phase.INVESTIGATING, severity=Severity.CRITICAL, drift=("severity",))
    edit = replace(OPEN, observed=seen)
    step = Happened(page="v1", before=OPEN, result=results.Looked(seen, Edits()), after=edit)
    found = entries(Progress(posts={"v1": OPEN}), Progress(posts={"v1": edit}), [step])
    assert found == (edited("v1", {"severity": "CRITICAL"}),)
    assert told(edit, edit, replace(step, before=edit)) == []


def test_long_texts_are_cut_where_a_character_ends() -> None:
    text = entry(What.WRITE_REFUSED, reason="€" * 1_000).detail["reason"]
    assert isinstance(text, str)
    assert len(text.encode()) <= TEXT_BYTES
    assert text.strip("€") == "…"


def test_every_word_has_a_meaning_and_an_author() -> None:
    assert list(MEANINGS) == list(What)
    assert all(by and meaning for by, meaning in MEANINGS.values())


def test_an_entry_in_words_names_its_details_and_a_word_of_a_newer_release_stands_for_itself() -> None:
    assert in_words("write_done", {"page": "v1", "code": 201}) == "the page has taken the write (page v1, code 201)"
    assert in_words("alerts_began", {"alerts": ["A", "B"]}) == "alerts fire (alerts A+B)"
    assert in_words("from_the_future", {}) == "from the future"


def test_an_order_is_told_by_its_verb_its_time_and_its_reason() -> None:
    held = {"verb": "hold", "until": 1_796_079_768_652, "reason": "wrong route"}
    assert in_words("action", held) == "ordered hold until 2026-11-30 23:02:48 (reason wrong route)"
    assert in_words("action", {"verb": "release", "reason": ""}) == "ordered release"


def test_the_details_of_an_entry_stand_in_one_order_whatever_the_store_keeps_them_in() -> None:
    detail = {"ms": 118, "write": "open", "code": 201, "zeal": 1, "page": "v1", "status": "INVESTIGATING", "as": "x"}
    in_order = "page v1, write open, status INVESTIGATING, as x, zeal 1, code 201, ms 118"
    for given in (detail, dict(reversed(detail.items()))):
        assert in_words("write_done", given) == f"the page has taken the write ({in_order})"
