"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

import msgspec
from cyclopts import Parameter

from bridge.messages import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.model import Policy


WITHOUT_ROOM = {
    "withhold": "withheld until there is room",
    "quiet": "published without a mail",
    "observe": "published as ever, and counted",
}
"""What becomes of an opening for which budgets have no room, by their ``over`` or by their mode ``observe``."""


class Form(Enum):
    """How a command prints what it found."""

    TEXT = "text"
    JSON = "json"


Output: TypeAlias = Annotated[
    Form, Parameter(name=("--output", "-o"), help="How to print: text, or json for programs.")
]


def say(*lines: str, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Print each line, what is not printable in it escaped: none can steer the terminal, or look like two."""
    print("\n".join(map(printable, lines)), end=end, file=file, flush=flush)


def print_json(value: Any) -> None:
    """Print a value as indented JSON, what is not printable escaped as JSON does."""
    print(printable(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), keep="\n"))


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> Iterator[str]:
    """Rows of equal length in aligned columns, a line each."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


def print_table(rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Print rows of equal length in aligned columns."""
    for line in table(rows, indent=indent):
        say(line)


def clear_screen() -> None:
    """Have a terminal begin anew at its top."""
    print("\x1b[H\x1b[2J", end="")


def policy_json(policy: Policy) -> dict[str, Any]:
    """A route's policy for JSON: severities and impacts by their names; no ``flap`` where that is off."""
    impacts = {severity.name: impact.name for severity, impact in policy.impacts.items()}
    flap = None if policy.flap is None else msgspec.structs.asdict(policy.flap)
    return {**msgspec.structs.asdict(policy), "flap": flap, "impacts": impacts}
