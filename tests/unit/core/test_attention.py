from __future__ import annotations

import pytest

from bridge.core.attention import attention
from bridge.model import Incident, Intent, Phase, Post, Progress, Retry, Severity, Summary, UpdateKind, Withheld, Write

OPEN = Post(remote_id="r", status=Phase.INVESTIGATING)
INTENT = Intent(
    write=Write.UPDATE,
    status=Phase.MONITORING,
    kind=UpdateKind.UPDATE,
    severity=Severity.MAJOR,
    services=("checkout",),
    labels={},
    name="n",
    text="t",
    notify=False,
    public_at=1,
    recorded_at=1,
    unknown_at=2,
)
NONE = Summary()
THEIRS = "open on the page by someone else's update: its end is up to them"


def told(post: Post, phase: Phase = Phase.INVESTIGATING, summary: Summary = NONE) -> tuple[str, ...]:
    progress = Progress(phase=phase, posts={"v1": post}, note="not published: budget")
    return attention(Incident(id="A", key="k", route="r", summary=summary, progress=progress))


@pytest.mark.parametrize(
    ("post", "said"),
    [
        (OPEN, ()),
        (Post(retry=Retry(attempts=9)), ()),
        (Post(retry=Retry(attempts=10)), ("v1: 10 failures in a row",)),
        (Post(retry=Retry(attempts=10, parked="400")), ("parked: 400",)),
        (Post(second_writer="x"), ("withheld: x is open for the same service",)),
        (Post(withheld=Withheld(reason="budget", since=1, detail="full")), ("withheld: full",)),
        (Post(remote_id="r", status=Phase.RESOLVED, closed_at=1), ("closed by hand",)),
        (Post(remote_id="r", status=Phase.RESOLVED, closed_at=1, theirs_at=2), (THEIRS,)),
        (Post(intent=INTENT), ("a write of unknown outcome",)),
    ],
)
def test_what_a_person_can_change_is_said(post, said):
    assert told(post) == said


@pytest.mark.parametrize(
    "post", [Post(retry=Retry(parked="400")), Post(second_writer="x"), Post(closed_at=1, retry=Retry(attempts=99))]
)
def test_of_what_is_over_nothing_can_be_changed_and_nothing_is_said(post):
    assert told(post, Phase.RESOLVED) == ()


def test_what_is_open_again_by_someone_else_needs_a_person_to_the_end():
    assert told(Post(remote_id="r", status=Phase.RESOLVED, closed_at=1, theirs_at=2), Phase.RESOLVED) == (THEIRS,)


def test_what_is_wrong_with_the_alerts_is_said():
    orphaned, conflict = told(OPEN, summary=Summary(firing=1, orphaned=1, conflict_at=5))
    assert orphaned == "kept open by an alert merged into one never seen"
    assert conflict.startswith("two senders report the same alert")
