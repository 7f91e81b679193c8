"""``bridge check``: is this configuration right, and does it fit the account?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bridge.cli.failure import WRONG, Failure
from bridge.cli.inputs import checkly, read_settings
from bridge.cli.output import Form, Output, print_json, print_table
from bridge.cli.survey import Survey, take_survey
from bridge.config.loader import load
from bridge.config.problems import ConfigError
from bridge.config.schema import ServiceLabel
from bridge.config.units import format_duration

if TYPE_CHECKING:
    from bridge.checkly.account import Page
    from bridge.config.schema import Config, Route

_NO_REFERENCE = (
    "checkly.reference is false, so posts carry no mark by which the bridge knows them. After a lost answer it looks "
    "for its post by name and date alone; after a loss of Redis it knows none: they stay open, and are posted again."
)


def check(
    config: Annotated[Path, Parameter(help="The configuration file.")],
    /,
    *,
    online: Annotated[
        bool, Parameter(negative="", show_default=False, help="Also check key, account, services and pages.")
    ] = False,
    output: Output = Form.TEXT,
) -> int:
    """Check a configuration file; with --online also the account it is for.

    Prints every problem with its place (exit code 1), or else a summary of what the configuration does.
    """
    try:
        loaded = load(config)
    except ConfigError as error:
        if output is Form.JSON:
            print_json({"ok": False, "problems": error.problems})
        else:
            print(f"{error}\n{_count(len(error.problems), 'problem')}")
        return WRONG
    try:
        survey = asyncio.run(_survey(loaded)) if online else None
    except Failure as failure:
        if output is Form.JSON:
            print_json({"ok": False, "problems": [str(failure)]})
            return failure.code
        raise
    problems = [] if survey is None else survey.problems
    if output is Form.JSON:
        print_json(_as_json(loaded, survey))
    else:
        _print(loaded, survey)
    return WRONG if problems else 0


async def _survey(config: Config) -> Survey:
    async with checkly(read_settings()) as client:
        return await take_survey(client, config)


def _print(config: Config, survey: Survey | None) -> None:
    print(f"{config.path} is right: {_count(len(config.routes), 'route')}, {_count(len(config.services), 'service')}.")
    print("\nRoutes, the first that matches decides:")
    print_table((_route_row(route) for route in config.routes), indent="  ")
    for note in _notes(config):
        print(f"\nNote: {note}")
    print("\nServices:")
    if survey is None:
        print_table(((each.name, each.id or each.display) for each in config.services.values()), indent="  ")
        return
    rows = [
        (reach.name, reach.service.name if reach.service else "-", _pages(reach.pages)) for reach in survey.services
    ]
    print_table([("name", "on Checkly", "shown on"), *rows], indent="  ")
    account = survey.account
    print(f"\nAccount {account.name or account.id}: the key is accepted (plan {account.plan or 'unknown'}).")
    for problem in survey.problems:
        print(f"Problem: {problem}")


def _notes(config: Config) -> list[str]:
    """What is allowed but gives something up."""
    return [] if config.checkly.reference else [_NO_REFERENCE]


def _route_row(route: Route) -> tuple[str, str, str, str]:
    matches = ", ".join(map(str, route.matchers)) or "every alert"
    if route.ignore:
        return route.name, matches, "ignored", ""
    label = isinstance(route.services, ServiceLabel)
    services = (
        f"label {route.services.label}" if isinstance(route.services, ServiceLabel) else ", ".join(route.services)
    )
    times = f"publish after {format_duration(route.policy.publish_after_ms)}"
    times += f", resolve after {format_duration(route.policy.resolve_after_ms)}"
    by = f", one incident per {', '.join(route.group_by)}" if route.group_by else ""
    return route.name, matches, f"{'service by ' if label else ''}{services}", times + by


def _pages(pages: tuple[Page, ...]) -> str:
    return ", ".join(f"{page.name} ({'private' if page.private else 'public'})" for page in pages) or "no page"


def _as_json(config: Config, survey: Survey | None) -> dict[str, Any]:
    routes = [
        {
            "name": route.name,
            "line": route.line,
            "match": [str(matcher) for matcher in route.matchers],
            "ignore": route.ignore,
            "services": {"label": route.services.label} if isinstance(route.services, ServiceLabel) else route.services,
            "group_by": route.group_by,
            "policy": route.policy,
        }
        for route in config.routes
    ]
    problems = [] if survey is None else survey.problems
    summary = {
        "ok": not problems,
        "problems": problems,
        "notes": _notes(config),
        "routes": routes,
        "services": list(config.services.values()),
    }
    return summary if survey is None else {**summary, "account": survey.account, "reach": survey.services}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
