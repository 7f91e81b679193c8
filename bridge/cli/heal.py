"""``bridge heal``: what healing knows of the open alerts of a running bridge, and what it would close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, Url, get
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.output import Form, Output, print_json, print_table, say

_HEAD = ("incident", "sender", "fingerprint", "status")


def heal(
    *,
    dry_run: Annotated[
        bool, Parameter(negative="", help="Needed: only the running bridge closes anything, when it is time.")
    ] = False,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show what the Alertmanagers list of the open alerts, and the evidence for and against closing each.

    Changes nothing. Asks the running bridge alone, by its ADMIN_TOKENS: what it shows is of the last rounds.
    """
    if not dry_run:
        raise CommandError("Give --dry-run: only the running bridge closes anything, when it is time.", USAGE)
    found = get(url, "/api/healing")
    if output is Form.JSON:
        print_json(found)
        return
    if found["mode"] is None:
        say("Healing is off: the configuration has no section healing.")
        return
    say(f"mode: {found['mode']}", "")
    print_table([("cluster", "last round", "at", "could close at", "peers"), *map(_cluster_row, found["clusters"])])
    say("")
    if not found["alerts"]:
        say("No alert is open of a sender that is asked.")
        return
    rows = [tuple(_text(each[name]) for name in (*_HEAD, "healing")) for each in found["alerts"]]
    print_table([(*_HEAD, "evidence"), *rows])
    if found["left_out"]:
        say(f"{found['left_out']} more are not shown.")


def _cluster_row(cluster: Any) -> Sequence[str]:
    peers = ", ".join(_peer(each) for each in cluster["peers"])
    return cluster["name"], cluster["round"], _text(cluster["at"]), _text(cluster["sighted_at"]), peers


def _peer(peer: Any) -> str:
    lacks = [
        *([] if peer["old_enough"] else ["young"]),
        *([] if peer["settled"] else ["settling"]),
        *([] if peer["signs_of_life"] else ["no sign of life"]),
    ]
    return f"{peer['peer']} ({', '.join(lacks) or 'alive'})"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
