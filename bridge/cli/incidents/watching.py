"""Looking again and again: a terminal is drawn anew, into a pipe goes what changed. Ends with Ctrl-C, and well."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from bridge.cli.errors import CommandError
from bridge.cli.output import clear_screen, say

EVERY_S: Final = 2.0
_TOLD = ("page", "phase", "severity", "attention")  # of what changes; ages and what is next always do

sleep = time.sleep


class Printer(Protocol):
    """Prints incidents in some form."""

    def whole(self, found: Sequence[Any], /) -> None:
        """All of them."""
        ...

    def changes(self, found: Sequence[Any], /) -> None:
        """Some of them, after others."""
        ...


def watch(fetch: Callable[[], Sequence[Any]], printer: Printer) -> None:
    """Show what ``fetch`` finds, until interrupted. Raises CommandError if it fails at first; later it tries again."""
    with suppress(KeyboardInterrupt):
        found, is_drawn = fetch(), sys.stdout.isatty()
        _draw(found, printer) if is_drawn else printer.whole(found)
        while True:
            sys.stdout.flush()
            sleep(EVERY_S)
            try:
                now = fetch()
            except CommandError as error:
                say(str(error), file=sys.stderr, flush=True)
                continue
            if is_drawn:
                _draw(now, printer)
            else:
                _print_changes(_by_id(found), _by_id(now), printer)
            found = now


def _draw(found: Sequence[Any], printer: Printer) -> None:
    clear_screen()
    printer.whole(found)


def _print_changes(before: Mapping[str, Any], now: Mapping[str, Any], printer: Printer) -> None:
    changed = [each for id_, each in now.items() if _told(before.get(id_)) != _told(each)]
    gone = [each for id_, each in before.items() if id_ not in now]
    if changed:
        printer.changes(changed)
    for each in gone:
        say(f"{each['id']} is in the list no more")


def _by_id(found: Iterable[Any]) -> dict[str, Any]:
    return {each["id"]: each for each in found}


def _told(incident: Any) -> Any:
    if incident is None:
        return None
    observed = [post.get("observed") and post["observed"].get("status") for post in incident["posts"]]
    return [incident[name] for name in _TOLD], observed
