"""``bridge budgets``: how much may still become public."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from bridge.cli.client import DEFAULT_URL, NoAnswer, Url, get, post
from bridge.cli.errors import CommandError
from bridge.cli.output import Form, Output, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable

budgets = App(
    name="budgets",
    help="Show the budgets of a running bridge, or lift them. Needs its ADMIN_TOKENS; to lift, its OPERATOR_TOKENS.",
    result_action="return_value",
)


@budgets.command
def show(*, url: Url = DEFAULT_URL, output: Output = Form.TEXT) -> None:
    """Show the used part of each page's budgets, by route, and the number of withheld incidents."""
    _print(get(url, "/api/budgets")["pages"], output)


@budgets.command
def lift(
    *,
    for_: Annotated[str | None, Parameter(name="--for", help="How long, such as 1h; at most 1d.")] = None,
    reason: Annotated[str, Parameter(help="Why, for colleagues. Needed, unless it ends.")] = "",
    page: Annotated[str | None, Parameter(help="This page alone, by its name in the table; else all.")] = None,
    end: Annotated[bool, Parameter(negative="", help="End it now.")] = False,
    key: Annotated[str, Parameter(help="A key of your own: a lift with the same key is done once.")] = "",
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Let everything out for a while, whatever the budgets say. What is withheld is published at once."""
    key = key or secrets.token_hex(16)
    fields = {"for": for_, "reason": reason or None, "page": page, "end": end or None, "key": key}
    try:
        found = post(url, "/api/budgets/lift", {name: value for name, value in fields.items() if value is not None})
    except NoAnswer as error:
        raise CommandError(f"{error}\nNobody knows whether it was done. To try again: --key {key}") from error
    _print(found["pages"], output)


def _print(found: list[Any], output: Form) -> None:
    if output is Form.JSON:
        print_json(found)
    elif not found:
        say("Budgets are off.")
    else:
        print_table([("page", "budget", "spent", "limit", "remaining", "by route", ""), *_rows(found)])
        for page in found:
            if (lifted := page["lifted"]) is not None:
                say(f"{page['page']}: lifted by {lifted['by']} until {lifted['until']}: {lifted['reason']}")
            if page["withheld_differ"]:
                say(f"{page['page']}: {page['withheld_differ']}")


def _rows(pages: Iterable[Any]) -> Iterable[tuple[str, ...]]:
    for page in pages:
        for nth, (name, each) in enumerate(page["budgets"].items()):
            routes = ", ".join(f"{route}: {spent}" for route, spent in each["routes"].items())
            said = [f"{page['withheld']} withheld"] if not nth and page["withheld"] else []
            said += ["only observed"] if not nth and page["mode"] == "observe" else []
            numbers = (str(each[key]) for key in ("spent", "limit", "remaining"))
            yield page["page"], name, *numbers, routes, "; ".join(said)
