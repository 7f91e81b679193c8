"""``bridge alerts``: which alerts a running bridge did not publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from bridge.cli.client import DEFAULT_URL, Url, get, query
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.output import Form, Output, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable

alerts = App(
    name="alerts",
    help="Show the alerts that a running bridge did not publish. Needs its ADMIN_TOKENS.",
    result_action="return_value",
)
_HEAD = ("reason", "route", "alert", "decided by", "count", "last", "source", "fingerprint", "did you mean")


@alerts.command(name="list")
def list_(
    *,
    not_published: Annotated[
        bool, Parameter(negative="", help="Those that were not published: the only ones that can be listed.")
    ] = False,
    reason: Annotated[
        str | None,
        Parameter(help="Only these: unmatched, ignored, unknown_service, unusable, stale, over_alerts, …"),
    ] = None,
    limit: Annotated[int, Parameter(help="How many groups to list, from 1 to 1000.")] = 100,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """List what was not published within 24 hours, by reason, route, alert and what decided; the latest first.

    `bridge why ALERT` says more of each.
    """
    if not not_published:
        raise CommandError("Give --not-published. The alerts that count are shown by: bridge incidents show ID", USAGE)
    asked = {"published": "false", "limit": limit} | ({} if reason is None else {"reason": reason})
    found = get(url, query("/api/alerts", asked))
    if output is Form.JSON:
        print_json(found)
        return
    groups = found["groups"]
    if not groups:
        say("Within 24 hours, nothing was left unpublished" + (f" as {reason}." if reason else "."))
    else:
        print_table([_HEAD, *_rows(groups)])
    if found["groups_total"] > len(groups):
        say("", f"{len(groups)} of {found['groups_total']} are shown. More: --limit {found['groups_total']}")
    if found["cut_at"]:
        say("", f"There were more than are kept, last at {found['cut_at']}: the oldest are missing.")


def _rows(groups: Iterable[Any]) -> Iterable[tuple[str, ...]]:
    for each in groups:
        yield (
            each["reason"],
            each["route"] or "-",
            each["name"] or "-",
            decided_by(each),
            str(each["count"]),
            each["last_at"],
            "/".join(filter(None, (each["source"], each["sender"]))),
            each["fingerprint"] or "-",
            each["did_you_mean"] or "",
        )


def decided_by(group: Any) -> str:
    """What decided that a group is not published, as far as it can be told."""
    if group["value"] is not None:
        return f'{group["label"]}="{group["value"]}"'
    if group["label"]:
        return f"{group['label']} (its value is not kept)"
    return group["detail"] or "-"
