"""What the budgets of the pages look like now: for gauges, for the API, and the one line about each that trips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bridge.config.schema import Config, public_page
from bridge.core.gate import BUDGETS, limit
from bridge.model import Severity
from bridge.telemetry import BUDGET_REMAINING, Event, log

if TYPE_CHECKING:
    from bridge.store import BudgetState, Trip


class Store(Protocol):
    """What is needed of the store."""

    async def budgets(
        self, over_at: Mapping[str, Mapping[str, int]], routes: Sequence[str], /
    ) -> tuple[tuple[BudgetState, ...], tuple[Trip, ...]]:
        """How much of the budgets of these pages is spent, and untold trips."""
        ...


async def sample(store: Store, config: Config) -> None:
    """Show what is left of each budget, and tell of trips. Raises StoreUnavailable."""
    BUDGET_REMAINING.clear()
    for row in await overview(store, config):
        for budget in BUDGETS:
            BUDGET_REMAINING.labels(row["page"], budget).set(row["budgets"][budget]["remaining"])


async def overview(store: Store, config: Config) -> list[dict[str, Any]]:
    """The budgets of each page, as ``GET /api/budgets`` shows them; none where they are off. Tells of trips.

    Raises StoreUnavailable.
    """
    if config.budgets is None:
        return []
    over_at = {page: {name: (_total(config, page, name) + 1) // 2 - 1 for name in BUDGETS} for page in config.pages}
    states, trips = await store.budgets(over_at, config.publishing)
    for trip in trips:
        page = public_page(trip.page)
        log(Event.BUDGET_TRIPPED, page=page, budget=trip.budget, withheld=trip.waiting, detail=differing_label(trip))
    return [_view(config, state) for state in states]


def differing_label(trip: Trip) -> str:
    """What tells the withheld apart: the label of group_by whose values differ most."""
    values: dict[str, set[str]] = {}
    for group in trip.groups:
        for label, value in group.items():
            values.setdefault(label, set()).add(value)
    differing = {label: len(found) for label, found in values.items() if len(found) > 1}
    if not differing:
        return f"{trip.waiting} are withheld"
    label = max(differing, key=lambda each: differing[each])
    only = "only in" if len(differing) == 1 else "most in"
    return f"{trip.waiting} withheld differ {only} `{label}`"


def _view(config: Config, state: BudgetState) -> dict[str, Any]:
    budget = config.budgets.of(state.page) if config.budgets else None
    return {
        "page": public_page(state.page),
        "mode": "observe" if budget is not None and budget.observes else "enforce",
        "withheld": state.waiting,
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


def _limits(config: Config, page: str, name: str, severity: Severity) -> dict[str, int]:
    if config.budgets is None:
        return {}
    found = limit(config.budgets.of(page), name, severity, alone=len(config.publishing) == 1)
    return {"page": found.of_all, "route": found.of_route}


def _total(config: Config, page: str, name: str) -> int:
    if config.budgets is None:
        return 0
    return limit(config.budgets.of(page), name, max(Severity), alone=True).of_all
