"""``bridge budgets``: how much may still become public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclopts import App

from bridge.cli.client import DEFAULT_URL, Url, get
from bridge.cli.output import Form, Output, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable

budgets = App(
    name="budgets",
    help="Show the budgets of a running bridge. Needs its ADMIN_TOKENS.",
    result_action="return_value",
)


@budgets.command
def show(*, url: Url = DEFAULT_URL, output: Output = Form.TEXT) -> None:
    """Show the used part of each page's budgets, by route, and the number of withheld incidents."""
    found = get(url, "/api/budgets")["pages"]
    if output is Form.JSON:
        print_json(found)
    elif not found:
        say("Budgets are off.")
    else:
        print_table([("page", "budget", "spent", "limit", "remaining", "by route", ""), *_rows(found)])


def _rows(pages: Iterable[Any]) -> Iterable[tuple[str, ...]]:
    for page in pages:
        for nth, (name, each) in enumerate(page["budgets"].items()):
            routes = ", ".join(f"{route}: {spent}" for route, spent in each["routes"].items())
            said = [f"{page['withheld']} withheld"] if not nth and page["withheld"] else []
            said += ["only observed"] if not nth and page["mode"] == "observe" else []
            numbers = (str(each[key]) for key in ("spent", "limit", "remaining"))
            yield page["page"], name, *numbers, routes, "; ".join(said)
