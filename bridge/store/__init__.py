"""The truth: alerts, incidents and what is due, in Redis or Valkey. Every change is one atomic script."""

from bridge.store.archive import Episodes
from bridge.store.budgets import BudgetState, Lift, Lifted, Tokens, Trip
from bridge.store.chores import Chore, ChoreTurn
from bridge.store.durability import Durability
from bridge.store.errors import NamespaceTaken, NoRoom, NotDurable, NotReplicated, StoreUnavailable
from bridge.store.finding import AlertFinder, Finding, FoundAlert
from bridge.store.listing import Listing, Part, Wanted
from bridge.store.looks import LeasedForLook, Looks
from bridge.store.reading import Detail
from bridge.store.results import REFUSED, ActionResult, Change, Claim, CountedAlert, Idle, Outcome, Overview, Quiet
from bridge.store.store import Store
from bridge.store.unpublished import (
    MOST_GROUPS,
    Example,
    Unpublished,
    UnpublishedAlerts,
    UnpublishedGroup,
    UnpublishedGroups,
)

__all__ = [
    "MOST_GROUPS",
    "REFUSED",
    "ActionResult",
    "AlertFinder",
    "BudgetState",
    "Change",
    "Chore",
    "ChoreTurn",
    "Claim",
    "CountedAlert",
    "Detail",
    "Durability",
    "Episodes",
    "Example",
    "Finding",
    "FoundAlert",
    "Idle",
    "LeasedForLook",
    "Lift",
    "Lifted",
    "Listing",
    "Looks",
    "NamespaceTaken",
    "NoRoom",
    "NotDurable",
    "NotReplicated",
    "Outcome",
    "Overview",
    "Part",
    "Quiet",
    "Store",
    "StoreUnavailable",
    "Tokens",
    "Trip",
    "Unpublished",
    "UnpublishedAlerts",
    "UnpublishedGroup",
    "UnpublishedGroups",
    "Wanted",
]
