"""The truth: alerts, incidents and what is due, in Redis or Valkey. Every change is one atomic script."""

from bridge.store.durability import Durability
from bridge.store.errors import NamespaceTaken, NotDurable, NotReplicated, StoreUnavailable
from bridge.store.records import Change, Claim, CountedAlert, Overview, Quiet
from bridge.store.store import Idle, Store

__all__ = [
    "Change",
    "Claim",
    "CountedAlert",
    "Durability",
    "Idle",
    "NamespaceTaken",
    "NotDurable",
    "NotReplicated",
    "Overview",
    "Quiet",
    "Store",
    "StoreUnavailable",
]
