"""What the store raises."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """Redis did not answer, or cannot write: nothing may be promised. The message is safe to log."""
