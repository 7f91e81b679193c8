"""What the budgets of the pages look like now: for gauges, for the API, and the one line about each that trips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bridge.config.schema import Config, public_page
from bridge.core.gate import BUDGETS, Limit, limit
from bridge.json_values import from_ms
from bridge.model import Severity
from bridge.telemetry import BUDGET_REMAINING, BUDGETS_LIFTED, Event, log

if TYPE_CHECKING:
    from bridge.store import BudgetState, Lift, Trip


class Store(Protocol):
    """What is needed of the store."""

    async def budgets(
        self, over_at: Mapping[str, Mapping[str, tuple[int, int]]], routes: Sequence[str], /, *, groups: bool = False
    ) -> tuple[tuple[BudgetState, ...], tuple[Trip, ...]]:
        """How much of the budgets of these pages is spent, and untold trips; the groups of what waits, if wanted."""
        ...


async def sample(store: Store, config: Config) -> None:
    """Show what is left of each budget, and what is lifted, and tell of trips. Raises StoreUnavailable."""
    BUDGET_REMAINING.clear()
    BUDGETS_LIFTED.clear()
    for row in await overview(store, config):
        BUDGETS_LIFTED.labels(row["page"]).set(row["lifted"] is not None)
        for budget in BUDGETS:
            BUDGET_REMAINING.labels(row["page"], budget).set(row["budgets"][budget]["remaining"])


async def overview(store: Store, config: Config, *, groups: bool = False) -> list[dict[str, Any]]:
    """The budgets of each page, as ``GET /api/budgets`` shows them; none where they are off. Tells of trips.

    What the withheld differ in is shown if ``groups`` are wanted. Raises StoreUnavailable.
    """
    if config.budgets is None:
        return []
    over_at = {page: {name: _over_at(config, page, name) for name in BUDGETS} for page in config.pages}
    states, trips = await store.budgets(over_at, config.publishing, groups=groups)
    for trip in trips:
        page = public_page(trip.page)
        log(
            Event.BUDGET_TRIPPED,
            page=page,
            budget=trip.budget,
            withheld=trip.waiting,
            detail=differing_label(trip.waiting, trip.groups),
        )
    return [_view(config, state) for state in states]


def differing_label(waiting: int, groups: Iterable[Mapping[str, str]]) -> str:
    """What tells the withheld apart: the label of group_by whose values differ most. Shows no value."""
    values: dict[str, set[str]] = {}
    for group in groups:
        for label, value in group.items():
            values.setdefault(label, set()).add(value)
    differing = {label: len(found) for label, found in values.items() if len(found) > 1}
    if not differing:
        return f"{waiting or 'none'} {'is' if waiting < 2 else 'are'} withheld"  # noqa: PLR2004 - a plural
    label = max(differing, key=lambda each: differing[each])
    only = "only in" if len(differing) == 1 else "most in"
    return f"{waiting} withheld differ {only} `{label}`"


def _view(config: Config, state: BudgetState) -> dict[str, Any]:
    budget = config.budgets.of(state.page) if config.budgets else None
    return {
        "page": public_page(state.page),
        "mode": "observe" if budget is not None and budget.observes else "enforce",
        "withheld": state.waiting,
        "withheld_differ": differing_label(state.waiting, state.groups) if state.groups else None,
        "lifted": lift_view(state.lifted) if state.lifted else None,
        "budgets": {
            name: {
                "limit": _total(config, state.page, name),
                "spent": state.spent[name],
                "remaining": _total(config, state.page, name) - state.spent[name],
                "limits": {severity.name: _limits(config, state.page, name, severity) for severity in Severity},
                "routes": {route: spent for route, spent in state.by_route[name].items() if spent},
            }
            for name in BUDGETS
        },
    }


def lift_view(lift: Lift) -> dict[str, Any]:
    """Who lifted budgets, when, why and until when."""
    return {"by": lift.by, "at": from_ms(lift.at), "until": from_ms(lift.until), "reason": lift.reason or None}


def _over_at(config: Config, page: str, name: str) -> tuple[int, int]:
    """What all, and any route, may have spent at most for a trip to be over: less than half of what they may spend."""
    found = _limits_of(config, page, name, alone=len(config.publishing) == 1)
    return (found.of_all + 1) // 2 - 1, (found.of_route + 1) // 2 - 1


def _limits(config: Config, page: str, name: str, severity: Severity) -> dict[str, int]:
    if config.budgets is None:
        return {}
    found = limit(config.budgets.of(page), name, severity, alone=len(config.publishing) == 1)
    return {"page": found.of_all, "route": found.of_route}


def _total(config: Config, page: str, name: str) -> int:
    return _limits_of(config, page, name, alone=True).of_all


def _limits_of(config: Config, page: str, name: str, *, alone: bool) -> Limit:
    if config.budgets is None:
        return Limit(0, 0)
    return limit(config.budgets.of(page), name, max(Severity), alone=alone)
