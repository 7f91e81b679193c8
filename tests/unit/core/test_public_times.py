"""When an outage was public, over all of its pages."""

from __future__ import annotations

from typing import Any

from bridge.core.public_times import public_times
from bridge.model import Phase, Post, Progress, Severity
from bridge.publication import Publication


def post(status: Phase, remote_id: str | None = "one", **times: Any) -> Post:
    return Post(remote_id=remote_id, status=status, publication=Publication(**times))


def test_the_first_page_that_shows_it_makes_it_public_and_the_last_that_ends_it_its_end():
    early = post(Phase.RESOLVED, started_at=10, opened_at=70, ended_at=500, resolved_at=620, mails=2)
    late = post(Phase.RESOLVED, started_at=20, opened_at=90, ended_at=600, resolved_at=800, mails=1)
    both = public_times(Progress(posts={"v1": late, "v3:status": early}))
    assert both == Publication(started_at=10, opened_at=70, ended_at=600, resolved_at=800, mails=3)
    assert (both.publish_delay_ms, both.resolve_delay_ms) == (60, 200)


def test_it_has_no_end_while_a_page_shows_it():
    over = post(Phase.RESOLVED, started_at=10, opened_at=70, ended_at=500, resolved_at=620)
    shown = post(Phase.MONITORING, started_at=10, opened_at=71)
    assert public_times(Progress(posts={"v1": over, "v3:status": shown})).resolve_delay_ms is None
    withheld = post(Phase.PENDING, remote_id=None)
    assert public_times(Progress(posts={"v1": over, "v3:status": withheld})).resolve_delay_ms == 120


def test_of_what_an_older_release_wrote_nothing_is_known():
    unknown = public_times(Progress(posts={"v1": Post(remote_id="one", status=Phase.RESOLVED)}))
    assert (unknown.publish_delay_ms, unknown.resolve_delay_ms, unknown.worst) == (None, None, None)


def test_a_sender_whose_clock_is_ahead_makes_no_negative_delay():
    assert Publication(started_at=100, opened_at=70).publish_delay_ms == 0


def test_the_worst_is_that_of_the_worst_page():
    posts = {
        "v1": Post(publication=Publication(worst=Severity.MINOR)),
        "v3:status": Post(publication=Publication(worst=Severity.MAJOR)),
        "v3:other": Post(),
    }
    assert public_times(Progress(posts=posts)).worst is Severity.MAJOR
