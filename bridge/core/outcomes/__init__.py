"""Every transition of a post: what becomes of it by what a step on its page came to. Pure.

Checkly offers no idempotency key. So a write is recorded before it is sent (`Begun`), and each outcome leads to one
transition; docs/explanation/writing-once.md shows them in a table. Only `NotFound`, after looking twice across the
settle time, allows a repeat. Nothing outside this folder changes a post.
"""

from bridge.core.outcomes.absence import is_long_missing
from bridge.core.outcomes.apply import apply
from bridge.core.outcomes.clocks import another, unhurried, with_clocks
from bridge.core.outcomes.failures import PARK_RETRY_MS
from bridge.core.outcomes.ordered import ordered
from bridge.core.outcomes.placement import placed
from bridge.core.outcomes.publication import delay_of

__all__ = [
    "PARK_RETRY_MS",
    "another",
    "apply",
    "delay_of",
    "is_long_missing",
    "ordered",
    "placed",
    "unhurried",
    "with_clocks",
]
