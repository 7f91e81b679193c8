"""Claim, decide, act, settle: drives what is on the status page towards what the alerts say."""

from bridge.reconciler.budget import Budget, acting
from bridge.reconciler.reach import Reach
from bridge.reconciler.reconciler import Reconciler
from bridge.reconciler.targets import TargetWatch

__all__ = ["Budget", "Reach", "Reconciler", "TargetWatch", "acting"]
