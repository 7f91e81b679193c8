"""What will happen to an incident if no fact changes: the lifecycle itself, asked with its clock moved on. Pure.

Nothing here knows a rule of an incident's life. It does what a worker does with each answer of `decide`, on pages that
take every write and show nothing new, until something happens; then it tells when, and what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.compose import compose
from bridge.core.lifecycle import (
    ENDED,
    CheckClosed,
    CheckDuplicates,
    FindExisting,
    Forget,
    ReadBack,
    StartEpisode,
    Step,
    Wait,
    WriteTo,
    decide,
)
from bridge.core.outcomes import apply
from bridge.core.planning import DATE_STEP_MS, PlannedWrite
from bridge.core.results import Begun, Context, DuplicatesResolved, NothingExists, Result, Seen, Sent
from bridge.model import Incident, Intent, Post, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.schema import Config
    from bridge.core.view import PagesOf
    from bridge.model import Phase

NEVER: Final = 1 << 52  # later than every instant, and still exact as a double
_MOST_STEPS = 40  # an outage's whole life takes fewer; each page adds some
_STAND_IN = "not known yet"  # the id that Checkly will give


class NextWrite(Struct, frozen=True, kw_only=True):
    """A write on a page to come: as it is planned, in full, and the post before it."""

    page: str
    post: Post
    planned: PlannedWrite
    intent: Intent


class Foreseen(Struct, frozen=True, kw_only=True):
    """The first instant at which something happens by time alone, and what; ``at`` is None when nothing will.

    What happens is one of these: ``writes`` go out, the incident ``ends`` without one, it is forgotten
    (``is_forgotten``), or a page is read for the outcome of the write that is recorded there (``reads_back``).
    ``progress`` is the incident's then. Looks that would find nothing new are nothing that happens.
    """

    at: int | None
    progress: Progress
    writes: tuple[NextWrite, ...] = ()
    ends: bool = False
    is_forgotten: bool = False
    reads_back: str = ""


def foresee(
    incident: Incident, config: Config, now: int, *, pages_of: PagesOf, withheld: Mapping[str, int] = {}
) -> Foreseen:
    """What happens next from ``now`` on, while the gate keeps the pages ``withheld`` back, until then (0: unknown)."""
    course = _Course(incident, config, now)
    for _ in range(_MOST_STEPS):
        step = decide(
            course.incident,
            config.policy_of(incident.route),
            course.at,
            retention_ms=config.retention_ms,
            pages_of=pages_of,
            withheld=withheld,
        )
        found = course.take(step)
        if found is not None:
            return found
    return course.nothing()


class _Course:
    """An incident on its way, with the clock at ``at``: as a worker would bring it on where nothing is in the way."""

    def __init__(self, incident: Incident, config: Config, now: int) -> None:
        self.at = now
        self.incident = replace(incident, progress=_without_looks(incident.progress))
        self._config = config
        self._was: Phase = incident.progress.phase
        self._writes: list[NextWrite] = []
        self._began = now  # the first of these writes

    def take(self, step: Step) -> Foreseen | None:
        """Do what a worker would; what happens, once that is known whole."""
        match step:
            case Forget():
                return self._foreseen(is_forgotten=True)
            case ReadBack():
                return self._foreseen(reads_back=step.page)
            case Wait():
                return self._wait(step)
            case WriteTo():
                self._write(step)
            case StartEpisode():
                self._was = step.progress.phase
                self._go_on(step.progress)
            case CheckClosed() | CheckDuplicates() | FindExisting():
                self._look(step)
        return None

    def nothing(self) -> Foreseen:
        """What there is when no more is to come by time alone."""
        return self._foreseen() if self._writes else Foreseen(at=None, progress=self.incident.progress)

    def _wait(self, step: Wait) -> Foreseen | None:
        if step.progress != self.incident.progress:
            self._go_on(step.progress)
            return None
        until = NEVER if step.until is None else step.until
        is_announced_soon = until <= self.at + DATE_STEP_MS and self._writes[-1:] and not self._writes[-1].intent.text
        if self._writes and not is_announced_soon:
            return self._foreseen()
        phase = step.progress.phase
        if phase is not self._was and phase in ENDED:
            return self._foreseen(ends=True)
        if not self.at < until < NEVER:
            return self.nothing()
        self.at = until
        return None

    def _write(self, step: WriteTo) -> None:
        post = step.progress.posts.get(step.page, Post())
        intent = compose(self.incident, post, step.planned, self._config, now=self.at)
        self._began = self._began if self._writes else self.at
        self._writes.append(NextWrite(page=step.page, post=post, planned=step.planned, intent=intent))
        sent = Sent(remote_id=post.remote_id or _STAND_IN, is_change=True)
        self._apply(step.progress, step.page, Begun(intent), sent)

    def _look(self, step: CheckClosed | CheckDuplicates | FindExisting) -> None:
        post = step.progress.posts[step.page]
        match step:
            case FindExisting():
                result: Result = NothingExists()
            case CheckDuplicates():
                result = DuplicatesResolved(None)
            case CheckClosed():
                result = Seen(is_theirs=post.theirs_at is not None)
        self._apply(step.progress, step.page, result)

    def _apply(self, progress: Progress, page: str, *results: Result) -> None:
        context = Context(asked_at=self.at, now=self.at, settle_ms=0, jitter=0.0, incident_id=self.incident.id)
        post = progress.posts.get(page, Post())
        for result in results:
            post = apply(post, result, context)
        self._go_on(_without_looks(replace(progress, posts={**progress.posts, page: post})))

    def _go_on(self, progress: Progress) -> None:
        self.incident = replace(self.incident, progress=progress)

    def _foreseen(self, *, ends: bool = False, is_forgotten: bool = False, reads_back: str = "") -> Foreseen:
        if self._writes:  # all else is told once these are written
            return Foreseen(at=self._began, progress=self.incident.progress, writes=tuple(self._writes))
        progress = self.incident.progress
        return Foreseen(at=self.at, progress=progress, ends=ends, is_forgotten=is_forgotten, reads_back=reads_back)


def _without_looks(progress: Progress) -> Progress:
    """The same, but for the looks that are due: at duplicates, at what others closed, for what nothing is known of."""
    posts = {
        page: replace(
            post,
            check_duplicates_at=None,
            checked_at=NEVER if post.closed_at is not None else post.checked_at,
            find_existing_at=None if post.find_existing_at is None else NEVER,
        )
        for page, post in progress.posts.items()
    }
    return replace(progress, posts=posts)
