"""What a configuration publishes that is hardly meant to be: alerts that tell of alerting itself. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.matchers import Matcher, contradiction, implies
from bridge.core.routing import route
from bridge.model import SOURCE_LABEL, Routed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.schema import Config, Route

_FROM_ALERTMANAGER = Matcher(SOURCE_LABEL, "=", "alertmanager")
_NO_OUTAGE = ("Watchdog", "InfoInhibitor")
"""Alerts of widespread rules that fire while all is well; their severity is none."""
_OF_GRAFANA = ("DatasourceError", "DatasourceNoData")
"""What Grafana fires, with the labels of a rule, when it cannot evaluate it."""

_CARDINAL = re.compile(
    r"(.+_)?(instance|pod|host|hostname|container|node|id|uid|uuid|ip|address|path|url|trace|request|session|user)(_?(id|name))?"
)
"""Names of labels whose values are as many as there are machines, containers, requests or people."""


def advise(config: Config) -> Iterator[str]:
    """One sentence for each kind of such alerts."""
    published: dict[str, list[str]] = {}
    for name in _NO_OUTAGE:
        routed = route({"alertname": name, "severity": "none", _FROM_ALERTMANAGER.name: "alertmanager"}, config)
        if isinstance(routed, Routed):
            published.setdefault(routed.route, []).append(name)
    for each, names in published.items():
        yield (
            f"{_place(config, each)} publishes {_listed(names)}, which are not outages. Let an earlier route ignore "
            f"them: match: 'alertname =~ \"{'|'.join(names)}\"', ignore: true"
        )
    yield from _many_incidents(config)
    troubled = [each.name for each in config.routes if any(_may_take(each, name, config) for name in _OF_GRAFANA)]
    if troubled:
        others = " and others" * (len(troubled) > 1)
        yield (
            f"{_place(config, troubled[0])}{others}: if Grafana sends you alerts, its own troubles "
            f"({_listed(_OF_GRAFANA)}) have the labels of its rules, and are published as outages. Let a first route "
            "ignore them: match: 'alertname =~ \"Datasource(Error|NoData)\"', ignore: true. And a series that it "
            "misses (MissingSeries) is published as an all-clear"
        )


def _many_incidents(config: Config) -> Iterator[str]:
    """Of labels in group_by that have a value for each instance: each is an incident of its own."""
    for each in config.routes:
        labels = [label for label in each.group_by if _CARDINAL.fullmatch(label)]
        if labels and each.name in config.publishing:
            yield (
                f"{_place(config, each.name)}: group_by has {_listed(labels)}, which may have very many values, and "
                "each is an incident of its own. Leave it out, or see that the budgets are as you want them"
            )


def _may_take(taker: Route, alertname: str, config: Config) -> bool:
    """Whether this route may publish an alert of this name, whatever other labels it has."""
    known = (_FROM_ALERTMANAGER, Matcher("alertname", "=", alertname))
    earlier = config.routes[: config.routes.index(taker)]
    if not taker.services or any(implies(known, each.matchers) for each in earlier):
        return False
    return contradiction((*taker.matchers, *known)) is None


def _place(config: Config, name: str) -> str:
    found = config.route(name)
    return f'{config.path}:{found.line if found else 1}: the route "{name}"'


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
