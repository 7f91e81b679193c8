"""``bridge history``: the outages of the last time, for an audit."""

from __future__ import annotations

import csv
import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from bridge.cli.client import DEFAULT_URL, Url, get, query
from bridge.cli.output import say
from bridge.messages import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    *("id", "key", "route", "name", "phase", "severity_max", "services", "starts_at", "public_at", "ends_at"),
    *("public_end_at", "over_at", "publish_delay_seconds", "resolve_delay_seconds", "mails", "interventions", "note"),
    "remote_ids",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet run a cell's text
_PART = 500


class Format(Enum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"


history = App(
    name="history",
    help="Export the outages of a running bridge. Needs its ADMIN_TOKENS.",
    result_action="return_value",
)


@history.command
def export(
    *,
    since: Annotated[str, Parameter(help="Leave out what ended longer ago; a duration such as 30d or 12h.")] = "30d",
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="csv, or json for programs.")] = Format.CSV,
    url: Url = DEFAULT_URL,
) -> None:
    """Write a row for each outage: times, delays, mails, and who intervened. Reaches back as far as retention."""
    rows = _rows(url, since)
    if output is Format.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows([_cell(row.get(column)) for column in COLUMNS] for row in rows)
        return
    before = "["
    for row in rows:
        say(f"{before}{msgspec.json.encode(row).decode()}", end="")
        before = ", "
    say("[]" if before == "[" else "]")


def _rows(url: str, since: str) -> Iterator[dict[str, Any]]:
    """Each outage once, by parts: one that is put away meanwhile comes twice."""
    after, seen = "", set()
    while True:
        asked = {"since": since, "limit": _PART, **({"after": after} if after else {})}
        found = get(url, query("/api/history", asked))
        for row in found["episodes"]:
            if row["id"] not in seen:
                seen.add(row["id"])
                yield row
        after = found["after"]
        if not after:
            return


def _cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula, in one line."""
    match value:
        case None:
            return ""
        case dict():
            text = "; ".join(f"{name}={each}" for name, each in value.items())
        case list():
            text = "; ".join(map(str, value))
        case _:
            text = str(value)
    text = printable(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
