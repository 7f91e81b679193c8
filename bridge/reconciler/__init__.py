"""Claim, decide, act, settle: drives what is on the status page towards what the alerts say."""

from bridge.reconciler.account_audit import AccountAudit
from bridge.reconciler.budget import Budget, acting
from bridge.reconciler.circuit_breaker import CircuitBreaker
from bridge.reconciler.reconciler import Reconciler

__all__ = ["AccountAudit", "Budget", "CircuitBreaker", "Reconciler", "acting"]
