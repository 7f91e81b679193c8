"""Claim, decide, act, settle: drives what is on the status page towards what the alerts say."""

from bridge.reconciler.account_audit import TargetWatch
from bridge.reconciler.budget import Budget, acting
from bridge.reconciler.circuit_breaker import Reach
from bridge.reconciler.reconciler import Reconciler

__all__ = ["Budget", "Reach", "Reconciler", "TargetWatch", "acting"]
