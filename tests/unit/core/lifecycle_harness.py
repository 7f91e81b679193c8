"""An incident's life as a list of alerts and times, on a page that takes every write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import (
    CheckClosed,
    FindExisting,
    Forget,
    StartEpisode,
    Step,
    Wait,
    WriteTo,
    decide,
)
from bridge.core.results import Delay, NotSent, Seen
from bridge.model import Incident, Intent, Phase, Policy, Post, Severity, Write
from tests.unit.core.alerts import Alerts
from tests.unit.core.configured import MINUTE as MINUTE  # noqa: PLC0414 - tests with this harness find these here
from tests.unit.core.configured import SECOND as SECOND  # noqa: PLC0414
from tests.unit.core.configured import SERVICES as SERVICES  # noqa: PLC0414
from tests.unit.core.configured import START as START  # noqa: PLC0414
from tests.unit.transitions import after, written

if TYPE_CHECKING:
    from bridge.core.planning import PlannedWrite

POLICY = Policy(publish_after_ms=MINUTE, resolve_after_ms=2 * MINUTE, reopen_after_ms=10 * MINUTE)
RETENTION_MS = 7 * 24 * 60 * MINUTE
ENOUGH_STEPS = 12


class LifecycleHarness:
    """An incident whose alerts and clock the test moves; ``settle`` does all that is to be done at that instant."""

    def __init__(self, policy: Policy = POLICY, *, page_works: bool = True, page: str = "page") -> None:
        self.policy = policy
        self.page = page
        self.page_works = page_works
        self.retry_ms = SECOND
        self.now = START
        self.alerts = Alerts()
        self.incident = Incident(id="0123456789", key="checkout", route="checkout")
        self.written: list[PlannedWrite] = []
        self.episodes: list[list[PlannedWrite]] = []
        self.next_at: int | None = None
        self.is_forgotten = False

    @property
    def phase(self) -> Phase:
        return self.incident.progress.phase

    @property
    def post(self) -> Post:
        return self.incident.progress.posts.get(self.page, Post())

    @property
    def told(self) -> list[str]:
        """What was written, in short: ``open INVESTIGATING MAJOR``."""
        return [f"{planned.write} {planned.status} {planned.severity.name}" for planned in self.written]

    def decide(self) -> Step:
        self.incident = replace(self.incident, summary=self.alerts.summary)
        pages_of = dict.fromkeys(SERVICES, (self.page,))
        return decide(self.incident, self.policy, self.now, retention_ms=RETENTION_MS, pages_of=pages_of)

    def settle(self) -> LifecycleHarness:
        for _ in range(ENOUGH_STEPS):
            step = self.decide()
            if isinstance(step, Forget):
                self.is_forgotten, self.next_at = True, None
                return self
            self.incident = replace(self.incident, progress=step.progress)
            if isinstance(step, Wait):
                self.next_at = step.until
                return self
            self._take(step)
        pytest.fail(f"no end of steps: {self.told[-ENOUGH_STEPS:]}")

    def after(self, ms: int) -> LifecycleHarness:
        """Let time pass, waking whenever the incident asked for it."""
        end = self.now + ms
        while self.next_at is not None and self.next_at <= end:
            assert self.next_at > self.now, "asked to be woken in the past"
            self.now = self.next_at
            self.settle()
        self.now = end
        return self.settle()

    def fire(self, service: str = "checkout", severity: Severity = Severity.MAJOR) -> LifecycleHarness:
        self.alerts.fire(self.now, service, severity)
        return self.settle()

    def clear(self, service: str | None = None) -> LifecycleHarness:
        self.alerts.clear(self.now, service)
        return self.settle()

    def acknowledge(self) -> LifecycleHarness:
        self.alerts.acknowledge()
        return self.settle()

    def public_note(self, text: str) -> LifecycleHarness:
        self.alerts.public_note(self.now, text)
        return self.settle()

    def hold(self, count: int = 1) -> LifecycleHarness:
        self.alerts.hold(count)
        return self.settle()

    def put(self, post: Post) -> LifecycleHarness:
        posts = {self.page: post}
        self.incident = replace(self.incident, progress=replace(self.incident.progress, posts=posts))
        return self

    def _take(self, step: Step) -> None:
        if isinstance(step, FindExisting):
            self.put(Post())
            return
        if isinstance(step, CheckClosed):
            self.put(after(self.post, Seen(is_theirs=False), now=self.now))
            return
        if isinstance(step, StartEpisode):
            self.episodes.append(self.written)
            self.incident = replace(self.incident, episode=self.incident.episode + 1)
            self.written = []
            return
        assert isinstance(step, WriteTo), step
        if not self.page_works:
            self.put(after(self.post, NotSent(Delay(self.retry_ms, is_exact=True)), now=self.now))
            return
        self.written.append(step.planned)
        remote_id = self.post.remote_id or f"remote-{len(self.episodes)}"
        self.put(written(self.post, intent(step.planned), remote_id))


def intent(planned: PlannedWrite) -> Intent:
    return Intent(
        write=planned.write,
        status=planned.status,
        kind=planned.kind,
        severity=planned.severity,
        services=planned.services,
        labels=planned.labels,
        name="Checkout",
        text="" if planned.write is Write.CHANGE else "A text.",
        notify=False,
        public_at=planned.public_at,
        recorded_at=0,
        public_note=planned.public_note.event_id if planned.public_note else "",
        impacts=planned.impacts,
    )


def published(policy: Policy = POLICY) -> LifecycleHarness:
    """An outage of checkout, MAJOR, that has just become public."""
    return LifecycleHarness(policy).fire().after(policy.publish_after_ms)


def resolved() -> LifecycleHarness:
    return published().after(MINUTE).clear().after(2 * MINUTE)
