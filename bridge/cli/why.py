"""``bridge why``: where an alert is on its way to the page, and what stopped it, as a running bridge knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, Url, get, query
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.output import Form, Output, print_json, say
from bridge.config import matchers
from bridge.config.matchers import MatcherError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {"passed": "✓", "stopped": "✗"}
_EXAMPLE = "such as alertname=DiskFull service=checkout"


def why(
    *what: Annotated[
        str, Parameter(help="An incident's id, a fingerprint, an alert's name, or labels, each as NAME=VALUE.")
    ],
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show where an alert is on its way to the page, and what stopped it. Needs the bridge's ADMIN_TOKENS.

    WHAT is an incident's id, a fingerprint, an alert's name, or labels: alertname=DiskFull service=checkout.
    The six stations: delivered, understood, routed, old enough, allowed, written.
    """
    found = get(url, query("/api/why", _asked(what)))
    if output is Form.JSON:
        print_json(found)
        return
    if routing := found.get("routing"):
        would = f"counts for incident {routing['incident']}"
        if routing["incident"] is None:
            would = f"is not published ({routing['ignored']})"
        say(f"By these labels, an alert {would}.", *(f"  - {line}" for line in routing["why"]), "")
    for number, way in enumerate(found["ways"]):
        say(*([""] if number else []), _title(way))
        _print_stations(way)
    for words in found["unsearched"]:
        say("", f"Not everything was searched: {words}.")


def _asked(words: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters that ask for these words: labels, if there is an = in the first; else one name."""
    if not words or "=" not in words[0]:
        if len(words) != 1:
            raise CommandError(
                f"Give one id, fingerprint or name (in quotes if it has spaces), or labels {_EXAMPLE}.", USAGE
            )
        return [("subject", words[0])]
    return [("label", label) for word in words for label in _labels(word)]


def _labels(word: str) -> list[str]:
    """NAME=VALUE as the shell gives it, or several as Alertmanager writes them: {name="value", …}."""
    if word.startswith("{") or '="' in word:
        try:
            found = matchers.parse(word)
        except MatcherError as error:
            raise CommandError(f"{word}: {error}. Expected labels {_EXAMPLE}.", USAGE) from error
        if all(each.op == "=" for each in found):
            return [f"{each.name}={each.value}" for each in found]
    name, equals, value = word.partition("=")
    if not (name and equals) or name[-1] in "!=" or value[:1] in {"~", "="} or word.startswith("{"):
        raise CommandError(f"{word}: expected a label with its value, {_EXAMPLE}.", USAGE)
    return [f"{name}={value}"]


def _title(way: Any) -> str:
    origin = "/".join(filter(None, (way["source"], way["sender"])))
    parts = [way["name"], origin, way["fingerprint"], way["incident"] and f"incident {way['incident']}", way["phase"]]
    return "  ".join(filter(None, parts)) or "Nothing is known of it."


def _print_stations(way: Any) -> None:
    for each in way["stations"]:
        mark = _MARKS.get(each["state"], "·")
        first, *others = each["why"].split("; ") if each["state"] != "stopped" else [each["why"]]
        say(f"  {mark} {each['station']:<11} {first}".rstrip(), *(f"  {'':14}{other}" for other in others))
    if way["stopped_at"] is None:
        say("  It is where it should be.")
    elif way["remedy"]:
        say(f"  → {way['remedy']}")
