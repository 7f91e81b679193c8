"""An incident's life on a page that may be in trouble, with every write that is tried on it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from bridge.core import gate
from bridge.core.compose import compose
from bridge.core.foresight import Foreseen, foresee
from bridge.core.lifecycle import ReadBack, Step, WriteTo, decide
from bridge.core.next_step import NextStep, next_step
from bridge.core.page_word import page_word, page_words
from bridge.core.planning import PlannedWrite, signature
from bridge.core.results import Begun, Closed, Conflict, Delay, NotSent, Rejected, Result, Seen, Unknown, Withhold
from bridge.model import Policy, UpdateKind, Write
from tests.unit.core.configured import config
from tests.unit.core.lifecycle_harness import SECOND, SERVICES, LifecycleHarness
from tests.unit.transitions import after


class Try(Struct, frozen=True):
    """A write that was tried at an instant, with its words."""

    at: int
    planned: PlannedWrite
    text: str
    notify: bool


class WatchedHarness(LifecycleHarness):
    """An incident on a page that may be in trouble; every write that is tried is kept."""

    def __init__(self, policy: Policy, page: str) -> None:
        super().__init__(policy, page=page)
        self.config = config(policy, notify=frozenset({UpdateKind.OPEN, UpdateKind.RESOLVED}))
        self.pages_of = dict.fromkeys(SERVICES, (page,))
        self.state = "works"
        self.tries: list[Try] = []
        self.reads_back: list[int] = []

    def is_(self, state: str) -> WatchedHarness:
        self.state = state
        if state != "has no room" and self.post.withheld is not None:  # there is room: all ask again
            self.put(replace(self.post, withheld=None))
        self.settle()
        return self

    def close(self) -> WatchedHarness:
        if self.post.is_open:
            self.put(after(self.post, Closed(), now=self.now))
        self.settle()
        return self

    def reopen(self) -> WatchedHarness:
        if self.post.closed_at is not None and self.post.remote_id is not None:
            self.put(after(self.post, Seen(is_theirs=True), now=self.now))
        self.settle()
        return self

    def decide(self) -> Step:
        self.incident = replace(self.incident, summary=self.alerts.summary)
        posts = self.incident.progress.posts.items()
        withheld = {page: post.withheld.until for page, post in posts if post.withheld is not None}
        return decide(
            self.incident,
            self.policy,
            self.now,
            retention_ms=self.config.retention_ms,
            pages_of=self.pages_of,
            withheld=withheld,
        )

    def foresee(self) -> Foreseen:
        posts = self.incident.progress.posts.items()
        withheld = {page: post.withheld.until for page, post in posts if post.withheld is not None}
        return foresee(self.incident, self.config, self.now, pages_of=self.pages_of, withheld=withheld)

    @property
    def next(self) -> NextStep:
        """What is said to come next."""
        return next_step(self.incident, self.config, self.now, pages_of=self.pages_of)

    @property
    def word(self) -> str:
        """Where it is on the page, in a word."""
        words = page_words(self.incident, self.config, self.now, pages_of=self.pages_of)
        return page_word(self.incident, words)

    def _take(self, step: Step) -> None:
        if isinstance(step, ReadBack):
            self.reads_back.append(self.now)
            self.put(replace(self.post, intent=None))  # it was not there
            return None
        if not isinstance(step, WriteTo):
            return super()._take(step)
        words = compose(self.incident, self.post, step.planned, self.config, now=self.now)
        self.tries.append(Try(self.now, step.planned, words.text, words.notify))
        if (result := self._trouble(step.planned)) is None:
            return super()._take(step)
        results = (Begun(words), result) if isinstance(result, Unknown) else (result,)
        self.put(after(self.post, *results, now=self.now))
        return None

    def _trouble(self, planned: PlannedWrite) -> Result | None:
        match self.state:
            case "is down":
                return NotSent(Delay(SECOND, is_exact=True))
            case "loses answers":
                return Unknown("timeout")
            case "refuses all":
                return Rejected(write=planned.write, signature=signature(planned), detail="400: no")
            case "refuses" | "refuses changes" if (planned.write is Write.CHANGE) == (self.state == "refuses changes"):
                return Rejected(write=planned.write, signature=signature(planned), detail="400: no")
            case "has no room" if gate.asked(self.post, planned, frozenset()):
                return Withhold("budget", "full")
            case "is another's" if planned.write is Write.OPEN:
                return Conflict("theirs")
            case _:
                return None
