"""The truth: alerts, incidents and what is due, in Redis or Valkey. Every change is one atomic script."""

from bridge.store.durability import Durability
from bridge.store.errors import StoreUnavailable
from bridge.store.records import Change, Claim, CountedAlert, Overview
from bridge.store.store import Idle, Store

__all__ = ["Change", "Claim", "CountedAlert", "Durability", "Idle", "Overview", "Store", "StoreUnavailable"]
