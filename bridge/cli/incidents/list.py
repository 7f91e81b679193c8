"""``bridge incidents list``: what a running bridge has in hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import yaml
from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, Url, get, query
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.incidents.delays import figures
from bridge.cli.incidents.watching import watch as watch_
from bridge.cli.output import print_json, say, table
from bridge.config.units import format_duration
from bridge.json_values import to_ms
from bridge.messages import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_AT_ONCE = 1_000  # of the API
_HEAD = ("page", "observed", "severity", "age", "id", "key", "next", "link", "attention")
_AGES = ((604_800, 86_400), (86_400, 3_600), (3_600, 60), (60, 1))  # seconds of a unit, and of the next finer one
_FRESH_MS = 120_000  # two looks, where there is one a minute
_WIDE = ("phase", "services", "firing", "starts", "mails")


class ListForm(Enum):
    """How a list is printed."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def list_(
    *,
    all_: Annotated[bool, Parameter("--all", negative="", help="Also those that are over.")] = False,
    phase: Annotated[str | None, Parameter(help="Only those in this phase, such as MONITORING.")] = None,
    route: Annotated[str | None, Parameter(help="Only those of this route.")] = None,
    service: Annotated[str | None, Parameter(help="Only those of this service.")] = None,
    page: Annotated[str | None, Parameter(help="Only those with this word on the page, such as withheld.")] = None,
    since: Annotated[
        str | None, Parameter(help="Only those that began since: a duration such as 2h30m, or an RFC 3339 time.")
    ] = None,
    limit: Annotated[int, Parameter(help="How many to list.")] = 100,
    watch: Annotated[bool, Parameter(("--watch", "-w"), negative="", help="Go on, and show what changes.")] = False,
    url: Url = DEFAULT_URL,
    output: Annotated[
        ListForm, Parameter(("--output", "-o"), help="How to print: text, wide for more columns, json or yaml.")
    ] = ListForm.TEXT,
) -> None:
    """List the open incidents: those that fire, or that a page shows as open.

    First come those that need a person, then the others, of both the last begun first.
    """
    if limit < 1:
        raise CommandError("--limit: expected at least 1", USAGE)
    filters = {"phase": phase, "route": route, "service": service, "page": page, "since": since}
    asked = {name: value for name, value in filters.items() if value is not None}
    asked["active"] = "false" if all_ else "true"

    def fetch() -> tuple[list[Any], bool]:
        return _fetch(lambda wanted: get(url, query("/api/incidents", wanted)), asked, limit)

    nothing = "No incidents." if all_ else "No open incidents. Those that are over: --all"
    if watch:
        watch_(lambda: fetch()[0], _Printer(output, nothing))
        return
    found, is_cut = fetch()
    _Printer(output, nothing).whole(found)
    if output not in {ListForm.TEXT, ListForm.WIDE}:
        return
    if all_ and (late := figures(found)):
        say("", late)
    if is_cut:
        say("", f"{len(found)} are shown, and there may be more: --limit {10 * limit}")


def _fetch(ask: Callable[[Mapping[str, Any]], Any], asked: Mapping[str, str], limit: int) -> tuple[list[Any], bool]:
    """At most so many incidents, those that need a person first; and whether there are more."""
    found: dict[str, Any] = {}
    is_cut = False
    for more in ({},) if "page" in asked else ({"trouble": "true"}, {"trouble": "false"}):
        following: str | None = ""
        while following is not None and len(found) < limit:
            count = min(limit - len(found), _MOST_AT_ONCE)
            answer = ask({**asked, **more, "limit": count, "after": following})
            found |= {each["id"]: each for each in answer["incidents"]}
            following = answer["after"]
        is_cut = is_cut or following is not None
    return sorted(found.values(), key=lambda each: not each["attention"]), is_cut


class _Printer:
    """Prints incidents in one form; ``nothing`` is said where there are none."""

    def __init__(self, form: ListForm, nothing: str) -> None:
        self._form = form
        self._nothing = nothing

    def whole(self, found: Sequence[Any]) -> None:
        """All of them."""
        if self._form is ListForm.JSON:
            print_json(found)
        elif self._form is ListForm.YAML:
            text = yaml.safe_dump(list(found), sort_keys=False, allow_unicode=True)
            say(*printable(text, keep="\n").rstrip("\n").split("\n"))
        elif found:
            say(*self._lines(found))
        else:
            say(self._nothing)

    def changes(self, found: Sequence[Any]) -> None:
        """Some of them, after others: a line each for programs that read lines, or a document of YAML."""
        if self._form is ListForm.JSON:
            for each in found:
                say(msgspec.json.encode(each).decode())
        elif self._form is ListForm.YAML:
            say("---")
            self.whole(found)
        else:
            say(*self._lines(found, with_head=False))

    def _lines(self, found: Iterable[Any], *, with_head: bool = True) -> Iterator[str]:
        """A table of them, line by line."""
        is_wide, now = self._form is ListForm.WIDE, int(time.time() * 1000)
        rows = [_row(each, now, is_wide=is_wide) for each in found]
        head = (*_HEAD, *_WIDE) if is_wide else _HEAD
        return table([head, *rows] if with_head else rows)


def _row(each: Any, now: int, *, is_wide: bool) -> tuple[str, ...]:
    attention = "; ".join(each["attention"])
    row = (
        each["page"],
        _observed(each, now),
        each["severity"] or "-",
        _age(each["starts_at"] or each["firing_since"], now),
        each["id"],
        each["key"],
        _next(each),
        _of_posts(each, "link"),
        attention,
    )
    if not is_wide:
        return row
    starts, mails = each["starts_at"] or "-", str(each["mails"])
    return (*row, each["phase"], _services(each) or "-", str(each["firing"]), starts, mails)


def _next(incident: Any) -> str:
    """What comes next, without the reasons that stand in the column of what needs attention."""
    what: str = incident["next"]["what"]
    for each in incident["attention"]:
        _, _, reason = each.partition(": ")
        what = what.replace(f": {reason}", "", 1) if reason else what
    return what


def _of_posts(incident: Any, *path: str) -> str:
    """What its posts have there, each thing once; a dash where none has it."""
    found = []
    for post in incident["posts"]:
        value: Any = post
        for name in path:
            value = (value or {}).get(name)
        if value:
            found.append(str(value))
    return ", ".join(dict.fromkeys(found)) or "-"


def _observed(incident: Any, now: int) -> str:
    """The state that its pages showed at the last look, with the age of that look where it is no fresh one."""
    found = []
    for observed in filter(None, (post.get("observed") for post in incident["posts"])):
        is_fresh = now - to_ms(observed["at"]) <= _FRESH_MS
        found.append(observed["status"] + ("" if is_fresh else f" {_age(observed['at'], now)} ago"))
    return ", ".join(dict.fromkeys(found)) or "-"


def _age(since: str | None, now: int) -> str:
    """Its two largest units."""
    if since is None:
        return "-"
    seconds = max(0, now - to_ms(since)) // 1000
    for unit, finer in _AGES:
        if seconds >= unit:
            return format_duration(seconds // finer * finer * 1000)
    return f"{seconds}s"


def _services(incident: dict[str, Any]) -> str:
    return ", ".join(
        incident["services"] or dict.fromkeys(name for post in incident["posts"] for name in post["services"])
    )
