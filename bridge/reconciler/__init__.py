"""Claim, decide, act, settle: drives what is on the status page towards what the alerts say."""

from bridge.reconciler.budget import Budget
from bridge.reconciler.reconciler import Reconciler

__all__ = ["Budget", "Reconciler"]
