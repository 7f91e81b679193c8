"""What readers of the page see of an incident, in one word: `PAGE_WORDS` is the list of them. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bridge.core.actions import in_force
from bridge.core.flapping import flapping
from bridge.core.gate import OPERATOR, REASON, TAKEN_OVER
from bridge.core.lifecycle import advanced, view_on
from bridge.core.planning import OPEN_PHASES, is_closed_by_hand
from bridge.core.view import Case
from bridge.model import Phase, Post

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.core.view import PagesOf, View
    from bridge.model import Incident, Progress


class PageWord(StrEnum):
    """Where an incident is on a page; what a person has to know of first comes first."""

    REFUSED = "refused"
    TAKEN_OVER = "taken over"
    OPERATOR = "withheld: operator"
    SECOND_WRITER = "withheld: second writer"
    BUDGET = "withheld: budget"
    UNKNOWN = "unknown"
    REOPENED = "reopened by hand"
    CLOSED = "closed by hand"
    NO_PAGE = "no page"
    NOT_YET = "not yet"
    OPEN = "open"
    RESOLVED = "resolved"
    NOT_PUBLISHED = "not published"


PAGE_WORDS: Final = {
    PageWord.REFUSED: "Checkly refuses the write for good; a person must act",
    PageWord.TAKEN_OVER: "an operator, or a person on the page, has taken it over: the bridge writes nothing more",
    PageWord.OPERATOR: "it is not on the page, because an operator said so",
    PageWord.SECOND_WRITER: "it is not on the page, because somebody else's incident is open for the same service",
    PageWord.BUDGET: "it is not on the page, because a budget has no room",
    PageWord.UNKNOWN: "the answer to its opening got lost: it is on the page, or not",
    PageWord.REOPENED: "a person closed it, and somebody else's update opened it again: its end is up to them",
    PageWord.CLOSED: "a person resolved or deleted it, or an operator ordered its end",
    PageWord.NO_PAGE: "no page of the configuration shows its services",
    PageWord.NOT_YET: "it is not on the page as open, and will be unless it clears",
    PageWord.OPEN: "readers see it as open",
    PageWord.RESOLVED: "readers see it as resolved",
    PageWord.NOT_PUBLISHED: "it is over, and was never on the page",
}
"""What each word means, in the order in which one of several pages speaks for all."""

_ORDER: Final = list(PAGE_WORDS)
_WITHHELD: Final = {TAKEN_OVER: PageWord.TAKEN_OVER, OPERATOR: PageWord.OPERATOR, REASON: PageWord.BUDGET}


def page_words(incident: Incident, config: Config, now: int, *, pages_of: PagesOf) -> dict[str, PageWord]:
    """The word of each page that the incident concerns."""
    case = Case(
        progress=incident.progress,
        summary=incident.summary,
        policy=config.policy_of(incident.route),
        now=now,
        today=now,
        pages_of=pages_of,
        retention_ms=config.retention_ms,
        orders=in_force(incident, now),
        flapping=flapping(incident.summary, config.policy_of(incident.route), now, retention_ms=config.retention_ms),
    )
    case, _ = advanced(case)
    posts = case.progress.posts
    shown = {page for name in incident.summary.services for page in pages_of.get(name, ())}
    concerned = shown | {page for page, post in posts.items() if _is_told_of(post)}
    return {page: _word(posts.get(page, Post()), _view(page, case), case.progress) for page in sorted(concerned)}


def page_word(incident: Incident, words: dict[str, PageWord]) -> str:
    """The one of these ``words`` that a person has to know, and its page in brackets where another has another."""
    if not words:
        if incident.summary.services:
            return PageWord.NO_PAGE
        return PageWord.NOT_YET if incident.progress.phase is Phase.PENDING else PageWord.NOT_PUBLISHED
    page, word = min(words.items(), key=lambda each: _ORDER.index(each[1]))
    return word if len(set(words.values())) == 1 else f"{word} ({page})"


def _view(page: str, case: Case) -> View:
    view, _ = view_on(page, case.progress.posts.get(page, Post()), case)
    return view


def _is_told_of(post: Post) -> bool:
    """Whether more is known of it than that it was looked for in vain."""
    is_in_the_way = post.retry.parked is not None or post.second_writer or post.withheld
    return bool(post.remote_id or post.intent or post.closed_at or is_in_the_way)


def _word(post: Post, view: View, progress: Progress) -> PageWord:
    if progress.is_ongoing(post):
        if post.retry.parked is not None:
            return PageWord.REFUSED
        if post.second_writer:
            return PageWord.SECOND_WRITER
        if post.withheld is not None:
            return _WITHHELD.get(post.withheld.reason, PageWord.BUDGET)
        if post.intent is not None and post.intent.opens and post.intent.unknown_at is not None:
            return PageWord.UNKNOWN
    if post.closed_at is not None and is_closed_by_hand(post, view):
        return PageWord.CLOSED if post.theirs_at is None else PageWord.REOPENED
    if post.is_open:
        return PageWord.OPEN
    if view.phase is Phase.PENDING or (view.phase in OPEN_PHASES and view.fires):
        return PageWord.NOT_YET
    return PageWord.NOT_PUBLISHED if post.remote_id is None else PageWord.RESOLVED
