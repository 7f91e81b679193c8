"""``bridge incidents show``: one incident, for a person at night: what it is, what comes next, why, and its parts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, Url, get, incident_path, query
from bridge.cli.incidents.alerts import fields, heading
from bridge.cli.incidents.history import line as told
from bridge.cli.incidents.whole import MOST_AT_ONCE, counts, whole
from bridge.cli.output import Form, Output, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEAD = ("id", "name", "phase", "page", "severity", "phase_since")
_APART = (*_HEAD, "next", "attention", "actions", "posts", "alerts", "alerts_total", "alerts_after", "history")
_MOST_HISTORY = 20
_MOST_ALERTS, _MOST_AS_JSON = 10, 100


def show(
    id_: Annotated[str, Parameter(name="id", help="The incident's id, as the list and the public reference show it.")],
    /,
    *,
    alerts: Annotated[
        int | None,
        Parameter(help="How many alerts to show, from 1 to 1000: those that fire first. 10, or as JSON about 100."),
    ] = None,
    after: Annotated[int, Parameter(help="The alert to continue after, from the previous answer.")] = 0,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show one incident: what comes next and who is mailed, why it counts, its alerts, its posts and its history."""
    if output is Form.JSON or after:
        found = get(url, query(incident_path(id_), {"alerts": alerts or _MOST_AS_JSON, "after": after}))
    else:
        found = whole(url, id_)
    if output is Form.JSON:
        print_json(found)
        return
    print_head(found)
    _next(found)
    _why([each for each in found["alerts"] if counts(each)] or found["alerts"])
    _alerts(found, alerts or (_MOST_AS_JSON if after else _MOST_ALERTS))
    for post in found["posts"]:
        say("", f"post {post['page']}")
        print_table(_rows((name, value) for name, value in post.items() if name != "page"), indent="  ")
    _history(found)
    say("", "record")
    print_table(_rows((name, value) for name, value in found.items() if name not in _APART), indent="  ")


def print_head(found: Any) -> None:
    """What it is, and what operators ordered; an older bridge has neither a word of the page nor a name."""
    say("  ".join(filter(None, (found["id"], found.get("name")))))
    page, since = found.get("page"), found.get("phase_since") or found.get("firing_since")
    parts = (
        found.get("phase"),
        f"page: {page}" if page else "",
        found.get("severity"),
        f"since {since}" if since else "",
    )
    say("  ".join(filter(None, parts)))
    for each in found.get("attention") or ():
        say(f"! {each}")
    for order in found.get("actions") or ():
        say(f"* {_order(order)}")


def _order(order: Any) -> str:
    what = " ".join(filter(None, (order["verb"], order.get("alert"))))
    until = f", until {order['until']}" if order["until"] else ""
    return f"{what} by {order['by']} at {order['at']}{until}{': ' if order['reason'] else ''}{order['reason'] or ''}"


def _next(found: Any) -> None:
    coming = found.get("next")
    if coming is None:  # of an older bridge
        return
    say("", f"next: {coming['what']}")
    print_table(_rows((name, coming[name]) for name in ("at", "mails")), indent="  ")
    if coming["text"]:
        say("  text")
        say(*(f"    {line}".rstrip() for line in coming["text"].split("\n")))


def _why(alerts: Sequence[Any]) -> None:
    """The deciding lines of the configuration, each once; with the number of alerts where it is not that of all."""
    lines = Counter(line for alert in alerts for line in alert.get("why", ()))
    if not lines:
        return
    say("", "why")
    for line, count in lines.items():
        say(f"  - {line}" + ("" if count == len(alerts) else f" ({count} of {len(alerts)} alerts)"))


def _alerts(found: Any, most: int) -> None:
    shown = found["alerts"][:most]
    total = max(found.get("alerts_total") or 0, len(found["alerts"]))
    if not shown:
        return
    say("", "alerts" if total == len(shown) else f"alerts, {len(shown)} of {total}")
    for alert in shown:
        say(f"  {heading(alert)}")
        print_table(_rows(fields(alert).items()), indent="    ")
    if len(shown) < len(found["alerts"]):
        say(f"  More: --alerts {min(total, MOST_AT_ONCE)}")
    elif following := found.get("alerts_after"):  # an older bridge gives all
        say(f"  More: --after {following}")


def _history(found: Any) -> None:
    entries = found.get("history") or []
    if not entries:
        return
    left = len(entries) - _MOST_HISTORY
    say("", "history" if left <= 0 else f"history, without the first {left}")
    say(*(f"  {told(each)}" for each in entries[-_MOST_HISTORY:]))


def _rows(values: Iterable[tuple[str, Any]]) -> Sequence[tuple[str, str]]:
    """What there is, by its name in words."""
    rows = [(name.replace("_", " "), _value(value)) for name, value in values]
    return [row for row in rows if row[1]]


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}: {_value(each)}" for name, each in value.items() if each)
        case list():
            return "; ".join(map(str, value))
    return str(value or "")
