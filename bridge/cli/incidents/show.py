"""``bridge incidents show``: one incident, with its posts and its alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, Url, get
from bridge.cli.incidents.alerts import fields, heading
from bridge.cli.output import Form, Output, print_json, print_table, say

_APART = ("posts", "alerts", "alerts_total", "alerts_after")


def show(
    id_: Annotated[str, Parameter(name="id", help="The incident's id, as the list and the public reference show it.")],
    /,
    *,
    alerts: Annotated[int, Parameter(help="About how many alerts to show, from 1 to 1000.")] = 100,
    after: Annotated[int, Parameter(help="The alert to continue after, from the previous answer.")] = 0,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show one incident with its posts, some of its alerts, and why each counts."""
    found = get(url, f"/api/incidents/{id_}?alerts={alerts}&after={after}")
    if output is Form.JSON:
        print_json(found)
        return
    rows = [(name.replace("_", " "), _value(value)) for name, value in found.items() if name not in _APART]
    print_table([row for row in rows if row[1]])
    for post in found["posts"]:
        _print_part(f"post {post['page']}", post)
    for alert in found["alerts"]:
        _print_part(heading(alert), fields(alert))
    if following := found.get("alerts_after"):  # an older bridge gives all
        shown, total = len(found["alerts"]), found["alerts_total"]
        say("", f"{shown} of {total} alerts are shown. More: --after {following}")


def _print_part(heading: str, fields: Mapping[str, Any]) -> None:
    say("", heading)
    print_table([(name, _value(value)) for name, value in fields.items() if _value(value)], indent="  ")


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}: {_value(each)}" for name, each in value.items() if each)
        case list():
            return "; ".join(map(str, value))
    return str(value or "")
