"""What every sender's parser returns, and what it raises."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bridge.model import Alert, PublicNote


class NotUnderstood(Exception):
    """A body that is not this sender's at all. The message says what is wrong and where, never a value of the body."""


class Unusable(Struct, frozen=True, kw_only=True):
    """One alert that cannot count: its position in the delivery, the JSON path at fault, and the problem there.

    Neither text holds a value of the body. ``fingerprint`` and ``name``, as far as they can be read, do.
    """

    index: int
    path: str
    problem: str
    fingerprint: str = ""
    name: str = ""


class Dismissal(Struct, frozen=True, kw_only=True):
    """Why an authentic delivery says nothing that counts: ``ping``, ``event_type``, ``note`` or ``resolve_by``.

    ``event_type`` is one that is known, or ``unknown``; ``fingerprint`` the alert it is about, if any.
    """

    reason: str
    event_type: str
    fingerprint: str | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """One webhook request's content: alerts in the sender's order, and how many the sender says it cut off.

    ``unread`` counts the values that could not be read and were taken as missing, by the name of their field in the
    sender's own words (``body``: half a character, wherever it was).
    """

    alerts: list[Alert]
    unusable: list[Unusable]
    truncated: int = 0
    public_notes: tuple[PublicNote, ...] = ()
    dismissal: Dismissal | None = None
    unread: Mapping[str, int] = {}
