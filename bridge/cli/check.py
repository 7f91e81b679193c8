"""``bridge check``: is this configuration right, and does it fit the account?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from bridge.checkly.account import Account, account
from bridge.checkly.audit import V3, Audit, ShownOn, Target, audit
from bridge.checkly.inventory import read_inventory
from bridge.cli.advice import advise
from bridge.cli.errors import WRONG, CommandError
from bridge.cli.inputs import checkly, read_settings
from bridge.cli.output import WITHOUT_ROOM, Form, Output, policy_json, print_json, print_table, say
from bridge.cli.sights import sights
from bridge.config.loader import load
from bridge.config.problems import ConfigError, Problem
from bridge.config.schema import Reference, ServiceLabel, public_page
from bridge.config.units import format_duration
from bridge.core.told import NAME_LABEL, labels_told
from bridge.healing.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.config.schema import Config, Route, Service

STOPS_ON_UPDATE = "Who posts an update on an incident on the page takes it over (people.on_update: stop)."
_NO_REFERENCE = (
    "checkly.reference is false, so posts carry no mark by which the bridge knows them. After a lost answer it looks "
    "for its post by name and date alone; after a loss of Redis it knows none: they stay open, and are posted again."
)


def check(
    config: Annotated[Path, Parameter(help="The configuration file.")],
    /,
    *,
    online: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Also check key, account, services and pages, and ask the senders of healing.",
        ),
    ] = False,
    output: Output = Form.TEXT,
) -> int:
    """Check a configuration file; with --online also the account it is for, and the senders that it asks.

    Prints every problem with its place (exit code 1), or else a summary of what the configuration does.
    """
    try:
        loaded = load(config)
    except ConfigError as error:
        if output is Form.JSON:
            print_json({"ok": False, "problems": error.problems, "notes": [str(note) for note in error.notes]})
        else:
            for note in error.notes:
                say(f"Note: {note}")
            say(*str(error).split("\n"), _count(len(error.problems), "problem"))
        return WRONG
    try:
        audited = asyncio.run(_audit_account(loaded)) if online else None
    except CommandError as failure:
        if output is Form.JSON:
            print_json({"ok": False, "problems": [_problem(loaded, str(failure))], "notes": _notes(loaded)})
            return failure.code
        raise
    if output is Form.JSON:
        print_json(_as_json(loaded, audited))
    else:
        _print(loaded, audited)
    return WRONG if audited is not None and not audited.is_right else 0


class _Audited(NamedTuple):
    account: Account
    audit: Audit
    sights: list[Sight]

    @property
    def is_right(self) -> bool:
        return not self.audit.findings and not any(each.problem for each in self.sights)


async def _audit_account(config: Config) -> _Audited:
    settings = read_settings()
    async with checkly(settings) as client:
        found = await account(client)
        inventory = await read_inventory(client, with_v1=any(each.in_v1 for each in config.services.values()))
    seen = [] if config.healing is None else await sights(config.healing, settings)
    return _Audited(found, audit(config.services, inventory), seen)


def _print(config: Config, audited: _Audited | None) -> None:
    problems = [] if audited is None else _problems(config, audited)
    fits = audited is None or not audited.audit.findings
    wrong = f"{'names senders that show too little' if fits else 'does not fit the account'}: "
    verdict = wrong + _count(len(problems), "problem") if problems else "is valid"
    say(f"{config.path} {verdict}{';' if problems else ':'} ", end="")
    say(f"{_count(len(config.routes), 'route')}, {_count(len(config.services), 'service')}.")
    say("", "Routes, the first that matches decides:")
    print_table((_route_row(route) for route in config.routes), indent="  ")
    say("", _kept(config), *_budgets(config), *_people(config), *_healing(config))
    for note in _notes(config):
        say("", f"Note: {note}")
    say("", "Services:")
    if audited is None:
        print_table(((each.name, _configured_as(each)) for each in config.services.values()), indent="  ")
        return
    rows = [(each.service, _target_name(each), _pages(each.pages)) for each in audited.audit.targets]
    print_table([("name", "on Checkly", "shown on"), *rows], indent="  ")
    say("", "Each route publishes on these pages:")
    reached = [(route.name, _pages(audited.audit.pages_of(_services(config, route)))) for route in _publishing(config)]
    print_table(reached, indent="  ")
    owner = audited.account
    if audited.sights:
        say("", "Senders that are asked:")
        print_table(((each.sender, each.address, each.shows or "-") for each in audited.sights), indent="  ")
    say("", f"Account {owner.name or owner.id}: the key is accepted (plan {owner.plan or 'unknown'}).")
    for problem in problems:
        say(f"Problem: {problem.message}")


def _kept(config: Config) -> str:
    """What the bridge keeps of alerts for those with an administrator's token."""
    labels = labels_told(config)
    if labels is None:
        return "Of alerts, nothing but their fingerprints is kept (operator_labels: none)."
    others = ", ".join(name for name in labels if name != NAME_LABEL)
    return f"Kept of alerts for administrators: name, link{f', labels {others}' if others else ''}."


def _budgets(config: Config) -> list[str]:
    """What may become public on the pages, and what becomes of the rest."""
    if config.budgets is None:
        return ["Budgets are off: nothing bounds what becomes public."]
    budgets = {"each page": config.budgets.every} | {
        public_page(page): budget for page, budget in config.budgets.pages.items()
    }
    return [
        f"Budgets of {name}: {each.open} open, {each.opens_per_hour} openings and {each.mails_per_hour} mails an hour. "
        f"An opening without room is {WITHOUT_ROOM[each.mode if each.observes else each.over]}."
        for name, each in budgets.items()
    ]


def _people(config: Config) -> list[str]:
    """What becomes of an incident on which somebody posts an update, where the bridge does not simply go on."""
    return [STOPS_ON_UPDATE] if config.people.on_update == "stop" else []


def _healing(config: Config) -> list[str]:
    """Which Alertmanagers are asked, and what becomes of what they do not list any more."""
    healing = config.healing
    if healing is None or not healing.alertmanagers:
        return []
    clusters = ", ".join(f"{each.name} ({_count(len(each.urls), 'peer')})" for each in healing.alertmanagers)
    then = "only tells" if healing.observes else "closes"
    every, after = format_duration(healing.interval_ms), format_duration(healing.absent_for_ms)
    return [f"Healing asks {clusters} every {every}, and {then} what no peer has listed for {after}."]


def _notes(config: Config) -> list[str]:
    """What is allowed, but gives something up or is perhaps not meant."""
    found = [_NO_REFERENCE] if config.checkly.reference is Reference.NEVER else []
    return [*found, *map(str, config.notes), *advise(config)]


def _problems(config: Config, audited: _Audited) -> list[Problem]:
    found = [_problem(config, each.message, each.service) for each in audited.audit.findings]
    unseen = [f"{each.sender} at {each.address}: {each.problem}" for each in audited.sights if each.problem]
    return found + [_problem(config, message) for message in unseen]


def _problem(config: Config, message: str, service: str = "") -> Problem:
    """What is wrong with the account, told as what is wrong with the file: at the service, or at the beginning."""
    line, column = config.places.get(service, (1, 1))
    path = f"services.{service}" if service else ""
    return Problem(file=config.path, line=line, column=column, path=path, message=message)


def _route_row(route: Route) -> tuple[str, str, str, str]:
    matches = ", ".join(map(str, route.matchers)) or "every alert"
    if route.ignore:
        return route.name, matches, "ignored", ""
    if route.watchdog:
        return route.name, matches, "watchdog", ""
    label = isinstance(route.services, ServiceLabel)
    services = (
        f"label {route.services.label}" if isinstance(route.services, ServiceLabel) else ", ".join(route.services)
    )
    times = f"publish after {format_duration(route.policy.publish_after_ms)}"
    times += f", resolve after {format_duration(route.policy.resolve_after_ms)}"
    times += ", no flapping" if route.policy.flap is None else ""
    by = f", one incident per {', '.join(route.group_by)}" if route.group_by else ""
    return route.name, matches, f"{'service by ' if label else ''}{services}", times + by


def _publishing(config: Config) -> list[Route]:
    return [route for route in config.routes if route.services]


def _services(config: Config, route: Route) -> Iterable[str]:
    """The services that a route may publish."""
    return config.services if isinstance(route.services, ServiceLabel) else route.services


def _configured_as(service: Service) -> str:
    v1 = [service.id or service.display] if service.in_v1 else []
    return ", ".join(v1 + [f"{each.component} on {each.page}" for each in service.components])


def _target_name(target: Target) -> str:
    kind = "component" if target.generation == V3 else "service"
    return f"{target.generation} {kind} {target.name}" if target.id else "-"


def _pages(pages: Iterable[ShownOn]) -> str:
    kinds = {True: "private", False: "public", None: V3}
    return ", ".join(f"{page.name} ({kinds[page.private]})" for page in pages) or "no page"


def _as_json(config: Config, audited: _Audited | None) -> dict[str, Any]:
    routes: list[dict[str, Any]] = [
        {
            "name": route.name,
            "line": route.line,
            "match": [str(matcher) for matcher in route.matchers],
            "ignore": route.ignore,
            "watchdog": route.watchdog,
            "services": {"label": route.services.label} if isinstance(route.services, ServiceLabel) else route.services,
            "group_by": route.group_by,
            "policy": policy_json(route.policy),
        }
        for route in config.routes
    ]
    problems = [] if audited is None else _problems(config, audited)
    summary = {
        "ok": not problems,
        "problems": problems,
        "notes": _notes(config),
        "routes": routes,
        "services": list(config.services.values()),
        "labels_kept": labels_told(config),
        "people": {"on_update": config.people.on_update},
    }
    if audited is None:
        return summary
    for route, each in zip(config.routes, routes, strict=True):
        each["pages"] = audited.audit.pages_of(_services(config, route))
    return {**summary, "account": audited.account, "reach": audited.audit.targets, "senders": audited.sights}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
