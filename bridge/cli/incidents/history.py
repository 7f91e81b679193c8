"""``bridge incidents history``: what became of one incident, and why, in order."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, NotThere, Url, get, incident_path, query
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.output import Form, Output, print_json, say
from bridge.core.history import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVERY_S = 2.0
_PATIENCE = 15  # polls in a row without an answer: a restart takes less


def history(
    id_: Annotated[str, Parameter(name="id", help="The incident's id, as the list and the public reference show it.")],
    /,
    *,
    follow: Annotated[bool, Parameter(negative="", help="Go on with what is new, until Ctrl-C or its end.")] = False,
    episode: Annotated[int | None, Parameter(help="An ended outage of this incident, by its number.")] = None,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show what became of an incident, and why: facts, decisions, writes, and what people did."""
    if follow and episode is not None:
        raise CommandError("An ended episode does not go on: give --follow or --episode.", USAGE)
    found = _read(url, id_ if episode is None else f"{id_}.{episode}")
    if output is Form.JSON and not follow:
        print_json(found["history"])
        return
    _print(found["history"], output)
    if follow:
        with suppress(KeyboardInterrupt):
            _follow(url, id_, found, output)
    elif not found["history"]:
        say("Nothing is told of it: another release has kept it so far.")


def line(entry: Mapping[str, Any]) -> str:
    """An entry as a line of text: when, by whom, what."""
    return f"{entry['at'][:19].replace('T', ' ')}  {entry['by']:<8}  {in_words(entry['what'], entry['detail'])}"


def _follow(url: str, id_: str, known: Any, output: Form) -> None:
    """Print what is new, until the incident is gone."""
    failures = 0
    while True:
        time.sleep(EVERY_S)
        try:
            found = _read(url, id_)
        except NotThere:
            return _end(output, f"The incident {id_} is gone: it is over, and its retention, too.")
        except CommandError:
            failures += 1
            if failures >= _PATIENCE:
                raise
            continue
        failures = 0
        if found["episode"] != known["episode"]:
            ended = f"Episode {known['episode']} has ended; it is kept: --episode {known['episode']}"
            _end(output, f"{ended}. This is episode {found['episode']}.")
        told = known["history"]
        _print((each for each in found["history"] if each not in told), output)
        known = found


def _read(url: str, id_: str) -> Any:
    return get(url, query(incident_path(id_), {"alerts": 1}))


def _print(entries: Iterable[Mapping[str, Any]], output: Form) -> None:
    """One a line, also as JSON: so they can be read as they come."""
    for each in entries:
        say(msgspec.json.encode(each).decode() if output is Form.JSON else line(each), flush=True)


def _end(output: Form, words: str) -> None:
    if output is Form.TEXT:
        say(words, flush=True)
