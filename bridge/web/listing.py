"""``GET /api/incidents`` with parameters: what they may be, and the part of the list that they ask for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from bridge.config.units import duration_ms
from bridge.core.page_word import PageWord
from bridge.json_values import to_ms
from bridge.messages import did_you_mean, one_of
from bridge.model import Phase
from bridge.store import Wanted
from bridge.web.parameters import number
from bridge.web.responses import HTTPError
from bridge.web.views import incident_view

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.config.schema import Config
    from bridge.store import Part
    from bridge.web.outlook import Outlook

PARAMETERS: Final = ("active", "phase", "route", "service", "page", "trouble", "since", "limit", "after")
MOST_LISTED: Final = 1_000
_LISTED = 100
_READ_AT_ONCE = 100
_READ: Final = 300  # incidents a request, where only their word on the page tells which are wanted
_SPARSE: Final = 3  # parts a request that had fewer than were wanted
_YIELD_EVERY = 10
_WITHHELD = "withheld"
_BY_PEOPLE = PageWord.OPERATOR, PageWord.TAKEN_OVER
_TROUBLE = {PageWord.REFUSED, PageWord.REOPENED, PageWord.BUDGET, PageWord.SECOND_WRITER, *_BY_PEOPLE, _WITHHELD}
_PLACE = re.compile(r"[0-9]{1,16}-[!-~]{1,100}")


class IncidentLister(Protocol):
    """What is needed of the store. Raises StoreUnavailable."""

    async def part(self, wanted: Wanted, /, *, after: str, count: int) -> Part:
        """At most ``count`` incidents from a place on."""
        ...


class Asked(Struct, frozen=True, kw_only=True):
    """What a request asks for; ``page`` is a word of the page, or the part of it before the colon."""

    wanted: Wanted
    page: str = ""
    limit: int = _LISTED
    after: str = ""


def read(asked: Mapping[str, str], config: Config) -> Asked:
    """The parameters of a request. Raises HTTPError that says what was expected."""
    page = _one_of("page", asked.get("page"), [*PageWord, _WITHHELD])
    in_trouble = True if page in _TROUBLE else _flag("trouble", asked.get("trouble"))
    return Asked(
        wanted=Wanted(
            routes=_known("route", asked.get("route"), [route.name for route in config.routes]),
            services=_known("service", asked.get("service"), config.services),
            phases=_phase(asked.get("phase")),
            active=bool(_flag("active", asked.get("active"))),
            in_trouble=in_trouble,
            since=_since(asked.get("since")),
        ),
        page=page,
        limit=number("limit", asked.get("limit"), default=_LISTED, least=1, most=MOST_LISTED),
        after=_place(asked.get("after")),
    )


async def listed(lister: IncidentLister, asked: Asked, outlook: Outlook) -> dict[str, Any]:
    """The answer: ``incidents``, and ``after`` which place the list goes on, null at its end.

    It may have fewer than wanted, and go on: a request looks at no more than it can at once.
    """
    found: list[dict[str, Any]] = []
    after, looked, sparse = asked.after, 0, 0
    while True:
        count = _READ_AT_ONCE if asked.page else min(_READ_AT_ONCE, asked.limit - len(found))
        part = await lister.part(asked.wanted, after=after, count=count)
        looked += len(part.incidents)
        sparse += len(part.places) < count
        for nth, incident in enumerate(part.incidents):
            if nth % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            view = {**incident_view(incident), **outlook.of(incident)}
            if _is_seen_as(view["page"], asked.page):
                found.append(view)
            if len(found) == asked.limit:
                is_last = nth + 1 == len(part.incidents)
                return _answer(found, part.after if is_last else part.places[incident.id])
        after = part.after
        if not after or sparse == _SPARSE or (asked.page and looked >= _READ):
            return _answer(found, after)


def _answer(found: list[dict[str, Any]], after: str) -> dict[str, Any]:
    return {"incidents": found, "after": after or None}


def _is_seen_as(word: str, asked: str) -> bool:
    """Whether that is the word, a page in brackets after it left out, or what stands before its colon."""
    return not asked or word == asked or word.startswith((f"{asked} (", f"{asked}:"))


def _wrong(name: str, expected: str, hint: str | None = None) -> HTTPError:
    return HTTPError(400, "wrong_parameter", f"{name}: expected {expected}{f'; {hint}' if hint else ''}")


def _flag(name: str, text: str | None) -> bool | None:
    if text not in {None, "true", "false"}:
        raise _wrong(name, "true or false")
    return None if text is None else text == "true"


def _one_of(name: str, text: str | None, valid: Collection[str]) -> str:
    if text is not None and text not in valid:
        raise _wrong(name, one_of(valid))
    return text or ""


def _phase(text: str | None) -> tuple[str, ...]:
    phase = _one_of("phase", text and text.upper(), list(Phase))
    return (phase,) if phase else ()


def _known(name: str, text: str | None, valid: Collection[str]) -> tuple[str, ...]:
    """A name of the configuration; of another, the message has the nearest."""
    if text is None:
        return ()
    if text not in valid:
        raise _wrong(name, f"a {name} of the configuration", did_you_mean(text, valid))
    return (text,)


def _since(text: str | None) -> int:
    """As `Wanted.since` has it."""
    if text is None:
        return 0
    if (ago_ms := duration_ms(text)) is not None:
        return -max(ago_ms, 1)
    try:
        return max(to_ms(text), 0)
    except ValueError:
        raise _wrong("since", "a duration such as 2h30m, or a time such as 2026-11-23T21:06:36Z") from None


def _place(text: str | None) -> str:
    if text and not _PLACE.fullmatch(text):
        raise _wrong("after", "the after of an earlier answer")
    return text or ""
