"""Why the bridge itself says that an alert is over, though its sender has not said so."""

from __future__ import annotations

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """What speaks for it, in words, without labels.

    It holds for an alert of which nothing was heard since ``quiet_since``, and only ``until`` then: both in the store's
    time, ms.
    """

    text: str
    quiet_since: int
    until: int
