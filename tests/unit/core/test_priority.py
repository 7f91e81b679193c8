"""Which of the steps of incidents goes first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import CheckClosed, CheckDuplicates, FindExisting, ReadBack, WriteTo
from bridge.core.planning import PlannedWrite
from bridge.core.priority import priority_of
from bridge.model import Clocks, Intent, Phase, Post, Priority, Progress, Severity, UpdateKind, Write

PAGE = "v1"
OPEN_POST = Post(remote_id="r", status=Phase.INVESTIGATING)
_ABOUT: dict[str, Any] = {"severity": Severity.MAJOR, "services": (), "labels": {}, "public_at": 1}


def progress(phase: Phase, post: Post) -> Progress:
    return Progress(phase=phase, posts={PAGE: post})


def writes(write: Write, status: Phase, *, phase: Phase = Phase.INVESTIGATING, post: Post = OPEN_POST) -> WriteTo:
    planned = PlannedWrite(write=write, status=status, kind=UpdateKind.UPDATE, **_ABOUT)
    return WriteTo(progress=progress(phase, post), page=PAGE, planned=planned)


def looks(write: Write, status: Phase, *, phase: Phase = Phase.INVESTIGATING, post: Post = OPEN_POST) -> ReadBack:
    intent = Intent(
        write=write, status=status, kind=UpdateKind.UPDATE, name="n", text="t", notify=False, recorded_at=1, **_ABOUT
    )
    return ReadBack(progress=progress(phase, replace(post, intent=intent)), page=PAGE)


@pytest.mark.parametrize("step", [writes, looks])
class TestWritesAndTheLooksAfterThem:
    @pytest.mark.parametrize("status", [Phase.MONITORING, Phase.RESOLVED])
    def test_the_end_of_an_outage_goes_first(self, step, status):
        assert priority_of(step(Write.UPDATE, status, phase=status)) is Priority.END

    def test_so_does_the_end_on_one_page_while_another_page_has_no_end(self, step):
        assert priority_of(step(Write.UPDATE, Phase.RESOLVED)) is Priority.END

    def test_so_does_what_the_end_on_one_page_waits_for(self, step):
        quiet = replace(OPEN_POST, clocks=Clocks(quiet_at=1))
        assert priority_of(step(Write.CHANGE, Phase.INVESTIGATING, post=quiet)) is Priority.END

    @pytest.mark.parametrize("write", [Write.CHANGE, Write.UPDATE])
    def test_a_change_of_what_is_open_is_next(self, step, write):
        assert priority_of(step(write, Phase.INVESTIGATING)) is Priority.CHANGE

    def test_openings_come_after_changes(self, step):
        assert priority_of(step(Write.OPEN, Phase.INVESTIGATING, post=Post())) is Priority.OPENING

    def test_what_opens_again_is_new(self, step):
        over = replace(OPEN_POST, status=Phase.RESOLVED, clocks=Clocks(quiet_at=1))
        assert priority_of(step(Write.UPDATE, Phase.INVESTIGATING, post=over)) is Priority.OPENING


def test_what_was_begun_to_be_opened_and_is_over_belongs_to_the_ends():
    step = looks(Write.OPEN, Phase.INVESTIGATING, phase=Phase.MONITORING, post=Post())
    assert priority_of(step) is Priority.END


@pytest.mark.parametrize("step", [CheckClosed, CheckDuplicates, FindExisting])
def test_looks_without_a_write_come_last(step):
    assert priority_of(step(progress=progress(Phase.RESOLVED, OPEN_POST), page=PAGE)) is Priority.LOOK
